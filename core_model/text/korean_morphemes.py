"""Korean text to morphemes with their parts of speech: a reader of compiled MeCab dictionaries, mecab-ko's way.

Knows nothing of sounds. Four files, read where they lie and never copied; all numbers are little-endian:

    sys.dic      72 bytes of head, double array (base i32, check i32), tokens (16 bytes), features (NUL-ended text)
    unk.dic      the same; its words are the names of character categories, for what sys.dic does not hold
    char.bin     number of categories (u32), their names (32 bytes each), one u32 for each character below U+FFFF
    matrix.bin   two u16: its sides; then i16: the cost of one word class after another

The cheapest path through all words wins (Kudo, Yamamoto and Matsumoto, "Applying conditional random fields to Japanese
morphological analysis", EMNLP 2004). mecab-ko adds a cost where a word that leans on the one before it, such as a
particle, stands after a space. Ours, because the compiled package has no wheel for Python 3.13.
"""

from __future__ import annotations

import mmap
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

_HEAD = struct.Struct("<10I32s")
_TOKEN = struct.Struct("<HHHhI")  # left class, right class, number of the part of speech, cost, feature
_TOKEN_BYTES = 16
_LONGEST_GROUP = 25  # characters that one unknown word takes at most
_PENALTIES = re.compile(r"^left-space-penalty-factor *= *([\d,]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Morpheme:
    """One word of the text; *tag* is `VV+EC` where two parts of speech melted into one."""

    surface: str
    tag: str


@dataclass(frozen=True, slots=True)
class _Token:
    left: int  # the class it is towards the word before,
    right: int  # and towards the word after
    cost: int
    part: int  # number of its part of speech
    tag: str


@dataclass(slots=True)
class _Node:
    start: int  # first character of its surface
    end: int
    token: _Token
    cost: int
    before: _Node | None


class _Words:
    """One double array with its tokens and features."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        *numbers, _charset = _HEAD.unpack_from(self._map)
        array_bytes, token_bytes = numbers[6], numbers[7]
        self._array = memoryview(self._map)[_HEAD.size : _HEAD.size + array_bytes].cast("i")
        self._tokens_at = _HEAD.size + array_bytes
        self._features_at = self._tokens_at + token_bytes
        self._known: dict[int, list[_Token]] = {}  # parsed once: the same words come again and again

    def prefixes(self, text: bytes, start: int) -> list[tuple[int, list[_Token]]]:
        """What *text* goes on with at byte *start*: (bytes, tokens) of each word, the shortest first."""
        array, found, base = self._array, [], self._array[0]
        units = len(array) // 2
        for place in range(start, len(text) + 1):
            if base < units and array[2 * base + 1] == base and array[2 * base] < 0:
                found.append((place - start, self._tokens(-array[2 * base] - 1)))
            if place == len(text):
                break
            following = base + text[place] + 1
            if following >= units or array[2 * following + 1] != base:
                break
            base = array[2 * following]
        return found

    def exactly(self, word: bytes) -> list[_Token]:
        """Tokens of *word*."""
        return next((tokens for length, tokens in self.prefixes(word, 0) if length == len(word)), [])

    def _tokens(self, value: int) -> list[_Token]:
        if value not in self._known:
            first = self._tokens_at + (value >> 8) * _TOKEN_BYTES
            self._known[value] = [self._token(first + place * _TOKEN_BYTES) for place in range(value & 0xFF)]
        return self._known[value]

    def _token(self, offset: int) -> _Token:
        left, right, part, cost, feature = _TOKEN.unpack_from(self._map, offset)
        start = self._features_at + feature
        return _Token(left, right, cost, part, self._map[start : self._map.find(b",", start)].decode())


class Analyser:
    """Cuts a text into morphemes by the dictionary in *directory*."""

    def __init__(self, directory: Path) -> None:
        self._words = _Words(directory / "sys.dic")
        unknown = _Words(directory / "unk.dic")
        characters = (directory / "char.bin").read_bytes()
        categories = int.from_bytes(characters[:4], "little")
        names = [characters[4 + 32 * place :][:32].rstrip(b"\0") for place in range(categories)]
        self._unknown = [unknown.exactly(name) for name in names]
        self._characters = np.frombuffer(characters, "<u4", offset=4 + 32 * categories)
        matrix = np.memmap(directory / "matrix.bin", "<i2", "r")
        self._costs = matrix[2:]
        self._side = int(matrix[0])
        penalties = _PENALTIES.search((directory / "dicrc").read_text("utf-8"))
        numbers = [int(number) for number in penalties[1].split(",")] if penalties else []
        self._penalties = dict(zip(numbers[::2], numbers[1::2], strict=True))

    def morphemes(self, text: str) -> list[Morpheme]:
        """The morphemes of *text*, spaces left out."""
        if not text:
            return []
        ends: dict[int, list[_Node]] = {0: [_Node(0, 0, _Token(0, 0, 0, 0, ""), 0, None)]}
        reading = _Reading(text, self._characters)
        for place in range(len(text)):
            if place in ends and (start := reading.after_spaces(place)) < len(text):
                nodes = self._starting(reading, start)
                self._connect(ends[place], nodes, spaced=start > place)
                for node in nodes:  # the newest first: where two paths cost the same, mecab-ko takes that one
                    ends.setdefault(node.end, []).insert(0, node)
        last = [_Node(len(text), len(text), _Token(0, 0, 0, 0, ""), 0, None)]
        self._connect(ends[max(ends)], last, spaced=False)
        found: list[Morpheme] = []
        latest: _Node | None = last[0].before
        while latest is not None and latest.before is not None:
            found.append(Morpheme(text[latest.start : latest.end], latest.token.tag))
            latest = latest.before
        return found[::-1]

    def _starting(self, reading: _Reading, start: int) -> list[_Node]:
        """Every word that could start at character *start*, those that mecab-ko prefers among equals first."""
        found = [
            (reading.character_at(reading.offsets[start] + length), tokens)
            for length, tokens in self._words.prefixes(reading.encoded, reading.offsets[start])
        ]
        category = reading.categories[start]
        if not found or category >> 31:  # some characters may start an unknown word even where there is a known one
            tokens = self._unknown[category >> 18 & 0xFF]
            found += [(end, tokens) for end in reading.unknown_ends(start)]
        return [_Node(start, end, token, 0, None) for end, tokens in reversed(found) for token in reversed(tokens)]

    def _connect(self, before: list[_Node], nodes: list[_Node], *, spaced: bool) -> None:
        """Give each of *nodes* its cheapest way back."""
        right = np.array([node.token.right for node in before])
        left = np.array([node.token.left for node in nodes])
        costs = np.array([node.cost for node in before]) + self._costs[left[:, None] * self._side + right]
        cheapest: npt.NDArray[np.intp] = costs.argmin(axis=1)
        for row, (node, place) in enumerate(zip(nodes, cheapest, strict=True)):
            penalty = self._penalties.get(node.token.part, 0) if spaced else 0
            node.cost = int(costs[row, place]) + node.token.cost + penalty
            node.before = before[place]


class _Reading:
    """A text as the dictionaries see it: its bytes, and the category of each character."""

    def __init__(self, text: str, characters: npt.NDArray[np.uint32]) -> None:
        self.encoded = text.encode()
        points = np.frombuffer(text.encode("utf-32-le"), "<u4")
        widths = np.digitize(points, (0x80, 0x800, 0x10000)) + 1
        self.offsets: list[int] = [0, *np.cumsum(widths).tolist()]  # of each character in `encoded`
        self._places = {offset: place for place, offset in enumerate(self.offsets)}
        self.categories: list[int] = characters[np.where(points < len(characters), points, 0)].tolist()
        self._space = int(characters[ord(" ")])

    def character_at(self, offset: int) -> int:
        """Which character starts at byte *offset*."""
        return self._places[offset]

    def after_spaces(self, place: int) -> int:
        """The first character from *place* on that is no space."""
        return self._alike(place, self._space, len(self.categories))

    def unknown_ends(self, start: int) -> list[int]:
        """Where an unknown word that starts at *start* may end."""
        category, ends = self.categories[start], []
        group_end = 0
        if category >> 30 & 1:
            group_end = self._alike(start + 1, category, start + _LONGEST_GROUP + 1)
            if group_end - start <= _LONGEST_GROUP:
                ends.append(group_end)
        for end in range(start + 1, start + 1 + (category >> 26 & 0xF)):
            if end > len(self.categories):
                break
            if end != group_end:
                ends.append(end)
            if end == len(self.categories) or not self.categories[end] & category & 0x3FFFF:
                break
        return ends or [start + 1]

    def _alike(self, place: int, category: int, limit: int) -> int:
        """The first character from *place* on that shares no kind with the one before it, at first with *category*."""
        while place < min(limit, len(self.categories)) and self.categories[place] & category & 0x3FFFF:
            category = self.categories[place]
            place += 1
        return place

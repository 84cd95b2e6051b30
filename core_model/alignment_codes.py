"""Semantic tokens that cannot lose the words: each says which phone, whether it begins here, and how high the voice is.

Knows nothing of audio or networks, and needs no torch. Upstream's codes come from a self-supervised recognizer; a
base as small as the nano cannot have one, but recordings come with their text. So its tokens are read off a forced
alignment (25 a second), and speaking can be held to the text: the grammar below allows, at every step, only to go on
with the phone at hand or to begin the next one.

    code = (phone x 2 + begins) x pitch_levels + pitch        the code after the last one means end of speech
    pitch: 0 unvoiced, else 1 .. pitch_levels-1, steps of pitch_step semitones around the speaker's median

Speaking: symbols = codes.framed(front end's symbols); the prompt is the one token codes.first_token with the phoneme
"SP" (speech begins in silence), so GPT gets phonemes = ids of symbols, tokens = [first_token], and `grammar(symbols)`
starts after it. SoVITS gets all symbols and all tokens, the first one included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SILENCE = "SP"
_NAMES = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
_ARPABET = tuple(_NAMES.split())
# Tokens of 0.04 s that a phone is held at most when it is spoken: what 999 of 1000 are not longer than in ten hours of
# speech, and at least four; a silence as long as the longest. Past this it is not held, it is stuck, and GPT, which has
# never heard the like, would hold all that follow as well (docs/LOG.md).
_LONGEST = {
    "SP": 6, "AA": 6, "AE": 7, "AH": 4, "AO": 7, "AW": 8, "AY": 8, "B": 4, "CH": 6, "D": 4, "DH": 4, "EH": 7, "ER": 6,
    "EY": 8, "F": 5, "G": 4, "HH": 4, "IH": 5, "IY": 6, "JH": 5, "K": 4, "L": 5, "M": 4, "N": 4, "NG": 5, "OW": 8,
    "OY": 10, "P": 4, "R": 5, "S": 6, "SH": 6, "T": 4, "TH": 6, "UH": 5, "UW": 7, "V": 4, "W": 4, "Y": 5, "Z": 5,
    "ZH": 5,
}  # fmt: skip


def phone_of(symbol: str) -> str:
    """The phone that a phoneme symbol is spoken as: stress is dropped, and every mark is a silence."""
    bare = symbol.rstrip("0123456789")
    return bare if bare in _ARPABET else SILENCE


@dataclass(frozen=True, slots=True)
class AlignmentCodes:
    """The layout of the codes; its fields are what voice.json records as the token scheme."""

    phones: tuple[str, ...] = (SILENCE, *_ARPABET)
    pitch_levels: int = 12
    pitch_step: float = 2.0  # semitones

    @property
    def count(self) -> int:
        """How many codes there are, end of speech aside."""
        return len(self.phones) * 2 * self.pitch_levels

    @property
    def end_of_speech(self) -> int:
        """The token after the last code."""
        return self.count

    @property
    def first_token(self) -> int:
        """A silence that begins: what every utterance starts with."""
        return self.pitch_levels

    @classmethod
    def from_scheme(cls, scheme: Mapping[str, object]) -> AlignmentCodes:
        """The inverse of `scheme`; KeyError or ValueError if it is none."""
        phones = scheme["phones"]
        levels, step = scheme["pitch_levels"], scheme["pitch_step"]
        if not isinstance(phones, list) or not isinstance(levels, int) or not isinstance(step, int | float):
            raise ValueError("token_scheme: phones, pitch_levels or pitch_step is of the wrong type")
        return cls(tuple(str(phone) for phone in phones), levels, float(step))

    def scheme(self) -> dict[str, object]:
        """What voice.json records as the token scheme."""
        return {
            "kind": "alignment",
            "phones": list(self.phones),
            "pitch_levels": self.pitch_levels,
            "pitch_step": self.pitch_step,
        }

    def quantize_pitch(self, semitones: np.ndarray) -> np.ndarray:
        """Semitones from the speaker's median, NaN where unvoiced, to levels 0 .. pitch_levels-1."""
        middle = self.pitch_levels // 2
        steps = np.round(np.nan_to_num(semitones) / self.pitch_step) + middle
        levels = np.clip(steps, 1, self.pitch_levels - 1)
        return np.where(np.isnan(semitones), 0, levels).astype(np.int64)

    def encode(self, symbols: Sequence[str], ends: Sequence[int], pitch: np.ndarray) -> np.ndarray:
        """Phoneme symbols, the frame at which each ends (25 Hz), and pitch levels (T,) to codes (T,)."""
        codes = np.empty(ends[-1], dtype=np.int64)
        begin = 0
        for symbol, end in zip(symbols, ends, strict=True):
            phone = self.phones.index(phone_of(symbol))
            for frame in range(begin, end):
                level = 0 if phone == 0 else int(pitch[frame])
                codes[frame] = (phone * 2 + (frame == begin)) * self.pitch_levels + level
            begin = max(begin, end)
        return codes

    def split(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Codes to (phone index, begins, pitch level), each of the same shape."""
        pair, pitch = np.divmod(codes, self.pitch_levels)
        return pair // 2, pair % 2 == 1, pitch

    @staticmethod
    def framed(symbols: Sequence[str]) -> tuple[str, ...]:
        """What is spoken for *symbols*: speech begins and ends in silence, so a pause is put where none is written."""
        end = () if symbols and phone_of(symbols[-1]) == SILENCE else (".",)
        return (SILENCE, *symbols, *end)

    def grammar(self, symbols: Sequence[str]) -> PhoneGrammar:
        """The grammar of framed *symbols* after the first token, which every prompt ends with."""
        grammar = PhoneGrammar(self, symbols)
        grammar.accept(self.first_token)
        return grammar


class PhoneGrammar:
    """Which codes may follow, given the phonemes to be spoken: every phone in order, silences optional.

    Keeps `core_model.sampling.Grammar`. End of speech becomes legal when only silences are left.
    """

    def __init__(self, codes: AlignmentCodes, symbols: Sequence[str]) -> None:
        self._codes = codes
        self._phones = [codes.phones.index(phone_of(symbol)) for symbol in symbols]
        self._pointer = -1
        self._held = 0

    def _next(self) -> list[int]:
        """Positions at which a new phone may begin: the next one, and past silences the one after."""
        reachable: list[int] = []
        for position in range(self._pointer + 1, len(self._phones)):
            reachable.append(position)
            if self._phones[position] != 0:
                break
        return reachable

    def _slots(self, phone: int, *, begins: bool) -> slice:
        first = (phone * 2 + begins) * self._codes.pitch_levels
        return slice(first, first + (1 if phone == 0 else self._codes.pitch_levels))

    def legal(self) -> np.ndarray:
        """(count + 1,) bool: the codes that may come next, and end of speech."""
        mask = np.zeros(self._codes.count + 1, dtype=bool)
        reachable = self._next()
        for position in reachable:
            mask[self._slots(self._phones[position], begins=True)] = True
        finished = not reachable or self._phones[reachable[-1]] == 0
        if self._pointer >= 0:
            phone = self._phones[self._pointer]
            # When nothing else may follow, end of speech may; so the limit never leaves an empty mask.
            if self._held < _LONGEST[self._codes.phones[phone]]:
                mask[self._slots(phone, begins=False)] = True
        mask[self._codes.end_of_speech] = finished and self._pointer >= 0
        return mask

    def accept(self, token: int) -> None:
        """Go on with the phone at hand, or to the next one of that kind; *token* must be legal."""
        if token == self._codes.end_of_speech:
            return
        pair = token // self._codes.pitch_levels
        if pair % 2 == 0:
            self._held += 1
            return
        self._pointer = next(p for p in self._next() if self._phones[p] == pair // 2)
        self._held = 1


def frames_from_seconds(
    ends_s: Sequence[float], optional: Sequence[bool], frame_s: float, total: int
) -> list[int] | None:
    """Phone ends in seconds to frame numbers, every phone at least one frame long (optional ones may have none).

    The nearest frame is taken, then pushed right where a phone would vanish and left where the end would be passed.
    None if *total* frames cannot hold the phones.
    """
    least = [0 if may_vanish else 1 for may_vanish in optional]
    if sum(least) > total:
        return None
    ends: list[int] = []
    before = 0
    for end_s, need in zip(ends_s, least, strict=True):
        before = max(round(end_s / frame_s), before + need)
        ends.append(before)
    ends[-1] = limit = total
    for index in range(len(ends) - 2, -1, -1):
        limit -= least[index + 1]
        ends[index] = limit = min(ends[index], limit)
    return ends

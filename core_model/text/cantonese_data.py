"""Makes the Cantonese front end's tables from its data files. Knows their formats; text_data.py knows where they lie.

yue.jyutping.txt     words and characters and their syllables, `銀行 ngan4 hong4` a line, made of what ToJyutping holds
yue.LICENSE.txt      asked for by ToJyutping's licence wherever its tables go
zh.simplified.txt    Chinese's: upstream simplifies before it looks up

A voice carries them, so the package is not needed to read its texts.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core_model.errors import RuntimeMissingError
from core_model.text.chinese.normalisation import parse_simplified
from core_model.text.text_data import TextData

PACKAGES: tuple[str, ...] = ()  # none of their code: ToJyutping only brings its table
_TO_JYUTPING = "BSD-2-Clause (ToJyutping, CanCLID)"
FILES: Mapping[str, str] = {
    "yue.LICENSE.txt": _TO_JYUTPING,
    "yue.jyutping.txt": _TO_JYUTPING,
    "zh.simplified.txt": "Apache-2.0 (PaddleSpeech 1.5.0, PaddlePaddle Authors)",
}
_DATA = Path(__file__).parent / "data"


class Jyutping:
    """The syllables of characters, by the longest word that each begins. Made of the content of yue.jyutping.txt."""

    def __init__(self, table: str) -> None:
        self._words: dict[str, tuple[str, ...]] = {}
        for line in table.splitlines():
            word, _, syllables = line.partition(" ")
            self._words[word] = tuple(syllables.split(" "))
        self._beginnings = {word[:end] for word in self._words for end in range(1, len(word))}

    def of(self, text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each character of *text* with its syllables: one, more for a few contractions, none if nobody knows it."""
        start = 0
        while start < len(text):
            longest, end = start + 1, start + 1
            while end <= len(text) and (text[start:end] in self._beginnings or text[start:end] in self._words):
                if text[start:end] in self._words:
                    longest = end
                end += 1
            word = text[start:longest]
            syllables = self._words.get(word, ("",) * len(word))
            for character, spelled in zip(word, syllables, strict=True):
                yield character, tuple(filter(None, spelled.split("+")))
            start = longest


def content(name: str) -> bytes:
    """One of FILES, as this installation has it. Raises RuntimeMissingError if ToJyutping is needed and not there."""
    return _from_package() if name == "yue.jyutping.txt" else (_DATA / name).read_bytes()


def load(data: TextData) -> tuple[Mapping[int, str], Jyutping]:
    """Traditional characters to simplified ones, and the syllables. Raises VoiceError for a changed file."""
    return _made(data.read("zh.simplified.txt"), data.read("yue.jyutping.txt"))


@functools.lru_cache(maxsize=2)
def _made(simplified: bytes, jyutping: bytes) -> tuple[Mapping[int, str], Jyutping]:
    return parse_simplified(simplified.decode()), Jyutping(jyutping.decode())


@functools.lru_cache(maxsize=1)
def _from_package() -> bytes:
    """Its words, sorted, each with its usual syllables; several syllables of one character are joined by `+`."""
    try:
        import ToJyutping  # here: a voice's own data need no package
        from ToJyutping.Trie import root
    except ImportError as error:
        raise RuntimeMissingError("reading 'yue' needs the package ToJyutping: pip install ToJyutping") from error
    lines = []
    for word, spelled in _words(root, ""):
        if spelled.count(" ") != len(word) - 1:  # a few characters have several syllables
            heard = (syllables or "" for _, syllables in ToJyutping.get_jyutping_list(word))
            spelled = " ".join(syllables.replace(" ", "+") for syllables in heard)
        lines.append(f"{word} {spelled}\n")
    return "".join(sorted(lines)).encode()


def _words(node: Any, word: str) -> Iterator[tuple[str, str]]:
    """The words below a node of the package's tree, each with its usual syllables."""
    if node.v:
        yield word, node.v[0].jyutping
    for character, child in node.items():
        yield from _words(child, word + character)

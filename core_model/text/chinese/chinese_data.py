"""Makes the parts of the Chinese front end from its data files. Knows their formats; text_data.py knows where they lie.

zh.words.xz         words, how often they occur, what they are (jieba)
zh.tags.xz          how the rest is cut (jieba)
zh.phrases.txt      how phrases sound, made of what pypinyin holds
zh.readings.txt     how characters sound, the same
zh.tones.txt        words of neutral tones and of 儿 (PaddleSpeech)
zh.simplified.txt   traditional characters and their simplified ones (PaddleSpeech)
zh.corrections.txt  characters and words that table v2 reads otherwise than pypinyin
zh.LICENSES.txt     asked for by jieba's and pypinyin's licence wherever their tables go

A voice carries them all, so neither package is needed to read its texts.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core_model.errors import RuntimeMissingError
from core_model.text.chinese.normalisation import parse_simplified
from core_model.text.chinese.readings import Readings
from core_model.text.chinese.segmentation import Segmenter
from core_model.text.chinese.tone_sandhi import ToneSandhi, parse_words
from core_model.text.text_data import TextData

PACKAGES: tuple[str, ...] = ()  # none of their code: pypinyin only brings its tables
_JIEBA = "MIT (jieba 0.42.1, Sun Junyi)"
_PYPINYIN = "MIT (pypinyin, Huang Huang and others)"
_PADDLESPEECH = "Apache-2.0 (PaddleSpeech 1.5.0, PaddlePaddle Authors)"
FILES: Mapping[str, str] = {
    "zh.LICENSES.txt": "MIT (jieba, pypinyin)",
    "zh.corrections.txt": "Apache-2.0",
    "zh.phrases.txt": _PYPINYIN,
    "zh.readings.txt": _PYPINYIN,
    "zh.simplified.txt": _PADDLESPEECH,
    "zh.tags.xz": _JIEBA,
    "zh.tones.txt": _PADDLESPEECH,
    "zh.words.xz": _JIEBA,
}
_DATA = Path(__file__).parents[1] / "data"
_FIRST, _LAST = 0x4E00, 0x9FA5  # the characters that upstream knows


@dataclass(frozen=True, slots=True)
class Parts:
    """What the front end is made of; the same for both symbol tables."""

    simplified: Mapping[int, str]
    segmenter: Segmenter
    readings: Readings
    corrected: Readings  # of table v2
    sandhi: ToneSandhi


def content(name: str) -> bytes:
    """One of FILES, as this installation has it. Raises RuntimeMissingError if pypinyin is needed and not installed."""
    if name == "zh.phrases.txt":
        return _from_pypinyin()[0]
    if name == "zh.readings.txt":
        return _from_pypinyin()[1]
    return (_DATA / name).read_bytes()


def load(data: TextData) -> Parts:
    """The parts. Raises VoiceError if a file of a voice is not what was written."""
    names = ("words.xz", "tags.xz", "phrases.txt", "readings.txt", "tones.txt", "simplified.txt", "corrections.txt")
    return _made(*(data.read(f"zh.{name}") for name in names))


@functools.lru_cache(maxsize=2)
def _made(
    words: bytes, tags: bytes, phrases: bytes, readings: bytes, tones: bytes, simplified: bytes, corrections: bytes
) -> Parts:
    """The parts never change, so the same bytes, wherever they were read from, need to be parsed only once."""
    segmenter = Segmenter(words, tags)
    uncorrected = Readings(phrases.decode(), readings.decode())
    return Parts(
        simplified=parse_simplified(simplified.decode()),
        segmenter=segmenter,
        readings=uncorrected,
        corrected=uncorrected.corrected(corrections.decode()),
        sandhi=ToneSandhi(parse_words(tones.decode()), segmenter),
    )


@functools.lru_cache(maxsize=1)
def _from_pypinyin() -> tuple[bytes, bytes]:
    """Its phrases and its usual readings of characters, sorted."""
    try:
        from pypinyin.phrases_dict import phrases_dict  # here: a voice's own data need no package
        from pypinyin.pinyin_dict import pinyin_dict
    except ImportError as error:
        raise RuntimeMissingError("reading 'zh' needs the package pypinyin: pip install pypinyin") from error
    phrases = (f"{phrase} {' '.join(found[0] for found in phrases_dict[phrase])}" for phrase in sorted(phrases_dict))
    known = sorted(code for code in pinyin_dict if _FIRST <= code <= _LAST)
    readings = (f"{chr(code)} {pinyin_dict[code].split(',')[0]}" for code in known)
    return "\n".join([*phrases, ""]).encode(), "\n".join([*readings, ""]).encode()

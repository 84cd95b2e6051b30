"""English text to phonemes: read, cut into words, find each word's sound.

Composes its siblings and knows nothing of files: english_reading.py (what a listener expects), english_normalisation.py
(what upstream's voices expect), english_homographs.py (what a word is here), english_words.py (how it sounds).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from core_model.errors import EmptyTextError
from core_model.text.english_homographs import Homographs
from core_model.text.english_normalisation import normalise
from core_model.text.english_reading import read_aloud
from core_model.text.english_words import Words
from core_model.text.phonemes import Phonemes, Segment, from_words
from core_model.text.symbols import PUNCTUATION

_TOKEN = re.compile(
    r"[A-Za-z][A-Za-z'\-]+[A-Za-z]"  # a word, with an apostrophe or hyphen inside if it has one
    r"|[A-Za-z]+"
    r"|\S"
)
_FEWEST = 4  # phonemes; upstream puts a comma before anything shorter
_LONE_APOSTROPHE = "-"  # what upstream makes of one


@dataclass(frozen=True, slots=True)
class English:
    """The front end of one language; made by english_data.py. *plain*: mended for a listener before upstream's way."""

    words: Words
    homographs: Homographs
    plain: bool

    def phonemize(self, text: str) -> Phonemes:
        """Phonemes of *text*. Raises EmptyTextError if nothing in it can be spoken."""
        phonemes = self.symbols(text)
        if PUNCTUATION.issuperset(phonemes.symbols):
            raise EmptyTextError("nothing in the text can be spoken as English")
        return phonemes

    def symbols(self, text: str) -> Phonemes:
        """The same without the refusal: a text of nothing but marks gives marks."""
        normalised = normalise(read_aloud(text, self.words), plain=True) if self.plain else normalise(text)
        tokens = _TOKEN.findall(normalised)
        if self.plain:
            tokens = [part for token in tokens for part in self._unhyphenated(token)]
        spoken = [self._pronounce(tokens, place) for place in range(len(tokens))]
        if not self.plain and sum(map(len, spoken)) < _FEWEST:
            spoken.insert(0, (",",))
        phonemes = from_words(spoken, normalised)
        return replace(phonemes, segments=(Segment("en", normalised, None, len(phonemes)),))

    def _unhyphenated(self, token: str) -> list[str]:
        if "-" not in token or token in PUNCTUATION or token in self.words:
            return [token]
        return [part for part in token.split("-") if part]

    def _pronounce(self, tokens: list[str], place: int) -> tuple[str, ...]:
        token = tokens[place]
        if token in PUNCTUATION:
            return (token,)
        if token == "'":
            return (_LONE_APOSTROPHE,)
        if len(token) == 1:
            return self.words.letter(token)
        return self.homographs.pronounce(tokens, place) or self.words.pronounce(token)

"""English text to phonemes: read, cut into words, find each word's sound.

Composes its siblings and knows nothing of files: english_reading.py (what a listener expects), english_normalisation.py
(what upstream's voices expect), english_homographs.py (what a word is here), english_words.py (how it sounds).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core_model.errors import EmptyTextError
from core_model.text.english_homographs import Homographs
from core_model.text.english_normalisation import normalise
from core_model.text.english_words import Words
from core_model.text.phonemes import Phonemes, from_words
from core_model.text.symbols import PUNCTUATION

_TOKEN = re.compile(
    r"[A-Za-z][A-Za-z'\-]+[A-Za-z]"  # a word, with an apostrophe or hyphen inside if it has one
    r"|[A-Za-z]+"
    r"|\S"
)
_FEWEST = 4  # phonemes; upstream puts a comma before anything shorter
_APOSTROPHE = "-"  # what a lone apostrophe became in the voices' training


@dataclass(frozen=True, slots=True)
class English:
    """The front end of one language; made by front_end.py."""

    words: Words
    homographs: Homographs

    def phonemize(self, text: str) -> Phonemes:
        """Phonemes of *text*. Raises EmptyTextError if nothing in it can be spoken."""
        normalised = normalise(text)
        tokens = _TOKEN.findall(normalised)
        spoken = [self._pronounce(tokens, place) for place in range(len(tokens))]
        if not any(phoneme not in PUNCTUATION for word in spoken for phoneme in word):
            raise EmptyTextError("nothing in the text can be spoken as English")
        if sum(map(len, spoken)) < _FEWEST:
            spoken.insert(0, (",",))
        return from_words(spoken, normalised)

    def _pronounce(self, tokens: list[str], place: int) -> tuple[str, ...]:
        token = tokens[place]
        if token in PUNCTUATION:
            return (token,)
        if token == "'":
            return (_APOSTROPHE,)
        if len(token) == 1:
            return self.words.letter(token)
        return self.homographs.pronounce(tokens, place) or self.words.pronounce(token)

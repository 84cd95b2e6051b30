"""The one door from text to phonemes: (text, language) in, Phonemes out.

    >>> FrontEnd(None).phonemize("Hello.", "en").symbols
    ('HH', 'AH0', 'L', 'OW1', '.')

Knows nothing of networks, audio or voices. A voice carries its own copy of the data (`write_data`), so that it reads a text
the same way in twenty years. Languages import their bodies when they are first asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core_model.errors import EmptyTextError, UnknownLanguageError
from core_model.text.phonemes import Phonemes, from_words

if TYPE_CHECKING:
    from core_model.text.english import English


class FrontEnd:
    """Text to phonemes, from the data in *data_directory*, or from the installed package's where that is None."""

    def __init__(self, data_directory: Path | None = None, reading: str = "plain") -> None:
        self._directory = data_directory
        self._reading = reading
        self._english: English | None = None

    def languages(self) -> tuple[str, ...]:
        """Languages that `phonemize` takes."""
        return ("en",)

    def phonemize(self, text: str, language: str) -> Phonemes:
        """Phonemes of *text*. Raises UnknownLanguageError, or EmptyTextError if nothing in it can be spoken."""
        if language not in self.languages():
            raise UnknownLanguageError(language, self.languages())
        if self._english is None:
            from core_model.text.english_data import load

            self._english = load(self._directory)
        return self._english.phonemize(text)

    def parse(self, phoneme_text: str) -> Phonemes:
        """Phonemes written out: symbols apart by spaces, words apart by `|` or punctuation (`HH AH0 L OW1 | W ER1 L D .`).

        Raises UnknownPhonemeError for a symbol outside the table, EmptyTextError if there is none.
        """
        words = [word.split() for word in phoneme_text.split("|")]
        if not any(words):
            raise EmptyTextError("no phonemes were given")
        return from_words([word for word in words if word], " ".join(phoneme_text.split()))

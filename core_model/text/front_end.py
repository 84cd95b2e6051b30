"""The one door from text to phonemes: (text, language) in, Phonemes out.

    >>> FrontEnd().phonemize("Hello.", "en").symbols
    ('HH', 'AH0', 'L', 'OW1', '.')

Knows nothing of networks, audio or voices. A voice carries its own copy of the data (`write_data`), so that it reads a
text in twenty years as it does today. Languages import their bodies when they are first asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core_model.errors import EmptyTextError, UnknownLanguageError
from core_model.text.phonemes import Phonemes, from_words
from core_model.text.symbols import PUNCTUATION
from core_model.text.text_data import PLAIN, PackageData, check_reading, open_data, write_data

if TYPE_CHECKING:
    from core_model.text.english import English

__all__ = ["FrontEnd", "write_data"]


class FrontEnd:
    """Text to phonemes.

    *data_directory* is a voice's `text/`, which also says how it reads; without one, the installed packages' data are
    used and *reading* is "plain", or "upstream" for GPT-SoVITS's own way, defects included.
    """

    def __init__(self, data_directory: Path | None = None, reading: str = PLAIN) -> None:
        check_reading(reading)
        self._data = PackageData(reading) if data_directory is None else open_data(data_directory)
        self._english: English | None = None

    def languages(self) -> tuple[str, ...]:
        """Languages that `phonemize` takes."""
        return self._data.languages

    def phonemize(self, text: str, language: str) -> Phonemes:
        """Phonemes of *text*.

        Raises UnknownLanguageError, EmptyTextError if nothing in it can be spoken, VoiceError if the data were changed.
        """
        if language not in self.languages():
            raise UnknownLanguageError(language, self.languages())
        if self._english is None:
            from core_model.text.english_data import load

            self._english = load(self._data)
        return self._english.phonemize(text)

    @staticmethod
    def parse(phoneme_text: str) -> Phonemes:
        """Phonemes written out, apart by spaces, words apart by `|` or punctuation: `HH AH0 L OW1 | W ER1 L D .`

        Raises UnknownPhonemeError for a symbol outside the table, EmptyTextError if there is nothing but punctuation.
        """
        words: list[list[str]] = []
        for part in phoneme_text.split("|"):
            words.append([])
            for symbol in part.split():
                if symbol in PUNCTUATION:
                    words += [[symbol], []]
                else:
                    words[-1].append(symbol)
        if not any(symbol not in PUNCTUATION for word in words for symbol in word):
            raise EmptyTextError("no phonemes were given")
        return from_words((word for word in words if word), " ".join(phoneme_text.split()))

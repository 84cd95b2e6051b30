"""The one door from text to phonemes: (text, language) in, Phonemes out.

    >>> FrontEnd().phonemize("Hello.", "en").symbols
    ('HH', 'AH0', 'L', 'OW1', '.')
    >>> [spoken.normalised for spoken in FrontEnd().read("Hello. How are you?", "en")]
    ['Hello.', 'How are you?']

Knows nothing of networks, audio or voices. A voice carries its own copy of the data (`write_data`), so that it reads a
text in twenty years as it does today. Languages import their bodies when they are first asked for. What cannot be
spoken is never left out in silence: it is in `Phonemes.dropped`, and nothing left to speak is EmptyTextError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core_model.errors import EmptyTextError, UnknownLanguageError
from core_model.text import cutting
from core_model.text.language_segments import language_of, segments
from core_model.text.languages import LANGUAGES, Marking, Speller, load, unsaid
from core_model.text.phonemes import NO_PHONEMES, NOTHING, Phonemes, Spelled, from_words, joined, of_spelled
from core_model.text.script_runs import Run
from core_model.text.segment import sentences
from core_model.text.symbols import PUNCTUATION
from core_model.text.text_data import (
    DEFAULT_TABLE,
    PLAIN,
    TABLES,
    UPSTREAM,
    PackageData,
    check_packages,
    check_reading,
    open_data,
    write_data,
)

if TYPE_CHECKING:
    from core_model.text.english import English
    from core_model.text.script_runs import ScriptRuns

__all__ = ["FrontEnd", "write_data"]

_FEWEST = 6  # phonemes: upstream's voices never heard less, a "." is put in front
_MARKS = PUNCTUATION | {"SP", "SP2", "SP3", "[", "]", "UNK", "_", "停", "空"}  # what makes no sound
_NOT_OF_TABLE = Spelled((",",), " ")  # what upstream makes of a language that the voice's table has no symbols for


class FrontEnd:
    """Text to phonemes.

    *data_directory* is a voice's `text/`, which also says how it reads and with which table; without one, the installed
    packages' data are used, *reading* is "plain", or "upstream" for GPT-SoVITS's own way, defects included, and *table*
    "v1" or "v2".
    """

    def __init__(self, data_directory: Path | None = None, reading: str = PLAIN, table: str = DEFAULT_TABLE) -> None:
        check_reading(reading, table)
        self._data = PackageData(reading, table) if data_directory is None else open_data(data_directory)
        self._english: English | None = None
        self._spellers: dict[str, Speller] = {}
        self._splitter: ScriptRuns | None = None

    @property
    def reading(self) -> str:
        """How a text is read: "plain" or "upstream"."""
        return self._data.reading

    @property
    def table(self) -> str:
        """Whose rows the ids are: "v1" or "v2"."""
        return self._data.table

    def languages(self) -> tuple[str, ...]:
        """Languages of the data, as far as the table has symbols for them."""
        return tuple(language for language in self._data.languages if language in TABLES[self.table])

    def codes(self) -> tuple[str, ...]:
        """What `phonemize` and `read` take for a language: languages, and the ways to read a text of several."""
        languages = self.languages()
        others = [language for language in languages if language != "en"]
        mixed = ["auto", *(["auto_yue"] if "yue" in others else [])] if others else []
        return (*languages, *mixed, *(f"all_{language}" for language in others))

    def changed_packages(self) -> Mapping[str, tuple[str, str]]:
        """Packages of another version than the voice's data were made with: name, the version then and the one now.

        Raises RuntimeMissingError for one that is not installed.
        """
        now = {name: version for language in self.languages() for name, version in check_packages(language).items()}
        then = self._data.packages if not isinstance(self._data, PackageData) else now
        return {name: (then[name], version) for name, version in now.items() if then.get(name, version) != version}

    def phonemize(self, text: str, language: str) -> Phonemes:
        """Phonemes of *text* as one utterance, uncut and unframed; *language* is one of `codes()`.

        Raises UnknownLanguageError, EmptyTextError if nothing in it can be spoken, VoiceError if the data were changed,
        RuntimeMissingError if a package is not installed.
        """
        self._check(language)
        return _spoken(self._spelled(text, language), self.languages())

    def read(self, text: str, language: str, cut: str | None = None) -> tuple[Phonemes, ...]:
        """The utterances of *text*, at least one: cut by *cut* (cutting.CUTS) or the reading's own way, and spelled.

        The upstream reading frames them as its voices were trained: a stop at the end, "." before fewer than six
        phonemes. Pieces that cannot be spoken are left out and named in `dropped` of the one before, or after.
        Raises what `phonemize` raises, ValueError for a cut that does not exist.
        """
        self._check(language)
        spell = self._framed if self.reading == UPSTREAM else self._spelled
        found: list[Phonemes] = []
        silent = NO_PHONEMES
        for utterance in (spell(piece, language) for piece in self._pieces(text, language, cut)):
            if not _MARKS.issuperset(utterance.symbols):
                found.append(replace(utterance, dropped=silent.dropped + utterance.dropped))
                silent = NO_PHONEMES
            elif found:
                found[-1] = replace(found[-1], dropped=found[-1].dropped + utterance.dropped)
            else:
                silent = joined((silent, utterance))
        return tuple(found) or (_spoken(silent, self.languages()),)

    def read_prompt(self, text: str, language: str) -> Phonemes:
        """The words of a reference as one utterance: upstream closes and frames them, but neither cuts nor opens them.

        Raises what `phonemize` raises.
        """
        self._check(language)
        if self.reading != UPSTREAM:
            return self.phonemize(text, language)
        return _spoken(self._framed(cutting.closed(text, language), language), self.languages())

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

    def _check(self, language: str) -> None:
        if language not in self.codes():
            raise UnknownLanguageError(language, self.codes())

    def _pieces(self, text: str, code: str, cut: str | None) -> list[str]:
        if cut is None and self.reading == PLAIN:
            try:
                return sentences(text, language_of(code))
            except EmptyTextError:
                return [text]  # spelling it will say why nothing can be spoken
        return cutting.pieces(cutting.even_marks(text), code, cut or cutting.DEFAULT_CUT)

    def _framed(self, piece: str, code: str) -> Phonemes:
        piece = re.sub(" {2,}", " ", piece)
        utterance = self._spelled(piece, code)
        if len(utterance) >= _FEWEST:
            return utterance
        return replace(self._spelled("." + piece, code), dropped=utterance.dropped)

    def _spelled(self, text: str, code: str) -> Phonemes:
        runs = self._runs(text, code)
        parts = [self._spell(run) for run in runs]
        return joined(parts, _lost(text, runs))

    def _runs(self, text: str, code: str) -> list[Run]:
        if code == "en":
            return [Run("en", text)]
        if self._splitter is None:
            from core_model.text.mixed_data import load as load_splitter

            self._splitter = load_splitter(self._data)
        return segments(text, code, self._splitter)

    def _spell(self, run: Run) -> Phonemes:
        """One run; what cannot be said of it is dropped and named."""
        if run.language not in self.languages():
            of_table = run.language in TABLES[self.table] or run.language not in LANGUAGES
            spelled = NOTHING if of_table or self.reading == PLAIN else _NOT_OF_TABLE
            words = run.text.strip()
            dropped: tuple[str, ...] = (words,) if any(map(str.isalnum, words)) else ()
            return replace(of_spelled(spelled, run.language, self.table), dropped=dropped)
        dropped = unsaid(run.text, run.language, self.reading)
        try:
            return replace(self._said(run), dropped=dropped)
        except EmptyTextError:
            return replace(of_spelled(NOTHING, run.language, self.table), dropped=dropped)

    def _said(self, run: Run) -> Phonemes:
        """One run in a language of the data; the upstream reading keeps the marks of a run without a sound."""
        marks = self.reading == UPSTREAM
        if run.language == "en":
            if self._english is None:
                from core_model.text.english_data import load as load_english

                self._english = load_english(self._data)
            return self._english.symbols(run.text) if marks else self._english.phonemize(run.text)
        if run.language not in self._spellers:
            self._spellers[run.language] = load(run.language, self._data, self.table)
        speller = self._spellers[run.language]
        spelled = speller.symbols(run.text) if marks and isinstance(speller, Marking) else speller.spell(run.text)
        return of_spelled(spelled, run.language, self.table)


def _spoken(utterance: Phonemes, languages: tuple[str, ...]) -> Phonemes:
    """*utterance*, unless there is no sound in it. Raises EmptyTextError."""
    if not _MARKS.issuperset(utterance.symbols):
        return utterance
    reason = f", none of it is in a language of this voice ({', '.join(languages)})" if utterance.dropped else ""
    raise EmptyTextError("nothing in the text can be spoken" + reason)


def _lost(text: str, runs: list[Run]) -> tuple[str, ...]:
    """The words of *text* that no run holds: telling languages apart loses what is in none that it knows."""
    kept = "".join(run.text for run in runs)
    place, lost = 0, ""
    for character in text:
        if place < len(kept) and kept[place] == character:
            place += 1
            lost += character if character.isspace() else "\n"
        else:
            lost += character
    return tuple(part.strip() for part in lost.split("\n") if any(map(str.isalpha, part)))

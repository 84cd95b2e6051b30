"""Japanese text to symbols: what can be read goes to the analyser run by run, every other character is a mark.

Composes its siblings and knows nothing of files: japanese_data.py (the analyser, and words that upstream's dictionary
knows otherwise), japanese_counters.py and japanese_accents.py (upstream's rules), japanese_prosody.py (labels to
symbols). A symbol that the voice's table does not hold becomes UNK, as upstream's voices learned it: the border of an
accent phrase always, and the marks of pitch in table v1.

    橋だ。  ->  h a [ sh i ] d a .        [ the pitch rises   ] it falls   UNK a new accent phrase   _ a pause
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core_model.errors import EmptyTextError
from core_model.text import japanese_data
from core_model.text.japanese_accents import with_accents
from core_model.text.japanese_counters import as_counted
from core_model.text.japanese_prosody import symbols_of_labels
from core_model.text.phonemes import Spelled
from core_model.text.symbols import PAD, PUNCTUATION, UNKNOWN, V1, V2
from core_model.text.text_data import UPSTREAM, TextData

# Letters, digits of any script, 々, kana, Chinese characters, full-width letters, half-width katakana. Their sound
# marks ﾞ ﾟ and the characters past 9FFF are no part of it: upstream's voices heard UNK there.
_READABLE = r"A-Za-z\d\u3005\u3040-\u30ff\u4e00-\u9fff\uff11-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9d"
_RUN_OR_MARK = re.compile(f"(?P<run>[{_READABLE}]+)|(?P<mark>[^{_READABLE} ])")  # the ASCII space ends a run, silently
_REPEATED = re.compile(r"([!?….,\-])[!?….,\-]+")
_MARKS = {"、": ",", "，": ",", "：": ",", "；": ",", "·": ",", "。": ".", "\n": ".", "！": "!", "？": "?"}
_LONGEST_RUN = 1000  # characters: the analyser refuses 8,000 and is quadratic before that
_SILENT = PUNCTUATION | {PAD, UNKNOWN, "[", "]"}


class Japanese:
    """The front end of one language, for the symbols of *table* ("v1" or "v2").

    The plain reading has the words and accents of the package, upstream's those that its voices learned. Raises
    RuntimeMissingError if the package is not installed.
    """

    def __init__(self, data: TextData, table: str) -> None:
        self._engine = japanese_data.load_engine()
        self._as_upstream = data.reading == UPSTREAM
        self._words = japanese_data.parse_words(data.read(japanese_data.WORDS).decode()) if self._as_upstream else {}
        self._table = frozenset(V1 if table == "v1" else V2)

    def spell(self, text: str) -> Spelled:
        """Symbols of *text*. Raises EmptyTextError if nothing in it can be spoken."""
        spelled = self.symbols(text)
        if _SILENT.issuperset(spelled.symbols):
            raise EmptyTextError("nothing in the text can be spoken as Japanese")
        return spelled

    def symbols(self, text: str) -> Spelled:
        """The same without the refusal: a text of nothing but marks gives marks."""
        normalised = _REPEATED.sub(r"\1", text)
        found: list[str] = []
        for part in _RUN_OR_MARK.finditer(normalised.replace("％", "パーセント").lower()):
            if part["mark"]:
                found.append(_MARKS.get(part["mark"], part["mark"]))
                continue
            run = part["run"]
            for start in range(0, len(run), _LONGEST_RUN):
                found += symbols_of_labels(self._labels(run[start : start + _LONGEST_RUN]))
        known = (symbol if symbol in self._table else UNKNOWN for symbol in found)
        return Spelled(tuple(known), normalised)

    def _labels(self, run: str) -> Sequence[str]:
        """Full-context labels of one run; none if it is silent, for the engine would only complain on stderr."""
        entries = [self._entry(entry) for entry in self._engine.run_mecab(run)]
        words = self._engine.run_njd_from_mecab(entries, False, False)
        if not any(word["mora_size"] for word in words):
            return ()
        return self._engine.make_label(with_accents(as_counted(words), entries) if self._as_upstream else words)

    def _entry(self, entry: str) -> str:
        fields = entry.split(",")
        word, described = ",".join(fields[:8]), self._words.get(",".join(fields[:8]))
        if described is None:
            return entry
        return f"{word if described.count(',') == 3 else fields[0]},{described}"

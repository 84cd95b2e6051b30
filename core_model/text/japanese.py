"""Japanese text to symbols: what can be read goes to the analyser run by run, every other character is a mark.

Knows nothing of dictionaries; japanese_data.py gives the analyser, japanese_prosody.py reads what it answers. A symbol
that the voice's table does not hold becomes UNK, as upstream's voices learned it: the border of an accent phrase
always, and the marks of pitch in table v1.

    橋だ。  ->  h a [ sh i ] d a .        [ the pitch rises   ] it falls   UNK a new accent phrase   _ a pause
"""

from __future__ import annotations

import re

from core_model.errors import EmptyTextError
from core_model.text.japanese_data import load_analyser
from core_model.text.japanese_prosody import symbols_of_labels
from core_model.text.phonemes import Spelled
from core_model.text.symbols import PAD, PUNCTUATION, UNKNOWN, V1, V2
from core_model.text.text_data import TextData

# Letters, digits of any script, 々, kana, Chinese characters, full-width letters, half-width katakana. Their sound
# marks ﾞ ﾟ and the characters past 9FFF are no part of it: upstream's voices heard UNK there.
_READABLE = r"A-Za-z\d\u3005\u3040-\u30ff\u4e00-\u9fff\uff11-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9d"
_RUN_OR_MARK = re.compile(f"(?P<run>[{_READABLE}]+)|(?P<mark>[^{_READABLE} ])")  # the ASCII space ends a run, silently
_REPEATED = re.compile(r"([!?….,\-])[!?….,\-]+")
_MARKS = {"、": ",", "，": ",", "：": ",", "；": ",", "·": ",", "。": ".", "\n": ".", "！": "!", "？": "?"}
_LONGEST_RUN = 1000  # characters: the analyser refuses 8,000 and is quadratic before that
_SILENT = PUNCTUATION | {PAD, UNKNOWN, "[", "]"}


class Japanese:
    """The front end of one language, for the symbols of *table* ("v1" or "v2"); both readings are upstream's.

    Raises RuntimeMissingError if the analyser is not installed. *data* holds nothing for Japanese.
    """

    def __init__(self, data: TextData, table: str) -> None:
        self._analyse = load_analyser()
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
                found += symbols_of_labels(self._analyse(run[start : start + _LONGEST_RUN]))
        known = (symbol if symbol in self._table else UNKNOWN for symbol in found)
        return Spelled(tuple(known), normalised)

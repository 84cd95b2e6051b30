"""Korean text to symbols: letters and numbers spelled out, said as the standard has it, and cut into single jamo.

Composes its siblings and knows nothing of files: korean_morphemes.py (words), korean_marks.py (what of them matters),
korean_numbers.py, korean_sounds.py. Double vowels are two symbols, a space is 空, and what has no symbol is 停.

    같이 와  ->  ㄱ ㅏ ㅊ ㅣ 空 ㅇ ㅗ ㅏ .
"""

from __future__ import annotations

import re

from core_model.errors import EmptyTextError
from core_model.text import korean_data, korean_marks, korean_numbers, korean_sounds
from core_model.text.phonemes import Spelled
from core_model.text.symbols import PUNCTUATION, V2
from core_model.text.text_data import UPSTREAM, TextData

_SPACE, _UNHEARD = "空", "停"
_SILENT = PUNCTUATION | {_SPACE, _UNHEARD, "[", "]"}
_LETTERS = "에이 비 시 디 이 에프 지 에이치 아이 제이 케이 엘 엠 엔 오 피 큐 아르 에스 티 유 브이 더블유 엑스 와이 제트"
_NAMES = dict(zip("abcdefghijklmnopqrstuvwxyz", _LETTERS.split(), strict=True))
_COMPATIBLE = str.maketrans(  # conjoining jamo to those of the table
    "ᄀᄁᄂᄃᄄᄅᄆᄇᄈᄉᄊᄋᄌᄍᄎᄏᄐᄑᄒ" + "ᅡᅢᅣᅤᅥᅦᅧᅨᅩᅪᅫᅬᅭᅮᅯᅰᅱᅲᅳᅴᅵ" + "ᆨᆩᆪᆫᆬᆭᆮᆯᆰᆱᆲᆳᆴᆵᆶᆷᆸᆹᆺᆻᆼᆽᆾᆿᇀᇁᇂ",
    "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
    + "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
    + "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ",
)
_SINGLE = str.maketrans(
    {
        "ㅑ": "ㅣㅏ", "ㅒ": "ㅣㅐ", "ㅕ": "ㅣㅓ", "ㅖ": "ㅣㅔ", "ㅛ": "ㅣㅗ", "ㅠ": "ㅣㅜ",
        "ㅘ": "ㅗㅏ", "ㅙ": "ㅗㅐ", "ㅚ": "ㅗㅣ", "ㅝ": "ㅜㅓ", "ㅞ": "ㅜㅔ", "ㅟ": "ㅜㅣ", "ㅢ": "ㅡㅣ",
    }
)  # fmt: skip
_MARKS = str.maketrans("、，：；·。\n！？ ", ",,,,,..!?" + _SPACE)
_NO_TEXT = re.compile(f"[\ud800-\udfff{korean_marks.ALL}]")  # half characters, and what stands for our marks


class Korean:
    """The front end of one language, for the symbols of *table* ("v1" or "v2").

    Raises RuntimeMissingError if the dictionary is not installed. The plain reading mends a few slips of upstream's.
    Table v1 has no Korean: upstream makes one comma of whatever stands there, and so does its reading here, while the
    plain one refuses.
    """

    def __init__(self, data: TextData, table: str) -> None:
        self._empty = table == "v1"
        self._as_upstream = data.reading == UPSTREAM
        if not self._empty:
            self._words = korean_data.parse_words(data.read(korean_data.WORDS).decode())
            self._analyser = korean_data.load_analyser()

    def spell(self, text: str) -> Spelled:
        """Symbols of *text*. Raises EmptyTextError if nothing in it can be spoken."""
        if self._empty and self._as_upstream:
            return self.symbols(text)
        if self._empty:
            raise EmptyTextError("a voice of symbols v1 has no sounds for Korean")
        spelled = self.symbols(text)
        if _SILENT.issuperset(spelled.symbols):
            raise EmptyTextError("nothing in the text can be spoken as Korean")
        return spelled

    def symbols(self, text: str) -> Spelled:
        """The same without the refusal: a text of nothing but marks gives marks."""
        if self._empty:
            return Spelled((",",), " ")
        written = _NO_TEXT.sub("\ufffd", text)
        written = re.sub("[A-Za-z]", lambda letter: _NAMES[letter[0].lower()], written)
        for word, sound in self._words:
            written = written.replace(word, sound)
        marked = korean_marks.marked(written, self._analyser.morphemes(written))
        counted = korean_numbers.spell_out(marked, as_upstream=self._as_upstream)
        said = korean_sounds.pronounce(counted, as_upstream=self._as_upstream).translate(_COMPATIBLE)
        said = re.sub("([ㅇㄹ]ㅡㄹ) ㄹ", r"\1 ㄴ", said)  # upstream's own: a word after 을 or 를 never starts with ㄹ
        said = re.sub("([ㄱ-ㅣ])$", r"\1.", said.translate(_SINGLE))
        symbols = (mark if mark in _KNOWN else _UNHEARD for mark in said.translate(_MARKS))
        return Spelled(tuple(symbols), text)


_KNOWN = frozenset(V2)

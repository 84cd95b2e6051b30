"""Korean as it is written to Korean as it is said: the Standard Pronunciation (표준발음법, 2017), articles 5 to 29.

Knows nothing of symbols or dictionaries. Works on conjoining jamo (U+1100 to U+11C2), where an onset, a vowel and a
coda are one character each, and on the three marks of korean_marks.py. Built from the articles as g2pK (Kyubyong Park)
orders them; upstream's reading has its departures too, because its voices learned them, each said where it stands.
"""

from __future__ import annotations

import re
import unicodedata

from core_model.text.korean_marks import ENDING, STEM

_SYLLABLES = re.compile("[가-힣]+")
_ONSETS = "ᄀ-ᄒ"
_CODAS = "ᆨ-ᇂ"

_TENSE = dict(zip("ᄀᄃᄇᄉᄌ", "ᄁᄄᄈᄊᄍ", strict=True))
_ASPIRATED = dict(zip("ᄀᄃᄌ", "ᄏᄐᄎ", strict=True))
_STANDS_FOR = {  # articles 9 to 11: what a coda sounds like before a consonant and at the end
    sound: closed
    for closed, sounds in {"ᆨ": "ᆨᆩᆪᆰᆿ", "ᆫ": "ᆫᆬᆭ", "ᆮ": "ᆮᆺᆻᆽᆾᇀᇂ", "ᆯ": "ᆯᆲᆳᆴᆶ", "ᆷ": "ᆷᆱ", "ᆸ": "ᆸᆵᆹᇁ", "ᆼ": "ᆼ"}.items()
    for sound in sounds
}
_NASAL = {"ᆨ": "ᆼ", "ᆮ": "ᆫ", "ᆸ": "ᆷ"}
_WITH_H = {"ᇂ": "", "ᆭ": "ᆫ", "ᆶ": "ᆯ"}  # article 12: what is left of these when the h goes
_BEFORE_H = {  # article 12, additions 1 and 2
    **dict.fromkeys("ᆨᆩᆪᆿ", ("", "ᄏ")),
    **dict.fromkeys("ᆮᆺᆻᆾᇀ", ("", "ᄐ")),
    **dict.fromkeys("ᆸᇁ", ("", "ᄑ")),
    **dict.fromkeys("ᆹᆵ", ("ᆸ", "ᄑ")),
    "ᆽ": ("", "ᄎ"),
    "ᆬ": ("ᆫ", "ᄎ"),
    "ᆰ": ("ᆯ", "ᄏ"),
    "ᆲ": ("ᆯ", "ᄑ"),
}
_DEPARTURES = {  # of g2pK's table from the articles, some of them slips of the pen; only upstream's reading has them
    ("ᇁ", "ᄅ"): ("ᆫ", "ᄂ"),
    ("ᆲ", "ᄂ"): ("ᆷ", "ᄂ"),
    ("ᆲ", "ᄆ"): ("ᆷ", "ᄆ"),
    ("ᆰ", "ᄏ"): ("ᆯ", "ᄏ"),
    ("ᆰ", "ᄐ"): ("ᆨ", "ᄑ"),
    ("ᆹ", "ᄏ"): ("ᆸ", "ᄑ"),
}
# More of them: two consonants stay two, for which there is no symbol, and what follows a final ㅀ is lost.
_UNCLOSED = {("ᆰ", "ᄑ"), *((coda, onset) for coda in "ᆲᆳᆵᆹ" for onset in "ᄐᄑ")}
_MOVED = {  # articles 12.4, 13 and 14: a coda before a vowel; of two, the second moves
    **dict(zip("ᆨᆩᆫᆮᆯᆷᆸᆺᆻᆽᆾᆿᇀᇁ", "ᄀᄁᄂᄃᄅᄆᄇᄉᄊᄌᄎᄏᄐᄑ", strict=True)),
    **dict(zip("ᆪᆬᆰᆱᆲᆳᆴᆵᆹ", ["ᆨᄊ", "ᆫᄌ", "ᆯᄀ", "ᆯᄆ", "ᆯᄇ", "ᆯᄊ", "ᆯᄐ", "ᆯᄑ", "ᆸᄊ"], strict=True)),
    **dict(zip("ᇂᆭᆶ", "ᄋᄂᄅ", strict=True)),
}

_AFTER_L = {  # article 27, addition: 할수록
    "걸": "껄",
    "밖에": "빠께",
    "세라": "쎄라",
    "수록": "쑤록",
    "지라도": "찌라도",
    "지언정": "찌언정",
    "진대": "찐대",
}

_JUNCTION = re.compile(f"([{_CODAS}])(?:( ?)([{_ONSETS}])|(?=\\W|$))")
_EATING = re.compile(f"ᆶ(?! ?[ᄀ-ᄊᄌ-ᄒ])\\W|{_JUNCTION.pattern}")
_BEFORE_A_VOWEL = re.compile("([" + "".join(_MOVED) + "])ᄋ")
_WITHOUT_ONSET = re.compile(f"(?<![{_ONSETS}])(?=[ᅡ-ᅵ])")


def _tensed(pattern: str, left: str, onsets: str) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(pattern + onset), left + _TENSE[onset]) for onset in onsets]


def _jamo(text: str) -> str:
    return unicodedata.normalize("NFD", text)


_Rules = list[tuple[re.Pattern[str], str]]

_LETTER_NAMES: dict[bool, _Rules] = {  # article 16: 디귿이 [디그시]
    False: [
        (re.compile("(디그|지으|치으|티으|히으)[ᆮᆽᆾᇀᇂ]ᄋ"), r"\1ᄉ"),
        (re.compile("(키으)ᆿᄋ"), r"\1ᄀ"),
        (re.compile("(피으)ᇁᄋ"), r"\1ᄇ"),
    ],
    True: [  # g2pK takes every word that ends like them for one: 무릎이 [무르비]
        (re.compile("ᅳ[ᆮᆽᆾᇀᇂ]ᄋ"), "ᅳᄉ"),
        (re.compile("ᅳᆿᄋ"), "ᅳᄀ"),
        (re.compile("ᅳᇁᄋ"), "ᅳᄇ"),
    ],
}
_STEMS: _Rules = [
    (re.compile(f"ᆰ{STEM}[ᄀᄁ]"), "ᆯᄁ"),  # 11: 읽고
    *_tensed(f"([ᆲᆴ]){STEM}", r"\1", "ᄀᄃᄉᄌ"),  # 25: 넓게
    *_tensed(f"([ᆫᆷ]){STEM}", r"\1", "ᄀᄃᄉᄌ"),  # 24: 신고
    *_tensed(f"ᆬ{STEM}", "ᆫ", "ᄀᄃᄉᄌ"),
    *_tensed(f"ᆱ{STEM}", "ᆷ", "ᄀᄃᄉᄌ"),
]
_BALB = {  # article 10: 밟다 [밥따]; g2pK: 밟아 too, because the mark of the stem stands between
    False: (re.compile(f"(바)ᆲ(?={STEM}?($|[^ᄋᄒ{STEM}]))"), r"\1ᆸ"),
    True: (re.compile("(바)ᆲ($|[^ᄋᄒ])"), r"\1ᆸ\2"),
}
_OTHERS: _Rules = [
    (re.compile("(너)ᆲ([ᄌᄍᄃᄄ]ᅮ)"), r"\1ᆸ\2"),  # 10: 넓죽하다
    (re.compile("ᆮᄋ([ᅵᅧ])"), r"ᄌ\1"),  # 17: 굳이
    (re.compile("ᇀᄋ([ᅵᅧ])"), r"ᄎ\1"),
    (re.compile("ᆴᄋ([ᅵᅧ])"), r"ᆯᄎ\1"),
    (re.compile("ᆮᄒ(ᅵ)"), r"ᄎ\1"),
    *_tensed(f"ᆯ{ENDING} ", "ᆯ ", "ᄀᄃᄇᄉᄌ"),  # 27: 할 것을
    *[(re.compile("ᆯ" + written), "ᆯ" + said) for written, said in _AFTER_L.items()],
]
_VOWELS: _Rules = [
    (re.compile("([ᄌᄍᄎ])ᅧ"), r"\1ᅥ"),  # article 5: 가져
    (re.compile("([ᄀ-ᄊᄌ-ᄒ])ᅴ"), r"\1ᅵ"),  # 희망
]
_RULES: dict[bool, _Rules] = {
    as_upstream: [
        (re.compile(_jamo(pattern.pattern)), _jamo(said))
        for pattern, said in [*_VOWELS, *_LETTER_NAMES[as_upstream], *_STEMS, _BALB[as_upstream], *_OTHERS]
    ]
    for as_upstream in (False, True)
}
_MARKS = re.compile(f"[{STEM}{ENDING}]")


def pronounce(written: str, *, as_upstream: bool) -> str:
    """*written*, its stems and endings marked, as conjoining jamo that say how it sounds."""
    jamo = _SYLLABLES.sub(lambda syllables: _jamo(syllables[0]), written)
    for pattern, said in _RULES[as_upstream]:
        jamo = pattern.sub(said, jamo)
    junction = _EATING if as_upstream else _JUNCTION
    jamo = junction.sub(lambda found: _joined(found[1], found[2], found[3], as_upstream), _MARKS.sub("", jamo))
    jamo = _BEFORE_A_VOWEL.sub(lambda found: _MOVED[found[1]], jamo)
    return _WITHOUT_ONSET.sub("ᄋ", jamo)


def _joined(coda: str | None, space: str | None, onset: str | None, as_upstream: bool) -> str:
    if coda is None:
        return "ᆯ"
    if space is None or onset is None:
        return _STANDS_FOR[coda]
    if onset == "ᄋ":
        return (_STANDS_FOR[coda] if space else coda) + space + onset
    if as_upstream and not space and (coda, onset) in _UNCLOSED:
        return coda + onset
    left, right = (_DEPARTURES.get((coda, onset)) if as_upstream else None) or meet(coda, onset)
    return left + space + right


def meet(coda: str, onset: str) -> tuple[str, str]:
    """What a coda and the onset after it (not ᄋ) become: articles 9 to 12, 18 to 20, 23."""
    if coda in _WITH_H:
        left = _WITH_H[coda]
        if onset in _ASPIRATED:
            return left, _ASPIRATED[onset]
        if onset == "ᄉ":
            return left, "ᄊ"
        if not left:
            return ("ᆫ" if onset == "ᄂ" else ""), onset
        coda = left
    if onset == "ᄒ" and coda in _BEFORE_H:
        return _BEFORE_H[coda]
    closed = _STANDS_FOR[coda]
    if closed in _NASAL:
        if onset in _TENSE:
            return closed, _TENSE[onset]
        if onset in "ᄂᄆᄅ":
            return _NASAL[closed], "ᄂ" if onset == "ᄅ" else onset
        return closed, onset
    if coda in "ᆲᆳ" and onset in _TENSE:
        return closed, _TENSE[onset]
    if (closed, onset) in (("ᆫ", "ᄅ"), ("ᆯ", "ᄂ")):
        return "ᆯ", "ᄅ"
    if closed in "ᆷᆼ" and onset == "ᄅ":
        return closed, "ᄂ"
    return closed, onset

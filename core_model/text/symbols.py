"""The two phoneme tables of GPT-SoVITS: which phoneme is which row of an embedding.

V1 has 322 rows, V2 the same 322 and 410 more. Both are built here the way FORMAT.md ("Symbols") describes them: a
sorted set, then for V2 the two brackets, sorted Korean, sorted Cantonese. A row can never move: every voice is trained
on it.

How sure each row is (checked against every phones/ids pair of the golden front end,
tests/core_model/text/test_symbols.py):
* 248 rows of V1 and 465 of V2 are seen with their id in the goldens;
* every other row of V1, and of V2 up to 352, is the only place left for a symbol of its series between two seen
  neighbours, and the totals of 322 and 353 come out;
* of the Cantonese rows (353 to 731) the toned series are placed in the same way; five rows have no other evidence
  than a gap of one between neighbours: 353, 415, 469, 595 and 627, which are read as the toneless Ya, Yai, Ye, Yo
  and Yok (seven toneless finals like them are seen: Yaa, Yak, Yau, Yoi, Yon, You, Yuk).

Knows nothing of text. Rows below 322 mean the same in both tables, so English ids serve voices of either.
"""

from __future__ import annotations

PAD = "_"
UNKNOWN = "UNK"
PUNCTUATION = frozenset("!?…,.-")


_ARPABET_VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"
_ARPABET_CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH"
_ARPABET_ODD = "ER IH"  # without stress: used by nothing, but the table has them
_PINYIN_INITIALS = "AA EE OO b c ch d f g h j k l m n p q r s sh t w x y z zh"
_PINYIN_FINALS = """E En a ai an ang ao e ei en eng er i i0 ia ian iang iao ie in ing iong ir iu
    o ong ou u ua uai uan uang ui un uo v van ve vn"""
_JAPANESE = "I N U a b by ch cl d dy e f g gy h hy i j k ky m my n ny o p py r ry s sh t ts u v w y z"
_SILENCES = "SP SP2 SP3"

_KOREAN = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎㅏㅐㅓㅔㅗㅜㅡㅣ停空"  # "stop" and "blank" among them

_CANTONESE_INITIALS = "b c d f g gw h j k kw l m n ng p s t w z"
_CANTONESE_FINALS = """a aa aai aak aam aan aang aap aat aau ai ak am an ang ap at au e ei ek eng eoi eon eot i ik im in
    ing ip it iu o oe oek oeng oi ok on ong ot ou u ui uk un ung ut yu yun yut"""
_CANTONESE_CODAS = "g k m n p t"  # toned too: what upstream leaves of a final that it splits
_CANTONESE_TONELESS = "a aa ai ak au e o oi ok on ou uk"  # the module docstring says how sure these are


def _toned(finals: str, tones: int) -> set[str]:
    return {final + str(tone) for final in finals.split() for tone in range(1, tones + 1)}


def _first_table() -> tuple[str, ...]:
    stressed = {vowel + stress for vowel in _ARPABET_VOWELS.split() for stress in "012"}
    plain = " ".join((_ARPABET_CONSONANTS, _ARPABET_ODD, _PINYIN_INITIALS, _JAPANESE, _SILENCES)).split()
    return tuple(sorted({PAD, UNKNOWN, *PUNCTUATION, *stressed, *plain, *_toned(_PINYIN_FINALS, 5)}))


def _cantonese() -> list[str]:
    toned = _toned(_CANTONESE_FINALS, 6) | _toned(_CANTONESE_CODAS, 6)
    return sorted("Y" + sound for sound in {*_CANTONESE_INITIALS.split(), *_CANTONESE_TONELESS.split(), *toned})


V1: tuple[str, ...] = _first_table()
V2: tuple[str, ...] = (*V1, "[", "]", *sorted(_KOREAN), *_cantonese())

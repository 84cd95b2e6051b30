"""Cantonese text to phonemes: normalised as Chinese is, simplified, then looked up in Jyutping, the longest word first.

    Cantonese(data, "v2").spell("佢話……").symbols == ("Yk", "Yeoi5", "Yw", "Yaa6", "…", "…")

Knows nothing of files (cantonese_data.py does). Marks are never joined into one, unlike in Chinese. A syllable is two
symbols of table v2: how it begins and how it ends with its tone. One that begins with a vowel, or has none, is split
where upstream splits it: after the first of its list of beginnings that fits (PaddleSpeech's Cantonese frontend,
Apache-2.0), its last letter said again where nothing is left: ng5 → Yng Yg5, on1 → Yon Yn1, aai3 → Yaa Yi3. Table v1
has no Cantonese: upstream's reading of anything is a comma, and so is this one's.
"""

from __future__ import annotations

import re
from functools import cache

from core_model.errors import EmptyTextError
from core_model.text.cantonese_data import Jyutping, load
from core_model.text.chinese import normalisation
from core_model.text.chinese.plain_reading import read_aloud
from core_model.text.phonemes import Spelled
from core_model.text.symbols import PUNCTUATION, UNKNOWN, V2
from core_model.text.text_data import PLAIN, TextData

_MARKS = str.maketrans({**normalisation.MARKS, "—": "-", "~": "-", "～": "-"})
_CURRENCIES = {"￥": "元", "¥": "元", "$": "蚊", "€": "欧元", "£": "英镑"}  # of the plain reading
_UNSPOKEN = re.compile("[^一-龥!?…,.-]+")
_BEGINNINGS = """aa ai au ap at ak a p b e ts t dz d kw k gw g f h l m ng n s y w c z j
    ong on ou oi ok o uk ung"""  # the first that fits; upstream lists more, which these hide
_KNOWN = frozenset(V2)


class Cantonese:
    """The front end of one language.

    Raises VoiceError if a file of a voice is not what was written.
    """

    def __init__(self, data: TextData, table: str) -> None:
        self._degenerate = table == "v1"
        self._plain = data.reading == PLAIN
        if not self._degenerate:
            self._simplified, self._jyutping = load(data)

    def spell(self, text: str) -> Spelled:
        """Phonemes of *text*. Raises EmptyTextError if nothing in it can be spoken, not even as a pause."""
        if self._degenerate:
            return Spelled((",",), " ")
        if self._plain:
            text = read_aloud(text, _CURRENCIES)
        sentences = normalisation.write_out(text, self._simplified)
        normalised = "".join(sentence.replace("...", "…").translate(_MARKS) for sentence in sentences)
        spelled = _symbols(_UNSPOKEN.sub("", normalised), self._jyutping)
        if not spelled:
            raise EmptyTextError("nothing in the text can be spoken as Cantonese")
        heard = "".join(character for character, _ in spelled)
        flat = tuple(symbol for _, pair in spelled for symbol in pair)
        return Spelled(flat, heard, tuple(len(pair) for _, pair in spelled))


def _symbols(text: str, jyutping: Jyutping) -> list[tuple[str, tuple[str, ...]]]:
    """Each character of *text* with its symbols; without those that nobody knows how to say."""
    spelled: list[tuple[str, tuple[str, ...]]] = []
    for character, syllables in jyutping.of(text):
        if character in PUNCTUATION:
            spelled.append((character, (character,)))
        elif syllables:
            spelled.append((character, tuple(symbol for syllable in syllables for symbol in _split(syllable))))
    return spelled


@cache
def _split(syllable: str) -> tuple[str, str]:
    """The two symbols of a syllable such as `gwong2`; UNK for one that the table does not have, as upstream has it."""
    sounds, tone = syllable[:-1], syllable[-1]
    begin = next((beginning for beginning in _BEGINNINGS.split() if sounds.startswith(beginning)), sounds)
    end = sounds[len(begin) :] or begin[-1]
    first, second = f"Y{begin}", f"Y{end}{tone}"
    return first if first in _KNOWN else UNKNOWN, second if second in _KNOWN else UNKNOWN

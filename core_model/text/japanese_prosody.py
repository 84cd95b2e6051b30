"""Full-context labels of Open JTalk to symbols: the phonemes, and marks where the pitch rises, falls or starts anew.

Knows nothing of text or tables. After Kurihara, Seiyama and Kumano, "Prosodic features control by symbols as input of
sequence-to-sequence acoustic modeling for neural TTS" (IEICE Transactions, 2021). Of a label

    t^o-ky+o=o/A:-2+3+4/B:…/F:5_2#…

it reads: the phoneme (ky); after A: how many moras it stands after the accent, its mora counted from the start of its
accent phrase and from the end; after F: how many moras that phrase has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

RISE, FALL, BORDER, PAUSE = "[", "]", "#", "_"

_LABEL = re.compile(
    r"-(?P<phoneme>[^+]+)\+[^/]*/A:(?P<after>[^+]+)\+(?P<mora>[^+]+)\+(?P<left>[^/]+)/.*/F:(?P<moras>[^_]+)_"
)
_VOWELS = frozenset("aiueo")
_MORA_ENDS = _VOWELS | {"N", "cl"}


@dataclass(frozen=True, slots=True)
class _Phone:
    phoneme: str
    after_accent: int  # moras; 0 on the accented one
    mora: int  # of its accent phrase, from 1; 0 for silence
    moras_left: int  # 1 on the last mora
    moras: int  # of its accent phrase


def symbols_of_labels(labels: Iterable[str]) -> list[str]:
    """Phonemes with marks; the silences at both ends are left out."""
    phones = [_phone(label) for label in labels]
    symbols: list[str] = []
    for here, following in pairwise([*phones, _SILENCE]):
        if here.phoneme == "sil":
            continue
        if here.phoneme == "pau":
            symbols.append(PAUSE)
            continue
        symbols.append(here.phoneme)
        if here.moras_left == 1 and following.mora == 1 and here.phoneme in _MORA_ENDS:
            symbols.append(BORDER)
        elif here.after_accent == 0 and following.mora == here.mora + 1 and here.mora != here.moras:
            symbols.append(FALL)
        elif here.mora == 1 and following.mora == 2:
            symbols.append(RISE)
    return symbols


_SILENCE = _Phone("sil", 0, 0, 0, 0)


def _phone(label: str) -> _Phone:
    fields = _LABEL.search(label)
    if fields is None:
        return _SILENCE
    phoneme = fields["phoneme"]
    if phoneme.lower() in _VOWELS:
        phoneme = phoneme.lower()  # a capital one is whispered; upstream's voices hear no difference
    after, mora, left, moras = (
        int(number) if number != "xx" else 0 for number in fields.group("after", "mora", "left", "moras")
    )
    return _Phone(phoneme, after, mora, left, moras)

"""Accent phrases and accents as Open JTalk 1.11 has them, put over what pyopenjtalk-plus makes of them.

Knows words (NJD features: dicts of the package) and nothing of text or labels. The package has changed both sets of
rules; upstream's voices learned the old ones (HTS Working Group, Open JTalk, "njd_set_accent_phrase" with its rules 1
to 18, after Sagisaka and Sato, "Accentuation rules for Japanese word concatenation", 1983). An accent is the number of
the mora after which the pitch falls, 0 for none; it stands with the first word of its phrase.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_ALONE = frozenset({"副詞", "接続詞", "連体詞"})
_LEANING = frozenset({"助詞", "助動詞"})
_UNITS = {"十": 1, "百": 2, "千": 1, "万": 1, "億": 1, "兆": 1}  # their own accents
_DIGITS = dict(zip("０１２３４５６７８９", "〇一二三四五六七八九", strict=True))


@dataclass(slots=True)
class _Word:
    feature: dict[str, Any]
    accent: int  # the word's own
    given: int  # what the package made of it
    rule: str  # what it does to the accent of its phrase
    starts: bool  # an accent phrase
    whole: bool  # and not a part of one entry


def with_accents(words: Sequence[Mapping[str, Any]], dictionary: Sequence[str]) -> list[dict[str, Any]]:
    """*words* with the old phrases and accents. *dictionary* holds the entry of each word found, as the analyser says.

    An entry reads: surface, four parts of speech, conjugation (2), base form, reading, pronunciation, accent/moras,
    what it does to an accent before it.
    """
    found = _aligned(words, dictionary)
    numbers = [word.feature["pos_group1"] == "数" for word in found]
    for (before, word), goes_on in zip(pairwise(found), [*numbers[2:], False], strict=False):
        word.starts = _starts(before, word, goes_on)
    _set_accents(found)
    return [{**word.feature, "chain_flag": 0 if word.starts else 1} for word in found]


def _aligned(words: Sequence[Mapping[str, Any]], dictionary: Sequence[str]) -> list[_Word]:
    """Each word with its entry; numbers are rewritten and compounds divided, so some have none."""
    entries = [entry.split(",") for entry in dictionary]
    found, place = [], 0
    for word in words:
        feature = dict(word)
        names = {feature["string"], _DIGITS.get(feature["string"], "")}
        here = next(
            (at for at in range(place, len(entries)) if names & {entries[at][0], _DIGITS.get(entries[at][0])}), -1
        )
        given, starts = feature["acc"], feature["chain_flag"] != 1
        if here < 0 or ":" in entries[here][-2]:
            number = feature["pos_group1"] == "数"
            own = _UNITS.get(feature["string"], given) if number else given
            found.append(_Word(feature, own, given, feature["chain_rule"], starts, whole=number))
            continue
        place = here + 1
        accent, _, _ = entries[here][-2].partition("/")
        own = int(accent) if accent.isdecimal() else given
        if feature["pos_group1"] == "数" and feature["pron"].endswith("ッ"):
            own = 1  # 六 doubled into ロッ is accented anew
        found.append(_Word(feature, own, given, entries[here][-1], starts, whole=True))
    return found


def _starts(before: _Word, word: _Word, goes_on: bool) -> bool:
    """Whether *word* starts an accent phrase of its own; the later of two rules that speak of a word decides.

    *goes_on*: a number follows.
    """
    first, second = before.feature, word.feature
    if first["pos_group1"] == second["pos_group1"] == "数":
        if first["string"] in _UNITS:
            return second["string"] not in _UNITS or not goes_on  # 千二百, 千百二, but 千 百
        return word.starts and second["string"] not in _UNITS
    if second["pos_group1"] == "数" or not word.whole or not before.whole:
        return word.starts
    starts = False
    for decision in (_by_kind(first, second), _by_place(first, second), _by_name(first, second)):
        starts = starts if decision is None else decision
    return starts


def _by_kind(first: Mapping[str, str], second: Mapping[str, str]) -> bool | None:
    """Rules 2 to 10: which part of speech goes on after which."""
    starts: bool | None = None
    before, here = first["pos"], second["pos"]
    if here == "名詞" and (before in ("形容詞", "動詞") or first["pos_group1"] == "形容動詞語幹"):
        starts = True
    if before == "動詞" and here == "形容詞":
        starts = True
    if {before, here} & _ALONE:
        starts = True
    if "副詞可能" in (before == "名詞" and first["pos_group1"], here == "名詞" and second["pos_group1"]):
        starts = True
    if here in _LEANING:
        return False
    if before in _LEANING or (first["pos_group1"] == "接尾" and here == "名詞"):
        return True
    return starts


def _by_place(first: Mapping[str, str], second: Mapping[str, str]) -> bool | None:
    """Rules 11 to 13: verbs and adjectives that help the one before them, and those after a noun."""
    before, here = first["pos"], second["pos"]
    helps = here in ("動詞", "形容詞") and second["pos_group1"] == "非自立"
    if before == "名詞":
        if here in ("動詞", "形容詞") or second["pos_group1"] == "形容動詞語幹":
            return True
        return None
    if helps and before == "動詞" and first["cform"].startswith("連用"):
        return False
    if helps and here == "形容詞":
        if before == "形容詞" and first["cform"].startswith("連用"):
            return False
        if before == "助詞" and first["pos_group1"] == "接続助詞" and first["string"] in ("て", "で"):
            return False
    return None


def _by_name(first: Mapping[str, str], second: Mapping[str, str]) -> bool | None:
    """Rules 14 to 18: marks, prefixes, family and given names, suffixes."""
    if second["pos_group1"] == "接尾":
        return False
    if "記号" in (first["pos"], second["pos"]) or second["pos"] == "接頭詞":
        return True
    if first["pos_group3"] == "姓" and second["pos"] == "名詞":
        return True
    if first["pos"] == "名詞" and second["pos_group3"] == "名":
        return True
    return None


def _set_accents(words: Sequence[_Word]) -> None:
    """Give the first word of each phrase the accent that comes of all its words."""
    top, moras = words[0], 0
    for place, word in enumerate(words):
        feature = word.feature
        feature["acc"] = word.accent
        following = words[place + 1] if place + 1 < len(words) else None
        if place == 0 or word.starts:
            top, moras = word, 0
            if feature["string"] == "十" and following is not None and following.feature["pos_group1"] == "数":
                feature["acc"] = 0
        else:
            before = words[place - 1]
            top.feature["acc"] = _accent(
                _rule(word.rule, before.feature["pos"]), top.feature["acc"], moras, word.accent
            )
            if before.feature["pos_group1"] == feature["pos_group1"] == "数":
                if not {before.feature["string"], feature["string"]} & _UNITS.keys():
                    top.feature["acc"] = top.given  # digits read one by one, in twos
                accent = _accent_of_number(before.feature, feature, following.feature["string"] if following else "")
                if accent is not None:
                    before.feature["acc"] = accent
        moras += feature["mora_size"]


def _rule(rule: str, part_before: str) -> tuple[str, int]:
    """What a word does after *part_before*: of `動詞%F2@1/名詞%F1` the part that fits, as (F2, 1)."""
    for choice in rule.split("/"):
        condition, found, does = choice.rpartition("%")
        if not found or condition in part_before:
            name, _, added = does.partition("@")
            return name, int(added) if added.lstrip("-").isdecimal() else 0
    return "*", 0


def _accent(rule: tuple[str, int], accent: int, moras: int, own: int) -> int:
    """The accent of a phrase of so many *moras* after a word with accent *own* of its own joined it."""
    name, added = rule
    match name:
        case "F2":
            return accent or moras + added
        case "F3":
            return moras + added if accent else 0
        case "F4":
            return moras + added
        case "F5" | "C4" | "P6":
            return 0
        case "C1":
            return moras + own
        case "C2":
            return moras + 1
        case "C3":
            return moras
        case "P1":
            return moras + own if own else 0
        case "P2":
            return moras + (own or 1)
        case "P14":
            return moras + own if own else accent
    return accent


def _accent_of_number(digit: Mapping[str, Any], unit: Mapping[str, Any], following: str) -> int | None:
    """The accent that a digit has before a unit."""
    moras, name = int(digit["mora_size"]), digit["string"]
    match unit["string"]:
        case "十":
            return 0 if name in ("五", "六", "八") and following in tuple("一二三四五六七八九") else 1
        case "百":
            if name == "七":
                return 2
            return 1 if name in ("三", "四", "九", "何") else moras + int(unit["mora_size"])
        case "千" | "万":
            return moras + 1
        case "億":
            return 2 if name in ("一", "六", "七", "八", "幾") else 1
        case "兆":
            return 2 if name in ("六", "七") else 1
    return None

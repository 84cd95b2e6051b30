"""GPT-SoVITS's six ways of cutting a text into pieces to be spoken one by one, mistakes included.

    >>> pieces("Hello world. This is a test. It is long.", "en", "cut5")
    ['Hello world.', ' This is a test.', ' It is long.']

    cut0  not at all            cut3  at each 。
    cut1  every four clauses    cut4  at each . that stands beside no digit
    cut2  every 50 characters   cut5  at each mark, except a . between digits

`sentences` of segment.py cuts English as a listener expects; this cuts as imported voices are used to. Knows nothing of
phonemes. Reference: the golden rows of ../shared/upstream/text (cuts, merge_short, pre_seg).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

CUTS = ("cut0", "cut1", "cut2", "cut3", "cut4", "cut5")
DEFAULT_CUT = "cut5"

_CLAUSE_ENDS = frozenset("，。？！,.?!~:：—…")
_SILENT = frozenset("!?…,.- ")  # a piece of these alone is left out; the full-width marks are not among them
_CUT5_ENDS = frozenset(",.;?!、，。？！;：…")
_REPEATED = re.compile("([!?…,.\\-])[!?…,.\\-]+")
_STOP = re.compile(r"(?<!\d)\.(?!\d)")
_CLAUSE = re.compile("[^，。？！,.?!~:：—…]*[，。？！,.?!~:：—…]")

_CLAUSES_A_PIECE = 4  # cut1
_PIECE_CHARACTERS = 50  # cut2
_SHORT_CHARACTERS = 5  # a shorter piece is joined to the next
_SHORT_OPENING = 4  # characters before the first mark; a shorter opening gets a stop in front
_LONGEST_CHARACTERS = 510  # what the network for word features can read at once


def pieces(text: str, language: str, cut: str) -> list[str]:
    """The pieces of *text* in order, each ending in a mark; none if nothing in it could be spoken.

    *language* is any code the front end knows: an English text is closed with ".", every other with "。".
    """
    stop = _stop(language)
    text = text.strip("\n")
    if not text:
        return []
    opening = _first_clause(text)
    if text[0] not in _CLAUSE_ENDS and len(opening) < _SHORT_OPENING:
        text = stop + text
    lines = re.sub("\n+", "\n", cut_lines(text, cut)).split("\n")
    found: list[str] = []
    for piece in merge_short(line for line in lines if line not in ("", " ")):
        if re.search(r"\w", piece):
            found += _fitting(piece if piece[-1] in _CLAUSE_ENDS else piece + stop)
    return found


def closed(text: str, language: str) -> str:
    """*text* as a prompt's words are read: never cut, ending in a mark, and opening as it does."""
    text = text.strip("\n")
    return text if not text or text[-1] in _CLAUSE_ENDS else text + _stop(language)


def cut_lines(text: str, cut: str) -> str:
    """*text* with a newline wherever method *cut* cuts. Raises ValueError for a method that does not exist."""
    if cut not in _METHODS:
        raise ValueError(f"a cut is one of {', '.join(CUTS)}, not {cut!r}")
    return _METHODS[cut](text.strip("\n"))


def merge_short(parts: Iterable[str], least: int = _SHORT_CHARACTERS) -> list[str]:
    """Join parts until each has *least* characters; what is left over at the end goes to the last."""
    merged: list[str] = []
    waiting = ""
    for part in parts:
        waiting += part
        if len(waiting) >= least:
            merged.append(waiting)
            waiting = ""
    if waiting and merged:
        merged[-1] += waiting
    elif waiting:
        merged.append(waiting)
    return merged


def even_marks(text: str) -> str:
    """*text* with the first of each run of half-width marks alone: "Wait...!" -> "Wait."."""
    return _REPEATED.sub(r"\1", text)


def split_long(text: str, most: int = _LONGEST_CHARACTERS) -> list[str]:
    """*text* in parts of at most *most* characters, cut at marks; a clause that is longer stays whole.

    The first part is empty where the first clause is too long: upstream's loop closes a part before it looks into it.
    """
    found, current = [], ""
    for part in re.split("([，。？！,.?!~:：—…])", text):
        if len(current) + len(part) > most:
            found.append(current)
            current = part
        else:
            current += part
    return [*found, current] if current else found


def _stop(language: str) -> str:
    return "." if language == "en" else "。"


def _first_clause(text: str) -> str:
    found = _CLAUSE.match(text)
    return (found[0][:-1] if found else text).strip()


def _fitting(piece: str) -> list[str]:
    return split_long(piece) if len(piece) > _LONGEST_CHARACTERS else [piece]


def _clauses(text: str) -> list[str]:
    """The clauses of *text*, each with the mark that ends it."""
    text = text.replace("……", "。").replace("——", "，")
    if text and text[-1] not in _CLAUSE_ENDS:
        text += "。"
    return _CLAUSE.findall(text)


def _spoken(parts: Iterable[str]) -> str:
    return "\n".join(part for part in parts if not _SILENT.issuperset(part))


def _not_at_all(text: str) -> str:
    return "\n" if _SILENT.issuperset(text) else text


def _every_four_clauses(text: str) -> str:
    clauses = _clauses(text)
    starts = list(range(0, len(clauses), _CLAUSES_A_PIECE))
    if len(starts) < 2:
        return _spoken([text])
    ends = [*starts[1:-1], len(clauses)]  # the last piece but one takes what is left over: four to eight clauses
    return _spoken("".join(clauses[start:end]) for start, end in zip(starts, ends, strict=False))


def _every_fifty_characters(text: str) -> str:
    clauses = _clauses(text)
    if len(clauses) < 2:
        return text
    parts = [""]
    for clause in clauses:
        if len(parts[-1]) > _PIECE_CHARACTERS:
            parts.append("")
        parts[-1] += clause
    if len(parts) > 1 and len(parts[-1]) < _PIECE_CHARACTERS:
        parts[-2:] = [parts[-2] + parts[-1]]
    return _spoken(parts)


def _at_full_width_stops(text: str) -> str:
    return _spoken(text.strip("。").split("。"))


def _at_stops(text: str) -> str:
    return _spoken(_STOP.split(text.strip(".")))


def _at_every_mark(text: str) -> str:
    parts = [""]
    for place, mark in enumerate(text):
        parts[-1] += mark
        inside_number = mark == "." and text[place - 1 : place].isdigit() and text[place + 1 : place + 2].isdigit()
        if mark in _CUT5_ENDS and not inside_number:
            parts.append("")
    return "\n".join(part for part in parts if not _CUT5_ENDS.issuperset(part))


_METHODS: dict[str, Callable[[str], str]] = {
    "cut0": _not_at_all,
    "cut1": _every_four_clauses,
    "cut2": _every_fifty_characters,
    "cut3": _at_full_width_stops,
    "cut4": _at_stops,
    "cut5": _at_every_mark,
}

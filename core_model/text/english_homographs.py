"""Words spelled alike and spoken differently: which sound is meant here, from the words around it.

"They record a record." A table gives each such word two sounds and the part of speech that picks the first. Upstream
asks a tagger for it; this asks the neighbours, which gets the plain cases right and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

_VERB_FOLLOWS = """to will would shall should can could may might must do does did don't doesn't didn't won't can't
    cannot couldn't wouldn't shouldn't let's please i you we they he she who i'll you'll we'll they'll he'll she'll i'd
    you'd we'd they'd never always often usually sometimes also"""
_NOUN_FOLLOWS = """a an the this these those my your his her its our their some any no every each of in on at by for
    with from what which whose new old first last great good big small next same other another such much many more
    most"""
_OBJECTS = "me him them us it a an the this these those my your his their our its myself yourself himself herself"
_TO_BE = "is are was were be been being am i'm you're we're they're he's she's it's isn't aren't wasn't weren't"
_HAVE = "have has had having i've you've we've they've haven't hasn't hadn't"
_DEGREES = "very so too how as more quite pretty really rather"
_PAST = "yesterday last ago once then when already never was were had did"
_METAL = "pipe pipes paint poisoning weight weights bullet bullets shot ore acid free"
_FISH = "fish fishing fished lake sea striped caught catch"
_WHERE = "in at on near with by here there alone under next above below among between together"
_AROUND = "around up down through about"
VERB_FOLLOWS, NOUN_FOLLOWS = frozenset(_VERB_FOLLOWS.split()), frozenset(_NOUN_FOLLOWS.split())
OBJECTS, TO_BE, HAVE = frozenset(_OBJECTS.split()), frozenset(_TO_BE.split()), frozenset(_HAVE.split())
DEGREES, PAST = frozenset(_DEGREES.split()), frozenset(_PAST.split())
METAL, FISH = frozenset(_METAL.split()), frozenset(_FISH.split())
WHERE, AROUND = frozenset(_WHERE.split()), frozenset(_AROUND.split())


@dataclass(frozen=True, slots=True)
class Homograph:
    """Two sounds of one spelling: *first* is spoken where the word is the *part_of_speech* of the table's file."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    part_of_speech: str


@dataclass(frozen=True, slots=True)
class _Place:
    """A word among its neighbours, all in small letters; "" past either end."""

    word: str
    before: str
    before_that: str
    after: str
    sentence: frozenset[str]

    @classmethod
    def of(cls, tokens: Sequence[str], place: int) -> _Place:
        near = [tokens[i].lower() if 0 <= i < len(tokens) else "" for i in range(place - 2, place + 2)]
        return cls(near[2], near[1], near[0], near[3], frozenset(token.lower() for token in tokens))


def _is_verb(place: _Place) -> bool:
    before = place.before_that if place.before.endswith("ly") else place.before  # "they quickly record"
    if before in NOUN_FOLLOWS or before in TO_BE:
        return False
    return before in VERB_FOLLOWS or place.after in OBJECTS


def _is_read_now(place: _Place) -> bool:  # "to read", but "has read", "he read", "I read it yesterday"
    if place.before in HAVE or place.before in TO_BE or place.before in {"he", "she", "it"}:
        return False
    return place.before == "to" or not place.sentence & PAST


def _is_living(place: _Place) -> bool:  # "Smith lives at", but "their lives in danger"
    return _is_verb(place) or (place.after in WHERE and place.before not in NOUN_FOLLOWS)


def _is_stuff(place: _Place) -> bool:  # "the contents", "content of", but "made me content"
    return place.before not in TO_BE | DEGREES and place.before not in OBJECTS - NOUN_FOLLOWS - {"this"}


# Whether the first sound is meant, for the words whose choice is not between verb and noun.
_OWN_RULES: dict[str, Callable[[_Place], bool]] = {
    "bass": lambda place: not place.sentence & FISH,
    "close": lambda place: place.before not in DEGREES and place.after != "to" and _is_verb(place),
    "content": _is_stuff,
    "live": _is_living,
    "lives": _is_living,
    "lead": lambda place: place.after not in METAL and place.before not in {"of", "molten"},
    "read": _is_read_now,
    "objects": lambda place: _is_verb(place) or (place.after == "to" and place.before not in NOUN_FOLLOWS),
    "used": lambda place: place.after != "to",
    "wound": lambda place: place.after in AROUND and place.before not in NOUN_FOLLOWS,
}


class Homographs:
    """The table, and the rules that choose."""

    def __init__(self, table: dict[str, Homograph]) -> None:
        self._table = table

    def pronounce(self, tokens: Sequence[str], place: int) -> tuple[str, ...]:
        """The sound of the word at *place*, or () if it is no homograph."""
        entry = self._table.get(tokens[place].lower())
        if entry is None:
            return ()
        here = _Place.of(tokens, place)
        rule = _OWN_RULES.get(here.word)
        if rule is not None:
            return entry.first if rule(here) else entry.second
        return entry.first if _is_verb(here) == (entry.part_of_speech == "V") else entry.second

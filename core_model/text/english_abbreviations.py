"""English abbreviations: what each stands for, and whether the stop after it ends the sentence.

One table for two readers: english_reading.py spells them out, segment.py must not cut after them. Knows no phonemes.
"""

from __future__ import annotations

import re

# Written with a stop, before a name or a number; the stop goes with them.
_LEADING = """mr=Mister mrs=Missus ms=Miz messrs=Messieurs dr=Doctor prof=Professor capt=Captain col=Colonel gen=General
    lt=Lieutenant sgt=Sergeant maj=Major cmdr=Commander adm=Admiral rev=Reverend hon=Honorable gov=Governor sen=Senator
    rep=Representative pres=President supt=Superintendent st=Saint mt=Mount ft=Fort mme=Madame mlle=Mademoiselle"""
_BEFORE_NUMBER = """no=number nos=numbers vol=volume vols=volumes p=page pp=pages ch=chapter chap=chapter fig=figure
    figs=figures sec=section art=article eq=equation pt=part ca=circa approx=approximately est=established ext=extension
    tel=telephone op=opus"""
# Anywhere; at the end of a sentence the stop does both jobs.
_ANYWHERE = """etc=etcetera vs=versus dept=department inc=incorporated corp=corporation ltd=limited co=company
    bros=brothers ave=avenue blvd=boulevard rd=road hwy=highway apt=apartment st=street dr=drive jr=junior sr=senior
    esq=esquire min=minimum max=maximum avg=average misc=miscellaneous govt=government assn=association
    univ=university cf=compare esp=especially approx=approximately jan=January
    feb=February mar=March apr=April jun=June jul=July aug=August sept=September sep=September oct=October
    nov=November dec=December mon=Monday tue=Tuesday tues=Tuesday wed=Wednesday thu=Thursday thur=Thursday
    thurs=Thursday fri=Friday"""
_NAMES_ONLY = frozenset(
    {"inc", "corp", "ltd", "co", "bros", "ave", "blvd", "rd", "hwy", "apt", "st", "dr", "jr", "sr", "esq"}
)
_TITLES = frozenset({"mr", "mrs", "ms", "messrs", "mme", "mlle", "prof"})  # nothing else: "Mr. and Mrs. Smith"
_MONTHS_AND_DAYS = frozenset(re.findall(r"(\w+)=[JFMASONDTW]", _ANYWHERE))
_STARTERS = """a all also although an and another any are as at because before but by can did do does each even
    every few for from had has have he her here his how however i if in is it its just let many may maybe more most
    my neither never no nobody nor not nothing now of on once one only or other our perhaps please several she
    should since so some such than that the their then there therefore these they this those though through thus to
    today two under until we well what when where whether which while who why will with without yes yet you your"""

LEADING = dict(entry.split("=") for entry in _LEADING.split())
BEFORE_NUMBER = dict(entry.split("=") for entry in _BEFORE_NUMBER.split())
ANYWHERE = dict(entry.split("=") for entry in _ANYWHERE.split())
STARTERS = frozenset(_STARTERS.split())

_ABBREVIATION = re.compile(r"(?<![\w.'])([A-Za-z]{1,6})\.(?=(\s*)(\S*))")
_DOTTED = re.compile(r"(?<![\w.])((?:[A-Za-z]{1,2}\.){2,})(?=(\s*)(\S*))")  # U.S.A., Ph.D., a.m.


def ends_sentence(following: str) -> bool:
    """Whether an abbreviation that can stand at an end stands at one, told by the word after it ("" at the end)."""
    if not following:
        return True
    return following[:1].isupper() and following.strip(".,!?\"'“”‘’)]").split("'")[0].lower() in STARTERS


def stop_is_part(before: str, following: str) -> bool:
    """Whether the stop between *before* (the word it stands after) and *following* belongs to an abbreviation only."""
    if not following:
        return False
    word = before.rsplit(None, 1)[-1].lstrip("\"'“”‘’([") if before.split() else ""
    small = word.lower()
    starts_name, starts_number = following[:1].isupper(), following[:1].isdigit()
    if small in LEADING and word[:1].isupper() and starts_name and not (small in ANYWHERE and ends_sentence(following)):
        return True
    if small in _TITLES or (small in BEFORE_NUMBER and starts_number):
        return True
    if len(word) == 1 and word.isupper() and word != "I" and starts_name:  # an initial: J. Smith
        return not ends_sentence(following)
    if small in ANYWHERE or re.fullmatch(r"(?:[A-Za-z]{1,2}\.)+[A-Za-z]{1,2}", word):
        return not ends_sentence(following) if starts_name else True
    return False


def expand(text: str) -> str:
    """*text* with its abbreviations spelled out; a stop that also ends a sentence stays."""
    text = re.sub(r"(?i)(?<!\w)i\.\s?e\.,?", "that is", text)
    text = re.sub(r"(?i)(?<!\w)e\.\s?g\.,?", "for example", text)
    text = _DOTTED.sub(_dotted, text)
    return _ABBREVIATION.sub(_word, text)


def _dotted(match: re.Match[str]) -> str:
    letters = " ".join(match[1].replace(".", "").upper())
    return letters + ("." if ends_sentence(match[3]) else "")


def _word(match: re.Match[str]) -> str:
    word, small, following = match[1], match[1].lower(), match[3]
    if small in BEFORE_NUMBER and following[:1].isdigit():
        return BEFORE_NUMBER[small]
    if small in _TITLES:
        return LEADING[small]
    before_name = word[0].isupper() and following[:1].isupper() and bool(match[2])
    if small in LEADING and before_name and (small not in ANYWHERE or not ends_sentence(following)):
        return LEADING[small]
    if len(word) == 1 and word.isupper() and word != "I" and following[:1].isupper() and not ends_sentence(following):
        return word
    if small not in ANYWHERE or (small in _NAMES_ONLY | _MONTHS_AND_DAYS and not word[0].isupper()):
        return match[0]
    return ANYWHERE[small] + ("." if ends_sentence(following) else "")

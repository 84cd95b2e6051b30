"""Forecast: what in a voice will break, why, roughly when, and what already replaces it.

Knows facts and rules, and neither where they come from nor how they are shown. The rules are data, so what is foreseen
is what was known on the day of their newest source; the day that is looked from is an argument.

    forecast(Path("anna.voice"), identities, rules=read_rules(), at=date(2026, 11, 28))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from archive.age.envelope import Identity
from archive.bundle import open_bundle
from archive.errors import NoMatchingKeyError
from archive.outside import look
from core_model.voice import Voice
from lifecycle.forecast_facts import Fact, bundle_facts, contents_of_directory, inside_facts, outside_facts
from lifecycle.forecast_rules import ANY, SEVERITIES, Due, Fields, Rule, Rules, Source, distribution, fill
from lifecycle.printable import printable

_LONGEST = 120  # of a stranger's text within a sentence


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says of a voice: one sentence, and every place that it is true of. Texts are printable."""

    rule: str
    severity: str
    first: date  # when it breaks, roughly: the earliest day
    due: str  # the same in words: "now", "2030-10", "2030..2035"
    says: str
    why: str
    instead: str
    where: tuple[str, ...]
    sources: tuple[Source, ...]

    def __str__(self) -> str:
        return f"{self.due}: {self.says}. {self.instead}"


@dataclass(frozen=True, slots=True)
class Forecast:
    """All findings, the soonest and gravest first."""

    named: str
    at: date
    rules_seen: date
    looked_inside: bool
    findings: tuple[Finding, ...]
    unknown_packages: tuple[
        str, ...
    ]  # of which the rules know no wheels, neither that there are nor that there are not

    def before(self, day: date) -> tuple[Finding, ...]:
        """What breaks before *day*."""
        return tuple(finding for finding in self.findings if finding.first < day)


def forecast(bundle: Path, identities: Sequence[Identity], *, rules: Rules, at: date) -> Forecast:
    """Look at the bundle at *bundle*, inside too where a key opens it or it is public.

    FormatError, UnsupportedVersionError, DamagedError, ShelfError, OSError; NoMatchingKeyError where keys were given
    and none fits.
    """
    with look(bundle) as outside:
        facts = outside_facts(outside, bundle)
    try:
        with open_bundle(bundle, identities) as opened:
            facts += bundle_facts(opened)
    except NoMatchingKeyError:
        if identities:
            raise
    return _forecast(str(bundle), facts, rules, at)


def forecast_of_voice(directory: Path, *, rules: Rules, at: date) -> Forecast:
    """Look at a voice on this machine. VoiceError, OSError."""
    preview = Voice.open(directory).description.preview
    contents = contents_of_directory(directory)
    facts = inside_facts(contents, bundled=False, encrypted=False, preview=preview)
    return _forecast(directory.name, facts, rules, at)


def _forecast(named: str, facts: Sequence[Fact], rules: Rules, at: date) -> Forecast:
    unknown = [fact.where for fact in facts if fact.kind == "package" and _newest_python(fact, rules) is None]
    inside = any(fact.kind in ("voice", "delta") for fact in facts)
    return Forecast(named, at, rules.seen, inside, foresee(facts, rules, at), tuple(map(_shown, unknown)))


def foresee(facts: Sequence[Fact], rules: Rules, at: date) -> tuple[Finding, ...]:
    """What *rules* say of *facts* on the day *at*; facts of which a rule says the same are one finding."""
    known = [replace(fact, fields=_with_wheels(fact, rules)) for fact in facts]
    found: dict[tuple[str, str, str], Finding] = {}
    places: dict[tuple[str, str, str], dict[str, None]] = {}  # a set that keeps its order
    for rule in rules.rules:
        for fact in known:
            if fact.kind == rule.fact and rule.fires(fact.fields) and (moment := _moment(rule.due, fact.fields, at)):
                finding = _finding(rule, fact, *moment)
                same = (finding.rule, finding.says, finding.due)
                found.setdefault(same, finding)
                places.setdefault(same, {}).update(dict.fromkeys(finding.where))
    whole = [replace(finding, where=tuple(places[same])) for same, finding in found.items()]
    return tuple(sorted(whole, key=lambda finding: (finding.first, SEVERITIES.index(finding.severity), finding.rule)))


def _finding(rule: Rule, fact: Fact, first: date, due: str) -> Finding:
    told = {field: "?" if value is None else _shown(value) for field, value in fact.fields.items()}
    says, why, instead = (fill(text, told) for text in (rule.says, rule.why, rule.instead))
    where = (_shown(fact.where),) if fact.where else ()
    return Finding(rule.id, rule.severity, first, due, says, why, instead, where, rule.sources)


def _moment(due: Due, fields: Fields, at: date) -> tuple[date, str] | None:
    """(earliest day, in words); what is past is now. None where the fact does not tell."""
    first, told = due.first, due.told
    if due.after:
        begin = fields.get(due.after)
        if not isinstance(begin, date):
            return None
        leap = due.years and (begin.month, begin.day) == (2, 29)
        first = begin.replace(year=min(begin.year + due.years, 9999), day=28 if leap else begin.day)
        told = f"{first:%Y-%m}"
    return (at, "now") if first is None or first <= at else (first, told)


def _with_wheels(fact: Fact, rules: Rules) -> Fields:
    """The fields of *fact*, and what the rules know of its package and of its Python."""
    newest = _newest_python(fact, rules)
    fields = fact.fields if newest in (None, ANY) else {**fact.fields, "newest_python": newest}
    python = str(fields.get("version" if fact.kind == "python" else "newest_python"))
    return {**fields, "python_ends": rules.pythons[python]} if python in rules.pythons else fields


def _newest_python(fact: Fact, rules: Rules) -> str | None:
    """The newest Python that this version of a package has wheels for; "any"; None: not known."""
    if fact.kind not in ("package", "front_end"):
        return None
    version = str(fact.fields["version"]).partition("+")[0]
    return rules.wheels.get((distribution(str(fact.fields["name"])), version))


def _shown(value: object) -> str:
    """One line of at most so many letters, none of which moves a terminal's cursor."""
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return printable(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")

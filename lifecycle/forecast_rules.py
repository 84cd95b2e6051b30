"""The rules of the forecast, read from data: which fact of a voice means that something will break, when, and why.

Knows the form of a rule and the words it may use; knows no voice. What time breaks is written in
containers/forecast.toml, each rule with its source and the day it was seen; a rule that uses a word that is not listed
here is refused, so nothing in that file can compute.

    [[rule]]
    id = "…"   fact = one of FACTS   if = {field = {operator = value}}, all of which must hold
    due = "now", a year, a month, a day, FROM..TO, or {after = a field that is a date, years = 10}
    severity = one of SEVERITIES   says, why, instead = texts; {field} stands for the fact's own
    source = [{title, where, seen}]
    [wheels]    package = {version = newest Python that it has wheels for, or "any"}: for the field `newest_python`
    [pythons]   version = day of its end of life: for the field `python_ends`
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources

from lifecycle.errors import ForecastRulesError

Value = str | int | bool | date | tuple[str, ...]
Fields = Mapping[str, Value | None]

TEXT, NUMBER, VERSION, LIST, FLAG, DATE = "text", "number", "version", "list", "flag", "date"
FACTS: Mapping[str, Mapping[str, str]] = {
    "voice": {"bundled": FLAG, "encrypted": FLAG, "preview": FLAG, "environment": FLAG, "formats": LIST},
    "recipients": {"kinds": LIST, "number": NUMBER},
    "signatures": {"kinds": LIST, "number": NUMBER},
    "recovery": {"number": NUMBER},
    "custody": {"written": DATE},
    "delta": {"base": TEXT},
    "copies": {"recorded": FLAG, "number": NUMBER, "places": NUMBER},
    "onnx": {"path": TEXT, "ir_version": NUMBER, "opset": NUMBER},
    "torchscript": {"path": TEXT},
    "package": {"name": TEXT, "version": VERSION, "newest_python": VERSION, "python_ends": DATE},
    "front_end": {
        "name": TEXT,
        "version": VERSION,
        "installed": FLAG,
        "here": VERSION,
        "newest_python": VERSION,
        "python_ends": DATE,
    },
    "python": {"version": VERSION, "python_ends": DATE},
    "cuda": {"version": VERSION},
    "url": {"url": TEXT, "path": TEXT},
}
ANY = "any"
SEVERITIES = ("high", "medium", "low")
_SCHEMA = 1
_RULE = {"id", "fact", "if", "due", "severity", "says", "why", "instead", "source"}
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_MOMENT = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?")
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


def _version(text: object) -> tuple[int, ...]:
    """The numbers at the front of a version; what follows them (a build, a pre-release) does not count."""
    found = _NUMBERS.match(str(text))
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _same(found: object, named: object) -> bool:
    return found == named


_TESTS: Mapping[str, Mapping[str, Callable[..., bool]]] = {  # by the type of the field: operator: test
    TEXT: {"is": _same, "is_not": lambda found, named: found != named},
    FLAG: {"is": _same},
    NUMBER: {
        "is": _same,
        "below": lambda found, named: found < named,
        "above": lambda found, named: found > named,
    },
    VERSION: {
        "is": lambda found, named: _version(found)[: len(_version(named))] == _version(named),
        "is_not": lambda found, named: found != named,
        "below": lambda found, named: _version(found) < _version(named),
        "above": lambda found, named: _version(found)[: len(_version(named))] > _version(named),
    },
    LIST: {"has": lambda found, named: named in found, "lacks": lambda found, named: named not in found},
    DATE: {},
}
_NAMED: Mapping[str, type] = {TEXT: str, FLAG: bool, NUMBER: int, VERSION: str, LIST: str}


@dataclass(frozen=True, slots=True)
class Source:
    """Where it is said, and when that was seen."""

    title: str
    where: str
    seen: date


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of one field. A field of which nothing is known fulfils none."""

    field: str
    operator: str
    named: str | int | bool
    of_type: str

    def holds(self, fields: Fields) -> bool:
        """Whether it does, of a fact with these fields. *named* may be another field's name, written {field}."""
        found, named = fields.get(self.field), self._named(fields)
        if found is None or named is None:
            return False
        return _TESTS[self.of_type][self.operator](found, named)

    def _named(self, fields: Fields) -> Value | None:
        other = _PLACEHOLDER.fullmatch(self.named) if isinstance(self.named, str) else None
        return fields.get(other[1]) if other else self.named


@dataclass(frozen=True, slots=True)
class Due:
    """When it breaks, roughly: between two days; or so many years after a day that the fact tells."""

    first: date | None = None  # None: now, or by the fact
    last: date | None = None
    told: str = "now"
    after: str = ""
    years: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows from one kind of fact."""

    id: str
    fact: str
    conditions: tuple[Condition, ...]
    due: Due
    severity: str
    says: str
    why: str
    instead: str
    sources: tuple[Source, ...]

    def fires(self, fields: Fields) -> bool:
        """Whether every condition holds."""
        return all(condition.holds(fields) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Rules:
    """All of them, and what is known of packages and of Pythons."""

    rules: tuple[Rule, ...]
    wheels: Mapping[
        tuple[str, str], str
    ]  # (package, version): newest Python, or "any" where the package is pure Python
    pythons: Mapping[str, date]  # the end of their lives
    sources: tuple[Source, ...]  # of these two tables

    @property
    def seen(self) -> date:
        """The day of the newest source: what happened after it is not known here."""
        return max(source.seen for rule in self.rules for source in (*rule.sources, *self.sources))


def read_rules(text: str | None = None) -> Rules:
    """Read the rules in *text*, else those that came with this toolkit. ForecastRulesError names what is wrong."""
    if text is None:
        text = resources.files("containers").joinpath("forecast.toml").read_text(encoding="utf-8")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ForecastRulesError("", f"are no TOML: {error}") from None
    if document.get("schema") != _SCHEMA:
        raise ForecastRulesError("", f"are of schema {document.get('schema')!r}; this toolkit reads {_SCHEMA}")
    _require_known(document, {"schema", "rule", "wheels", "pythons"}, "")
    rules = tuple(_rule(table) for table in _tables(document, "rule", ""))
    names = [rule.id for rule in rules]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice or not rules:
        raise ForecastRulesError(twice or "", "stands there twice" if twice else "hold no [[rule]]")
    wheels, pythons = _table(document, "wheels"), _table(document, "pythons")
    sources = tuple(_source(_table(table, "source"), "pythons and wheels") for table in (wheels, pythons) if table)
    return Rules(rules, _wheels(wheels), _pythons(pythons), sources)


def distribution(name: str) -> str:
    """A package's name in the one spelling that indexes compare (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def placeholders(text: str) -> list[str]:
    """The fields that a text stands open for."""
    return _PLACEHOLDER.findall(text)


def fill(text: str, told: Mapping[str, str]) -> str:
    """*text* with each {field} replaced once: what is put in is never looked at again."""
    return _PLACEHOLDER.sub(lambda found: told[found[1]], text)


def _wheels(table: Mapping[str, object]) -> dict[tuple[str, str], str]:
    found = {}
    for package in table.keys() - {"source"}:
        for version, newest in _table(table, package).items():
            if not isinstance(newest, str) or not (newest == ANY or _NUMBERS.fullmatch(newest)):
                raise ForecastRulesError("wheels", f"says {newest!r} of {package} {version}: a Python, or any")
            found[distribution(package), version] = newest
    return found


def _pythons(table: Mapping[str, object]) -> dict[str, date]:
    return {version: _day(table, version, "pythons") for version in table.keys() - {"source"}}


def _rule(table: Mapping[str, object]) -> Rule:
    name = _text(table, "id", "a rule")
    _require_known(table, _RULE, name)
    fact = _text(table, "fact", name)
    if fact not in FACTS:
        raise ForecastRulesError(name, f"speaks of the fact {fact!r}; known are {', '.join(FACTS)}")
    severity = _text(table, "severity", name)
    if severity not in SEVERITIES:
        raise ForecastRulesError(name, f"has the severity {severity!r}; known are {', '.join(SEVERITIES)}")
    texts = {part: _text(table, part, name) for part in ("says", "why", "instead")}
    for part, text in texts.items():
        unknown = [field for field in placeholders(text) if field not in FACTS[fact]]
        if unknown or "{" in _PLACEHOLDER.sub("", text):
            brace = unknown[0] if unknown else text
            raise ForecastRulesError(name, f"has {brace!r} in {part!r}; {fact!r} has {', '.join(FACTS[fact])}")
    sources = tuple(_source(source, name) for source in _tables(table, "source", name))
    if not sources:
        raise ForecastRulesError(name, "names no source")
    conditions = tuple(_conditions(table.get("if", {}), fact, name))
    return Rule(name, fact, conditions, _due(table.get("due"), fact, name), severity, **texts, sources=sources)


def _conditions(table: object, fact: str, rule: str) -> list[Condition]:
    if not isinstance(table, dict):
        raise ForecastRulesError(rule, "has an 'if' that is no table")
    found = []
    for field, tests in table.items():
        of_type = FACTS[fact].get(field)
        if of_type is None:
            raise ForecastRulesError(rule, f"asks for {field!r}; {fact!r} has {', '.join(FACTS[fact])}")
        for operator, named in (tests if isinstance(tests, dict) else {"": tests}).items():
            if operator not in _TESTS[of_type]:
                raise ForecastRulesError(rule, f"compares {field!r} by {operator!r}; known are {[*_TESTS[of_type]]}")
            if not isinstance(named, (str, int)) or type(named) is not _NAMED[of_type]:
                raise ForecastRulesError(rule, f"compares {field!r}, a {of_type}, with {named!r}")
            other = _PLACEHOLDER.fullmatch(named) if isinstance(named, str) else None
            if other and FACTS[fact].get(other[1]) != of_type:
                raise ForecastRulesError(rule, f"compares {field!r} with {named}, which is no {of_type} of {fact!r}")
            found.append(Condition(field, operator, named, of_type))
    return found


def _due(value: object, fact: str, rule: str) -> Due:
    if value == "now":
        return Due()
    if isinstance(value, dict) and value.keys() == {"after", "years"}:
        after, years = value["after"], value["years"]
        if FACTS[fact].get(after) == DATE and type(years) is int and years >= 0:
            return Due(told=f"{years} years after {after}", after=after, years=years)
    elif isinstance(value, str):
        first, _, last = value.partition("..")
        try:
            return Due(_begin(first), _begin(last or first), value)
        except ValueError:
            pass
    raise ForecastRulesError(rule, f"is due {value!r}: say now, 2030, 2030-05, 2030-05-31, 2030..2035 or after a field")


def _begin(text: str) -> date:
    """The first day of a year, of a month, or a day. ValueError."""
    found = _MOMENT.fullmatch(text)
    if not found:
        raise ValueError(text)
    return date(int(found[1]), int(found[2] or 1), int(found[3] or 1))


def _source(table: Mapping[str, object], rule: str) -> Source:
    _require_known(table, {"title", "where", "seen"}, rule)
    return Source(_text(table, "title", rule), _text(table, "where", rule), _day(table, "seen", rule))


def _tables(document: Mapping[str, object], name: str, rule: str) -> list[Mapping[str, object]]:
    tables = document.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ForecastRulesError(rule, f"have {name!r} that is no list of tables")
    return tables


def _table(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise ForecastRulesError("", f"have {name!r} that is no table")
    return table


def _text(table: Mapping[str, object], name: str, rule: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ForecastRulesError(rule, f"has no text {name!r}")
    return value


def _day(table: Mapping[str, object], name: str, rule: str) -> date:
    value = table.get(name)
    if type(value) is not date:
        raise ForecastRulesError(rule, f"has no day {name!r}")
    return value


def _require_known(table: Mapping[str, object], known: set[str], rule: str) -> None:
    unknown = sorted(table.keys() - known)
    if unknown:
        raise ForecastRulesError(rule, f"holds {unknown[0]!r}; known are {', '.join(sorted(known))}")

"""The forecast's rules: those that came with the toolkit are whole; a file that breaks the form is a sentence."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.cli.refusals import refusal_of
from lifecycle.errors import ForecastRulesError
from lifecycle.forecast_rules import ANY, FACTS, Condition, fill, placeholders, read_rules

ROOT = Path(__file__).resolve().parents[2]
RULE = """
schema = 1
[[rule]]
id = "old-graph"
fact = "onnx"
if = { opset = { below = 7 } }
due = "2030-05"
severity = "low"
says = "{path} is of opset {opset}"
why = "because"
instead = "archive it anew"
source = [{ title = "a table", where = "https://example.org/", seen = 2026-11-28 }]
"""


def test_every_rule_that_came_with_the_toolkit_has_a_source_and_a_date() -> None:
    rules = read_rules()
    assert len(rules.rules) > 20
    for rule in rules.rules:
        assert rule.sources
        for source in rule.sources:
            assert source.title and source.where and date(2026, 1, 1) < source.seen <= rules.seen
    assert {rule.fact for rule in rules.rules} == FACTS.keys()  # none that is gathered for nothing
    assert all(source.seen for source in rules.sources) and len(rules.sources) == 2


def test_what_is_known_of_wheels_is_a_python_that_is_known_too() -> None:
    rules = read_rules()
    assert set(rules.wheels.values()) - {ANY} <= rules.pythons.keys()
    assert rules.wheels["torch", "2.13.0"] == "3.14"
    assert rules.wheels["click", "8.5.1"] == ANY


@pytest.mark.parametrize("profile", ["player", "torch", "cuda"])
def test_what_computes_in_our_environments_is_known(profile: str) -> None:
    """Whoever upgrades a lock looks up which Pythons the new version has wheels for: containers/forecast.toml."""
    lock = (ROOT / "containers" / profile / "requirements.lock").read_text()
    pinned = re.findall(r"^(numpy|onnxruntime|torch)==([^ ;\\\n+]+)", lock, re.MULTILINE)
    assert pinned and set(pinned) <= read_rules().wheels.keys()


def test_a_rule_is_read_as_it_stands() -> None:
    (rule,) = read_rules(RULE).rules
    assert (rule.id, rule.due.first, rule.due.told) == ("old-graph", date(2030, 5, 1), "2030-05")
    assert rule.conditions == (Condition("opset", "below", 7, "number"),)
    assert rule.sources[0].seen == date(2026, 11, 28)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("schema = 1", "schema = 2", "schema 2"),
        ("schema = 1", "schema = [", "no TOML"),
        ("schema = 1", "schema = 1\nrules = 3", "'rules'"),
        ('fact = "onnx"', 'fact = "weather"', "'weather'"),
        ("{ opset =", "{ opsets =", "'opsets'"),
        ("{ below = 7 }", "{ matches = 7 }", "'matches'"),
        ("{ below = 7 }", '{ below = "7" }', "a number, with '7'"),
        ("{ below = 7 }", "{ below = true }", "a number, with True"),
        ("{ below = 7 }", "7", "by ''"),
        ("if = { opset = { below = 7 } }", "if = 7", "no table"),
        ("if = { opset = { below = 7 } }", 'if = { path = { is = "{opset}" } }', "no text"),
        ('due = "2030-05"', 'due = "soon"', "'soon'"),
        ('due = "2030-05"', 'due = "2030-13"', "'2030-13'"),
        ('due = "2030-05"', 'due = { after = "opset", years = 1 }', "say now"),
        ('due = "2030-05"', "", "is due None"),
        ('severity = "low"', 'severity = "dire"', "'dire'"),
        ('why = "because"', "", "no text 'why'"),
        ('why = "because"', 'why = "{name}"', "'name'"),
        ('why = "because"', 'why = "{path.__class__}"', "__class__"),
        ('why = "because"', 'why = "{path!r}"', "{path!r}"),
        ('why = "because"', 'why = "because"\nmore = 1', "'more'"),
        ("seen = 2026-11-28", 'seen = "today"', "no day 'seen'"),
        (", seen = 2026-11-28", "", "no day 'seen'"),
        ('where = "https://example.org/", ', "", "no text 'where'"),
        ('source = [{ title = "a table", where = "https://example.org/", seen = 2026-11-28 }]', "", "no source"),
        ("[[rule]]", "[rule]", "no list of tables"),
    ],
)
def test_a_file_that_breaks_the_form_is_a_sentence(old: str, new: str, told: str) -> None:
    assert old in RULE
    with pytest.raises(ForecastRulesError, match=r"^the forecast's rules? ") as refused:
        read_rules(RULE.replace(old, new))
    assert told in str(refused.value)
    assert "docs/forecast.md" in refusal_of(refused.value).hint


def test_no_rule_stands_there_twice_and_none_is_no_file() -> None:
    with pytest.raises(ForecastRulesError, match="twice"):
        read_rules(RULE + RULE.replace("schema = 1", ""))
    with pytest.raises(ForecastRulesError, match=r"no \[\[rule\]\]"):
        read_rules("schema = 1")


@pytest.mark.parametrize(
    "table",
    [
        "wheels = 3",
        '[wheels]\nnumpy = "3.14"',
        '[wheels]\nnumpy = {"2.0" = "new"}',
        '[wheels]\nnumpy = {"2.0" = "3.14"}',
    ]
    + ['[pythons]\n"3.14" = "2030"', '[pythons]\n"3.14" = 2030-10-31'],
)
def test_tables_of_packages_and_pythons_are_held_to_their_form(table: str) -> None:
    with pytest.raises(ForecastRulesError):
        read_rules(f"{RULE}\n{table}" if table.startswith("[") else f"{table}\n{RULE}")


HOLDS: list[tuple[str, str, Any, Any, bool]] = [
    ("number", "below", 6, 7, True),
    ("number", "below", 7, 7, False),
    ("number", "above", 8, 7, True),
    ("number", "above", 7, 7, False),
    ("number", "is", 7, 7, True),
    ("version", "below", "2.9.1", "2.10", True),
    ("version", "below", "2.10.0", "2.10", False),
    ("version", "above", "2.10.1", "2.10", False),
    ("version", "above", "2.11", "2.10", True),
    ("version", "is", "12.6.77", "12.6", True),
    ("version", "is", "12.60", "12.6", False),
    ("version", "is_not", "1.0", "1.0", False),
    ("version", "is_not", "1.0.1", "1.0", True),
    ("list", "has", ("a", "b"), "a", True),
    ("list", "has", ("ab",), "a", False),
    ("list", "lacks", ("a", "b"), "a", False),
    ("list", "lacks", (), "a", True),
    ("text", "is", "a", "a", True),
    ("text", "is_not", "a", "a", False),
    ("flag", "is", False, False, True),
    ("flag", "is", True, False, False),
]


@pytest.mark.parametrize(("of_type", "operator", "found", "named", "holds"), HOLDS)
def test_comparisons(of_type: str, operator: str, found: Any, named: Any, holds: bool) -> None:
    condition = Condition("field", operator, named, of_type)
    assert condition.holds({"field": found}) is holds
    assert condition.holds({}) is False  # of what is not known nothing follows
    assert condition.holds({"field": None}) is False


@given(st.text(alphabet="{}pathose ", max_size=20))
def test_what_is_put_in_is_never_looked_at_again(value: str) -> None:
    assert fill("<{path}>", {"path": value, "opset": "7"}) == f"<{value}>"
    assert placeholders("{path} and {opset}") == ["path", "opset"]

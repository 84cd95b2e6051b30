"""docs/forecast.md lists every rule of the forecast, and what it says is what containers/forecast.toml says.

`make docs` writes the list again.
"""

from __future__ import annotations

import re
from pathlib import Path

from lifecycle.forecast_rules import Condition, Rule, Source, read_rules

PAGE = Path(__file__).resolve().parent.parent / "docs" / "forecast.md"
BLOCK = re.compile(r"(?<=<!-- rules -->\n).*?(?=<!-- /rules -->)", re.DOTALL)


def rules_block() -> str:
    """Every rule as a paragraph, in the order of the file."""
    return "".join(_told(rule) for rule in read_rules().rules)


def _told(rule: Rule) -> str:
    conditions = " and ".join(_condition(condition) for condition in rule.conditions)
    fires = f"`{rule.fact}`" + (f", {conditions}" if conditions else "")
    return (
        f"### {rule.id}\n\nOf {fires}; due {rule.due.told}, {rule.severity}.\n\n"
        f"> {rule.says}. {rule.why}\n\nInstead: {rule.instead}\n\n"
        + "".join(f"* {_source(source)}\n" for source in rule.sources)
        + "\n"
    )


def _condition(condition: Condition) -> str:
    named = condition.named
    shown = str(named).lower() if isinstance(named, bool) else f"`{named}`" if isinstance(named, str) else named
    return f"{condition.field} {condition.operator.replace('_', ' ')} {shown}"


def _source(source: Source) -> str:
    return f"{source.title}: {source.where} (seen {source.seen})"


def test_the_page_lists_every_rule_as_it_is() -> None:
    block = BLOCK.search(PAGE.read_text())
    assert block
    assert block.group() == rules_block(), "run `make docs`"


def write_rules() -> None:
    """Write the list of rules into the page."""
    PAGE.write_text(BLOCK.sub(lambda _: rules_block(), PAGE.read_text()))

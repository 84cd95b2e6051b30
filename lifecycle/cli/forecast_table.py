"""What `lifecycle forecast` shows: a paragraph for each finding, the soonest first, and facts for --json.

Knows a forecast and no verb.
"""

from __future__ import annotations

import textwrap

from lifecycle.cli.console import count
from lifecycle.forecasting import Finding, Forecast

_WIDTH = 100
_DUE = 12
_PLACES = 4  # that are named; the others are counted


def lines_of(foretold: Forecast) -> list[str]:
    """Return the table as lines of text."""
    lines = [f"{foretold.named}, seen from {foretold.at}, by what was known on {foretold.rules_seen}"]
    for finding in foretold.findings:
        lines += ["", *_paragraph(finding)]
    lines.append("")
    if not foretold.looked_inside:
        lines.append("What is inside was not looked at: that takes a key.")
    if foretold.unknown_packages:
        lines.append(f"Of these packages nothing is known: {_places(foretold.unknown_packages)}.")
    now = sum(finding.due == "now" for finding in foretold.findings)
    lines.append(f"{count(len(foretold.findings), 'finding')}, {now} of them today.")
    return lines


def facts_of(foretold: Forecast) -> dict[str, object]:
    """Return the same for --json."""
    return {
        "named": foretold.named,
        "at": foretold.at,
        "rules_seen": foretold.rules_seen,
        "looked_inside": foretold.looked_inside,
        "findings": [_facts_of(finding) for finding in foretold.findings],
        "unknown_packages": foretold.unknown_packages,
    }


def _facts_of(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "first": finding.first,
        "due": finding.due,
        "says": finding.says,
        "why": finding.why,
        "instead": finding.instead,
        "where": finding.where,
        "sources": [{"title": s.title, "where": s.where, "seen": s.seen} for s in finding.sources],
    }


def _paragraph(finding: Finding) -> list[str]:
    lines = _wrapped(f"{finding.due:<{_DUE}}{finding.severity:<8}", f"{finding.says}.")
    for heading, text in (("where", _places(finding.where)), ("why", finding.why), ("instead", finding.instead)):
        if text:
            lines += _wrapped(f"{'':<{_DUE}}{heading:<8}", text)
    source, more = finding.sources[0], len(finding.sources) - 1
    told = f"{source.title} ({source.where}, seen {source.seen})" + (f" and {more} more" if more else "")
    lines += _wrapped(f"{'':<{_DUE}}{'source':<8}", told)
    return lines


def _wrapped(begin: str, text: str) -> list[str]:
    rest = " " * len(begin)
    return textwrap.wrap(
        text, _WIDTH, initial_indent=begin, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def _places(places: tuple[str, ...]) -> str:
    shown = ", ".join(places[:_PLACES])
    return shown + (f" and {len(places) - _PLACES} more" if len(places) > _PLACES else "")

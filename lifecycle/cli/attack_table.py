"""What came of attacks, as a table on a terminal: no column is so wide that it would break a figure."""

from __future__ import annotations

from lifecycle.attack_findings import LEVEL, NAMES, Attacked, Finding, percent
from lifecycle.cli.console import Console


def show(console: Console, found: Attacked) -> None:
    """Every attack, what it reached, and what that means; the headline comes last, where it is seen."""
    for finding in found.findings:
        console.show(f"{finding.attack}, {finding.attacker}: {_verdict(finding)}")
        console.show(*(f"    {NAMES[figure.name]:<26} {percent(figure)}" for figure in finding.figures))
        console.show(f"    {finding.meaning or 'Why not: ' + finding.why_not + '.'}")
    console.show("", *found.remarks, f"In brackets: intervals of {LEVEL:.0%}, by bootstrap.", "", found.headline)


def _verdict(finding: Finding) -> str:
    if not finding.tested:
        return "not tested"
    if finding.control:
        return "control"
    return {True: "BETTER THAN A GUESS", False: "no better than a guess", None: "cannot be told"}[finding.leak]

"""`lifecycle check`: everything that can be found wrong with a bundle without its key."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, count


@click.command(cls=Verb)
@click.argument("bundle", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def command(console: Console, bundle: Path) -> None:
    """List all damage to BUNDLE that can be found without its key, and whether `lifecycle repair` can mend it.

    Ends with 1 if there is any. What takes the key to see is named as not checked: `lifecycle verify` looks at that.
    """
    from dataclasses import asdict

    from archive.bundle import check

    report = check(bundle)
    facts = {**asdict(report), "whole": report.whole, "repairable": report.repairable}
    damage = [f"damaged      {item}" for item in report.damage]
    seen = [f"checked      {what}" for what in report.checked] + [f"not checked  {what}" for what in report.not_checked]
    verdict = "No damage found." if report.whole else f"{count(len(damage), 'damaged place').capitalize()}."
    damage += [f"range        {place}" for place in report.ranges]
    if report.outlook:
        facts["missing_blocks"] = report.outlook.missing_blocks
        hope = "`lifecycle repair` can mend it" if report.repairable else "it cannot be repaired"
        verdict += f" {str(report.outlook).capitalize()}: {hope}."
    elif not report.whole:
        verdict += " No recovery data is left in it: it cannot be repaired."
    console.answer(facts, *damage, *seen, verdict, yes=report.whole)

"""`lifecycle scrub`: look after a shelf of bundles."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, count


@click.command(cls=Verb)
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--accept", is_flag=True, help="Take new digests and missing bundles as they are from now on.")
@click.pass_obj
def command(console: Console, directory: Path, accept: bool) -> None:
    """Look at every bundle below DIRECTORY: is it there, the same to the byte, and undamaged?

    Findings are appended to DIRECTORY/fixity.jsonl; an interrupted run goes on where it stopped. Ends with 1 on any
    change: a bundle that is missing, damaged or another than before. DIRECTORY/shelf.toml records where copies are.
    """
    from dataclasses import asdict

    from lifecycle.scrubbing import scrub
    from lifecycle.shelf import LOG

    with console.progress(f"Scrubbing {directory}", plain_every_s=30) as tell:
        done = scrub(directory, accept=accept, tell=tell)
    lines = []
    for finding in done.findings:
        if finding.state != "unchanged":
            lines.append(f"{finding.state:11} {finding.path}")
            lines += [f"            {detail}" for detail in finding.details]
    for warning in done.copies.warnings():
        console.remark(f"Warning: {warning}.")
    if done.unreadable_lines:
        console.remark(f"Warning: {count(done.unreadable_lines, 'line')} of {LOG} cannot be read.")
    verdict = (
        f"{count(len(done.findings), 'bundle')}, {count(len(done.changes), 'change')}; written to {directory / LOG}."
    )
    facts = {
        "run": done.run,
        "resumed": done.resumed,
        "bundles": [asdict(finding) for finding in done.findings],
        "changes": len(done.changes),
        "copies": done.copies.places,
        "warnings": done.copies.warnings(),
        "unreadable_lines": done.unreadable_lines,
    }
    console.answer(facts, *lines, verdict, yes=not done.changes)

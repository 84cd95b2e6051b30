"""`lifecycle doctor`: what a file is, whether it is safe, what is wrong with it, and what to do next."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb


@click.command(cls=Verb)
@click.argument("files", metavar="FILE...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--explain", "message", metavar="MESSAGE", help="Say what an error message of another tool means.")
@click.pass_obj
def command(console: Console, files: tuple[Path, ...], message: str | None) -> None:
    """Say what each FILE is: checkpoints of GPT-SoVITS, other networks, and what is taken for them.

    FILE... may be folders, too. Nothing in them is run. Ends with 1 unless every file is safe and of some use.
    """
    from lifecycle.cli.doctor_table import explanation, lines
    from lifecycle.diagnosing import examine

    if message is not None:
        if files:
            raise click.UsageError("Give FILE... or --explain, not both.")
        from core_model.upstream.messages import explain

        known = explain(message)
        facts = {"message": message, "known": known is not None}
        facts |= {"means": known.sentence, "next": known.remedy} if known else {"means": None, "next": None}
        console.answer(facts, *explanation(known), yes=known is not None)
        return
    if not files:
        raise click.UsageError("Give at least one FILE, or --explain MESSAGE.")
    answers = examine(files)
    facts = answers[0].facts() if len(answers) == 1 else {"files": [answer.facts() for answer in answers]}
    console.answer(facts, *lines(answers), yes=all(answer.diagnosis.passes for answer in answers))

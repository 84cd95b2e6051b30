"""`lifecycle ledger`: what was given away of one person, and what it adds up to."""

from __future__ import annotations

import os

import click

from lifecycle.cli.console import Console, Verb, home_option
from lifecycle.store import Store


@click.command(cls=Verb)
@click.argument("name", required=False)
@click.option("--speaker", metavar="NAME|PSEUDONYM", help="Of whom, where no voice of theirs is here.")
@home_option
@click.pass_obj
def command(console: Console, name: str | None, speaker: str | None, store: Store) -> None:
    """Show every release of the person whose voice NAME is: of all their voices, with sums and what is not protected.

    Every line is checked: that none was removed, moved or edited, and that its epsilon follows from what was done. Ends
    with 1 if one does not hold or could not be recomputed, or if a sum is past the cap.
    """
    if (name is None) == (speaker is None):
        raise click.UsageError("Give NAME or --speaker: one of them.")
    from lifecycle.cli.ledger_table import facts_of, holds, lines_of
    from lifecycle.ledgers import pseudonym_of, read_ledger, subject_of

    subject = pseudonym_of(store, speaker, os.urandom) if speaker else subject_of(store, name or "")
    if subject is None:
        told = f"Whose voice {name} is, nothing here tells, so it has no ledger; --speaker shows that of a person."
        return console.answer({"voice": name, "subject": None, "entries": [], "sums": []}, told)
    ledger = read_ledger(store, subject)
    return console.answer(facts_of(name, subject, ledger), *lines_of(subject, ledger), yes=holds(ledger))

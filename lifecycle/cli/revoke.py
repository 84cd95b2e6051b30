"""`lifecycle revoke`: takes back what was agreed to about a voice."""

from __future__ import annotations

import os

import click

from lifecycle.cli.console import Console, Verb, home_option
from lifecycle.store import Store


@click.command(cls=Verb)
@click.argument("name")
@home_option
@click.pass_obj
def command(console: Console, name: str, store: Store) -> None:
    """Take back all that was agreed to about the voice NAME: a signed line, after which it is not archived any more.

    Bundles that were given away know nothing of it: tell their owners, and give them the line.
    """
    from datetime import UTC, datetime

    from lifecycle.cli.consent_table import facts_of, lines_of
    from lifecycle.consenting import read_statements, take_back

    take_back(store, name, os.urandom, datetime.now(UTC))
    console.remark("Bundles that were written before know nothing of it.")
    said = read_statements(store.path(name))
    console.answer(facts_of(name, said), *lines_of(name, said))

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

    So it is for every voice of this machine that carries the same consent: released of NAME, or learnt from the same
    recordings. What was recorded before a training is taken back likewise.

    Bundles that were given away know nothing of it: tell their owners, and give them the line.
    """
    from datetime import UTC, datetime

    from lifecycle.cli.consent_table import facts_of, lines_of
    from lifecycle.consent_to_train import record_path, take_back_before
    from lifecycle.consenting import read_record, read_statements, take_back

    now = datetime.now(UTC)
    if name not in store.names() and record_path(store, name).is_file():
        take_back_before(store, name, os.urandom, now)
        said = read_record(record_path(store, name))
        console.answer({**facts_of(name, said), "also": []}, *lines_of(name, said))
        return
    also = take_back(store, name, os.urandom, now)
    console.remark("Bundles that were written before know nothing of it.")
    said = read_statements(store.path(name))
    lines = [f"{other} carried the same consent: it is taken back there, too." for other in also]
    console.answer({**facts_of(name, said), "also": also}, *lines_of(name, said), *lines)

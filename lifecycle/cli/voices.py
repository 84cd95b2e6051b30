"""`lifecycle voices`: which voices are on this machine."""

from __future__ import annotations

import click

from lifecycle.cli.console import Console, Verb, home_option
from lifecycle.store import Store


@click.command(cls=Verb)
@home_option
@click.pass_obj
def command(console: Console, store: Store) -> None:
    """List the voices on this machine."""
    names = store.names()
    facts = {"home": store.home, "voices": [{"name": name, "path": store.path(name)} for name in names]}
    console.answer(facts, *(names or [f"No voices in {store.home} yet."]))

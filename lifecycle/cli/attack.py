"""`lifecycle attack`: every cheap way to find the person or a recording behind a voice, tried; and a report of it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, home_option
from lifecycle.store import Store

_DIRECTORY = click.Path(file_okay=False, exists=True, path_type=Path)
_PAGE = click.Path(dir_okay=False, path_type=Path)


@click.command(cls=Verb)
@click.argument("name")
@click.option("--recordings", type=_DIRECTORY, required=True, help="Of the person: those that the voice was made of.")
@click.option("--held-out", type=_DIRECTORY, help="Of the person too, but not learnt from: for membership.")
@click.option("--others", type=_DIRECTORY, help="Of other people, one directory each; else the base's stock speakers.")
@click.option("-o", "page", metavar="HTML", type=_PAGE, help="Write a page with the curves.")
@click.option("--record", "keep", is_flag=True, help="Add the figures to the voice's records, and so to its bundles.")
@home_option
@click.pass_obj
def command(
    console: Console,
    name: str,
    recordings: Path,
    held_out: Path | None,
    others: Path | None,
    page: Path | None,
    keep: bool,
    store: Store,
) -> None:
    """Attack the voice NAME as others would: does it tell who speaks, or which recordings were used?

    Tried are its style and its speech, against recordings of the person and of others; whether a recording was learnt
    from; and seeds that its noise may have come from. What could not be tried is named with the reason.

    Recordings are read and left where they are. That an attack failed is no proof: it failed on these recordings. Ends
    with 0 whatever was found. Needs Resemblyzer (`make judges`); a few minutes.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # before torch: see `train`; beside busy programs six times as fast
    from datetime import UTC, datetime

    from lifecycle.attack_report import require_page, write_page
    from lifecycle.attacking import PROMISING, Material, attack, record
    from lifecycle.cli.attack_table import show
    from lifecycle.speaker_ear import Ear

    store.path(name)
    if page is not None:
        require_page(page)
    with console.progress(f"Attacking {name}", plain_every_s=60) as tell:
        tell(0, 100, "loading the ear")
        found = attack(store, name, Material(recordings, held_out, others), Ear(), now=datetime.now(UTC), tell=tell)
    show(console, found)
    facts = found.document()
    if page is not None:
        write_page(page, found)
        facts["page"] = page
        console.show(f"The page is in {page}.")
    if keep:
        facts["record"] = record(store, found)
        console.show(f"Its figures are in {facts['record']}, and will be in every bundle made from now on.")
        if found.mode in PROMISING:
            console.remark("No epsilon covers these figures: they were computed from the recordings without noise.")
    console.answer(facts)

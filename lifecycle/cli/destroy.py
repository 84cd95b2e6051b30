"""`lifecycle destroy`: overwrites and removes a voice or recordings, and says what that cannot promise."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, count, home_option
from lifecycle.store import Store

_DIRECTORY = click.Path(file_okay=False, exists=True, path_type=Path)


@click.command(cls=Verb)
@click.argument("name")
@click.option("--voice", is_flag=True, help="Destroy the voice NAME on this machine.")
@click.option("--recordings", type=_DIRECTORY, help="Destroy the recordings in it, with the texts beside them.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@home_option
@click.pass_obj
def command(console: Console, name: str, voice: bool, recordings: Path | None, yes: bool, store: Store) -> None:
    """Overwrite and remove the voice NAME, or the recordings that it was made of. There is no way back.

    Says what it cannot promise: disks and file systems keep copies of their own, and bundles are not looked for.
    """
    if voice == (recordings is not None):
        raise click.UsageError("Give --voice or --recordings: one of them.")
    if not yes and (console.as_json or not sys.stdin.isatty()):
        raise click.UsageError("There is no way back: say --yes where nobody can be asked.")
    from dataclasses import asdict
    from datetime import UTC, datetime

    from lifecycle.destroying import NOT_PROMISED, destroy_recordings, destroy_voice, what_is_destroyed

    store.path(name)  # nothing is shown of what would go before it is known whose it is
    told = f"the voice {name}"
    if recordings is not None:
        going, staying = what_is_destroyed(recordings)
        told = f"{count(len(going), 'file')} in {recordings}"
        console.show(*(f"stays  {path.name}" for path in staying))
    console.remark(f"Not promised: {NOT_PROMISED}.")
    if not yes:
        click.confirm(f"Destroy {told}?", abort=True)
    now = datetime.now(UTC)
    if recordings is None:
        done = destroy_voice(store, name, now)
    else:
        done = destroy_recordings(store, name, recordings, now)
    console.answer(asdict(done), f"{count(done.files, 'file')} gone, {done.overwritten} of them overwritten before.")

"""`lifecycle destroy`: overwrites and removes a voice, recordings or keys, and says what that cannot promise."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifecycle.cli.console import Console, Verb, count, home_option
from lifecycle.store import Store

if TYPE_CHECKING:
    from lifecycle.destroying import Destroyed


@click.command(cls=Verb, tells_what_is_past=False)
@click.argument("name", required=False)
@click.option("--voice", is_flag=True, help="Destroy the voice NAME on this machine.")
@click.option(
    "--recordings",
    metavar="[DIR]",
    is_flag=False,
    flag_value="",
    help="Destroy what NAME learnt from, or all recordings in DIR; with the texts beside them.",
)
@click.option("--keys", is_flag=True, help="Destroy the key of an unfinished training of NAME, then what it sealed.")
@click.option("--expired", is_flag=True, help="Destroy the recordings of all voices that are past their day.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@home_option
@click.pass_obj
def command(
    console: Console,
    name: str | None,
    voice: bool,
    recordings: str | None,
    keys: bool,
    expired: bool,
    yes: bool,
    store: Store,
) -> None:
    """Overwrite and remove the voice NAME, what it was made of, or what is past its day. There is no way back.

    `train` writes down which files it read and until when they may be kept: of those only files that are still the
    same to the byte are destroyed; what was changed stays, and is named.

    Says what it cannot promise: disks and file systems keep copies of their own, and bundles are not looked for.
    """
    if (voice, recordings is not None, keys, expired).count(True) != 1:
        raise click.UsageError("Give --voice, --recordings, --keys or --expired: one of them.")
    if (name is None) != expired:
        raise click.UsageError(
            "NAME says whose: --expired alone takes none." if expired else "Missing argument 'NAME'."
        )
    if not yes and (console.as_json or not sys.stdin.isatty()):
        raise click.UsageError("There is no way back: say --yes where nobody can be asked.")
    if name is None:
        _expired(console, store, yes=yes)
    elif voice:
        _voice(console, store, name, yes=yes)
    elif keys:
        _keys(console, store, name, yes=yes)
    elif recordings:
        _recordings_in(console, store, name, Path(recordings), yes=yes)
    else:
        _recordings_of(console, store, name, yes=yes)


def _voice(console: Console, store: Store, name: str, *, yes: bool) -> None:
    from lifecycle.destroying import destroy_voice

    store.path(name)  # before anything is said
    _ask(console, f"the voice {name}", yes=yes)
    _answer(console, destroy_voice(store, name, datetime.now(UTC)))


def _keys(console: Console, store: Store, name: str, *, yes: bool) -> None:
    from lifecycle.destroying import destroy_work, require_unfinished

    require_unfinished(store, name)
    _ask(console, f"the key of the unfinished training of {name}, and what it sealed", yes=yes)
    _answer(console, destroy_work(store, name, datetime.now(UTC)))


def _recordings_in(console: Console, store: Store, name: str, directory: Path, *, yes: bool) -> None:
    from lifecycle.destroying import destroy_recordings, what_is_destroyed

    store.path(name)  # nothing is shown of what would go before it is known whose it is
    going, staying = what_is_destroyed(directory)
    console.show(*(f"stays  {path.name}" for path in staying))
    _ask(console, f"{count(len(going), 'file')} in {directory}", yes=yes)
    _answer(console, destroy_recordings(store, name, directory, datetime.now(UTC)))


def _recordings_of(console: Console, store: Store, name: str, *, yes: bool) -> None:
    from lifecycle.destroying import destroy_known, what_it_learnt_from

    going = what_it_learnt_from(store, name)
    console.show(*(f"stays  {file}: it is not what was read" for file in going.left))
    _ask(console, f"{count(len(going.files), 'file')} that {name} learnt from", yes=yes)
    _answer(console, destroy_known(store, going, datetime.now(UTC)))


def _expired(console: Console, store: Store, *, yes: bool) -> None:
    from dataclasses import asdict

    from lifecycle.destroying import destroy_known, what_is_past
    from lifecycle.errors import BusyError

    past = what_is_past(store, datetime.now(UTC))
    for going in past:
        unfinished = ", and an unfinished training" if going.unfinished else ""
        console.show(f"{going.voice}  {count(len(going.files), 'file')}{unfinished}")
        console.show(*(f"stays  {file} of {going.voice}: it is not what was read" for file in going.left))
    if not past:
        console.answer({"destroyed": [], "busy": []}, "Nothing is past its day.")
        return
    _ask(console, f"the recordings of {count(len(past), 'voice')}", yes=yes)
    done: dict[str, Destroyed] = {}
    busy = []
    for going in past:
        try:
            done[going.voice] = destroy_known(store, going, datetime.now(UTC))
        except BusyError as error:
            busy.append(going.voice)
            console.show(f"stays  all of {going.voice}: {error}")
    facts = {"destroyed": [{"voice": voice, **asdict(one)} for voice, one in done.items()], "busy": busy}
    gone, overwritten = sum(one.files for one in done.values()), sum(one.overwritten for one in done.values())
    told = f"{count(gone, 'file')} gone, {overwritten} of them overwritten before."
    console.answer(facts, told, yes=not busy)


def _ask(console: Console, what: str, *, yes: bool) -> None:
    from lifecycle.destroying import NOT_PROMISED

    console.remark(f"Not promised: {NOT_PROMISED}.")
    if not yes:
        click.confirm(f"Destroy {what}?", abort=True)


def _answer(console: Console, done: Destroyed) -> None:
    from dataclasses import asdict

    key = "The key went first. " if done.keys else ""
    told = f"{key}{count(done.files, 'file')} gone, {done.overwritten} of them overwritten before."
    console.answer(asdict(done), told)

"""Whose voice is in the recordings: what `train` is told of it, and the one question that it asks.

Decides nothing: what counts, `lifecycle.consent_to_train` knows.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifecycle.cli.console import Console
from lifecycle.store import Store

if TYPE_CHECKING:
    from lifecycle.consent_to_train import Permission
    from lifecycle.retention import Term


def speaker_options(command: Callable[..., None]) -> Callable[..., None]:
    """For `train`: gives it `own`, `nobody` and `keep_recordings`."""
    for option in (
        click.option(
            "--keep-recordings",
            metavar="DAYS",
            type=click.IntRange(0, 36500),
            help="How long they may stay: 30, or for ever if a machine spoke. See `destroy`.",
        ),
        click.option(
            "--synthetic", "nobody", is_flag=True, help="A machine spoke the recordings: there is no speaker."
        ),
        click.option("--i-am-the-speaker", "own", is_flag=True, help="The voice in the recordings is your own."),
    ):
        command = option(command)
    return command


def permission(
    console: Console, store: Store, name: str, files: Mapping[str, str], *, own: bool, nobody: bool
) -> Permission:
    """By what *name* may learn from *files*; asks once, where anybody can be asked. ConsentError, RecordingsError."""
    from lifecycle.consent_to_train import require_permission
    from lifecycle.errors import SpeakerUnknownError
    from privacy.consent import Statement

    now = datetime.now(UTC)

    def said(kind: str) -> Statement:
        return Statement(kind, now.isoformat(timespec="seconds"), {})

    told = said("own") if own else said("nobody") if nobody else None
    try:
        found = require_permission(store, name, files, now, told)
    except SpeakerUnknownError:
        if console.as_json or not sys.stdin.isatty():
            raise
        answer = click.prompt(
            "Whose voice is in these recordings? Yours (me), a machine's (machine), or somebody else's (else)",
            type=click.Choice(("me", "machine", "else")),
            show_choices=False,
            err=True,
        )
        if answer == "else":
            raise
        found = require_permission(store, name, files, now, said("own" if answer == "me" else "nobody"))
    if found.origin not in ("said", "recorded"):
        console.remark(
            f"It learns from what {found.origin} learnt from, and what was said about that voice goes along."
        )
    return found


def permission_under_term(
    console: Console, store: Store, name: str, directory: Path, days: int | None, *, own: bool, nobody: bool
) -> tuple[Permission, Term | None]:
    """By what *name* may learn from the recordings in *directory*, and until when they may stay; None: for ever.

    A machine's speech is nobody's and may stay, unless somebody says until when. ConsentError, RecordingsError.
    """
    from lifecycle.destroying import what_is_destroyed
    from lifecycle.retention import USUAL_DAYS, term_for

    today = datetime.now(UTC).date()
    read = term_for(name, directory, what_is_destroyed(directory)[0], USUAL_DAYS if days is None else days, today)
    found = permission(console, store, name, read.files, own=own, nobody=nobody)
    return found, None if found.statement.kind == "nobody" and days is None else read


def write_permission(store: Store, name: str, found: Permission) -> None:
    """Put it into the voice that was trained by it."""
    from lifecycle.consent_to_train import write_into

    write_into(store, name, found, os.urandom)

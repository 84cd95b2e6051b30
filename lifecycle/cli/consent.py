"""`lifecycle consent`: who agreed to what about a voice, until when, signed by its maker."""

from __future__ import annotations

import os
from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, home_option
from lifecycle.store import Store

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SCOPES = click.Choice(("others", "public", "serving"))


@click.command(cls=Verb)
@click.argument("name")
@click.option("--speaker", metavar="NAME", help="Who agreed; kept as a pseudonym.")
@click.option("--scope", "scopes", type=_SCOPES, multiple=True, help="What to, beside your own use; may be repeated.")
@click.option("--expires", metavar="YYYY-MM-DD", help="The last day of it.")
@click.option("--statement", type=_FILE, help="What the speaker signed: its hash is kept, the text is not.")
@click.option("--name-in-clear", is_flag=True, help="Keep the name too, for whoever reads the voice.")
@click.option("--i-am-the-speaker", "own", is_flag=True, help="The voice is your own: nobody else is to be asked.")
@click.option("--synthetic", "nobody", is_flag=True, help="The recordings were made by a machine: there is no speaker.")
@click.option(
    "--before-training", "early", is_flag=True, help="About a voice that is not there yet: `train` asks for it."
)
@home_option
@click.pass_obj
def command(
    console: Console,
    name: str,
    speaker: str | None,
    scopes: tuple[str, ...],
    expires: str | None,
    statement: Path | None,
    name_in_clear: bool,
    own: bool,
    nobody: bool,
    early: bool,
    store: Store,
) -> None:
    """Record what the speaker of the voice NAME agreed to; without options, show what was recorded.

    It is signed with this home's key, speaks of the weights that the voice has now, and goes into every bundle.
    `archive`, `refresh` and `migrate` ask for it, most of all with --public and --for-others. `lifecycle revoke` takes
    it back. With --before-training it is kept here until the voice NAME was trained, and goes into it then.
    """
    from datetime import UTC, datetime

    from lifecycle.cli.consent_table import facts_of, lines_of
    from lifecycle.consent_to_train import record_path
    from lifecycle.consenting import agree, disclaim, read_statements

    if (speaker is not None, own, nobody).count(True) > 1:
        raise click.UsageError("Give --speaker, --i-am-the-speaker or --synthetic: one of them.")
    if (speaker is None) != (expires is None) or (speaker is None and (scopes or statement or name_in_clear)):
        raise click.UsageError("A consent takes --speaker and --expires; the other options go with them.")
    now = datetime.now(UTC)
    silent = speaker is None and not (own or nobody)
    if early or (silent and name not in store.names() and record_path(store, name).is_file()):
        _before(console, store, name, speaker, scopes, expires, statement, name_in_clear, own=own, nobody=nobody)
        return
    if own or nobody:
        disclaim(store, name, "own" if own else "nobody", os.urandom, now)
    elif speaker is not None and expires is not None:
        agree(store, name, speaker, scopes, expires, statement, os.urandom, now, name_in_clear=name_in_clear)
    said = read_statements(store.path(name))
    console.answer(facts_of(name, said), *lines_of(name, said))


def _before(
    console: Console,
    store: Store,
    name: str,
    speaker: str | None,
    scopes: tuple[str, ...],
    expires: str | None,
    statement: Path | None,
    name_in_clear: bool,
    *,
    own: bool,
    nobody: bool,
) -> None:
    from datetime import UTC, datetime

    from lifecycle.cli.consent_table import facts_of, lines_of
    from lifecycle.consent_to_train import record_path, say_before
    from lifecycle.consenting import agreement, read_record
    from privacy.consent import Statement

    now = datetime.now(UTC)
    if own or nobody:
        said = Statement("own" if own else "nobody", now.isoformat(timespec="seconds"), {})
        say_before(store, name, said, os.urandom)
    elif speaker is not None and expires is not None:
        store.require_free(name)
        agreed = agreement(store, speaker, scopes, expires, statement, os.urandom, now, name_in_clear=name_in_clear)
        say_before(store, name, agreed, os.urandom)
    found = read_record(record_path(store, name))
    console.answer(facts_of(name, found), *lines_of(name, found))

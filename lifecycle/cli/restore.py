"""`lifecycle restore`: from a bundle back to a voice that speaks."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, home_option, key_options
from lifecycle.store import Store


@click.command(cls=Verb)
@click.argument("bundle", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@key_options
@click.option(
    "--as", "name", metavar="NAME", help="What to call the voice here, if not as it was called when archived."
)
@home_option
@click.pass_obj
def command(
    console: Console,
    bundle: Path,
    identities: tuple[Path, ...],
    passphrase_file: Path | None,
    name: str | None,
    store: Store,
) -> None:
    """Bring the voice in BUNDLE back to this machine.

    Every byte is verified first: a damaged bundle, a wrong key or a voice of that name restores nothing.
    """
    from lifecycle.restoring import restore
    from lifecycle.secret_files import read_identities

    restored = restore(bundle, read_identities(identities, passphrase_file), store, name)
    voice = restored.voice
    facts = {"voice": voice.directory.name, "path": voice.directory, "bundle_id": restored.bundle_id}
    console.answer(facts, f"The voice {voice.directory.name} is back, in {voice.directory}.")

"""`lifecycle restore`: from a bundle back to a voice that speaks."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, base_option, home_option, key_options, trust_options
from lifecycle.store import Store


@click.command(cls=Verb)
@click.argument("bundle", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@key_options
@click.option(
    "--as", "name", metavar="NAME", help="What to call the voice here, if not as it was called when archived."
)
@base_option
@trust_options
@home_option
@click.pass_obj
def command(
    console: Console,
    bundle: Path,
    identities: tuple[Path, ...],
    passphrase_file: Path | None,
    name: str | None,
    trusted: tuple[str, ...],
    accept_unsigned: bool,
    base: Path | None,
    store: Store,
) -> None:
    """Bring the voice in BUNDLE back to this machine.

    Every byte is verified first: a damaged bundle, a wrong key or a voice of that name restores nothing. Nor does a
    bundle that nobody signed whom you trust, unless you accept that; this home trusts what it archived itself.
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from lifecycle.restoring import restore
    from lifecycle.secret_files import read_identities
    from lifecycle.trusting import read_trust

    trust = read_trust(trusted, store, datetime.now(UTC), accept_unsigned=accept_unsigned)
    restored = restore(bundle, read_identities(identities, passphrase_file), store, name, trust=trust, base=base)
    voice, judged = restored.voice, restored.judgement
    if judged.doubt:
        console.remark(f"NOBODY YOU TRUST VOUCHES FOR THIS VOICE: {judged.doubt}.")
    facts = {"voice": voice.directory.name, "path": voice.directory, "bundle_id": restored.bundle_id}
    signed = {"trusted": not judged.doubt, "signatures": [asdict(signature) for signature in judged.signatures]}
    lines = [f"signature  {line}" for line in judged.lines]
    console.answer({**facts, **signed}, f"The voice {voice.directory.name} is back, in {voice.directory}.", *lines)

"""`lifecycle keygen`: a key pair. The secret half goes to a file, the public half to stdout."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb


@click.command(cls=Verb)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The identity file to write."
)
@click.pass_obj
def command(console: Console, output: Path) -> None:
    """Make a key pair: write the secret half to a new file, print the public half.

    The public half (age1...) is what `archive --to` takes. Whoever has the file opens what was archived to it; if it is
    lost, so is everything archived to it alone. Any `age` program reads it too.
    """
    from archive.age.keys import identity_file
    from archive.age.x25519 import X25519Identity
    from lifecycle.store import new_file

    identity = X25519Identity.generate(os.urandom)
    with new_file(output, mode=0o600, replace=False) as file:
        file.write(identity_file(identity, created=datetime.now(UTC).isoformat(timespec="seconds")).encode())
    console.remark(f"The secret half is in {output}. Keep a copy where the archives are not.")
    console.answer({"recipient": str(identity.recipient), "identity_file": output}, str(identity.recipient))

"""`lifecycle migrate`: an old voice in today's form, once it is proven to speak as it did."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, home_option, key_options, trust_options
from lifecycle.cli.secret_paths import SecretFile
from lifecycle.store import Store

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=Verb)
@click.argument("named", metavar="NAME|DIR|BUNDLE|CHECKPOINT...", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@click.option("--name", metavar="NAME", help="What a voice of checkpoints, or of DIR, is to be called here.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The new bundle; it must not exist.")
@click.option("--to", "recipients", metavar="RECIPIENT", multiple=True, help="age1..., or a file; may be repeated.")
@click.option("--to-passphrase-file", type=SecretFile(), help="File whose one line is the new bundle's passphrase.")
@click.option("--public", is_flag=True, help="Do not encrypt: anyone who has the file can use the voice.")
@click.option("--for-others", is_flag=True, help="The keys are somebody else's: asks for the speaker's consent.")
@key_options
@click.option(
    "--sign", "signing_key", type=SecretFile(), help="Key file from `lifecycle keygen --signing`; else the home's own."
)
@trust_options
@click.option("--base", type=_FILE, help="What a delta was made since; of checkpoints, what a LoRA changes.")
@click.option("--vocoder", type=_FILE, help="Of checkpoints: the vocoder of a v3 or v4 voice.")
@click.option("--accept-unproven", is_flag=True, help="Migrate what no golden output can prove, too.")
@home_option
@click.pass_obj
def command(
    console: Console,
    named: tuple[str, ...],
    dry_run: bool,
    name: str | None,
    output: Path | None,
    recipients: tuple[str, ...],
    to_passphrase_file: Path | None,
    public: bool,
    for_others: bool,
    identities: tuple[Path, ...],
    passphrase_file: Path | None,
    signing_key: Path | None,
    trusted: tuple[str, ...],
    accept_unsigned: bool,
    base: Path | None,
    vocoder: Path | None,
    accept_unproven: bool,
    store: Store,
) -> None:
    """Bring an old voice forward: today's schema, exports made by today's torch, and a history that says so.

    The old golden outputs must come out of the new exports on every runtime before anything is replaced. Any doubt ends
    with 1 and leaves the old voice as it is, to the byte.

    A voice of this machine (NAME) is replaced. A voice in a directory elsewhere (DIR) becomes one of this machine. Of a
    BUNDLE a new one is written (-o), for --to, --to-passphrase-file or --public, signed; the old one is only read. The
    two CHECKPOINTs of a GPT-SoVITS voice are imported (--name).
    """
    from datetime import UTC, datetime

    from lifecycle.cli.migration_orders import (
        Bundle,
        migrate_bundle,
        migrate_checkpoints,
        migrate_directory,
        migrate_voice,
    )
    from lifecycle.importing import ImportOptions
    from lifecycle.migrating import Terms
    from lifecycle.migration_target import kind_of

    kind = kind_of(named, store)
    terms = Terms(datetime.now(UTC), accept_unproven)
    if kind == "voice":
        migrate_voice(console, store, named[0], terms, dry_run=dry_run)
    elif kind == "directory":
        migrate_directory(console, store, Path(named[0]), name, terms, dry_run=dry_run)
    elif kind == "checkpoints":
        if not name:
            raise click.UsageError("Checkpoints become a voice: --name says what it is to be called.")
        options = ImportOptions(base=base, vocoder=vocoder)
        migrate_checkpoints(console, store, name, [Path(word) for word in named], options, terms, dry_run=dry_run)
    else:
        if not dry_run and (bool(recipients), to_passphrase_file is not None, public).count(True) != 1:
            raise click.UsageError("Give --to, --to-passphrase-file or --public: one of them.")
        if not dry_run and output is None:
            raise click.UsageError("Of a bundle a new one is written: -o names it.")
        asked = Bundle(
            Path(named[0]),
            base,
            output,
            identities,
            passphrase_file,
            trusted,
            accept_unsigned,
            recipients,
            to_passphrase_file,
            public,
            signing_key,
            for_others,
        )
        migrate_bundle(console, store, asked, terms, dry_run=dry_run)

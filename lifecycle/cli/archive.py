"""`lifecycle archive`: one voice, one file."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, home_option, passphrase_option
from lifecycle.cli.secret_paths import SecretFile
from lifecycle.store import Store

_KEY = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=Verb)
@click.argument("name")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The bundle to write; else NAME.voice."
)
@click.option(
    "--to", "named", metavar="FILE|RECIPIENT", multiple=True, help="age1..., or a file of them; may be repeated."
)
@passphrase_option
@click.option("--public", is_flag=True, help="Do not encrypt: anyone who has the file can use the voice.")
@click.option("--for-others", is_flag=True, help="The keys are somebody else's: asks for the speaker's consent.")
@click.option(
    "--rebuild-check", is_flag=True, help="Prove that the same voice gives the same payload, by making it twice."
)
@click.option(
    "--redundancy",
    type=click.IntRange(0, 100),
    default=10,
    show_default=True,
    metavar="N",
    help="Recovery data for any gap of N % of the file; 0 for none.",
)
@click.option(
    "--sign", "signing_key", type=SecretFile(), help="Key file from `lifecycle keygen --signing`; else the home's own."
)
@click.option(
    "--with-environment",
    "environment",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Let what `lifecycle environment build` wrote travel with the voice.",
)
@click.option("--unsigned", is_flag=True, help="Do not sign: nobody can tell who made it, or whether it was replaced.")
@click.option(
    "--since",
    metavar="BUNDLE",
    type=_KEY,
    help="Hold only what this bundle does not: whoever restores it needs both.",
)
@click.option(
    "-i",
    "--identity",
    "identities",
    multiple=True,
    type=SecretFile(),
    help="Key file that opens the bundle of --since.",
)
@home_option
@click.pass_obj
def command(
    console: Console,
    name: str,
    output: Path | None,
    named: tuple[str, ...],
    passphrase_file: Path | None,
    public: bool,
    for_others: bool,
    rebuild_check: bool,
    redundancy: int,
    signing_key: Path | None,
    environment: Path | None,
    unsigned: bool,
    since: Path | None,
    identities: tuple[Path, ...],
    store: Store,
) -> None:
    """Write the voice NAME into one file that carries everything it needs to speak.

    Say whom it is for: --to keys, --passphrase-file, or --public. The file opens with tar, age and sha256sum alone. The
    bundle id that is printed is the same whenever the same voice is archived with this toolkit.
    """
    if (bool(named), passphrase_file is not None, public).count(True) != 1:
        raise click.UsageError("Give --to, --passphrase-file or --public: one of them.")
    if unsigned and signing_key is not None:
        raise click.UsageError("Give --sign or --unsigned: one of them.")
    if identities and since is None:
        raise click.UsageError("--identity opens the bundle of --since, which is not given.")
    import os
    from dataclasses import asdict
    from datetime import UTC, datetime

    from archive.custody import Act
    from lifecycle import __version__
    from lifecycle.consenting import require_consent
    from lifecycle.ledgers import finding_of
    from lifecycle.preserving import Since, preserve
    from lifecycle.secret_files import read_identities, read_recipients
    from lifecycle.trusting import own_signer, read_signer

    carried = None
    if environment is not None:
        from lifecycle.environment_directory import Environment

        carried = Environment.open(environment)
        carried.image()  # also whether it is the image that it says
    recipients = read_recipients(named, passphrase_file)
    scope = "public" if public else "others" if for_others else None
    doubt = require_consent(store, name, scope, datetime.now(UTC))  # before a key is made for a voice that is not there
    signer = None if unsigned else read_signer(signing_key) if signing_key else own_signer(store, os.urandom)
    act = None if signer is None else Act(signer, datetime.now(UTC), f"lifecycle {__version__}")
    with console.progress(f"Archiving {name}") as tell:
        done = preserve(
            store,
            name,
            output or Path(f"{name}.voice"),
            recipients=recipients,
            public=public,
            rebuild_check=rebuild_check,
            redundancy=redundancy,
            since=Since(since, read_identities(identities, passphrase_file)) if since else None,
            act=act,
            environment=carried,
            tell=tell,
        )
    if doubt:
        console.remark(doubt)
    ledger = finding_of(store.path(name))
    if ledger is not None and ledger.verdict == "failed":  # archived all the same: it is what there is
        console.remark(f"{ledger.told} `verify` will say so of the bundle, too.")
    if not done.exports:
        console.remark("It holds no exports: a voice of this family needs torch to speak, also in years to come.")
    facts = {"voice": name, "path": done.path, **asdict(done.packed), "public": public, "rebuilt": done.rebuilt}
    facts["exports"] = done.exports
    facts["environment"] = carried.told.manifest if carried else None
    facts["signed_by"] = signer.public.fingerprint if signer else None
    lines = [
        f"The voice {name} is in {done.path}, {done.packed.size / 1e6:.1f} MB.",
        f"bundle id  {done.packed.bundle_id}",
    ]
    if since is not None:
        lines.append(f"whole      {done.packed.full_id}  with {since.name}")
        console.remark(f"It holds only what {since} does not: keep that one too, nobody can restore it without.")
    if carried:
        lines.append(f"environment  {carried.told.profile}, {carried.told.architecture}, {carried.told.manifest}")
    if signer is None:
        console.remark("It is NOT SIGNED: it can be restored only by who says --accept-unsigned.")
    else:
        give_away = f"{signing_key or store.home / 'keys' / 'signing'}.pub"
        lines.append(f"signed by  {signer.public.fingerprint}")
        console.remark(f"Whoever restores it elsewhere needs --trust and this file: {give_away}")
    if rebuild_check:
        lines.append("Made a second time elsewhere, the payload was the same to the byte.")
    console.answer(facts, *lines)

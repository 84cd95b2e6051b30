"""`lifecycle refresh`: the same voice for other keys, signed again, its history carried on."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, base_option, home_option, key_options, trust_options
from lifecycle.cli.secret_paths import SecretFile
from lifecycle.store import Store

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=Verb)
@click.argument("bundle", type=_FILE)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The new file; it must not exist.")
@click.option("--to", "named", metavar="RECIPIENT", multiple=True, help="age1..., or a file of them; may be repeated.")
@click.option("--to-passphrase-file", type=SecretFile(), help="File whose one line is the new passphrase.")
@click.option("--public", is_flag=True, help="Do not encrypt: anyone who has the file can use the voice.")
@click.option("--for-others", is_flag=True, help="The keys are somebody else's: asks for the speaker's consent.")
@key_options
@base_option
@click.option(
    "--sign", "signing_key", type=SecretFile(), help="Key file from `lifecycle keygen --signing`; else the home's own."
)
@trust_options
@click.option(
    "--redundancy",
    type=click.IntRange(0, 100),
    default=10,
    show_default=True,
    metavar="N",
    help="Recovery data for any gap of N % of the file; 0 for none.",
)
@home_option
@click.pass_obj
def command(
    console: Console,
    bundle: Path,
    output: Path,
    named: tuple[str, ...],
    to_passphrase_file: Path | None,
    public: bool,
    for_others: bool,
    identities: tuple[Path, ...],
    passphrase_file: Path | None,
    base: Path | None,
    signing_key: Path | None,
    trusted: tuple[str, ...],
    accept_unsigned: bool,
    redundancy: int,
    store: Store,
) -> None:
    """Write the voice in BUNDLE into a new bundle, for other keys, signed again. BUNDLE itself is only read.

    The payload and its bundle id stay as they are. What was done is added to the bundle's chain of custody, which
    `lifecycle inspect` shows. The old bundle has to be whole, and signed by somebody you trust; and the speaker has to
    have agreed, as `lifecycle archive` asks.
    """
    if (bool(named), to_passphrase_file is not None, public).count(True) != 1:
        raise click.UsageError("Give --to, --to-passphrase-file or --public: one of them.")
    import os
    from dataclasses import asdict
    from datetime import UTC, datetime

    from archive.bundle import Bundle, open_bundle
    from archive.custody import Act
    from lifecycle import __version__
    from lifecycle.consent_in_bundles import require_in_bundle
    from lifecycle.refreshing import refresh
    from lifecycle.secret_files import read_identities, read_recipients
    from lifecycle.trusting import own_signer, read_signer, read_trust

    now = datetime.now(UTC)
    recipients = read_recipients(named, to_passphrase_file)
    keys = read_identities(identities, passphrase_file)
    trust = read_trust(trusted, store, now, accept_unsigned=accept_unsigned)
    signer = read_signer(signing_key) if signing_key else own_signer(store, os.urandom)
    act = Act(signer, now, f"lifecycle {__version__}")
    scope = "public" if public else "others" if for_others else None

    def permit(opened: Bundle) -> str:
        if base is None:
            return require_in_bundle(store, opened, scope, now, None)
        with open_bundle(base, keys) as other:
            return require_in_bundle(store, opened, scope, now, other)

    done = refresh(
        bundle,
        output,
        keys,
        act,
        trust=trust,
        permit=permit,
        recipients=recipients,
        public=public,
        redundancy=redundancy,
    )
    if done.judgement.doubt:
        console.remark(f"NOBODY YOU TRUST VOUCHED FOR THE OLD BUNDLE: {done.judgement.doubt}. From here on you do.")
    if done.doubt:
        console.remark(done.doubt)
    for sentence in done.left_out:
        console.remark(f"Not taken into its history: {sentence}")
    facts = {"path": output, **asdict(done.packed), "public": public, "signed_by": signer.public.fingerprint}
    facts["custody"] = [asdict(record) for record in done.custody]
    console.answer(
        facts,
        f"{output} holds the same voice, {done.packed.size / 1e6:.1f} MB. {bundle} is as it was.",
        f"bundle id  {done.packed.bundle_id}",
        *(f"old        {line}" for line in done.judgement.lines),
        f"signed by  {signer.public.fingerprint}",
        f"custody    {len(done.custody)} records",
    )

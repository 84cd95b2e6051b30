"""`lifecycle verify`: does a voice still speak as it did on the day it was made, layer by layer, on both runtimes."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, home_option, key_options, trust_options
from lifecycle.store import Store


@click.command(cls=Verb)
@click.argument("voice_or_bundle", metavar="BUNDLE|NAME")
@key_options
@trust_options
@click.option(
    "--runtime",
    type=click.Choice(("both", "torch", "onnx")),
    default="both",
    show_default=True,
    help="What computes the networks. A runtime that is not installed is reported as not run.",
)
@home_option
@click.pass_obj
def command(
    console: Console,
    voice_or_bundle: str,
    identities: tuple[Path, ...],
    passphrase_file: Path | None,
    trusted: tuple[str, ...],
    accept_unsigned: bool,
    runtime: str,
    store: Store,
) -> None:
    """Tell whether the voice in BUNDLE, or the voice NAME, still speaks as it did when it was made.

    Layers: fixity, text, tokens, waveform, identity. The first that drifted is the diagnosis. Ends with 1 if one did,
    or if no runtime could be tried. A bundle is looked at and leaves nothing behind.

    A bundle whose signature is wrong, or not by anybody whom --trust names, is not looked into. One that nobody vouches
    for is looked into, and said to be so.
    """
    from datetime import UTC, datetime

    from lifecycle.cli.verification_table import facts_of, lines_of
    from lifecycle.examining import examine
    from lifecycle.secret_files import read_identities
    from lifecycle.trusting import read_trust

    trust = read_trust(trusted, store, datetime.now(UTC), accept_unsigned=accept_unsigned)
    keys = read_identities(identities, passphrase_file)
    runtimes = ("torch", "onnx") if runtime == "both" else (runtime,)
    with console.progress("Verifying") as tell:
        found = examine(voice_or_bundle, keys, store, runtimes, trust=trust, tell=tell)
    if found.judgement and found.judgement.doubt:
        console.remark(f"NOBODY YOU TRUST VOUCHES FOR THIS BUNDLE: {found.judgement.doubt}.")
    console.answer(facts_of(found), *lines_of(found), yes=found.passed)

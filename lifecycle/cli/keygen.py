"""`lifecycle keygen`: a key pair. The secret half goes to a file, the public half to stdout."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb

_NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(cls=Verb)
@click.option("-o", "--output", type=_NEW_FILE, required=True, help="The identity file to write.")
@click.option("--x25519", is_flag=True, help="A key that `age` before 1.3 reads too; quantum computers may break it.")
@click.option("--recovery", is_flag=True, help="Show a second key, as text and QR code, to be put on paper.")
@click.option("--recovery-sheet", "sheet", metavar="FILE.svg", type=_NEW_FILE, help="Write that as a page to print.")
@click.option("--signing", is_flag=True, help="Make a key that signs, an Ed25519 key in OpenSSH's format, instead.")
@click.option(
    "--name", default="", help="With --signing: who you are, for people. It stands in the bundle and proves nothing."
)
@click.pass_obj
def command(
    console: Console, output: Path, x25519: bool, recovery: bool, sheet: Path | None, signing: bool, name: str
) -> None:
    """Make a key pair: write the secret half to a new file, print the public half.

    The public half (age1pq1...) is what `archive --to` takes. Whoever has the file opens what was archived to it; if it
    is lost, so is everything archived to it alone. Any `age` program from 1.3 on reads it too.

    With --recovery there are two public halves: archive to both. The second secret is shown once, on stderr, and is on
    no disk.

    With --signing the secret half is for `archive --sign`, and FILE.pub, which is written beside it, is for whoever is
    to trust you: `restore --trust FILE.pub`.
    """
    if name and not signing:
        raise click.UsageError("--name goes with --signing.")
    if signing:
        if x25519 or recovery or sheet:
            raise click.UsageError("--signing makes another kind of key: give it without the options of the others.")
        _make_signer(console, output, name)
        return
    from archive.age.hybrid import HybridIdentity
    from archive.age.keys import identity_file
    from archive.age.x25519 import X25519Identity
    from lifecycle.recovery_sheet import svg_page, terminal_lines
    from lifecycle.store import new_file

    if sheet is not None and sheet.absolute() == output.absolute():
        raise click.UsageError("Give -o and --recovery-sheet two different files.")
    generate = X25519Identity.generate if x25519 else HybridIdentity.generate
    identity = generate(os.urandom)
    second = generate(os.urandom) if recovery or sheet else None
    created = datetime.now(UTC).isoformat(timespec="seconds")
    facts: dict[str, object] = {"recipient": str(identity.recipient), "identity_file": output, "recovery": None}
    recipients = [str(identity.recipient)]
    with new_file(output, mode=0o600, replace=False) as file:  # it appears once the second key is out too
        file.write(identity_file(identity, created=created, recovery=second.recipient if second else None).encode())
        if second is not None:
            recipients.append(str(second.recipient))
            shown = second.secret_text() if recovery else None
            facts["recovery"] = {"recipient": recipients[1], "identity": shown, "sheet": sheet}
        if second is not None and sheet is not None:
            with new_file(sheet, mode=0o600, replace=False) as page:
                page.write(svg_page(second, created=created).encode())
            console.remark(f"The recovery key is in {sheet}. Print it, then delete it.")
        if second is not None and recovery:
            told = "The recovery key, shown this once; put it on paper:"
            console.remark("\n".join([told, "", *terminal_lines(second), ""]))
    console.remark(f"The secret half is in {output}. Keep a copy where the archives are not.")
    console.answer(facts, *recipients)


def _make_signer(console: Console, output: Path, name: str) -> None:
    from archive.dsse import key_fingerprint
    from archive.signing import Signer
    from lifecycle.trusting import write_signer

    if not name.isprintable():
        raise click.UsageError("--name is one printable line.")
    signer = Signer.generate(os.urandom, name)
    write_signer(output, signer, os.urandom)
    console.remark(f"The secret half is in {output}. Keep a copy where the archives are not; give {output}.pub away.")
    facts = {
        "signing_key": output,
        "public_key": f"{output}.pub",
        "p256_public_key": f"{output}.p256.pub",
        "fingerprint": signer.public.fingerprint,
        "p256_fingerprint": key_fingerprint(signer.p256.public_key()),
        "ml_dsa_fingerprint": signer.ml_dsa_fingerprint,
    }
    console.answer(facts, signer.public.fingerprint)

"""`lifecycle archive`: one voice, one file."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, home_option, passphrase_option
from lifecycle.store import Store


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
@home_option
@click.pass_obj
def command(
    console: Console,
    name: str,
    output: Path | None,
    named: tuple[str, ...],
    passphrase_file: Path | None,
    public: bool,
    rebuild_check: bool,
    redundancy: int,
    store: Store,
) -> None:
    """Write the voice NAME into one file that carries everything it needs to speak.

    Say whom it is for: --to keys, --passphrase-file, or --public. The file opens with tar, age and sha256sum alone. The
    bundle id that is printed is the same whenever the same voice is archived with this toolkit.
    """
    if (bool(named), passphrase_file is not None, public).count(True) != 1:
        raise click.UsageError("Give --to, --passphrase-file or --public: one of them.")
    from dataclasses import asdict

    from lifecycle.preserving import preserve
    from lifecycle.secret_files import read_recipients

    recipients = read_recipients(named, passphrase_file)
    with console.progress(f"Archiving {name}") as tell:
        done = preserve(
            store,
            name,
            output or Path(f"{name}.voice"),
            recipients=recipients,
            public=public,
            rebuild_check=rebuild_check,
            redundancy=redundancy,
            tell=tell,
        )
    if not done.exports:
        console.remark("It holds no exports: a voice of this family needs torch to speak, also in years to come.")
    facts = {"voice": name, "path": done.path, **asdict(done.packed), "public": public, "rebuilt": done.rebuilt}
    facts["exports"] = done.exports
    lines = [
        f"The voice {name} is in {done.path}, {done.packed.size / 1e6:.1f} MB.",
        f"bundle id  {done.packed.bundle_id}",
    ]
    if rebuild_check:
        lines.append("Made a second time elsewhere, the payload was the same to the byte.")
    console.answer(facts, *lines)

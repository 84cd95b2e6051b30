"""`lifecycle export`: a voice as the checkpoints of the program it came from."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, home_option
from lifecycle.store import Store


@click.command(cls=Verb)
@click.argument("name")
@click.option("--to", "_program", type=click.Choice(("gpt-sovits",)), required=True, help="Whose format to write.")
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--complete", is_flag=True, help="Write the base of a LoRA and the vocoder of v3 and v4, too.")
@home_option
@click.pass_obj
def command(console: Console, name: str, _program: str, directory: Path, complete: bool, store: Store) -> None:
    """Write the voice NAME into DIR as NAME.pth and NAME.ckpt, which GPT-SoVITS itself would load.

    The tensors are those that were imported, to the bit, and so are configuration, info and head. Prompts, consent and
    records stay behind: that format has no place for them.
    """
    from datetime import UTC, datetime

    from lifecycle.consenting import require_consent
    from lifecycle.exporting import export_voice

    doubt = require_consent(store, name, None, datetime.now(UTC))
    exported = export_voice(store, name, directory, complete=complete)
    told = [f"{path}  {part}, {path.stat().st_size / 1e6:.1f} MB" for part, path in exported.files.items()]
    if doubt:
        console.remark(doubt)
    console.answer({"voice": name, "files": exported.files}, *told)

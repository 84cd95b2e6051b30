"""`lifecycle import`: a voice of somebody's GPT-SoVITS checkpoints."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, home_option
from lifecycle.store import Store

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=Verb)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--name", metavar="NAME", required=True, help="What the voice is to be called.")
@click.option("--base", type=_FILE, help="The base file that a LoRA changes.")
@click.option("--vocoder", type=_FILE, help="The vocoder of a v3 or v4 voice.")
@click.option("--languages", metavar="CODES", help="As in en,zh; else every language the voice has phonemes for.")
@click.option("--licence", metavar="TEXT", default="all rights reserved", help="Who may use the voice for what.")
@click.option("--accept-stock", is_flag=True, help="Take a stock file in place of somebody's voice.")
@click.option("--keep-directories", is_flag=True, help="Keep whole paths in the configurations, whomever they name.")
@home_option
@click.pass_obj
def command(
    console: Console,
    files: tuple[Path, ...],
    name: str,
    base: Path | None,
    vocoder: Path | None,
    languages: str | None,
    licence: str,
    accept_stock: bool,
    keep_directories: bool,
    store: Store,
) -> None:
    """Make a voice of a SoVITS (.pth) and a GPT (.ckpt) of GPT-SoVITS, v1 to v4 and LoRA.

    FILE... are the two halves in any order, or a directory that holds them. Nothing in them is run, no value is
    changed, and `lifecycle export` gives them back.
    """
    from lifecycle.importing import ImportOptions, import_voice

    options = ImportOptions(
        base=base,
        vocoder=vocoder,
        languages=tuple(code.strip() for code in languages.split(",") if code.strip()) if languages else (),
        licence=licence,
        accept_stock=accept_stock,
        keep_directories=keep_directories,
    )
    with console.progress(f"Importing {name}") as tell:
        imported = import_voice(store, name, files, options, tell=tell)
    voice = imported.voice
    for part, fields in imported.shortened.items():
        console.remark(f"Directories were cut from the configuration of {part}: {', '.join(fields)}.")
    facts = {
        "voice": name,
        "path": voice.directory,
        "family": voice.description.family,
        "languages": voice.description.languages,
        "parts": {part: {"file": file.path.name, "is": file.told} for part, file in imported.parts.items()},
        "shortened": imported.shortened,
        "prompts": voice.prompts(),
    }
    console.answer(facts, f"The voice {name}, {voice.description.family}, is in {voice.directory}.")

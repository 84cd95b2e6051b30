"""`lifecycle train`: from a directory of recordings to a voice."""

from __future__ import annotations

import os
from pathlib import Path

import click

from core_model.errors import RuntimeMissingError
from lifecycle.cli.console import Console, Verb, home_option
from lifecycle.config import RunConfig, read_config
from lifecycle.store import Store

_DIRECTORY = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=Verb)
@click.argument("name")
@click.option("--recordings", type=_DIRECTORY, help="Directory of wav, flac, ogg or mp3 with their transcripts.")
@click.option("--config", "config_file", type=_FILE, help="A run.toml; what is said here wins over it.")
@click.option("--language", metavar="CODE", help="Of transcripts that do not name theirs; en if not said.")
@click.option("--licence", metavar="TEXT", help="Who may use the voice for what; goes into the voice.")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), help="The same seed gives the same weights here.")
@click.option("--threads", metavar="N", type=click.IntRange(min=1), help="CPU cores to use; all if not said.")
@click.option("--dry-run", is_flag=True, help="Stop after the table of recordings.")
@home_option
@click.pass_obj
def command(
    console: Console,
    name: str,
    recordings: Path | None,
    config_file: Path | None,
    language: str | None,
    licence: str | None,
    seed: int | None,
    threads: int | None,
    dry_run: bool,
    store: Store,
) -> None:
    """Train the voice NAME from about a minute of recordings. Offline; on two cores in a few minutes.

    Transcripts are x.txt beside x.wav, an LJSpeech metadata.csv, or a GPT-SoVITS list. A table says what is used, what
    is left out and why. A run that is stopped, however suddenly, goes on when the same command is given again.

    The base that voices grow from is a PREVIEW, trained on synthetic speech. It knows English only, speaks at 16 kHz,
    does not yet sound like the person it was given, and stumbles over words. It shows that the chain holds, from
    recording to verified archive; it is not yet a voice to keep for its sound.
    """
    said = RunConfig(recordings, language, licence, seed, threads)
    run = said.over(read_config(config_file)) if config_file else said
    if run.recordings is None:
        raise click.UsageError("Missing option '--recordings', here or in run.toml.")
    from lifecycle.cli.survey_table import facts_of, show
    from lifecycle.errors import NotEnoughRecordingsError
    from lifecycle.recording import require_enough, survey

    store.require_free(name)
    with console.progress("Looking at the recordings") as tell:
        found = survey(run.recordings, front_end_languages=("en",), language=run.language or "en", progress=tell)
    facts = facts_of(found)
    if not console.as_json:
        show(found)
    try:
        require_enough(found)
    except NotEnoughRecordingsError as error:
        console.refuse(error, facts)
    if dry_run:
        return console.answer(facts)
    # Read by torch's OpenMP (libgomp) when it is loaded: how often a waiting thread looks before it sleeps. The usual
    # 300 000 made training 2.6 times slower beside two busy programs; this costs a quiet machine nothing (docs/LOG.md).
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        from lifecycle.training import run as train
    except ImportError as error:
        raise RuntimeMissingError(f"training needs torch, which cannot be loaded: {error}") from error

    with console.progress(f"Training {name}", plain_every_s=60) as tell:
        trained = train(store, name, found.used, run, tell=tell)
    for unusable in trained.unusable:
        console.remark(f"{unusable.label} was left out after all: {unusable.reason}.")
    voice = trained.voice
    if voice.description.preview:
        console.remark("This voice is a preview: it may stumble, and it does not yet sound like the person.")
    facts |= {"voice": name, "path": voice.directory, "preview": voice.description.preview}
    facts["unaligned"] = [{"file": unusable.label, "reason": unusable.reason} for unusable in trained.unusable]
    return console.answer(facts, f"The voice {name} is in {voice.directory}. What it went through is in its records/.")

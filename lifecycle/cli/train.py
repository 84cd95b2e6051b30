"""`lifecycle train`: from a directory of recordings to a voice."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core_model.errors import RuntimeMissingError
from lifecycle.cli.console import Console, Progress, Verb, home_option
from lifecycle.cli.private_options import PrivateOrder, private_options, require_sense
from lifecycle.cli.whose_voice import permission_under_term, speaker_options, write_permission
from lifecycle.config import RunConfig, read_config
from lifecycle.store import Store

if TYPE_CHECKING:
    from lifecycle.recording import Recording
    from lifecycle.training import Trained

_DIRECTORY = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PLACE = click.Path(exists=True, path_type=Path)
_FAMILIES = click.Choice(("v1", "v2", "v2Pro", "v2ProPlus", "v3", "v4"))

Train = Callable[[Store, str, "Sequence[Recording]", RunConfig, Progress], "Trained"]


def _upstream_options(command: Callable[..., None]) -> Callable[..., None]:
    """What is asked of a voice that grows from GPT-SoVITS's base files."""
    for option in (
        click.option("--lora", "lora_rank", metavar="RANK", type=click.IntRange(1, 1024), help="Of v3, v4: a LoRA."),
        click.option("--pretrained", metavar="DIR", type=_PLACE, multiple=True, help="HuBERT's place; else --base."),
        click.option("--family", type=_FAMILIES, help="Which base, where there are several."),
        click.option("--base", metavar="DIR", type=_PLACE, multiple=True, help="GPT-SoVITS's base files; repeatable."),
    ):
        command = option(command)
    return command


@click.command(cls=Verb)
@click.argument("name")
@click.option("--recordings", type=_DIRECTORY, help="Directory of wav, flac, ogg or mp3 with their transcripts.")
@click.option("--config", "config_file", type=_FILE, help="A run.toml; what is said here wins over it.")
@click.option("--language", metavar="CODE", help="Of transcripts that do not name theirs; en if not said.")
@click.option("--licence", metavar="TEXT", help="Who may use the voice for what; goes into the voice.")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), help="The same seed gives the same weights here.")
@click.option("--threads", metavar="N", type=click.IntRange(min=1), help="CPU cores to use; all if not said.")
@speaker_options
@click.option("--dry-run", is_flag=True, help="Stop after the table of recordings.")
@_upstream_options
@private_options
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
    own: bool,
    nobody: bool,
    keep_recordings: int | None,
    dry_run: bool,
    base: tuple[Path, ...],
    family: str | None,
    pretrained: tuple[Path, ...],
    lora_rank: int | None,
    private: PrivateOrder | None,
    store: Store,
) -> None:
    """Train the voice NAME from about a minute of recordings. Offline; on two cores in a few minutes.

    Transcripts are x.txt beside x.wav, an LJSpeech metadata.csv, or a GPT-SoVITS list. A table says what is used, what
    is left out and why. A run that is stopped, however suddenly, goes on when the same command is given again.

    The base that voices grow from was trained on synthetic speech alone. It knows English only and speaks at 16 kHz,
    plainer and flatter than a recording; a recognizer understands it nearly as well as the person's own recordings. A
    machine finds the likeness; whoever knows the person will hear the difference.

    Whose voice it is has to be said: --i-am-the-speaker, --synthetic, or a record of what somebody else agreed to, made
    by `lifecycle consent NAME --before-training`. At a terminal you are asked.

    With --base the voice grows from GPT-SoVITS's own base files instead, if you have them: any of its languages and
    families, in about an hour on a CPU.

    With --private it gives less away, as `release` does, and the clean voice is never written. sgd trains under
    differential privacy, utterance takes the noisy mean of the recordings' styles: both hide which recordings were
    used, not who speaks. local hides who speaks, and the voice does not survive. anonymous is nobody's voice.
    """
    said = RunConfig(recordings, language, licence, seed, threads, keep_recordings=keep_recordings)
    run = said.over(read_config(config_file)) if config_file else said
    if own and nobody:
        raise click.UsageError("Give --i-am-the-speaker or --synthetic: one of them.")
    if private is not None:
        require_sense(private, run, base=bool(base or family or pretrained or lora_rank))
        from lifecycle.cli.private_training import train_private

        return train_private(console, store, name, run, private, own=own, nobody=nobody, dry_run=dry_run)
    if run.recordings is None:
        raise click.UsageError("Missing option '--recordings', here or in run.toml.")
    if not base and (family or pretrained or lora_rank):
        raise click.UsageError("--family, --pretrained and --lora are for --base: the embedded base is one, and whole.")
    train = _from_upstream(console, base, family, pretrained, lora_rank) if base else _from_the_embedded_base
    _train(console, store, name, run, train, dry_run=dry_run, own=own, nobody=nobody, languages=_languages(base))


def _languages(base: tuple[Path, ...]) -> tuple[str, ...]:
    from core_model.text.front_end import FrontEnd

    return FrontEnd(reading="upstream").languages() if base else ("en",)


def _train(
    console: Console,
    store: Store,
    name: str,
    run: RunConfig,
    train: Train,
    *,
    dry_run: bool,
    own: bool,
    nobody: bool,
    languages: tuple[str, ...],
) -> None:
    from lifecycle.cli.survey_table import surveyed
    from lifecycle.retention import under_term

    assert run.recordings is not None  # for mypy: the caller asked
    store.require_free(name)
    found, facts = surveyed(console, run.recordings, languages, run.language)
    if dry_run:
        return console.answer(facts)
    # Read by torch's OpenMP (libgomp) when it is loaded: how often a waiting thread looks before it sleeps. The usual
    # 300 000 made training 2.6 times slower beside two busy programs; this costs a quiet machine nothing (docs/LOG.md).
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        import torch  # noqa: F401 - only to say at once, and in one sentence, that it is missing
    except ImportError as error:
        raise RuntimeMissingError(f"training needs torch, which cannot be loaded: {error}") from error
    days = run.keep_recordings
    permitted, term = permission_under_term(console, store, name, found.directory, days, own=own, nobody=nobody)
    with under_term(store, term), console.progress(f"Training {name}", plain_every_s=60) as tell:
        trained = train(store, name, found.used, run, tell)
    for unusable in trained.unusable:
        console.remark(f"{unusable.label} was left out after all: {unusable.reason}.")
    voice = trained.voice
    write_permission(store, name, permitted)
    if term is not None:
        console.remark(f"The recordings may stay until {term.ends}; then `lifecycle destroy --expired` removes them.")
    if voice.description.preview:
        console.remark("This voice is a preview: it may stumble, and it does not yet sound like the person.")
    facts |= {"voice": name, "path": voice.directory, "preview": voice.description.preview}
    facts |= {"consent": permitted.statement.kind, "recordings_until": None if term is None else term.ends}
    facts["unaligned"] = [{"file": unusable.label, "reason": unusable.reason} for unusable in trained.unusable]
    return console.answer(facts, f"The voice {name} is in {voice.directory}. What it went through is in its records/.")


def _from_the_embedded_base(
    store: Store, name: str, used: Sequence[Recording], run: RunConfig, tell: Progress
) -> Trained:
    from lifecycle.training import run as train

    return train(store, name, used, run, tell=tell)


def _from_upstream(
    console: Console, base: tuple[Path, ...], family: str | None, pretrained: tuple[Path, ...], lora_rank: int | None
) -> Train:
    def train(store: Store, name: str, used: Sequence[Recording], run: RunConfig, tell: Progress) -> Trained:
        from core_model.pretrained import Pretrained
        from lifecycle.base_files import find_base
        from lifecycle.fine_tuning import run as fine_tune

        files = find_base(base, family)
        for told in files.left_out:
            console.remark(f"Not looked at for a base: {told}.")
        return fine_tune(store, name, used, files, Pretrained.find(*(pretrained or base)), lora_rank, run, tell=tell)

    return train

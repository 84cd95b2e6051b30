"""`lifecycle convert`: a recording, spoken again in the voice of another."""

from __future__ import annotations

from pathlib import Path

import click

from core_model.errors import RuntimeMissingError
from lifecycle.cli.console import Console, Verb, home_option
from lifecycle.store import Store

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUTPUT = click.Path(dir_okay=False, path_type=Path)
_PLACE = click.Path(exists=True, path_type=Path)


@click.command(cls=Verb)
@click.argument("name")
@click.argument("recording", metavar="WAV", type=_FILE)
@click.option("-o", "--output", type=_OUTPUT, required=True, help="The wav to write.")
@click.option("--prompt", "prompt_name", metavar="PROMPT", default="default", show_default=True, help="Whose style.")
@click.option("--transcript", metavar="TEXT", help="What is said in WAV: it makes the words clearer.")
@click.option("--language", metavar="CODE", help="Of the transcript; else the voice's first.")
@click.option("--pretrained", metavar="DIR", type=_PLACE, multiple=True, help="Where HuBERT lies.")
@click.option("--steps", metavar="N", type=click.IntRange(1, 1000), help="Of flow matching (v3, v4); more take longer.")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True, help="Of the noise.")
@home_option
@click.pass_obj
def command(
    console: Console,
    name: str,
    recording: Path,
    output: Path,
    prompt_name: str,
    transcript: str | None,
    language: str | None,
    pretrained: tuple[Path, ...],
    steps: int | None,
    seed: int,
    store: Store,
) -> None:
    """Let the imported voice NAME say what is said in WAV, as it is said there.

    The timing stays, the voice becomes NAME's, and mostly the melody too. Needs HuBERT (--pretrained). Give the
    transcript if you have it.
    """
    from core_model.pretrained import Pretrained
    from core_model.speaking import SpeakingOptions
    from core_model.voice import Voice

    try:
        from lifecycle.converting import convert_file
    except ImportError as error:
        raise RuntimeMissingError(f"converting needs torch, which cannot be loaded: {error}") from error

    voice = Voice.open(store.path(name))
    options = SpeakingOptions(language=language, seed=seed, prompt=prompt_name, steps=steps)
    with console.progress(f"{name} repeats {recording.name}") as tell:
        made = convert_file(
            voice,
            recording,
            output,
            Pretrained.find(*pretrained),
            options,
            transcript=transcript,
            tell=lambda done, total: tell(done, total, ""),
        )
    if transcript is None:
        console.remark("Without --transcript the decoder hears tokens alone, and consonants may blur.")
    seconds = round(len(made.waveform) / made.sample_rate, 3)
    facts = {
        "voice": name,
        "prompt": prompt_name,
        "path": output,
        "seconds": seconds,
        "sample_rate": made.sample_rate,
        "tokens": int(made.tokens.size),
        "pieces": made.pieces,
        "transcript": transcript is not None,
    }
    console.answer(facts, f"{seconds} s of speech in {output}.")

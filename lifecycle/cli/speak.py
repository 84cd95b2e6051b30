"""`lifecycle speak`: a voice, a text, a wav."""

from __future__ import annotations

import math
from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, home_option
from lifecycle.store import Store


@click.command(cls=Verb)
@click.argument("name")
@click.argument("text", required=False)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The wav to write."
)
@click.option("--phonemes", metavar="PHONEMES", help="Speak these in place of TEXT, as in 'HH AH0 L OW1 | W ER1 L D .'")
@click.option("--language", metavar="CODE", help="Language of TEXT; else the voice's first.")
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Another seed, another delivery.",
)
@click.option(
    "--speed",
    metavar="X",
    type=click.FloatRange(0.25, 4.0),
    default=1.0,
    show_default=True,
    help="2 speaks twice as fast.",
)
@click.option(
    "--runtime",
    type=click.Choice(("torch", "onnx")),
    default="torch",
    show_default=True,
    help="What computes the networks; onnx needs no torch.",
)
@home_option
@click.pass_obj
def command(
    console: Console,
    name: str,
    text: str | None,
    output: Path,
    phonemes: str | None,
    language: str | None,
    seed: int,
    speed: float,
    runtime: str,
    store: Store,
) -> None:
    """Let the voice NAME speak TEXT into a wav.

    Long text is cut into sentences. The same text and seed give the same speech, on either runtime.
    """
    if math.isnan(speed):  # no less than the least and no more than the most, so click lets it by
        raise click.UsageError("--speed must be a number.")
    if (text is None) == (phonemes is None):
        raise click.UsageError("Give TEXT or --phonemes: one of them.")
    from core_model.speaking import SpeakingOptions
    from core_model.voice import Voice
    from lifecycle.speaking import speak, write_wav

    voice = Voice.open(store.path(name))
    options = SpeakingOptions(language=language, seed=seed, speed=speed)
    with console.progress(f"{name} speaks") as tell:
        speech = speak(
            voice,
            text,
            phonemes=phonemes,
            runtime=runtime,
            options=options,
            tell=lambda done, all_: tell(done, all_, ""),
        )
    write_wav(output, speech)
    if voice.description.preview:
        console.remark("This voice is a preview: it may stumble, and it does not yet sound like the person.")
    cut_off = [sentence.text for sentence in speech.sentences if sentence.stopped == "length"]
    if cut_off:
        console.remark(f"Cut off, because they found no end: {len(cut_off)} of {len(speech.sentences)} sentences.")
    facts = {
        "path": output,
        "seconds": round(len(speech.waveform) / speech.sample_rate, 3),
        "sample_rate": speech.sample_rate,
        "runtime": runtime,
        "preview": voice.description.preview,
        "sentences": [
            {"text": sentence.text, "tokens": sentence.tokens.tolist(), "stopped": sentence.stopped}
            for sentence in speech.sentences
        ],
    }
    console.answer(facts, f"{facts['seconds']} s of speech in {output}.")

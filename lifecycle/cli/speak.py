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
@click.option(
    "--language",
    metavar="CODE",
    help="Language of TEXT: en, zh, ja, ko, yue, auto, auto_yue, all_zh, all_ja, all_ko or all_yue; else the voice's "
    "first.",
)
@click.option(
    "--cut",
    type=click.Choice(("cut0", "cut1", "cut2", "cut3", "cut4", "cut5")),
    help="Where to cut TEXT, by upstream's methods; else as the voice's own reading does.",
)
@click.option("--prompt", metavar="NAME", default="default", show_default=True, help="Which of the voice's prompts.")
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
    type=click.Choice(("torch", "onnx", "torchscript")),
    default="torch",
    show_default=True,
    help="What computes the networks; onnx needs no torch; torchscript runs the exports that old torches read.",
)
@click.option(
    "--steps",
    metavar="N",
    type=click.IntRange(1, 1000),
    help="For v3 and v4: steps from noise to speech; else 32 and 8. Half as many take half the time.",
)
@click.option(
    "--pretrained",
    metavar="DIR",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Folder with a RoBERTa, for the word features of Chinese. Nothing is ever downloaded.",
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
    cut: str | None,
    prompt: str,
    seed: int,
    speed: float,
    runtime: str,
    steps: int | None,
    pretrained: tuple[Path, ...],
    store: Store,
) -> None:
    """Let the voice NAME speak TEXT into a wav.

    Long text is cut into sentences. The same text and seed give the same speech, on any runtime. TEXT may be in
    another language than the prompt.
    """
    if math.isnan(speed):  # no less than the least and no more than the most, so click lets it by
        raise click.UsageError("--speed must be a number.")
    if (text is None) == (phonemes is None):
        raise click.UsageError("Give TEXT or --phonemes: one of them.")
    from core_model.speaking import SpeakingOptions
    from core_model.voice import Voice
    from lifecycle.speaking import speak, write_wav

    voice = Voice.open(store.path(name))
    options = SpeakingOptions(language=language, cut=cut, seed=seed, speed=speed, prompt=prompt, steps=steps)
    with console.progress(f"{name} speaks") as tell:
        spoken = speak(
            voice,
            text,
            phonemes=phonemes,
            runtime=runtime,
            options=options,
            pretrained=pretrained,
            tell=lambda done, all_: tell(done, all_, ""),
        )
    speech = spoken.speech
    write_wav(output, speech)
    for remark in spoken.remarks:
        console.remark(remark)
    facts = {
        "path": output,
        "seconds": round(len(speech.waveform) / speech.sample_rate, 3),
        "sample_rate": speech.sample_rate,
        "runtime": runtime,
        "preview": voice.description.preview,
        "word_features": spoken.word_features,
        "dropped": spoken.dropped,
        "remarks": spoken.remarks,
        "sentences": [
            {"text": sentence.text, "tokens": sentence.tokens.tolist(), "stopped": sentence.stopped}
            for sentence in speech.sentences
        ],
    }
    console.answer(facts, f"{facts['seconds']} s of speech in {output}.")

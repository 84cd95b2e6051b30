"""`lifecycle prompt`: what an imported voice goes on from, made of reference recordings; several to a voice."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from core_model.errors import RuntimeMissingError
from lifecycle.cli.console import Console, Verb, count, home_option
from lifecycle.store import Store

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
_PLACE = click.Path(exists=True, path_type=Path)


@click.command(cls=Verb)
@click.argument("name")
@click.option("--as", "prompt_name", metavar="PROMPT", default="default", show_default=True, help="What to call it.")
@click.option("--reference", "recordings", metavar="WAV", type=_FILE, multiple=True, help="3 to 10 s; repeatable.")
@click.option("--transcript", metavar="TEXT", help="What is said in the first reference.")
@click.option("--language", metavar="CODE", help="Of the transcript; else the voice's first.")
@click.option("--average", metavar="DIR", type=_DIRECTORY, help="Take the style from all recordings below DIR.")
@click.option("--style", "style_file", metavar="FILE", type=_FILE, help="A style made elsewhere, .npy or .safetensors.")
@click.option("--prompt-tokens", "tokens_file", metavar="FILE", type=_FILE, help="The tokens, in place of HuBERT.")
@click.option("--pretrained", metavar="DIR", type=_PLACE, multiple=True, help="Where HuBERT and the others lie.")
@click.option("--list", "listing", is_flag=True, help="List the voice's prompts and make none.")
@click.option("--remove", metavar="PROMPT", help="Take a prompt away and make none.")
@home_option
@click.pass_obj
def command(
    console: Console,
    name: str,
    prompt_name: str,
    recordings: tuple[Path, ...],
    transcript: str | None,
    language: str | None,
    average: Path | None,
    style_file: Path | None,
    tokens_file: Path | None,
    pretrained: tuple[Path, ...],
    listing: bool,
    remove: str | None,
    store: Store,
) -> None:
    """Give the imported voice NAME a prompt: what it goes on from when it speaks.

    A reference of 3 to 10 s and its transcript make the best one. Without a transcript only the sound of the voice is
    taken, from any number of references or from a directory. Prompts hold no audio; of v3 and v4 they nearly do.
    """
    if listing and remove is not None:
        raise click.UsageError("Give --list or --remove, not both.")
    if listing:
        return _list(console, store, name)
    if remove is not None:
        return _remove(console, store, name, remove)
    if average is not None and style_file is not None:
        raise click.UsageError("Give --average or --style, not both.")
    if not (recordings or average or style_file):
        raise click.UsageError("Give --reference, --average or --style: without one there is no voice to take.")
    from core_model.pretrained import Pretrained

    try:
        from core_model.prompting import Reference
        from lifecycle.prompting import Given, add_prompt
    except ImportError as error:
        raise RuntimeMissingError(f"making a prompt needs torch, which cannot be loaded: {error}") from error

    others = (Reference(path) for path in recordings[1:])
    first = Reference(recordings[0] if recordings else None, transcript, language)
    references = (first, *others) if recordings or transcript is not None else ()
    given = Given(references, average, tokens_file, style_file)
    with console.progress(f"Listening for {name}") as tell:
        added = add_prompt(
            store, name, prompt_name, given, Pretrained.find(*pretrained), now=datetime.now(UTC), tell=tell
        )
    for item in added.left_out:
        console.remark(f"{item.file} was left out: {item.sentence}.")
    if added.lacks_word_features:
        console.remark("No RoBERTa was given: this prompt has no word features, with which the voice learnt Chinese.")
    if added.prompt.reference_mel is not None:
        console.remark("This prompt holds the reference's mel, which is nearly the recording: who has it can hear it.")
    prompt = added.prompt
    facts = {
        "voice": name,
        "prompt": added.name,
        "language": prompt.language,
        "tokens": int(prompt.semantic_tokens.size),
        "phonemes": int(prompt.phonemes.size),
        "references": prompt.references,
        "word_features": prompt.word_features is not None,
        "lacks_word_features": added.lacks_word_features,
        "reference_mel": prompt.reference_mel is not None,
        "left_out": [asdict(item) for item in added.left_out],
        "golden": added.golden,
    }
    words = f"{facts['tokens']} tokens" if facts["tokens"] else "no words"
    heard = count(prompt.references, "recording")
    return console.answer(facts, f"The voice {name} has the prompt {added.name}: {words}, its style from {heard}.")


def _list(console: Console, store: Store, name: str) -> None:
    from core_model.voice import Voice
    from lifecycle.prompts import rows_of

    rows = rows_of(Voice.open(store.path(name)))
    lines = [
        f"{row.name:<16}{row.language:<9}{row.tokens / 25:>5.1f} s of tokens, style of {row.references}" for row in rows
    ]
    console.answer({"voice": name, "prompts": [asdict(row) for row in rows]}, *(lines or ["No prompts yet."]))


def _remove(console: Console, store: Store, name: str, prompt_name: str) -> None:
    from lifecycle.prompts import remove_prompt

    golden = remove_prompt(store, name, prompt_name)
    if golden:
        console.remark(
            "The golden outputs, which were recorded with it, went too: the next default prompt makes new ones."
        )
    console.answer({"voice": name, "removed": prompt_name, "golden": golden}, f"The prompt {prompt_name} is gone.")

"""`lifecycle import`: a voice of somebody's GPT-SoVITS checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core_model.errors import RuntimeMissingError
from lifecycle.cli.console import Console, Progress, Verb, home_option
from lifecycle.store import Store

if TYPE_CHECKING:
    from core_model.pretrained import Pretrained
    from core_model.voice import Voice
    from lifecycle.prompting import Added

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PLACE = click.Path(exists=True, path_type=Path)


@click.command(cls=Verb)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_PLACE)
@click.option("--name", metavar="NAME", required=True, help="What the voice is to be called.")
@click.option("--base", type=_FILE, help="The base file that a LoRA changes.")
@click.option("--vocoder", type=_FILE, help="The vocoder of a v3 or v4 voice.")
@click.option("--pretrained", metavar="DIR", type=_PLACE, multiple=True, help="Where vocoders, HuBERT and others lie.")
@click.option("--reference", "recordings", metavar="WAV", type=_FILE, multiple=True, help="3 to 10 s; repeatable.")
@click.option("--transcript", "transcripts", metavar="TEXT", multiple=True, help="What is said in the reference.")
@click.option("--language", "spoken", metavar="CODE", multiple=True, help="Of the transcript; else the voice's first.")
@click.option("--prompt-tokens", "tokens", metavar="FILE", type=_FILE, help="The tokens, in place of HuBERT.")
@click.option("--style", metavar="FILE", type=_FILE, help="A style made elsewhere, in place of a reference.")
@click.option("--languages", metavar="CODES", help="As in zh,en, the usual one first; else all it has phonemes for.")
@click.option("--licence", metavar="TEXT", default="all rights reserved", help="Who may use the voice for what.")
@click.option("--exports", is_flag=True, help="Write what `speak --runtime onnx` needs, too: torch, 700 MB.")
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
    pretrained: tuple[Path, ...],
    recordings: tuple[Path, ...],
    transcripts: tuple[str, ...],
    spoken: tuple[str, ...],
    tokens: Path | None,
    style: Path | None,
    languages: str | None,
    licence: str,
    exports: bool,
    accept_stock: bool,
    keep_directories: bool,
    store: Store,
) -> None:
    """Make a voice of a SoVITS (.pth) and a GPT (.ckpt) of GPT-SoVITS, v1 to v4 and LoRA.

    FILE... are the two halves in any order, or a directory that holds them. Nothing in them is run, no value is
    changed, and `lifecycle export` gives them back. With --reference the voice can speak at once; `lifecycle prompt`
    adds it later, too.
    """
    for given, told in ((transcripts, "--transcript"), (spoken, "--language")):
        if len(given) > max(1, len(recordings)):
            raise click.UsageError(f"There are more {told} than --reference.")
    from core_model.pretrained import Pretrained
    from lifecycle.cli.import_answer import facts_of, lines_of, remark
    from lifecycle.importing import ImportOptions, import_voice

    networks = Pretrained.find(*pretrained)
    prompting = _Prompting(recordings, transcripts, spoken, tokens, style, networks)
    options = ImportOptions(
        base=base,
        vocoder=vocoder,
        languages=tuple(code.strip() for code in languages.split(",") if code.strip()) if languages else (),
        spoken=spoken[0] if spoken else None,
        licence=licence,
        exports=exports,
        accept_stock=accept_stock,
        keep_directories=keep_directories,
    )
    with console.progress(f"Importing {name}") as tell:
        finish = prompting.maker(tell)
        imported = import_voice(store, name, files, options, vocoders=networks.vocoders, finish=finish, tell=tell)
    remark(console, imported, prompting.added, len(transcripts))
    console.answer(facts_of(imported, prompting.added), *lines_of(imported))


@dataclass(slots=True)
class _Prompting:
    """What was said of the reference, and what became of it."""

    recordings: tuple[Path, ...]
    transcripts: tuple[str, ...]
    spoken: tuple[str, ...]
    tokens: Path | None
    style: Path | None
    pretrained: Pretrained
    added: list[Added] = field(default_factory=list)

    def maker(self, tell: Progress) -> Callable[[Voice], None]:
        """What gives a voice its prompt; nothing if no reference was named."""
        if not (self.recordings or self.transcripts or self.tokens or self.style):
            return lambda voice: None
        try:
            from core_model.prompting import Reference
            from lifecycle.prompting import Given, add_prompt_to
        except ImportError as error:
            raise RuntimeMissingError(f"making a prompt needs torch, which cannot be loaded: {error}") from error
        # Of further references only the sound is taken: their words are no part of the prompt.
        words, language = (*self.transcripts, None)[0], (*self.spoken, None)[0]
        first = Reference(self.recordings[0] if self.recordings else None, words, language)
        references = (first, *(Reference(path) for path in self.recordings[1:]))
        given = Given(references, tokens_file=self.tokens, style_file=self.style)

        def make(voice: Voice) -> None:
            tell(0, 0, "listening to the reference")
            now = datetime.now(UTC)
            self.added.append(add_prompt_to(voice, "default", given, self.pretrained, now=now, tell=tell))

        return make

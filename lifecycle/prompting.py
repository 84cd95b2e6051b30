"""Prompts for a voice on this machine, made of recordings: whole, or not at all.

Knows where prompts go and what goes with them (golden outputs, which are recorded with the default prompt); how one is
made, core_model.prompting knows. Needs torch. The recordings are read and left where they are.

    added = add_prompt(store, "ada", "calm", Given((Reference(Path("calm.wav"), "Good morning.", "en"),)),
                       Pretrained.find(folder), now=datetime.now(UTC))
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import torch

from core_model import golden as golden_outputs
from core_model import machine
from core_model.description import NAME
from core_model.errors import AudioError, PromptError, PromptExistsError
from core_model.listening import Listener
from core_model.pretrained import Pretrained
from core_model.prompting import ReadyStyle, Reference, lacks_word_features, make_prompt
from core_model.synthesis import TorchRuntime
from core_model.voice import DEFAULT_PROMPT, Prompt, Voice, write_prompt
from lifecycle.errors import NotADirectoryOfRecordingsError, NotEnoughRecordingsError
from lifecycle.printable import printable
from lifecycle.prompts import read_style, read_tokens
from lifecycle.recording import sound_files
from lifecycle.recording_checks import SHORTEST_S, measure, why_not_the_sound
from lifecycle.store import Store, sync_directory, sync_tree
from lifecycle.transcripts import inside

Tell = Callable[[int, int, str], None]  # done, of how many, what to say beside it


@dataclass(frozen=True, slots=True)
class Given:
    """What a person gave to make a prompt of."""

    references: tuple[Reference, ...] = ()
    average: Path | None = None  # a directory: the style is the mean over its recordings, and over no reference
    tokens_file: Path | None = None
    style_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Unheard:
    """A recording of the directory that is no part of the mean, and why."""

    file: str
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class Added:
    """What was made."""

    name: str
    prompt: Prompt
    left_out: tuple[Unheard, ...]
    lacks_word_features: bool  # Chinese words, a voice that learnt with word features, and no RoBERTa
    golden: bool  # golden outputs were recorded


def add_prompt(
    store: Store,
    voice_name: str,
    prompt_name: str,
    given: Given,
    pretrained: Pretrained,
    *,
    now: datetime,
    tell: Tell = lambda done, total, note: None,
) -> Added:
    """Give a voice of the store another prompt. PromptExistsError; see `add_prompt_to` for the others."""
    voice = Voice.open(store.path(voice_name))
    if prompt_name != DEFAULT_PROMPT:
        return add_prompt_to(voice, prompt_name, given, pretrained, now=now, tell=tell)
    _require_free(voice, prompt_name)
    with store.scratch(voice_name) as scratch:  # golden outputs take a minute: meanwhile the voice stays what it was
        stand_in = _stand_in(voice, scratch)
        added = add_prompt_to(stand_in, prompt_name, given, pretrained, now=now, tell=tell)
        if added.golden:
            sync_tree(stand_in.golden_directory)
            if voice.golden_directory.exists():  # recorded with a default prompt that is there no more
                shutil.rmtree(voice.golden_directory)
            stand_in.golden_directory.rename(voice.golden_directory)
            sync_directory(voice.directory)
    write_prompt(voice, prompt_name, added.prompt)
    return added


def add_prompt_to(
    voice: Voice,
    prompt_name: str,
    given: Given,
    pretrained: Pretrained,
    *,
    now: datetime,
    tell: Tell = lambda done, total, note: None,
) -> Added:
    """Give *voice*, which may be a directory that is still being made, another prompt.

    With the default prompt its golden outputs are recorded. PromptError, PretrainedError, AudioError, TextError,
    VoiceError and their kinds; then the voice has no prompt of that name.
    """
    _require_free(voice, prompt_name)
    prompt, left_out, lacking = _listen(voice, given, pretrained, tell)
    write_prompt(voice, prompt_name, prompt)
    recorded = prompt_name == DEFAULT_PROMPT and _record_golden(voice, now, tell)
    return Added(prompt_name, prompt, left_out, lacking, recorded)


def _listen(voice: Voice, given: Given, pretrained: Pretrained, tell: Tell) -> tuple[Prompt, tuple[Unheard, ...], bool]:
    """The prompt; what was left out of its style; whether it lacks word features. Its networks are gone afterwards."""
    listener = Listener(voice, pretrained)
    first = given.references[0] if given.references else Reference()
    tokens = None
    if given.tokens_file is not None:
        codes = int(str(voice.description.gpt["semantic_tokens"])) - 1  # the last one ends speech
        tokens = read_tokens(given.tokens_file, first.audio, codes)
    style, left_out = _ready_style(listener, given, tell)
    prompt = make_prompt(voice, given.references, pretrained, tokens, style=style, listener=listener)
    return prompt, left_out, lacks_word_features(voice, prompt, first.transcript)


def _require_free(voice: Voice, prompt_name: str) -> None:
    if not NAME.fullmatch(prompt_name):
        raise PromptError(f"{prompt_name!r} can be no prompt's name: 1 to 64 of a-z, 0-9, - and _")
    if prompt_name in voice.prompts():
        raise PromptExistsError(prompt_name)


def _stand_in(voice: Voice, scratch: Path) -> Voice:
    """The same voice elsewhere, without prompts and golden outputs; nothing large is copied."""
    directory = scratch / voice.name
    directory.mkdir(mode=0o700)
    for entry in voice.directory.iterdir():
        if entry.name not in ("prompts", "golden"):
            (directory / entry.name).symlink_to(entry.resolve())
    return Voice(directory, voice.description)


def _ready_style(listener: Listener, given: Given, tell: Tell) -> tuple[ReadyStyle | None, tuple[Unheard, ...]]:
    if given.style_file is not None:
        return ReadyStyle(read_style(given.style_file, listener.dims.style)), ()
    if given.average is None:
        return None, ()
    recordings, left_out = recordings_below(given.average)
    if not recordings:
        raise NotEnoughRecordingsError(given.average, 0.0, SHORTEST_S, len(left_out))
    style = listener.mean_style(recordings, lambda done, total: tell(done, total, recordings[done - 1].name))
    return ReadyStyle(style, len(recordings)), left_out


def recordings_below(directory: Path) -> tuple[tuple[Path, ...], tuple[Unheard, ...]]:
    """Recordings below *directory* that are good enough to learn a voice from, whatever is said in them; the others."""
    if not directory.is_dir():
        raise NotADirectoryOfRecordingsError(directory)
    good: list[Path] = []
    left_out: list[Unheard] = []
    for path in sorted(sound_files(directory.resolve())):
        why_not = _why_not(path, directory.resolve())
        if why_not is None:
            good.append(path)
        else:
            left_out.append(Unheard(printable(path.relative_to(directory.resolve()).as_posix()), why_not))
    return tuple(good), tuple(left_out)


def _why_not(path: Path, directory: Path) -> str | None:
    if not inside(path, directory):
        return "it is a link that leads out of the directory, or no ordinary file"
    try:
        why_not = why_not_the_sound(measure(path))
    except AudioError as error:
        return printable(str(error))
    return None if why_not is None else why_not[2]


def _record_golden(voice: Voice, now: datetime, tell: Tell) -> bool:
    """Whether golden outputs were recorded: not where there is no public text in any of the languages."""
    if not any(language in golden_outputs.TEXTS for language in voice.description.languages):
        return False
    tell(0, 0, "recording golden outputs")
    threads = torch.get_num_threads()
    try:
        runtime = TorchRuntime(voice, threads=1)
        golden_outputs.record_golden(voice, runtime, now=now, machine=machine.describe())
    finally:
        torch.set_num_threads(threads)
    return True

"""From a released style to a new voice: what goes into it, and what of the voice it came from must not.

Knows what a voice is made of; how the style was released, releasing and private_training know. Of the source voice
come: the sizes of its networks, its languages, its licence; and, only if a person insists, its tuned networks. Prompts,
golden outputs, exports, training records and the source's name stay behind: each would tell the clean style, or of the
recordings. Where there is no source voice, all of that is the base's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from core_model import machine
from core_model.errors import AudioError
from core_model.export.process import write_exports
from core_model.features import audio
from core_model.golden import record_golden
from core_model.nano import base as nano
from core_model.nano.dims import CODES
from core_model.nano.speaker_style import Frame, recording_style
from core_model.synthesis import TorchRuntime
from core_model.text.front_end import write_data
from core_model.training.adaptation import rounded
from core_model.voice import (
    DEFAULT_PROMPT,
    Array,
    Description,
    Floats,
    Integers,
    Prompt,
    Voice,
    json_bytes,
    write_files,
)
from lifecycle.errors import ReleaseError
from lifecycle.new_voice import judge_by_stock, nano_description

RECORD = "release.json"  # in records/


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What a voice is released on: a base that knows none of the person's recordings."""

    sha256: str
    weights: Mapping[str, Mapping[str, Array]]
    stock_styles: Floats  # (K, S, 1)
    listen: Callable[[Path], Floats]  # a recording to its style (1, S, 1)

    @property
    def frame(self) -> Frame:
        """Where its styles lie."""
        return Frame.of(self.stock_styles)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What a released voice takes over: nothing that was learnt from a recording, unless *tuned* is."""

    description: Description
    opening: Integers = field(repr=False)  # tokens of silence that every prompt begins with
    tuned: Mapping[str, Mapping[str, Array]] | None = field(default=None, repr=False)  # networks to keep; None: base's


def ground_of(voice: Voice) -> Ground:
    """The embedded base, if *voice* grew from it. ReleaseError: no public styles are known of any other."""
    if voice.description.family != "nano":
        raise ReleaseError(
            f"a {voice.description.family} voice has no public speakers here to measure its style against",
            "only voices that grew from the embedded base can be released.",
        )
    base = nano.load()
    if voice.description.lineage.get("base_sha256") != base.sha256:
        raise ReleaseError(
            "the voice grew from another base than this toolkit's",
            "release it with the version of the toolkit that made it.",
        )
    return ground_on(base)


def ground_on(base: nano.Base) -> Ground:
    """What a voice that is trained and released in one go is released on."""
    network = base.sovits.eval()
    weights = {"gpt": rounded(base.gpt), "sovits": rounded(base.sovits)}

    def listen(path: Path) -> Floats:
        return recording_style(network, audio.load(path, 16_000).waveform)

    return Ground(base.sha256, weights, base.stock_styles, listen)


def source_of(voice: Voice, *, tuned_weights: bool) -> Source:
    """What is taken over of *voice*; with its networks only if somebody insists."""
    tuned = {part: voice.weights(part) for part in ("gpt", "sovits")} if tuned_weights else None
    return Source(voice.description, voice.prompt().semantic_tokens[:1], tuned)


def untrained_source(licence: str) -> Source:
    """What is taken over where there is no voice yet: the embedded base's own description."""
    return Source(nano_description("untrained", {}, licence), np.array([CODES.first_token]))


def write_released(
    directory: Path,
    source: Source,
    ground: Ground,
    style: Floats,
    facts: Mapping[str, Any],
    *,
    now: datetime,
) -> None:
    """Fill *directory* with the new voice. *facts* go into records/release.json, beside the hash of *style*."""
    weights = source.tuned or ground.weights
    kept = "base" if source.tuned is None else "private" if facts["mode"] == "sgd" else "tuned"
    released = {"mode": facts["mode"], "weights": kept, "replayable": False}
    lineage: dict[str, object] = {"base": "nano", "base_sha256": ground.sha256, "released": released}
    # Neither the source's history nor fields of other toolkits: both may hold digests of the clean style.
    description = replace(source.description, name=directory.name, lineage=lineage, history=(), other={})
    prompts = {DEFAULT_PROMPT: Prompt(source.opening, np.zeros(0, np.int64), style)}
    write_files(directory, description, weights=weights, prompts=prompts)
    write_data(directory / "text", description.languages)
    _record_golden(Voice.open(directory), ground, now, tuned_weights=source.tuned is not None)
    record = {
        **facts,
        "made": now.isoformat(timespec="seconds"),
        "style_sha256": hashlib.sha256(style.astype("<f4").tobytes()).hexdigest(),
        "weights_sha256": weights_sha256(directory),
        "replayable": False,
        "why": "its noise came from the operating system and was kept nowhere: it can be compared, not made again",
    }
    (directory / "records").mkdir(exist_ok=True)
    (directory / "records" / RECORD).write_bytes(json_bytes(record))
    write_exports(Voice.open(directory))


def weights_sha256(directory: Path) -> dict[str, str]:
    """By part: what the result is archived by, since nobody can make it again."""
    files = sorted((directory / "weights").glob("*.safetensors"))
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _record_golden(voice: Voice, ground: Ground, now: datetime, *, tuned_weights: bool) -> None:
    """Golden outputs of the released style; the identity is that of their own speech: none of a recording is known."""
    runtime = TorchRuntime(voice, threads=1)
    golden = record_golden(voice, runtime, now=now, machine=machine.describe())
    stock = runtime
    if tuned_weights:
        directory = voice.directory.parent / ".stock"
        directory.mkdir()
        prompt = replace(voice.prompt(), style=ground.stock_styles[:1])
        write_files(directory, voice.description, weights=ground.weights, prompts={DEFAULT_PROMPT: prompt})
        stock = TorchRuntime(Voice.open(directory), threads=1)
    try:
        judge_by_stock(voice, golden, None, stock, ground.stock_styles).write(voice.golden_directory)
    except AudioError:
        return  # noise may leave no voiced speech to tell anybody by: recorded as such, and verify says "not run"

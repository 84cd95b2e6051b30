"""The suite: a voice's golden outputs against what computes today, and what came of it, layer by layer.

THE judging code: a foreign program (`judge`, over runner.py) and the toolkit's own runtimes in this process
(`lifecycle.verifying`) are both a `Source`, asked in one order and compared by one set of functions. Never raises for
anything that a source did: its fault is a finding, and the layers after it go on.

    findings = judge(Path("voice"), Runner(["python", "-m", "core_model.runner", "onnx"], time_limit_s=600), work=work)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from compat_tests.comparing import (
    compare_identity,
    compare_text,
    compare_tokens,
    compare_waveforms,
    identity_unknowable,
)
from compat_tests.diagnosing import Cause, Today, likely_cause
from compat_tests.errors import RecordError, RunnerError, SourceError
from compat_tests.findings import LAYERS, Finding, first_failed, not_run, proven
from compat_tests.goldens import Floats, Golden, Integers, Sentence, read_golden
from compat_tests.runner import Runner
from compat_tests.runner_source import RunnerSource

UNCHECKED = not_run("fixity", "The voice was not opened from a bundle, so there is no manifest.")


class Source(Protocol):
    """Whatever computes today's arrays. Each method raises SourceError; the first call's result is thrown away."""

    def today(self) -> Today:
        """What computes, and on what machine. Loads the networks if that is still to be done."""

    def phonemes(self, sentences: Sequence[Sentence]) -> list[Integers]:
        """(P,) for the text of each sentence."""

    def changed_packages(self) -> Mapping[str, tuple[str, str]]:
        """Analysers of text of another version than the voice was made with: name, version then and now."""

    def logits(self, sentences: Sequence[Sentence]) -> list[Floats]:
        """(R, V) along the tokens of each sentence."""

    def waveforms(self, golden: Golden) -> list[Floats]:
        """(N,) of the tokens, phonemes and noise of each sentence."""

    def statistics(self, waveform: Floats, sample_rate: int) -> Floats:
        """(58,) of who speaks."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What came of one voice on one runtime."""

    runtime: str  # 'none' where none could be had
    recorded: str  # when and on what the golden outputs were made; 'never'
    findings: tuple[Finding, ...]
    cause: Cause | None = None  # of the first layer that drifted; None if none did
    golden: Golden | None = field(default=None, compare=False, repr=False)  # None: there are no golden outputs
    waveforms: tuple[Floats, ...] = field(default=(), compare=False, repr=False)  # () where no network spoke

    @property
    def diagnosis(self) -> Finding | None:
        """The first layer that drifted; None if none did."""
        return first_failed(self.findings)

    @property
    def passed(self) -> bool:
        """Whether nothing drifted and the layers that prove a voice's speech all ran."""
        return proven(self.findings)


def judge(voice_directory: Path, runner: Runner, *, work: Path, fixity: Finding | None = None) -> tuple[Finding, ...]:
    """One finding for each of `LAYERS`, of the unpacked voice on *runner*. *work* is an empty directory for arrays."""
    return assess(voice_directory, RunnerSource(voice_directory, runner, work), fixity=fixity).findings


def assess(voice_directory: Path, source: Source, *, fixity: Finding | None = None) -> Assessment:
    """Ask *source* for every layer and say what came of it, with the likely cause of the first that drifted.

    *fixity* is what the archive found; without it that layer is not run.
    """
    first = fixity or UNCHECKED
    try:
        golden = read_golden(voice_directory)
    except RecordError as error:
        rest = tuple(not_run(name, f"Nothing to compare with: {error}.") for name in LAYERS[1:])
        return Assessment("none", "never", (first, *rest))
    text = _text(golden, source)
    try:
        today = source.today()
    except SourceError as error:
        findings = (first, text, *_without_networks(error))
        cause = likely_cause(voice_directory, findings, golden, None, _changed_packages(source))
        return Assessment("none", golden.recorded, findings, cause, golden)
    tokens = _tokens(golden, source)
    waveform, waveforms = _waveform(golden, source)
    findings = (first, text, tokens, waveform, _identity(golden, source, waveforms))
    cause = likely_cause(voice_directory, findings, golden, today, _changed_packages(source))
    return Assessment(today.runtime, golden.recorded, findings, cause, golden, waveforms)


def _text(golden: Golden, source: Source) -> Finding:
    try:
        rows = source.phonemes(golden.sentences)
        return compare_text(golden, rows, _changed_packages(source))
    except SourceError as error:
        if error.missing:
            return not_run("text", f"What reads the text is missing: {error}.")
        return _failed("text", "The text cannot be read any more", error)


def _changed_packages(source: Source) -> Mapping[str, tuple[str, str]]:
    """Facts for the diagnosis; whatever keeps them away has already failed its own layer."""
    try:
        return source.changed_packages()
    except SourceError:
        return {}


def _without_networks(error: SourceError) -> tuple[Finding, ...]:
    if error.missing:
        return tuple(not_run(name, f"The runtime is missing: {error}.") for name in LAYERS[2:])
    broken = _failed("tokens", "The networks cannot be loaded", error)
    return (broken, *(not_run(name, "The networks cannot be loaded.") for name in LAYERS[3:]))


def _tokens(golden: Golden, source: Source) -> Finding:
    try:
        return compare_tokens(golden, source.logits(golden.sentences))
    except SourceError as error:
        return _without("tokens", "No logits were given", error)


def _waveform(golden: Golden, source: Source) -> tuple[Finding, tuple[Floats, ...]]:
    try:
        waveforms = tuple(source.waveforms(golden))
    except SourceError as error:
        return _without("waveform", "No samples were given", error), ()
    return compare_waveforms(golden, waveforms), waveforms


def _identity(golden: Golden, source: Source, waveforms: tuple[Floats, ...]) -> Finding:
    unknowable = identity_unknowable(golden)
    if unknowable:
        return unknowable
    if not waveforms:
        return not_run("identity", "There is no speech to listen to.")
    try:
        return compare_identity(golden, source.statistics(np.concatenate(waveforms), golden.sample_rate))
    except SourceError as error:
        return _without("identity", "What the voice says is no speech", error)


def _without(name: str, told: str, error: SourceError) -> Finding:
    return not_run(name, f"{_sentence(str(error))}.") if error.missing else _failed(name, told, error)


def _failed(name: str, told: str, error: SourceError) -> Finding:
    """A layer whose arrays could not be had. A runner that breaks its protocol is told as it is: nothing drifted."""
    if isinstance(error, RunnerError) and error.kind != "refused":
        return Finding(name, "failed", f"{_sentence(str(error))}.", broken=error.kind)
    kind = error.kind if isinstance(error, RunnerError) else ""
    return Finding(name, "failed", f"{told}: {error}.", broken=kind)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]

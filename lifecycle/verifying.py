"""Verify: does a voice still speak as it did on the day it was made, and if not, which layer drifted first.

Knows layers, figures and tolerances; the networks are behind a runtime that the caller chooses (torch or onnx), so this
runs where torch is gone. A layer that could not run is reported as not run, never as passed. DESIGN §8.

    fixity      every file is the one that was archived (the archive's own finding, handed in)
    text        golden texts still give the recorded phonemes
    tokens      along the recorded path: raw logits within tolerance, and the best token the same wherever it was clear
    waveform    recorded tokens, style and noise still give the recorded samples
    identity    that speech is nearer to the statistics of this person than a stock voice would be
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from core_model.errors import CoreModelError, GoldenError, RuntimeMissingError
from core_model.features.speaker_statistics import distance, speaker_statistics
from core_model.golden import Golden, GoldenSentence, decode_sentences, read_text, teacher_forced
from core_model.speaking import Runtime
from core_model.text.front_end import FrontEnd
from core_model.utterances import front_end_of
from core_model.voice import Floats, Voice

Verdict = Literal["passed", "failed", "not run"]
LAYERS = ("fixity", "text", "tokens", "waveform", "identity")
_MUST_PASS = ("text", "tokens", "waveform")


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer's verdict. *figure* and *tolerance* are in *unit*; None where nothing was measured."""

    name: str
    verdict: Verdict
    told: str  # one sentence for a person
    figure: float | None = None
    tolerance: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What was compared, for whoever wants to hear it: the recorded sentences, and today's speech in their order."""

    golden: Golden
    sample_rate: int
    waveforms: tuple[Floats, ...] = ()  # () where no network spoke


@dataclass(frozen=True, slots=True)
class Verification:
    """All layers, in the order in which a cause would show first."""

    runtime: str
    recorded: str  # when and on what the golden outputs were made
    layers: tuple[Layer, ...]
    heard: Heard | None = field(default=None, compare=False, repr=False)  # None: there are no golden outputs

    @property
    def diagnosis(self) -> Layer | None:
        """The first layer that drifted; None if none did."""
        return next((layer for layer in self.layers if layer.verdict == "failed"), None)

    @property
    def passed(self) -> bool:
        """Whether nothing drifted and the layers that prove a voice's speech all ran."""
        ran = {layer.name for layer in self.layers if layer.verdict == "passed"}
        return self.diagnosis is None and ran.issuperset(_MUST_PASS)


def verify(voice: Voice, load: Callable[[Voice], Runtime], *, fixity: Layer | None = None) -> Verification:
    """Compare *voice* with its own golden outputs on the runtime that *load* makes of it.

    *fixity* is what the archive found; without it that layer is not run. Refusals of the voice's parts become failed
    layers, so that a person sees all that is wrong at once; a missing runtime leaves its layers not run.
    """
    first = fixity or Layer("fixity", "not run", "The voice was not opened from a bundle, so there is no manifest.")
    try:
        golden = Golden.read(voice.golden_directory)
    except GoldenError as error:
        rest = tuple(_not_run(name, f"Nothing to compare with: {error}.") for name in LAYERS[1:])
        return Verification("none", "never", (first, *rest))
    recorded = f"{golden.made}, {golden.runtime}"
    silent = Heard(golden, voice.description.sample_rate)
    text = _text(voice, golden)
    try:
        runtime = load(voice)
    except RuntimeMissingError as error:
        rest = tuple(_not_run(name, f"The runtime is missing: {error}.") for name in LAYERS[2:])
        return Verification("none", recorded, (first, text, *rest), silent)
    except CoreModelError as error:
        broken = Layer("tokens", "failed", f"The networks cannot be loaded: {error}.")
        rest = tuple(_not_run(name, "The networks cannot be loaded.") for name in LAYERS[3:])
        return Verification("none", recorded, (first, text, broken, *rest), silent)
    _warm_up(voice, runtime, golden.sentences[0])
    tokens = _tokens(voice, runtime, golden)
    waveforms = decode_sentences(voice, runtime, golden)
    layers = (first, text, tokens, _waveform(golden, waveforms), _identity(voice, golden, waveforms))
    return Verification(runtime.version, recorded, layers, replace(silent, waveforms=tuple(waveforms)))


def fixity_layer(files: int, damaged: tuple[str, ...]) -> Layer:
    """The archive's finding as a layer: how many files were looked at, and the names of those that differ."""
    if damaged:
        told = f"{len(damaged)} of {files} files are not the ones that were archived: {', '.join(damaged[:3])}."
        return Layer("fixity", "failed", told, len(damaged), 0, "files")
    return Layer("fixity", "passed", f"All {files} files are the ones that were archived.", 0, 0, "files")


def _text(voice: Voice, golden: Golden) -> Layer:
    wrong = []
    front_end: FrontEnd | None = None
    for sentence in golden.sentences:
        try:
            front_end = front_end or front_end_of(voice)
            said = read_text(voice, front_end, sentence.text, sentence.language)
        except RuntimeMissingError as error:
            return _not_run("text", f"What reads the text is missing: {error}.")
        except CoreModelError as error:
            return Layer("text", "failed", f"The text cannot be read any more: {error}.")
        if [row for utterance in said for row in utterance.phonemes] != sentence.phonemes.tolist():
            wrong.append(sentence.text)
    told = f"{len(golden.sentences)} sentences are read as recorded."
    if wrong and front_end is not None:
        told = f"“{wrong[0]}” is read differently." + _other_packages(front_end)
    return _measured("text", told, len(wrong), 0, "sentences")


def _other_packages(front_end: FrontEnd) -> str:
    """What may be the cause: analysers are not carried in the voice, their versions are."""
    changed = front_end.changed_packages()
    return "".join(f" {name} is {now} here and was {then}." for name, (then, now) in changed.items())


def _warm_up(voice: Voice, runtime: Runtime, sentence: GoldenSentence) -> None:
    """The first call of a fresh process may differ by rounding (DESIGN §12), so its result is thrown away."""
    teacher_forced(voice, runtime, sentence.phonemes, sentence.tokens[:2])


def _tokens(voice: Voice, runtime: Runtime, golden: Golden) -> Layer:
    tolerance = golden.tolerances.logits
    largest, clear, changed = 0.0, 0, 0
    for sentence in golden.sentences:
        logits = teacher_forced(voice, runtime, sentence.phonemes, sentence.tokens)
        if logits.shape != sentence.logits.shape:
            told = f"The network gives logits of shape {logits.shape}, recorded were {sentence.logits.shape}."
            return Layer("tokens", "failed", told)
        largest = max(largest, _largest(logits - sentence.logits))
        second, best = np.partition(sentence.logits, -2, axis=1)[:, -2:].T
        sure = best - second > 2 * tolerance  # neither can have moved past the other within the tolerance
        clear += int(sure.sum())
        changed += int((logits.argmax(axis=1) != sentence.logits.argmax(axis=1))[sure].sum())
    told = f"Logits differ by {largest:.1e} at most; {changed} of {clear} clear choices changed."
    return _measured("tokens", told, largest, tolerance, "logits", also=changed == 0)


def _waveform(golden: Golden, waveforms: list[Floats]) -> Layer:
    largest, ratio_db = 0.0, np.inf
    for waveform, sentence in zip(waveforms, golden.sentences, strict=True):
        if waveform.shape != sentence.waveform.shape:
            told = f"The speech has {waveform.size} samples, recorded were {sentence.waveform.size}."
            return Layer("waveform", "failed", told)
        share, decibel = apart(waveform, sentence.waveform)
        largest, ratio_db = max(largest, share), min(ratio_db, decibel)
    enough = ratio_db >= golden.tolerances.waveform_db
    told = f"Samples differ by {largest:.1e} of the peak at most, signal to noise {ratio_db:.0f} dB."
    told = told if largest else "Every sample is the recorded one."
    return _measured("waveform", told, largest, golden.tolerances.waveform, "of the peak", also=enough)


def apart(waveform: Floats, recorded: Floats) -> tuple[float, float]:
    """How far two waveforms of one shape are from each other: (share of the recorded peak, signal to noise in dB)."""
    error = waveform - recorded
    return _largest(error) / max(float(np.abs(recorded).max()), 1e-9), _ratio_db(recorded, error)


def _identity(voice: Voice, golden: Golden, waveforms: list[Floats]) -> Layer:
    identity = golden.identity
    if identity.threshold is None:
        if not identity.stock_voices:
            return _not_run("identity", "No stock voice was there to tell this one from when it was made.")
        return _not_run("identity", "By these statistics, this voice cannot be told from the stock voices.")
    try:
        now = speaker_statistics(np.concatenate(waveforms), voice.description.sample_rate)
    except CoreModelError as error:
        return Layer("identity", "failed", f"What the voice says is no speech: {error}.")
    far = distance(now, identity.statistics)
    whose = "the person's recordings" if identity.reference == "recordings" else "its own speech of that day"
    told = f"The speech is {far:.1f} from {whose}; the nearest of {identity.stock_voices} stock voices "
    told += f"{identity.nearest_stock:.1f}."
    return _measured("identity", told, far, identity.threshold, "speaker distance")


def _measured(name: str, told: str, figure: float, tolerance: float, unit: str, *, also: bool = True) -> Layer:
    """Passed if the figure is within the tolerance and *also* holds. JSON knows no infinite figure, so that is none."""
    verdict: Verdict = "passed" if figure <= tolerance and also else "failed"
    return Layer(name, verdict, told, figure if np.isfinite(figure) else None, tolerance, unit)


def _not_run(name: str, why: str) -> Layer:
    return Layer(name, "not run", why)


def _largest(difference: Floats) -> float:
    """Largest magnitude; infinite where something is not a number, so that max() and <= cannot lose it."""
    return float(np.abs(difference).max()) if np.isfinite(difference).all() else float("inf")


def _ratio_db(signal: Floats, error: Floats) -> float:
    noise = float(np.square(error, dtype=np.float64).mean())
    if not np.isfinite(noise):
        return float("-inf")
    return 10 * float(np.log10(np.square(signal, dtype=np.float64).mean() / noise)) if noise else float("inf")

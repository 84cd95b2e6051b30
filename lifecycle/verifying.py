"""Verify: does a voice still speak as it did on the day it was made? This process's runtimes, asked by the suite.

Knows which of the voice's rooms answers which question. What is asked, in which order, and what the answers are worth
is `compat_tests.suite`'s, the same for a program of somebody else's; so this runs where torch is gone. DESIGN §8.

    fixity      every file is the one that was archived (the archive's own finding, handed in)
    text        golden texts still give the recorded phonemes
    tokens      along the recorded path: raw logits within tolerance, and the best token the same wherever it was clear
    waveform    recorded tokens, style and noise still give the recorded samples
    identity    that speech is nearer to the statistics of this person than a stock voice would be
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from compat_tests.diagnosing import Today
from compat_tests.errors import SourceError
from compat_tests.findings import Finding
from compat_tests.goldens import Golden, Sentence
from compat_tests.suite import Assessment, assess
from core_model.errors import CoreModelError, RuntimeMissingError
from core_model.features.speaker_statistics import speaker_statistics
from core_model.machine import describe
from core_model.replaying import read_text, teacher_forced, warm_up
from core_model.speaking import Runtime
from core_model.text.front_end import FrontEnd
from core_model.utterances import front_end_of
from core_model.voice import Floats, Integers, Voice


def verify(voice: Voice, load: Callable[[Voice], Runtime], *, fixity: Finding | None = None) -> Assessment:
    """Compare *voice* with its own golden outputs on the runtime that *load* makes of it.

    *fixity* is what the archive found; without it that layer is not run. Refusals of the voice's parts become failed
    layers, so that a person sees all that is wrong at once; a missing runtime leaves its layers not run.
    """
    return assess(voice.directory, RuntimeSource(voice, load), fixity=fixity)


class RuntimeSource:
    """A runtime of this process as what computes today's arrays. Keeps `compat_tests.suite.Source`."""

    def __init__(self, voice: Voice, load: Callable[[Voice], Runtime]) -> None:
        self._voice = voice
        self._load = load
        self._loaded: Runtime | None = None
        self._opened: FrontEnd | None = None

    def today(self) -> Today:
        """Load the networks; which runtime that is, and what machine."""
        with _told():
            return Today(self._runtime().version, describe())

    def phonemes(self, sentences: Sequence[Sentence]) -> list[Integers]:
        """Read each text by the voice's own data."""
        with _told():
            said = [read_text(self._voice, self._front_end(), one.text, one.language) for one in sentences]
            return [np.array([row for utterance in one for row in utterance.phonemes], np.int64) for one in said]

    def changed_packages(self) -> Mapping[str, tuple[str, str]]:
        """What the front end says of its analysers."""
        with _told():
            return self._front_end().changed_packages()

    def logits(self, sentences: Sequence[Sentence]) -> list[Floats]:
        """Teacher-forced along the recorded tokens."""
        with _told():
            runtime, first = self._runtime(), sentences[0]
            warm_up(self._voice, runtime, first.phonemes, first.tokens)
            return [teacher_forced(self._voice, runtime, one.phonemes, one.tokens) for one in sentences]

    def waveforms(self, golden: Golden) -> list[Floats]:
        """Recorded tokens and noise through the decoder, in the default prompt's style."""
        with _told():
            runtime, prompt = self._runtime(), self._voice.prompt()
            return [
                runtime.decode(one.tokens, one.phonemes, prompt, one.noise, golden.noise_scale, 1.0, golden.steps)
                for one in golden.sentences
            ]

    def statistics(self, waveform: Floats, sample_rate: int) -> Floats:
        """Who speaks."""
        with _told():
            return speaker_statistics(waveform, sample_rate)

    def _runtime(self) -> Runtime:
        if self._loaded is None:
            self._loaded = self._load(self._voice)
        return self._loaded

    def _front_end(self) -> FrontEnd:
        if self._opened is None:
            self._opened = front_end_of(self._voice)
        return self._opened


@contextmanager
def _told() -> Iterator[None]:
    """A refusal of the voice's rooms as the suite knows it: something is missing here, or the voice is at fault."""
    try:
        yield
    except CoreModelError as error:
        raise SourceError(str(error), missing=isinstance(error, RuntimeMissingError)) from error

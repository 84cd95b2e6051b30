"""A foreign program as what computes today's arrays: the golden record's questions in RUNNER.md's words.

Knows which verb answers for which layer, and that a runner without a verb leaves its layer not run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from compat_tests.diagnosing import Today
from compat_tests.errors import SourceError
from compat_tests.goldens import Floats, Golden, Integers, Sentence
from compat_tests.runner import Decoding, Description, Runner, Spoken, Text, TokenPath


class RunnerSource:
    """*runner* on the unpacked voice in *directory*, with arrays below *work*. Keeps `suite.Source`."""

    def __init__(self, directory: Path, runner: Runner, work: Path) -> None:
        self._directory = directory
        self._runner = runner
        self._work = work
        self._described: Description | None = None

    def description(self) -> Description:
        """What the runner says of itself, asked once."""
        if self._described is None:
            self._described = self._runner.describe(self._directory, work=self._work)
        return self._described

    def today(self) -> Today:
        """What computes, and on what machine."""
        described = self.description()
        return Today(described.runtime, described.machine)

    def changed_packages(self) -> Mapping[str, tuple[str, str]]:
        """Analysers of another version than the voice's text/index.json names."""
        now = self.description().packages
        return {name: (then, now[name]) for name, then in self._packages_then().items() if now.get(name, then) != then}

    def phonemes(self, sentences: Sequence[Sentence]) -> list[Integers]:
        """`phonemize`."""
        self._require("phonemize")
        items = [Text(sentence.text, sentence.language) for sentence in sentences]
        return self._runner.phonemize(self._directory, items, work=self._work)

    def logits(self, sentences: Sequence[Sentence]) -> list[Floats]:
        """`tokens`."""
        self._require("tokens")
        items = [TokenPath(sentence.phonemes, sentence.tokens) for sentence in sentences]
        return self._runner.tokens(self._directory, items, work=self._work)

    def waveforms(self, golden: Golden) -> list[Floats]:
        """`decode`."""
        self._require("decode")
        items = [
            Decoding(sentence.tokens, sentence.phonemes, sentence.noise, golden.noise_scale, golden.steps)
            for sentence in golden.sentences
        ]
        return self._runner.decode(self._directory, items, work=self._work)

    def statistics(self, waveform: Floats, sample_rate: int) -> Floats:
        """`listen`."""
        self._require("listen")
        return self._runner.listen(self._directory, waveform, sample_rate, work=self._work)

    def speech(self, text: str, language: str) -> Spoken:
        """`speak`."""
        self._require("speak")
        return self._runner.speak(self._directory, text, language, 0, work=self._work)

    def _require(self, verb: str) -> None:
        if verb not in self.description().verbs:
            raise SourceError(f"the runner has no verb {verb}", missing=True)

    def _packages_then(self) -> dict[str, str]:
        try:
            index = json.loads((self._directory / "text" / "index.json").read_bytes())
            return {str(name): str(version) for name, version in index["packages"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}  # a voice without it recorded none; what else is wrong with it, `text` tells

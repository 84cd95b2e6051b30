"""How soon and how fast the embedded base speaks, on torch and on the player, beside flite saying the same.

The whole way from text to samples, in a runtime that is loaded. A sentence is heard when it is finished, so the first
sound of a sentence is the time that its own samples take. Compared, never gated.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from core_model.export.process import write_exports
from core_model.nano import base as nano
from core_model.nano.dims import CODES
from core_model.player import Player
from core_model.speaking import Runtime, SpeakingOptions, speak
from core_model.synthesis import TorchRuntime
from core_model.text.front_end import write_data
from core_model.training.adaptation import rounded
from core_model.utterances import utterances
from core_model.voice import Prompt, Voice, write_files
from lifecycle.new_voice import nano_description

pytestmark = pytest.mark.bench

SENTENCE = "The morning train left four minutes late, and nobody minded."


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    """The base itself, in the style of one of its own speakers."""
    directory = tmp_path_factory.mktemp("voices") / "base"
    directory.mkdir()
    base = nano.load()
    prompt = Prompt(np.array([CODES.first_token]), np.zeros(0, np.int64), base.stock_styles[:1])
    weights = {"gpt": rounded(base.gpt), "sovits": rounded(base.sovits)}
    write_files(directory, nano_description("base", {}, "none"), weights=weights, prompts={"default": prompt})
    write_data(directory / "text", ("en",))
    write_exports(Voice.open(directory))
    return Voice.open(directory)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("runtime", [TorchRuntime, Player], ids=["torch", "player"])
@pytest.mark.benchmark(group="speaking")
def test_a_sentence(benchmark, voice: Voice, runtime: Callable[..., Runtime], threads: int) -> None:
    before = torch.get_num_threads()
    loaded = runtime(voice, threads=threads)
    said = utterances(voice, SENTENCE)
    try:
        speech = benchmark.pedantic(
            speak, (voice, loaded, said, SpeakingOptions(seed=1)), rounds=7, iterations=1, warmup_rounds=1
        )
    finally:
        torch.set_num_threads(before)
    _note(benchmark, len(speech.waveform) / speech.sample_rate)


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
@pytest.mark.benchmark(group="speaking")
def test_flite_says_it(benchmark, tmp_path: Path) -> None:
    """A process for each sentence: it has nothing to load."""
    wav = tmp_path / "said.wav"
    benchmark.pedantic(subprocess.run, (["flite", "-voice", "slt", "-t", SENTENCE, "-o", str(wav)],), rounds=7)
    _note(benchmark, soundfile.info(wav).duration)


def _note(benchmark, seconds: float) -> None:
    benchmark.extra_info["seconds_of_speech"] = round(seconds, 2)
    benchmark.extra_info["real_time_factor"] = round(benchmark.stats.stats.median / seconds, 4)

"""A whole voice of real size, imported weights and all: its tokens and samples are upstream's, on both runtimes.

test_gpt.py and test_sovits.py compare networks; this compares what a person hears, through a voice directory, prompt,
word features, sampling and exports. Tolerances are theirs. v2 always; the other families are slow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from core_model.export.process import export
from core_model.player import Player
from core_model.sampling import Generation, SamplingOptions
from core_model.speaking import Runtime, SpeakingOptions, sample_tokens, sovits_dims, speak
from core_model.synthesis import TorchRuntime
from core_model.utterances import Utterance, utterances
from core_model.voice import Voice
from tests.golden.upstream_voice import prompt_of, write_upstream_voice

WAVEFORM = 5e-5
MARGIN = 1e-3
GPT_OF = {"v1": "gpt_s1longer"}  # every other family was recorded with the second
SAID = {"en": "The kettle sings, and the tea is hot.", "zh": "今天天气很好，我们去喝茶。"}

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.timeout(900)]  # a busy machine exports for minutes


@dataclass(frozen=True)
class Imported:
    voice: Voice
    torch: Runtime
    onnx: Runtime
    gpt: Mapping[str, np.ndarray]
    sovits: Mapping[str, np.ndarray]


@pytest.fixture(
    scope="module",
    params=["v2", *(pytest.param(name, marks=pytest.mark.slow) for name in ("v1", "v2Pro", "v2ProPlus"))],
)
def imported(
    request: pytest.FixtureRequest,
    vectors: Callable,
    golden_weights: Callable,
    tmp_path_factory: pytest.TempPathFactory,
) -> Imported:
    """Written, exported and loaded once for each family."""
    family = request.param
    gpt_name = GPT_OF.get(family, "gpt_s1longer-v2")
    gpt, sovits = vectors(gpt_name), vectors(f"sovits_{family}")
    voice = write_upstream_voice(
        tmp_path_factory.mktemp("imported") / "ada",
        family,
        gpt=golden_weights(gpt_name),
        sovits=golden_weights(f"sovits_{family}"),
        prompts={"default": prompt_of(gpt, sovits["ge"])},
        languages=("en", "zh"),
    )
    directory = voice.exports_directory / "onnx"
    directory.mkdir(parents=True)
    export(voice, "onnx", directory)
    return Imported(voice, TorchRuntime(voice), Player(voice, threads=1), gpt, sovits)


def greedy(imported: Imported, runtime: Runtime) -> Generation:
    """The recorded utterance: the phonemes that the prompt did not take."""
    prompt = imported.voice.prompt()
    phonemes = imported.gpt["phones"][0][prompt.phonemes.size :]
    utterance = Utterance("", (), tuple(int(row) for row in phonemes))
    count = len(imported.gpt["greedy_rp135"])
    return sample_tokens(imported.voice, runtime, utterance, prompt, 0, SamplingOptions(top_k=1, limit=count))


@pytest.mark.parametrize("name", ["torch", "onnx"])
def test_greedy_tokens_are_upstreams(imported: Imported, name: str) -> None:
    expected, margins = imported.gpt["greedy_rp135"], imported.gpt["greedy_rp135_margin"]
    run = greedy(imported, getattr(imported, name))
    unsure = np.flatnonzero(margins <= MARGIN)
    end = int(unsure[0]) if unsure.size else len(expected)
    assert end, "the first choice of all is a toss-up: these vectors prove nothing here"
    np.testing.assert_array_equal(run.drawn[:end], expected[:end])
    if end == len(expected):
        np.testing.assert_array_equal(run.tokens, expected[1:])  # upstream loses the first token at a length stop


@pytest.mark.parametrize("name", ["torch", "onnx"])
def test_samples_are_upstreams(imported: Imported, name: str) -> None:
    tokens, phonemes = imported.sovits["codes"].reshape(-1), imported.sovits["phones"].reshape(-1)
    dims = sovits_dims(imported.voice)
    noise = np.zeros((1, dims.latent, dims.frames_for(tokens.size)), np.float32)
    prompt = replace(imported.voice.prompt(), style=imported.sovits["ge"])
    waveform = getattr(imported, name).decode(tokens, phonemes, prompt, noise, 0.0, 1.0)
    np.testing.assert_allclose(waveform, imported.sovits["wav"].reshape(-1), rtol=0, atol=WAVEFORM)


@pytest.mark.parametrize("language", list(SAID))
def test_both_runtimes_say_the_same(imported: Imported, language: str) -> None:
    options = SpeakingOptions(language=language, cut="cut0", seed=3, sampling=SamplingOptions(limit=25))
    said = utterances(imported.voice, SAID[language], language=language, cut="cut0")
    one = speak(imported.voice, imported.torch, said, options)
    other = speak(imported.voice, imported.onnx, said, options)
    assert len(set(one.sentences[0].tokens.tolist())) > 5
    np.testing.assert_array_equal(one.sentences[0].tokens, other.sentences[0].tokens)
    signal, error = one.waveform, one.waveform - other.waveform
    assert 10 * np.log10(np.square(signal).sum() / np.square(error).sum()) > 80
    silence = round(0.3 * one.sample_rate)  # upstream's, after every sentence
    assert not one.waveform[-silence:].any() and one.waveform[-silence - 1]
    assert one.sample_rate == 32_000 and np.abs(one.waveform).max() <= 1

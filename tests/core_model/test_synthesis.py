"""The torch runtime: the same seed the same speech, every weight used, and no weight that is not the voice's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model.errors import VocoderMissingError, VoiceError
from core_model.sampling import SamplingOptions
from core_model.speaking import SpeakingOptions, Speech, sovits_dims
from core_model.synthesis import TorchRuntime, load_gpt, load_sovits, synthesize
from core_model.voice import Array, Voice
from tests.tiny_voice import make_tiny_voice
from tests.written_voice import write_voice

pytestmark = pytest.mark.usefixtures("one_thread")
TEXT = "Tea is hot. Ice is cold."
BRIEF = SamplingOptions(limit=60)  # random weights seldom stop


@pytest.fixture(scope="module", params=[False, True], ids=["aligned", "quantizer"])
def voice(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Voice:
    return make_tiny_voice(tmp_path_factory.mktemp("v") / "ada", golden=False, quantizer=request.param)


def say(voice: Voice, text: str = TEXT, seed: int = 0) -> Speech:
    return synthesize(voice, text, options=SpeakingOptions(seed=seed, sampling=BRIEF))


def rewritten(voice: Voice, directory: Path, part: str, tensors: dict[str, Array]) -> Voice:
    weights = {name: voice.weights(name) for name in ("gpt", "sovits")} | {part: tensors}
    return write_voice(directory, voice.description, weights=weights, prompts={"default": voice.prompt()})


def test_the_same_seed_gives_the_same_speech_and_another_does_not(voice: Voice) -> None:
    one, two = say(voice), say(voice)
    np.testing.assert_array_equal(one.waveform, two.waveform)
    other = say(voice, seed=1)
    assert not np.array_equal(one.sentences[0].tokens, other.sentences[0].tokens)


def test_speech_is_float32_samples_within_one(voice: Voice) -> None:
    speech = say(voice)
    assert speech.waveform.dtype == np.float32 and speech.waveform.ndim == 1
    assert 0 < np.abs(speech.waveform).max() <= 1
    assert speech.sample_rate == voice.description.sample_rate
    assert [len(sentence.tokens) > 0 for sentence in speech.sentences] == [True, True]


def test_torchs_own_generator_has_no_say(voice: Voice) -> None:
    torch.manual_seed(1)
    one = say(voice, "Tea.")
    torch.manual_seed(2)
    np.testing.assert_array_equal(one.waveform, say(voice, "Tea.").waveform)


def test_the_prompt_is_heard(voice: Voice, tmp_path: Path) -> None:
    held = voice.prompt()
    louder = replace(held, style=held.style + 1)
    other = write_voice(
        tmp_path / "b",
        voice.description,
        weights={name: voice.weights(name) for name in ("gpt", "sovits")},
        prompts={"default": louder},
    )
    tokens, phonemes = np.arange(10), np.arange(20, 28)
    noise = np.zeros((1, sovits_dims(voice).noise_channels, 20), np.float32)
    spoken = [TorchRuntime(one).decode(tokens, phonemes, one.prompt(), noise, 0.5, 1.0) for one in (voice, other)]
    assert np.abs(spoken[0] - spoken[1]).max() > 1e-4


@pytest.mark.parametrize("part", ["gpt", "sovits"])
def test_missing_strange_and_misshapen_tensors_are_named(voice: Voice, tmp_path: Path, part: str) -> None:
    tensors = voice.weights(part)
    name = sorted(name for name in tensors if not name.startswith("posterior_encoder."))[0]
    cases = {
        "missing": {k: v for k, v in tensors.items() if k != name},
        "strange": tensors | {name + ".extra": np.zeros(1, np.float32)},
        "misshapen": tensors | {name: np.zeros((3, 3, 3), np.float32)},
    }
    for case, changed in cases.items():
        other = rewritten(voice, tmp_path / case, part, changed)
        with pytest.raises(VoiceError) as refused:
            TorchRuntime(other)
        assert refused.value.field.startswith(f"weights/{part}.safetensors: {name}"), case


def test_a_posterior_encoder_is_carried_but_not_needed(voice: Voice, tmp_path: Path) -> None:
    tensors = voice.weights("sovits")
    kept = {name: array for name, array in tensors.items() if not name.startswith("posterior_encoder.")}
    assert len(kept) < len(tensors)
    other = rewritten(voice, tmp_path / "b", "sovits", kept)
    noise = np.ones((1, sovits_dims(voice).noise_channels, 20), np.float32)
    inputs = (np.arange(10), np.arange(20, 28), voice.prompt(), noise, 0.5, 1.0)
    np.testing.assert_array_equal(TorchRuntime(other).decode(*inputs), TorchRuntime(voice).decode(*inputs))


@pytest.fixture(scope="module")
def flowing(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    return make_tiny_voice(tmp_path_factory.mktemp("v") / "flora", golden=False, flowing=True)


def test_flow_matching_speaks_with_as_many_steps_as_asked_for(flowing: Voice) -> None:
    speech = {
        steps: synthesize(flowing, "Tea.", options=SpeakingOptions(steps=steps, sampling=BRIEF))
        for steps in (None, 3, 1)
    }
    np.testing.assert_array_equal(speech[None].waveform, speech[3].waveform)  # the dims' own number
    assert speech[3].waveform.shape == speech[1].waveform.shape
    assert np.abs(speech[3].waveform - speech[1].waveform).max() > 1e-3
    assert speech[3].sample_rate == 1500 and np.isfinite(speech[3].waveform).all()


def test_flow_matching_goes_on_from_the_prompt(flowing: Voice) -> None:
    runtime, held = TorchRuntime(flowing), flowing.prompt()
    assert held.reference_mel is not None
    noise = np.ones((1, 6, 37), np.float32)
    said = [
        runtime.decode(np.arange(10), np.arange(20, 28), prompt, noise, 0.5, 1.0)
        for prompt in (
            held,
            replace(held, reference_mel=-held.reference_mel),
            replace(held, semantic_tokens=held.semantic_tokens[::-1].copy()),
        )
    ]
    assert min(np.abs(said[0] - other).max() for other in said[1:]) > 1e-4
    with pytest.raises(VoiceError, match="reference mel"):
        runtime.decode(np.arange(10), np.arange(20, 28), replace(held, reference_mel=None), noise, 0.5, 1.0)


def test_a_lora_is_heard_beside_its_untouched_base(flowing: Voice, tmp_path: Path) -> None:
    weights = {part: flowing.weights(part) for part in ("gpt", "sovits", "vocoder")}
    place = "transformer.blocks.0.attention.query"
    width = weights["sovits"][f"{place}.weight"].shape[0]
    lora = {f"{place}.down": np.ones((2, width), np.float16), f"{place}.up": np.ones((width, 2), np.float16)}
    voice = write_voice(
        tmp_path / "b", flowing.description, weights=weights | {"lora": lora}, prompts={"default": flowing.prompt()}
    )
    inputs = (np.arange(10), np.arange(20, 28), flowing.prompt(), np.ones((1, 6, 37), np.float32), 0.5, 1.0)
    assert np.abs(TorchRuntime(voice).decode(*inputs) - TorchRuntime(flowing).decode(*inputs)).max() > 1e-4


def test_without_its_vocoder_such_a_voice_says_what_is_missing(flowing: Voice, tmp_path: Path) -> None:
    weights = {part: flowing.weights(part) for part in ("gpt", "sovits")}
    voice = write_voice(tmp_path / "b", flowing.description, weights=weights, prompts={"default": flowing.prompt()})
    with pytest.raises(VocoderMissingError):
        TorchRuntime(voice)


@pytest.mark.parametrize(("part", "size"), [("gpt", {"width": 900_000}), ("sovits", {"hidden": 900_000})])
def test_sizes_that_only_claim_to_be_the_files_cost_no_memory(voice: Voice, part: str, size: dict[str, int]) -> None:
    """Terabytes, if they were allocated before they are compared with the file."""
    told = {**getattr(voice.description, part), **size}
    claimed = Voice(voice.directory, replace(voice.description, **{part: told}))  # type: ignore[arg-type]
    with pytest.raises(VoiceError, match="the dims say"):
        TorchRuntime(claimed)


def test_networks_are_loaded_for_speaking(voice: Voice) -> None:
    for network in (load_gpt(voice), load_sovits(voice)):
        assert not network.training
        assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
        assert not any("parametrizations" in name for name, _ in network.named_parameters())  # weight norm is folded

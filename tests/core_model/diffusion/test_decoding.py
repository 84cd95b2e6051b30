"""The chunk loop: which frames are prompts, which noise makes which frame, and one window beside many."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from core_model.diffusion import decoding, vocoders
from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.errors import VoiceError
from core_model.sovits.families import V3, V4
from tests.core_model.diffusion import tiny

BANDS, WIDTH = tiny.FLOW_V3.mel_bands, tiny.FLOW_V3.features


class Told:
    """Stands for the synthesizer: made mel is the noise plus one; remembers what each window was given."""

    def __init__(self, dims: object = tiny.LIKE_V3) -> None:
        self.dims = dims
        self.decoder_dims = dims.decoder
        self.windows: list[tuple[Tensor, Tensor, Tensor]] = []

    def flow(self, noise: Tensor, prompt_mel: Tensor, features: Tensor, steps: int) -> Tensor:
        self.windows.append((noise, prompt_mel, features))
        made = noise + 1
        made[:, :, : prompt_mel.shape[2]] = 0
        return made


def ramp(channels: int, frames: int, start: int = 0) -> Tensor:
    """Frames that carry their own number."""
    return torch.arange(start, start + frames).float().expand(1, channels, frames)


def loop(told: Told, mel: int, heard: int, frames: int) -> Tensor:
    return decoding.continue_mel(
        told, ramp(BANDS, mel, 1000), ramp(WIDTH, heard, 2000), ramp(WIDTH, frames, 3000), ramp(BANDS, frames), 2
    )


@pytest.mark.parametrize(
    ("mel", "heard", "kept", "first"),
    [
        (10, 12, 10, 0),  # the mel is shorter: features are cut at their end
        (12, 10, 10, 0),  # the features are shorter: the mel is cut at its end
        (18, 18, 18, 0),
        (25, 30, 18, 7),  # too long: both cut to 25, then only the last 18 stay
        (30, 25, 18, 7),
    ],
)
def test_the_prompt_is_the_last_frames_of_what_both_have(mel: int, heard: int, kept: int, first: int) -> None:
    told = Told()
    loop(told, mel, heard, 5)
    _, prompt, features = told.windows[0]
    assert prompt[0, 0].tolist() == [1000.0 + first + n for n in range(kept)]
    assert features[0, 0, :kept].tolist() == [2000.0 + first + n for n in range(kept)]
    assert features[0, 0, kept:].tolist() == [3000.0 + n for n in range(5)]


def test_each_window_continues_what_was_made_before() -> None:
    """A window of 40 with a prompt of 10 makes 30 frames at once: 75 frames take three, the last of 15."""
    told = Told()
    made = loop(told, 10, 10, 75)
    assert [window[0].shape[2] for window in told.windows] == [40, 40, 25]
    assert made[0, 0].tolist() == [n + 1.0 for n in range(75)]  # each frame from its own noise, none lost, none twice
    for start, (noise, prompt, features) in zip((30, 60), told.windows[1:], strict=True):
        assert prompt[0, 0].tolist() == [n + 1.0 for n in range(start - 10, start)]
        assert features[0, 0, :10].tolist() == [3000.0 + n for n in range(start - 10, start)]
        assert features[0, 0, 10] == 3000 + start
        assert noise[0, 0, 10] == start


def test_released_windows() -> None:
    """934 and 1000 frames, of which at most 468 and 500 are prompt; v3 then makes 466, which are the next prompt."""
    for dims, window, prompts in ((V3, 934, [468, 466, 466, 466, 466]), (V4, 1000, [500, 500, 500, 500])):
        told = Told(replace(tiny.LIKE_V3, decoder=replace(dims.decoder, mel_bands=BANDS)))
        loop(told, 600, 700, 2000)
        assert told.windows[0][0].shape[2] == window
        assert [given.shape[2] for _, given, _ in told.windows] == prompts


@pytest.fixture(params=tiny.ALL)
def network(request: pytest.FixtureRequest) -> FlowMatchingSoVITS:
    return tiny.lively(request.param).requires_grad_(False)


def spoken(network: FlowMatchingSoVITS, codes: int = 12, speed: float = 1.0, **changes: object) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    dims = network.dims
    vocoder = vocoders.build(dims.decoder.mel_bands, dims.decoder.vocoder)
    tiny.enliven(vocoder)
    given = {
        "tokens": torch.randint(0, dims.semantic_codes, (1, codes), generator=generator),
        "phonemes": torch.randint(0, dims.phonemes, (1, 6), generator=generator),
        "prompt_tokens": torch.randint(0, dims.semantic_codes, (1, 4), generator=generator),
        "prompt_phonemes": torch.randint(0, dims.phonemes, (1, 3), generator=generator),
        "style": torch.randn(1, dims.style, 1, generator=generator),
        "reference_mel": torch.rand(1, BANDS, 14, generator=generator) * 2 - 1,
        "noise": torch.randn(1, BANDS, dims.noise_frames_for(codes, speed), generator=generator),
    }
    return decoding.decode(network, vocoder, **(given | changes), steps=2, speed=speed)


@pytest.mark.parametrize("speed", [1.0, 1.3])
@pytest.mark.parametrize("codes", [1, 12, 40])
def test_a_waveform_as_long_as_its_frames(network: FlowMatchingSoVITS, codes: int, speed: float) -> None:
    waveform = spoken(network, codes, speed)
    frames = network.dims.noise_frames_for(codes, speed)
    assert waveform.shape == (frames * network.decoder_dims.samples_per_frame,)
    assert waveform.isfinite().all()


def test_one_window_is_what_the_steps_make_one_after_another(network: FlowMatchingSoVITS) -> None:
    """Without a loop: prompt, flow, denormalise, vocoder."""
    generator = torch.Generator().manual_seed(2)
    dims = network.dims
    tokens = torch.randint(0, dims.semantic_codes, (1, 4), generator=generator)
    phonemes = torch.randint(0, dims.phonemes, (1, 6), generator=generator)
    style = torch.randn(1, dims.style, 1, generator=generator)
    mel = torch.rand(1, BANDS, 5, generator=generator)
    frames = dims.noise_frames_for(4)
    noise = torch.randn(1, BANDS, frames, generator=generator)
    features = network.features(tokens, phonemes, style)
    both = torch.cat((features[:, :, :5], features), 2)
    window = network.flow(torch.cat((torch.ones(1, BANDS, 5), noise), 2), mel, both, 3)[:, :, 5:]
    waveform = decoding.decode(
        network, lambda x: x.mean(1, keepdim=True), tokens, phonemes, tokens, phonemes, style, mel, noise, 3
    )
    expected = ((window + 1) / 2 * 14 - 12).mean(1)[0]
    torch.testing.assert_close(waveform, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "what", ["tokens", "phonemes", "prompt_tokens", "prompt_phonemes", "style", "reference_mel", "noise"]
)
def test_everything_given_is_heard(network: FlowMatchingSoVITS, what: str) -> None:
    dims = network.dims
    other = {
        "tokens": torch.zeros(1, 12, dtype=torch.int64),
        "phonemes": torch.zeros(1, 6, dtype=torch.int64),
        "prompt_tokens": torch.zeros(1, 4, dtype=torch.int64),
        "prompt_phonemes": torch.zeros(1, 3, dtype=torch.int64),
        "style": torch.ones(1, dims.style, 1),
        "reference_mel": torch.zeros(1, BANDS, 14),
        "noise": torch.zeros(1, BANDS, dims.noise_frames_for(12)),
    }[what]
    usual = spoken(network)
    assert (spoken(network, **{what: other}) - usual).abs().max() > 1e-3 * usual.abs().max()


def test_noise_of_another_length_is_refused(network: FlowMatchingSoVITS) -> None:
    with pytest.raises(ValueError, match="frames"):
        spoken(network, noise=torch.zeros(1, BANDS, 5))


@pytest.mark.parametrize("what", ["prompt_tokens", "prompt_phonemes"])
def test_a_prompt_without_words_is_refused(network: FlowMatchingSoVITS, what: str) -> None:
    with pytest.raises(VoiceError, match="transcript"):
        spoken(network, **{what: torch.zeros(1, 0, dtype=torch.int64)})


def test_a_prompt_without_mel_is_refused(network: FlowMatchingSoVITS) -> None:
    with pytest.raises(VoiceError, match="prompt"):
        spoken(network, reference_mel=torch.zeros(1, BANDS, 0))

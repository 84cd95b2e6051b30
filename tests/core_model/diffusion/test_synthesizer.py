"""The v3/v4 synthesizer: frame counts, upstream's mask, the training pass beside the speaking one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.errors import DimsError
from core_model.sovits.families import V3, V4
from tests.core_model.diffusion import tiny
from tests.core_model.sovits.tiny import LIKE_V2


@pytest.fixture(params=tiny.ALL)
def network(request: pytest.FixtureRequest) -> FlowMatchingSoVITS:
    return tiny.lively(request.param)


def utterance(
    network: FlowMatchingSoVITS, codes: int, phonemes: int = 5, seed: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """codes (1, T), phonemes (1, P), style (1, S, 1)."""
    generator = torch.Generator().manual_seed(seed)
    dims = network.dims
    return (
        torch.randint(0, dims.semantic_codes, (1, codes), generator=generator),
        torch.randint(0, dims.phonemes, (1, phonemes), generator=generator),
        torch.randn(1, dims.style, 1, generator=generator),
    )


@pytest.mark.parametrize("speed", [1.0, 1.3, 0.7, 2.0])
@pytest.mark.parametrize("codes", [1, 2, 7, 16])
def test_features_have_as_many_frames_as_the_dims_say(network: FlowMatchingSoVITS, codes: int, speed: float) -> None:
    with torch.no_grad():
        features = network.features(*utterance(network, codes), speed)
    assert features.shape == (1, 12, network.dims.noise_frames_for(codes, speed))


def test_released_frame_counts() -> None:
    """93.75 and 100 frames a second, of 25 codes a second; any speed but 1 adds a latent frame."""
    assert [V3.noise_frames_for(n) for n in (1, 2, 6, 25)] == [3, 7, 22, 93]
    assert [V4.noise_frames_for(n) for n in (1, 2, 6, 25)] == [4, 8, 24, 100]
    assert (V3.noise_frames_for(6, 1.3), V4.noise_frames_for(6, 1.3)) == (18, 20)
    assert (V3.waveform_rate, V4.waveform_rate) == (24000, 48000)
    assert V3.noise_channels == V4.noise_channels == 100


@given(st.integers(1, 3000), st.floats(0.25, 4.0))
def test_every_code_is_heard_at_any_speed(codes: int, speed: float) -> None:
    """The frames follow the speed to within two latent frames, in both families."""
    for dims in (V3, V4):
        exact = codes * 2 * dims.mel_frames_per_latent / speed
        assert exact - 4 <= dims.noise_frames_for(codes, speed) <= exact + 4


def test_upstreams_mask_silences_the_last_frame_of_v4_at_other_speeds() -> None:
    network = tiny.lively("v4")
    with torch.no_grad():
        at_speed, plain = (network.features(*utterance(network, 6), speed) for speed in (1.3, 1.0))
    assert not at_speed[:, :, -1].any()
    assert at_speed[:, :, -2].any()
    assert plain[:, :, -1].any()


def test_mel_frames_take_the_latent_frame_they_begin_in() -> None:
    """1.875 mel frames to a latent frame: mel frame n looks at latent frame floor(n / 1.875)."""
    network = tiny.lively("v3")
    encoded = torch.randn(1, network.dims.hidden, 12)
    with torch.no_grad():
        made = network._at_mel_rate(encoded)
        bridged = F.leaky_relu(network.bridge(encoded), 0.01)
    assert made.shape[2] == 22
    for n in range(22):
        torch.testing.assert_close(made[:, :, n], bridged[:, :, int(n / 1.875)])


@pytest.mark.parametrize("what", ["codes", "phonemes", "style"])
def test_everything_given_is_heard(network: FlowMatchingSoVITS, what: str) -> None:
    usual, other = (
        dict(zip(("codes", "phonemes", "style"), utterance(network, 6, seed=s), strict=True)) for s in (1, 2)
    )
    with torch.no_grad():
        before = network.features(**usual)
        after = network.features(**{**usual, what: other[what]})
    assert (before - after).abs().max() > 0.01 * before.abs().max()


def test_quantized_features_go_there_and_back(network: FlowMatchingSoVITS) -> None:
    ssl = torch.randn(1, network.dims.ssl_width, 10)
    with torch.no_grad():
        codes, margins = network.encode_codes(ssl)
    assert codes.shape == margins.shape == (1, 5)


def training_inputs(network: FlowMatchingSoVITS, code_counts: list[int], seed: int = 4) -> dict[str, Tensor]:
    """A padded batch whose padding is noise."""
    generator = torch.Generator().manual_seed(seed)
    dims, rows, most = network.dims, len(code_counts), max(code_counts)
    frames = dims.noise_frames_for(most)
    counts = torch.tensor(code_counts)
    mel_shape = (rows, dims.decoder.mel_bands, frames)
    return {
        "codes": torch.randint(0, dims.semantic_codes, (rows, most), generator=generator),
        "code_lengths": counts,
        "phonemes": torch.randint(0, dims.phonemes, (rows, 6), generator=generator),
        "phoneme_lengths": torch.tensor([6, 4, 5][:rows]),
        "linear_spectrogram": torch.rand(rows, dims.spectrogram_bins, 2 * most, generator=generator),
        "spectrogram_lengths": 2 * counts,
        "mel": torch.randn(mel_shape, generator=generator),
        "mel_lengths": torch.tensor([dims.noise_frames_for(n) for n in code_counts]),
        "noise": torch.randn(mel_shape, generator=generator),
        "prompt_frames": torch.tensor([4, 0, 3][:rows]),
        "time": torch.rand(rows, generator=generator),
        "step": torch.full((rows,), 0.125),
    }


def row_of(batch: dict[str, Tensor], index: int) -> dict[str, Tensor]:
    """One row without its padding."""
    ends = {
        "codes": "code_lengths",
        "phonemes": "phoneme_lengths",
        "linear_spectrogram": "spectrogram_lengths",
        "mel": "mel_lengths",
        "noise": "mel_lengths",
    }
    row = {name: value[index : index + 1] for name, value in batch.items()}
    return {name: row[name][..., : int(row[ends[name]])] if name in ends else row[name] for name in row}


@pytest.mark.parametrize("shortcut", [False, True])
def test_padding_does_not_change_a_training_row(network: FlowMatchingSoVITS, shortcut: bool) -> None:
    batch = training_inputs(network, [9, 5, 7])
    with torch.no_grad():
        together = network(**batch, shortcut=shortcut)
        for index in range(3):
            alone = network(**row_of(batch, index), shortcut=shortcut)
            frames = alone.mask.shape[2]
            for whole, one in ((together.predicted, alone.predicted), (together.target, alone.target)):
                found = (whole * together.mask)[index : index + 1, :, :frames]
                torch.testing.assert_close(found, one * alone.mask, atol=3e-5, rtol=1e-4)
            assert together.mask[index].sum() == alone.mask.sum()


def test_teaching_asks_about_the_features_that_speaking_makes(network: FlowMatchingSoVITS) -> None:
    """One row, no prompt, time 0: what is predicted is the first velocity of speaking with one step."""
    batch = training_inputs(network, [8]) | {
        "prompt_frames": torch.tensor([0]),
        "time": torch.zeros(1),
        "step": torch.ones(1),
    }
    with torch.no_grad():
        predicted = network(**batch).predicted
        style = network.style(batch["linear_spectrogram"])
        features = network.features(batch["codes"], batch["phonemes"], style)
        made = network.flow(batch["noise"], torch.zeros(1, 6, 0), features, 1)
    torch.testing.assert_close(batch["noise"] + predicted, made, atol=1e-5, rtol=1e-4)


def test_a_recording_that_ends_inside_a_code_is_cut(network: FlowMatchingSoVITS) -> None:
    batch = training_inputs(network, [8])
    shorter = batch["mel"].shape[2] - 3
    batch |= {
        "mel": batch["mel"][:, :, :shorter],
        "noise": batch["noise"][:, :, :shorter],
        "mel_lengths": torch.tensor([shorter]),
    }
    with torch.no_grad():
        taught = network(**batch)
    assert taught.mask.shape[2] == shorter
    assert taught.mask.sum() == shorter - 4


def test_a_gradient_reaches_every_parameter_that_speaking_uses(network: FlowMatchingSoVITS) -> None:
    network.train()
    network(**training_inputs(network, [9, 5])).loss().backward()
    still = {name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()}
    unused = ("quantizer.projection.", "mel_projection.", "text_encoder.projection.")
    biases = {name for name in still if name.endswith("attention.key.bias") and not name.startswith("transformer")}
    # softmax does not see what is added to every score; the flow's first head is rotated, so there a bias is seen
    assert {name for name in still - biases if not name.startswith(unused)} <= set()


def test_dims_of_another_decoder_are_refused() -> None:
    with pytest.raises(DimsError, match="flow matching"):
        FlowMatchingSoVITS(LIKE_V2)


def test_the_same_seed_builds_the_same_network() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(7)
        states.append(FlowMatchingSoVITS(tiny.LIKE_V3).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_every_step_stays_on_the_device_of_the_weights() -> None:
    """The meta device computes shapes alone, and refuses to meet a tensor that was made elsewhere."""
    batch = training_inputs(tiny.lively("v3"), [9, 5])
    with torch.device("meta"):
        network = FlowMatchingSoVITS(tiny.LIKE_V3)
    taught = network(**{name: value.to("meta") for name, value in batch.items()}, shortcut=True)
    assert taught.loss().device.type == "meta"
    codes, phonemes, style = (x.to("meta") for x in utterance(network, 6))
    features = network.features(codes, phonemes, style, 1.3)
    made = network.flow(torch.randn(1, 6, 9, device="meta"), torch.randn(1, 6, 2, device="meta"), features[:, :, :9], 2)
    assert made.shape == (1, 6, 9)

"""Dims: what they refuse, and that they survive a voice.json."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_model.errors import DimsError
from core_model.sovits.dims import (
    BigVGANDims,
    FlowMatchingDims,
    HiFiGANDims,
    ISTFTDims,
    SourceFilterDims,
    SoVITSDims,
    dims_from_dict,
    dims_to_dict,
)
from core_model.sovits.families import FAMILIES, V2, V3, V4
from tests.core_model.sovits import tiny

EVERY = {**FAMILIES, **{f"tiny {name}": dims for name, dims in tiny.ALL.items()}}


@pytest.mark.parametrize("name", EVERY)
def test_dims_survive_json(name: str) -> None:
    assert dims_from_dict(json.loads(json.dumps(dims_to_dict(EVERY[name])))) == EVERY[name]


@given(st.integers(1, 8), st.integers(1, 64), st.floats(0, 0.9), st.booleans())
def test_dims_of_any_size_survive_json(couplings: int, half: int, dropout: float, log_mel: bool) -> None:
    dims = replace(tiny.LIKE_NANO, flow_couplings=couplings, latent=2 * half, dropout=dropout, log_mel=log_mel)
    assert dims_from_dict(json.loads(json.dumps(dims_to_dict(dims)))) == dims


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"latent": 191}, "latent"),
        ({"heads": 5}, "hidden"),
        ({"fusion_heads": 3}, "fusion_width"),
        ({"style_bins": 1026}, "style_bins"),
        ({"fft": 1024}, "spectrogram_bins"),
        ({"hop": 320}, "decoder.rates"),
        ({"decoder": HiFiGANDims(kernels=(16, 16))}, "decoder.kernels"),
        ({"decoder": ISTFTDims(hop=150)}, "decoder.hop"),
        ({"decoder": ISTFTDims(fft=600, hop=160)}, "decoder.fft"),
        ({"decoder": SourceFilterDims(hop=150)}, "decoder.hop"),
        ({"decoder": SourceFilterDims(fft=600, hop=160)}, "decoder.fft"),
        ({"decoder": SourceFilterDims(fft=15, hop=5)}, "decoder.hop"),
        ({"decoder": SourceFilterDims(bands=0)}, "decoder.bands"),
        ({"decoder": SourceFilterDims(pitch_levels=0)}, "decoder.pitch_levels"),
    ],
)
def test_impossible_sizes_are_refused_by_name(change: dict, field: str) -> None:
    with pytest.raises(DimsError) as refusal:
        replace(V2, **change)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"width": 1000}, "decoder.width"),
        ({"width": 48, "heads": 16, "position_groups": 4}, "decoder.width"),
        ({"position_groups": 7}, "decoder.width"),
        ({"features": 511}, "decoder.features"),
        ({"time_width": 2}, "decoder.time_width"),
        ({"prompt_frames": 934}, "decoder.prompt_frames"),
        ({"steps": 0}, "decoder.steps"),
        ({"vocoder": BigVGANDims(kernels=(8, 8))}, "decoder.vocoder.kernels"),
    ],
)
def test_impossible_flows_are_refused_by_name(change: dict, field: str) -> None:
    with pytest.raises(DimsError) as refusal:
        replace(FlowMatchingDims(), **change)
    assert refusal.value.field == field


@pytest.mark.parametrize(("change", "field"), [({"style": 1024}, "style"), ({"speaker_vector": 9}, "speaker_vector")])
def test_a_flow_takes_its_style_from_the_spectrogram_alone(change: dict, field: str) -> None:
    with pytest.raises(DimsError) as refusal:
        replace(V3, **change)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("kind", "hifi", "decoder.vocoder.kind"),
        ("kind", ["hifigan"], "decoder.vocoder.kind"),
        ("kind", "flow_matching", "decoder.vocoder.kind"),
        ("width", "512", "decoder.vocoder.width"),
        ("loudness", 3, "decoder.vocoder.loudness"),
    ],
)
def test_a_broken_vocoder_is_refused_by_field(name: str, value: object, field: str) -> None:
    document = dims_to_dict(V4)
    document["decoder"]["vocoder"][name] = value
    with pytest.raises(DimsError) as refusal:
        dims_from_dict(document)
    assert refusal.value.field == field


def test_a_vocoder_that_is_no_document_is_refused() -> None:
    document = dims_to_dict(V4)
    document["decoder"]["vocoder"] = "hifigan"
    with pytest.raises(DimsError, match=r"decoder\.vocoder\.kind"):
        dims_from_dict(document)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("hidden",), None, "hidden"),
        (("hidden",), "192", "hidden"),
        (("hidden",), True, "hidden"),
        (("log_mel",), 1, "log_mel"),
        (("dropout",), -0.1, "dropout"),
        (("width_of_tomorrow",), 3, "width_of_tomorrow"),
        (("decoder", "kind"), "diffusion", "decoder.kind"),
        (("decoder", "rates"), 10, "decoder.rates"),
        (("decoder", "rates"), [10, "8", 2, 2, 2], "decoder.rates"),
        (("decoder", "poles"), 1, "decoder.poles"),
    ],
)
def test_a_broken_document_is_refused_by_field(path: tuple[str, ...], value: object, field: str) -> None:
    document = dims_to_dict(V2)
    place = document if len(path) == 1 else document[path[0]]
    place[path[-1]] = value
    with pytest.raises(DimsError) as refusal:
        dims_from_dict(document)
    assert refusal.value.field == field


@pytest.mark.parametrize("field", ["hidden", "log_mel", "decoder"])
def test_a_missing_field_is_refused_by_name(field: str) -> None:
    document = dims_to_dict(V2)
    del document[field]
    with pytest.raises(DimsError, match=field):
        dims_from_dict(document)


def test_noise_is_drawn_for_what_each_decoder_hears() -> None:
    """Of the latent, of a mel, or of the latent and of every sample of its frames."""
    assert [dims.noise_channels for dims in (V2, V3, V4)] == [192, 100, 100]
    assert tiny.LIKE_NANO_1.noise_channels == 12
    assert tiny.LIKE_NANO.noise_channels == 12 + 16


def test_frames_follow_codes_and_speed() -> None:
    """Upstream adds one frame at any speed but 1: 20 / 1.3 = 15.4 becomes 16."""
    assert [V2.frames_for(10, speed) for speed in (1.0, 1.3, 0.5, 2.0)] == [20, 16, 41, 11]


def test_dims_and_families_need_no_torch() -> None:
    code = "import sys, core_model.sovits.families; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_defaults_are_v2() -> None:
    assert SoVITSDims() == V2

"""decode_frames as a graph, at other lengths and speeds than it was made with.

Where the style must first be projected to the fusion (the Pro families), and where a pitch is hummed, whose phases add
up: what one runtime rounds otherwise than another must not be heard. tests/core_model/export writes whole voices.
"""

from __future__ import annotations

import io
import os
import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core_model.sovits.dims import SoVITSDims
from core_model.sovits.layers import fold_weight_norm
from core_model.sovits.pitch_contour import stretched
from core_model.sovits.source_filter import pulses
from core_model.sovits.synthesizer import SoVITS
from tests.core_model.sovits import tiny

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the first import of ONNX Runtime, which reports home by default
ort = pytest.importorskip("onnxruntime")

LENGTHS = ((4, 1, 1.0), (31, 17, 1.0), (20, 9, 1.3), (20, 9, 0.7))


class Decode(nn.Module):
    """decode_frames under the name that exporters look for."""

    def __init__(self, network: SoVITS) -> None:
        super().__init__()
        self.network = network

    def forward(self, codes: Tensor, phonemes: Tensor, style: Tensor, noise: Tensor, noise_scale: Tensor) -> Tensor:
        return self.network.decode_frames(codes, phonemes, style, noise, noise_scale)


def inputs(dims: SoVITSDims, codes: int, phonemes: int, speed: float) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(codes)
    return (
        torch.randint(0, dims.semantic_codes, (1, codes), generator=generator),
        torch.randint(0, dims.phonemes, (1, phonemes), generator=generator),
        torch.randn(1, dims.style, 1, generator=generator),
        torch.randn(1, dims.noise_channels, dims.frames_for(codes, speed), generator=generator),
        torch.tensor(0.5),
    )


def decoding(dims: SoVITSDims) -> Decode:
    network = fold_weight_norm(tiny.lively(dims, with_posterior=False))
    return Decode(network.requires_grad_(False)).eval()


@pytest.fixture(scope="module", params=["pro", "nano 1", "nano"])
def decode(request: pytest.FixtureRequest) -> Decode:
    return decoding(tiny.ALL[request.param])


def expected(decode: Decode, given: tuple[Tensor, ...], speed: float) -> np.ndarray:
    codes, phonemes, style, noise, noise_scale = given
    return decode.network.decode(codes, phonemes, style, noise, float(noise_scale), speed).numpy()


def test_scripted(decode: Decode) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch 2.13 deprecates TorchScript as a whole
        scripted = torch.jit.script(decode)
    for codes, phonemes, speed in LENGTHS:
        given = inputs(decode.network.dims, codes, phonemes, speed)
        ours = expected(decode, given, speed)
        np.testing.assert_allclose(scripted(*given).numpy(), ours, atol=1e-6 * max(1.0, np.abs(ours).max()))


def test_traced() -> None:
    """Where a pitch is hummed; tests/core_model/export has the rest."""
    decode = decoding(tiny.LIKE_NANO)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer is legacy, and tells of every length that it reads
        traced = torch.jit.trace(decode, inputs(decode.network.dims, 7, 5, 0.75), check_trace=False)
    for codes, phonemes, speed in LENGTHS:
        given = inputs(decode.network.dims, codes, phonemes, speed)
        ours = expected(decode, given, speed)
        np.testing.assert_allclose(traced(*given).numpy(), ours, atol=1e-6 * max(1.0, np.abs(ours).max()))


def in_onnx(module: nn.Module, example: tuple[Tensor, ...], axes: dict[str, dict[int, str]]) -> ort.InferenceSession:
    """*axes* names all inputs and the one output; the last entry is the output's."""
    graph = io.BytesIO()
    *names, out = axes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter is legacy and says so, in three ways
        torch.onnx.export(
            module,
            example,
            graph,
            dynamo=False,
            opset_version=17,
            input_names=names,
            output_names=[out],
            dynamic_axes=axes,
        )
    return ort.InferenceSession(graph.getvalue(), providers=["CPUExecutionProvider"])


def run(session: ort.InferenceSession, given: tuple[Tensor, ...]) -> np.ndarray:
    names = (node.name for node in session.get_inputs())
    return session.run(None, {name: value.numpy() for name, value in zip(names, given, strict=True)})[0]


def test_onnx(decode: Decode) -> None:
    dims = decode.network.dims
    axes = {
        "codes": {1: "T"},
        "phonemes": {1: "P"},
        "style": {},
        "noise": {2: "F"},
        "noise_scale": {},
        "waveform": {2: "N"},
    }
    session = in_onnx(decode, inputs(dims, 7, 5, 0.75), axes)
    for codes, phonemes, speed in LENGTHS:
        given = inputs(dims, codes, phonemes, speed)
        ours = expected(decode, given, speed)
        np.testing.assert_allclose(run(session, given), ours, atol=5e-6 * float(np.abs(ours).max()))


class Hum(nn.Module):
    """Codes and style to the pulses of their pitch: the part of a decoder in which roundings would add up."""

    def __init__(self, dims: SoVITSDims) -> None:
        super().__init__()
        contour = tiny.lively(dims).pitch_contour
        assert contour is not None
        self.contour = contour.requires_grad_(False)

    def forward(self, codes: Tensor, style: Tensor, frames: Tensor) -> Tensor:
        log_f0 = stretched(self.contour(codes, style, None), frames.shape[0])
        return pulses(torch.exp(log_f0), 320, 16_000)


def test_twenty_seconds_of_pulses_are_the_same_in_onnx() -> None:
    def given(codes: int, frames: int) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(codes)
        style = 0.1 * torch.randn(1, tiny.LIKE_NANO.style, 1, generator=generator)
        return torch.randint(0, 50, (1, codes), generator=generator), style, torch.zeros(frames)

    hum = Hum(tiny.LIKE_NANO).eval()
    session = in_onnx(hum, given(7, 19), {"codes": {1: "T"}, "style": {}, "frames": {0: "F"}, "pulses": {1: "N"}})
    for codes, frames in ((1, 2), (40, 61), (500, 1000)):
        ours = hum(*given(codes, frames)).numpy()
        np.testing.assert_allclose(run(session, given(codes, frames)), ours, atol=1e-6 * float(np.abs(ours).max()))

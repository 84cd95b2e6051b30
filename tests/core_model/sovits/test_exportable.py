"""decode_frames as a graph, where the style must first be projected to the fusion (the Pro families).

The other shapes are exported, and run at other lengths, by tests/core_model/export.
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
from core_model.sovits.synthesizer import SoVITS
from tests.core_model.sovits import tiny

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the first import of ONNX Runtime, which reports home by default
ort = pytest.importorskip("onnxruntime")

NAMES = ("codes", "phonemes", "style", "noise", "noise_scale")
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
        torch.randn(1, dims.latent, dims.frames_for(codes, speed), generator=generator),
        torch.tensor(0.5),
    )


@pytest.fixture(scope="module")
def decode() -> Decode:
    network = fold_weight_norm(tiny.lively(tiny.LIKE_PRO, with_posterior=False))
    return Decode(network.requires_grad_(False)).eval()


def expected(decode: Decode, given: tuple[Tensor, ...], speed: float) -> np.ndarray:
    codes, phonemes, style, noise, noise_scale = given
    return decode.network.decode(codes, phonemes, style, noise, float(noise_scale), speed).numpy()


def test_scripted(decode: Decode) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch 2.13 deprecates TorchScript as a whole
        scripted = torch.jit.script(decode)
    for codes, phonemes, speed in LENGTHS:
        given = inputs(decode.network.dims, codes, phonemes, speed)
        np.testing.assert_allclose(scripted(*given).numpy(), expected(decode, given, speed), atol=1e-6)


def test_onnx(decode: Decode) -> None:
    dims = decode.network.dims
    graph = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter is legacy and says so, in three ways
        torch.onnx.export(
            decode,
            inputs(dims, 7, 5, 1.0),
            graph,
            dynamo=False,
            opset_version=17,
            input_names=NAMES,
            output_names=("waveform",),
            dynamic_axes={"codes": {1: "T"}, "phonemes": {1: "P"}, "noise": {2: "F"}, "waveform": {2: "N"}},
        )
    session = ort.InferenceSession(graph.getvalue(), providers=["CPUExecutionProvider"])
    for codes, phonemes, speed in LENGTHS:
        given = inputs(dims, codes, phonemes, speed)
        named = {name: value.numpy() for name, value in zip(NAMES, given, strict=True)}
        ours = expected(decode, given, speed)
        np.testing.assert_allclose(session.run(None, named)[0], ours, atol=1e-4 * float(np.abs(ours).max()))

"""Both vocoders against recorded vectors: upstream's own modules, float32, torch 2.13 on a CPU.

Tolerance: 1e-4 for waveforms in ±1. BigVGAN's recorded waveform touches the limit here and there; its fixed filters are
our own, as those of the recording were its module's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from core_model.diffusion import vocoders
from core_model.diffusion.loading import load_vocoder
from core_model.sovits.families import FAMILIES
from core_model.upstream import names
from tests.golden.conftest import Recipe

WAVEFORM = 1e-4


@pytest.mark.parametrize(("family", "file"), [("v3", "vocoder_v3_bigvgan"), ("v4", "vocoder_v4")])
def test_waveform(family: str, file: str, vectors: Callable, golden_tensors: Callable, recipe: Recipe) -> None:
    recorded, kind = vectors(file), f"vocoder_{family}"
    weights = {names.to_ours(kind, key): values for key, values in golden_tensors(file)}
    taps = vocoders.low_pass_filter()[None, None]
    weights |= {names.to_ours(kind, key): taps for key in recipe.shapes(file) if key.endswith(".filter")}
    vocoder = load_vocoder(FAMILIES[family].decoder, weights)
    with torch.inference_mode():
        waveform = vocoder(torch.from_numpy(recorded["mel"]))[0, 0].numpy()
    assert waveform.shape == recorded["wav"].shape
    np.testing.assert_allclose(waveform, recorded["wav"], rtol=0, atol=WAVEFORM)

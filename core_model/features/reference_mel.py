"""A reference recording as flow matching reads it: its mel spectrogram, normalised.

Knows no networks and needs no torch. It is nearly audio: whoever has it hears the reference. Reference: INFERENCE.md
§§1b, 6. N samples, M bands, P frames.

    (N,) ─▶ magnitudes ─▶ M triangles ─▶ natural logarithm, at least log(1e-5) ─▶ -12 .. 2 becomes -1 .. 1 ─▶ (1, M, P)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core_model.features import audio
from core_model.sovits.dims import FlowMatchingDims

LOWEST, HIGHEST = -12.0, 2.0  # what becomes -1 and 1; speech stays within


def reference_mel(waveform: NDArray[np.float32], dims: FlowMatchingDims) -> NDArray[np.float32]:
    """A waveform (N,) at dims.mel_sample_rate -> (1, M, N // dims.mel_hop). AudioError if it is too short."""
    linear = audio.linear_spectrogram(waveform, dims.mel_fft, dims.mel_hop)
    filterbank = audio.mel_filterbank(dims.mel_sample_rate, dims.mel_fft, dims.mel_bands)
    log_mel = audio.log_mel(linear, filterbank)
    normalised = (log_mel - np.float32(LOWEST)) / np.float32(HIGHEST - LOWEST) * 2 - 1
    return normalised[None].astype(np.float32, copy=False)

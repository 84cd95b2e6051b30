"""The style of one recording by the base's own ear, and the public frame in which styles can be told apart.

Knows waveforms and the untuned base; not whose recording it is, and keeps nothing. Each recording is heard by itself:
nothing of another one has a say in its style, which is what a sensitivity of 2/n rests on.

    style = centre + radius * direction     centre and mean distance of the base's stock speakers: public
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from core_model.features import acoustic
from core_model.sovits.synthesizer import SoVITS

_LONGEST_SAMPLES = round(6.4 * acoustic.SAMPLE_RATE)  # of what the style encoder learnt from
_LEAST_SAMPLES = round(0.8 * acoustic.SAMPLE_RATE)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Where styles lie, learnt from nobody's recordings."""

    centre: npt.NDArray[np.float64]  # (S,)
    radius: float

    @classmethod
    def of(cls, stock_styles: npt.NDArray[np.float32]) -> Frame:
        """From styles (K, S, 1) of public speakers."""
        styles = stock_styles[:, :, 0].astype(np.float64)
        centre = styles.mean(axis=0)
        return cls(centre, float(np.linalg.norm(styles - centre, axis=1).mean()))

    def offset(self, styles: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Styles (K, S, 1) as seen from the centre: (K, S)."""
        return np.asarray(styles[:, :, 0].astype(np.float64) - self.centre, dtype=np.float64)

    def style(self, direction: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """A direction (S,) of norm 1 as a style (1, S, 1) that a decoder takes."""
        return np.asarray(self.centre + self.radius * direction, dtype=np.float32)[None, :, None]


def recording_style(network: SoVITS, waveform: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The style (1, S, 1) of one recording at 16 kHz: the mean over pieces of 6.4 s, in eval mode."""
    levelled = acoustic.level(waveform)
    pieces = [levelled[begin : begin + _LONGEST_SAMPLES] for begin in range(0, len(levelled), _LONGEST_SAMPLES)]
    kept = [piece for piece in pieces if len(piece) >= _LEAST_SAMPLES] or pieces[:1]
    with torch.inference_mode():
        styles = [network.style(torch.from_numpy(acoustic.acoustic_mel(piece))[None]).numpy() for piece in kept]
    return np.asarray(np.mean(styles, axis=0), dtype=np.float32)

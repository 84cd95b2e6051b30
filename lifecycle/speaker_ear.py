"""An ear for who speaks: Resemblyzer's network, which knows none of our voices and none of our recordings.

Knows waveforms and the package; keeps nothing. The network comes with the package (`make judges`) and is read from it,
never fetched. Reference: Wan et al. 2018 (generalized end-to-end loss), as Resemblyzer trained it.

    Ear().hear(waveform, 16_000)  ->  (256,) of norm 1, no value below zero; None where no speech is in it
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from lifecycle.errors import JudgesMissingError

_LEAST_S = 0.3  # of speech that is left when silence is cut out: less tells nothing
_RATE = 16_000


class Ear:
    """Resemblyzer's network, loaded once. JudgesMissingError where the package is not installed."""

    name = "Resemblyzer"

    def __init__(self) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # it imports by a name that scipy gave up
                import resemblyzer
        except ImportError as error:
            raise JudgesMissingError(f"who speaks is judged by resemblyzer, which cannot be loaded: {error}") from error
        self._cut_silence = resemblyzer.preprocess_wav
        self._network = resemblyzer.VoiceEncoder("cpu", verbose=False)

    def hear(self, waveform: npt.NDArray[np.float32], sample_rate: int) -> npt.NDArray[np.float64] | None:
        """*waveform* (N,) at *sample_rate* Hz to a unit vector, or None where there is no speech in it."""
        if not np.abs(waveform).max(initial=0.0) > 0:
            return None
        speech = self._cut_silence(waveform, sample_rate if sample_rate != _RATE else None)
        if len(speech) < _LEAST_S * _RATE:
            return None
        return np.asarray(self._network.embed_utterance(speech), dtype=np.float64)

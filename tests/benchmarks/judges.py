"""Three judges of 16 kHz speech, none of them ours: what was said, by whom, and how it sounds; and how sure one may be.

Knows waveforms and words; nothing of voices or bases. pocketsphinx with its own English model (Huggins-Daines 2006),
Resemblyzer (Wan 2018, generalized end-to-end loss), DNSMOS P.835 (Reddy 2022). All three bring their weights in their
packages (extra [bench]): nothing is downloaded here. Intervals are percentile bootstraps over sentences (Efron 1979).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RATE = 16_000
DRAWS = 2000  # of the bootstrap
_PEAK = 0.9
_PAD = 3200  # samples of silence around what the recognizer hears
_DNSMOS_SAMPLES = 144_160  # it hears 9.01 s at a time; what is shorter is said again

Floats = npt.NDArray[np.float32]


def words_of(text: str) -> list[str]:
    """*text* as the recognizer would write it: lower case, no marks."""
    return re.sub(r"[^a-z' ]", " ", text.lower().replace("’", "'")).split()


class Judges:
    """All three, loaded once."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder, get_model_path

        with warnings.catch_warnings():  # it imports a name that scipy has moved
            warnings.simplefilter("ignore")
            from resemblyzer import VoiceEncoder
        model = f"{get_model_path()}/en-us"
        self._recognizer = Decoder(
            hmm=f"{model}/en-us", lm=f"{model}/en-us.lm.bin", dict=f"{model}/cmudict-en-us.dict", loglevel="FATAL"
        )
        self._encoder = VoiceEncoder("cpu", verbose=False)

    def recognized(self, waveform: Floats) -> list[str]:
        """The words that are understood."""
        loudest = float(np.abs(waveform).max(initial=1e-6))
        padded = np.pad(waveform * min(1.0, _PEAK / loudest), (_PAD, _PAD))
        self._recognizer.start_utt()
        self._recognizer.process_raw((padded * 32767).astype("<i2").tobytes(), full_utt=True)
        self._recognizer.end_utt()
        hypothesis = self._recognizer.hyp()
        return words_of(hypothesis.hypstr) if hypothesis else []

    def speaker(self, waveform: Floats) -> npt.NDArray[np.float64]:
        """(256,) of norm 1: who speaks."""
        from resemblyzer import preprocess_wav

        heard = preprocess_wav(waveform.astype(np.float32))
        vector = self._encoder.embed_utterance(heard if len(heard) >= RATE // 4 else waveform)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float64)

    @staticmethod
    def sound(waveform: Floats) -> float:
        """DNSMOS overall, 1 to 5."""
        from speechmos import dnsmos

        times = max(1, -(-_DNSMOS_SAMPLES // len(waveform)))
        told = dnsmos.run(np.clip(np.tile(waveform, times), -1, 1).astype(np.float32), RATE)
        return float(told["ovrl_mos"])


def word_errors(said: Sequence[str], understood: Sequence[str]) -> int:
    """Words that were put in, left out or changed, at least (Levenshtein 1966)."""
    row = list(range(len(understood) + 1))
    for i, word in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(understood, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def ratio(over: npt.ArrayLike, under: npt.ArrayLike, seed: int = 0) -> Figure:
    """The sum of *over* by the sum of *under*, sentences being drawn again for the interval."""
    numerators, denominators = np.asarray(over, dtype=np.float64), np.asarray(under, dtype=np.float64)
    rng = np.random.Generator(np.random.Philox(key=seed))
    drawn = rng.integers(0, len(numerators), (DRAWS, len(numerators)))
    low, high = np.percentile(numerators[drawn].sum(1) / denominators[drawn].sum(1), [2.5, 97.5])
    return Figure(float(numerators.sum() / denominators.sum()), float(low), float(high))


def mean(values: npt.ArrayLike, seed: int = 0) -> Figure:
    """The mean, with its interval."""
    array = np.asarray(values, dtype=np.float64)
    return ratio(array, np.ones_like(array), seed)

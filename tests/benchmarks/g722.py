"""G.722 at 64 kbit/s, decoded: a byte is two samples at 16 kHz. Many files at once, for each step waits for the last.

After ITU-T Rec. G.722: two subbands, each with an adaptive quantizer and a predictor of two poles and six zeros, and a
quadrature mirror filter that joins them. Knows bytes and samples, no files. There is no header: any bytes decode.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

RATE = 16000
_OUTER = (3101, 2738, 2376, 2088, 1873, 1689, 1535, 1399, 1279, 1170, 1072, 982, 899, 822, 750, 682)
_INNER = (618, 558, 501, 447, 396, 347, 300, 254, 211, 170, 130, 91)
# By code: 6 bits for the samples of the low band, the upper 4 of them for its adaptation; 2 bits for the high band.
_LOW_6 = np.array([-17] * 4 + [-q for q in _OUTER + _INNER] + list(_OUTER + _INNER) + [54, 17, -54, -17])
_COARSE = (2557, 1612, 1121, 786, 530, 323, 150)
_LOW_4 = np.array([0, *(-q for q in _COARSE), *_COARSE, 0])
_HIGH_2 = np.array([-926, -202, 926, 202])
# By the same codes: how much the logarithm of the quantizer's step grows.
_LOW_GROWTH = np.array([-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60])
_HIGH_GROWTH = np.array([798, -214, 798, -214])
_MOST_LOG = np.array([[18432], [22528]])
_OCTAVES = np.array([[8], [10]])  # of the logarithm, at which the step is 2^11
_POWERS = np.rint(2048 * 2 ** (np.arange(32) / 32)).astype(np.int64)
_QMF = np.array([3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11])


def decode(files: Sequence[bytes]) -> list[npt.NDArray[np.float32]]:
    """Samples in -1 .. 1 at 16 kHz, two to a byte, of each of *files*."""
    order = sorted(range(len(files)), key=lambda index: -len(files[index]))
    lengths = np.array([len(files[index]) for index in order])
    codes = np.zeros((int(lengths.max(initial=0)), len(files)), dtype=np.int64)
    for place, index in enumerate(order):
        codes[: lengths[place], place] = np.frombuffer(files[index], dtype=np.uint8)
    bands = _subbands(codes, lengths)
    decoded: list[npt.NDArray[np.float32]] = [np.empty(0, np.float32)] * len(files)
    for place, index in enumerate(order):
        if lengths[place]:
            decoded[index] = _joined(bands[: lengths[place], :, place])
    return decoded


def _subbands(codes: Ints, lengths: Ints) -> Ints:
    """(steps, 2, files): low and high band at 8 kHz. Files stand by falling length: the first so many still go on."""
    steps, count = codes.shape
    out = np.zeros((steps, 2, count), dtype=np.int64)
    state = _Bands(count)
    for step in range(steps):
        going = int(np.searchsorted(-lengths, -step, side="left"))
        if going < state.count:
            state.narrow(going)
        out[step, :, :going] = state.step(codes[step, :going])
    return out


def _joined(bands: Ints) -> npt.NDArray[np.float32]:
    """The receiving quadrature mirror filter: (steps, 2) to (2 steps,)."""
    total, difference = bands[:, 0] + bands[:, 1], bands[:, 0] - bands[:, 1]
    samples = np.empty(2 * len(bands), dtype=np.int64)
    samples[0::2] = np.convolve(difference, _QMF)[: len(bands)]
    samples[1::2] = np.convolve(total, _QMF[::-1])[: len(bands)]
    return (np.clip(samples >> 11, -32768, 32767) / 32768).astype(np.float32)


class _Bands:
    """Quantizer and predictor of both bands, (2, files) each; names as in block 4 of the recommendation."""

    def __init__(self, count: int) -> None:
        self.count = count
        zeros = np.zeros((2, count), dtype=np.int64)
        self.log, self.scale = zeros, np.repeat([[8], [2]], count, axis=1)
        self.predicted, self.from_zeros, self.rebuilt = zeros, zeros, zeros
        self.pole1, self.pole2 = zeros, zeros
        self.negative1, self.negative2 = zeros > 0, zeros > 0
        self.zeros, self.differences = np.zeros((6, 2, count), np.int64), np.zeros((6, 2, count), np.int64)

    def narrow(self, count: int) -> None:
        """Go on with the first *count* files."""
        self.count = count
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(self, name, value[..., :count])

    def step(self, code: Ints) -> Ints:
        """The two bands' samples (2, files) for one byte of each."""
        low, high = code & 63, code >> 6
        fine = np.stack([_LOW_6[low], _HIGH_2[high]])
        coarse = np.stack([_LOW_4[low >> 2], _HIGH_2[high]])
        growth = np.stack([_LOW_GROWTH[low >> 2], _HIGH_GROWTH[high]])
        out: Ints = np.clip((self.scale * fine >> 10) + self.predicted, -16384, 16383)
        self._predict(self.scale * coarse >> 10)
        self.log = np.clip((self.log * 127 >> 7) + growth, 0, _MOST_LOG)
        power, octave = _POWERS[(self.log >> 6) & 31], (self.log >> 11) - _OCTAVES
        self.scale = np.where(octave < 0, power >> np.maximum(-octave, 0), power << np.maximum(octave, 0))
        return out

    def _predict(self, difference: Ints) -> None:
        negative = self.from_zeros + difference < 0
        toward1 = np.where(negative != self.negative1, 1, -1)
        toward2 = np.where(negative == self.negative2, 1, -1)
        self.negative2, self.negative1 = self.negative1, negative
        leant = toward1 * np.clip(self.pole1, -8191, 8191) >> 5
        self.pole2 = np.clip(leant + (toward2 << 7) + (self.pole2 * 127 >> 7), -12288, 12288)
        limit = 15360 - self.pole2
        self.pole1 = np.clip(-192 * toward1 + (self.pole1 * 255 >> 8), -limit, limit)
        pull = np.where((self.differences ^ difference) < 0, -128, 128) * (difference != 0)
        self.zeros = (self.zeros * 255 >> 8) + pull
        self.differences = np.concatenate([_clip16(difference << 1)[None], self.differences[:5]])
        self.from_zeros = (self.zeros * self.differences >> 15).sum(axis=0)
        rebuilt = _clip16((self.predicted + difference) << 1)
        poles = (self.pole1 * rebuilt >> 15) + (self.pole2 * self.rebuilt >> 15)
        self.predicted = _clip16(self.from_zeros + poles)
        self.rebuilt = rebuilt


def _clip16(values: Ints) -> Ints:
    clipped: Ints = np.clip(values, -32768, 32767)
    return clipped

"""Sound as a page without files holds it: a wav and a spectrogram, both as data: URIs.

Knows waveforms and no voice. What is no number is silence here and what is too loud is cut off, as in any 16-bit wav:
these are for ears and eyes, the verdict is computed elsewhere. The PNG is written here in twenty lines (PNG, third
edition, §§5, 11), so that the same sound is the same bytes wherever it is drawn.

    (N,) ─▶ magnitudes ─▶ BANDS of the mel scale ─▶ RANGE_DB below the loudest ─▶ a row of pixels for each band
"""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_model.features.audio import linear_spectrogram, mel_filterbank
from core_model.voice import Floats

BANDS = 96
RANGE_DB = 70.0
_COLUMNS = 720  # more than a page is wide: finer steps in time would be bytes that nobody sees
_WINDOW_S = 0.04
_FAINTEST = 1e-3  # as loud as a picture's loudest is at least: what is all but silent must not be scaled up to noise
_NOTHING = 1e-8  # the magnitude that silence is given, far below RANGE_DB under that
_TICKS_HZ = (500, 1000, 2000, 4000, 8000, 16000)
_RAMP = ((0.0, 0xD6EAF8, 0), (0.25, 0x8EC1E8, 150), (0.55, 0x2B77BC, 255), (0.8, 0x10417F, 255), (1.0, 0x04142F, 255))


@dataclass(frozen=True, slots=True)
class Tick:
    """A frequency that is written beside the picture, and where: 0 at the bottom, 1 at the top."""

    told: str
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """What two pictures must share to be compared: length, bands and loudness."""

    sample_rate: int
    samples: int
    loudest: float

    @classmethod
    def of(cls, reference: Floats, others: tuple[Floats, ...], sample_rate: int) -> Scale:
        """As long as the longest, and as loud as *reference*."""
        samples = max(len(waveform) for waveform in (reference, *others))
        scale = cls(sample_rate, samples, 1.0)
        return cls(sample_rate, samples, max(float(scale._mel(reference).max()), _FAINTEST))

    @property
    def fft(self) -> int:
        """The window, in samples: a power of two."""
        return 1 << (max(64, round(self.sample_rate * _WINDOW_S)) - 1).bit_length()

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """The frequencies to write beside a picture."""
        centres_hz = self._bands() @ np.fft.rfftfreq(self.fft, 1.0 / self.sample_rate)
        return tuple(
            Tick(f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz", _height(hz, centres_hz))
            for hz in _TICKS_HZ
            if centres_hz[0] <= hz <= centres_hz[-1]
        )

    def picture(self, waveform: Floats) -> str:
        """The spectrogram of *waveform* as the data: URI of a PNG whose silence is transparent."""
        level_db = 20 * np.log10(np.maximum(self._mel(waveform), 1e-9) / self.loudest)
        shade = np.clip(level_db / RANGE_DB + 1, 0, 1)
        return _uri("image/png", _png(np.rint(shade[::-1] * 255).astype(np.uint8)))

    def _bands(self) -> NDArray[np.float64]:
        """Rows that sum to one, so that a band's level does not depend on how wide it is."""
        bank = mel_filterbank(self.sample_rate, self.fft, BANDS).astype(np.float64)
        rows: NDArray[np.float64] = bank / np.maximum(bank.sum(axis=1, keepdims=True), 1e-12)
        return rows

    def _mel(self, waveform: Floats) -> NDArray[np.float64]:
        """(N,) -> (BANDS, columns)"""
        whole = np.zeros(max(self.samples, self.fft), np.float32)
        whole[: len(waveform)] = audible(waveform)
        hop = 2 * max(self.sample_rate // 400, -(-len(whole) // _COLUMNS) // 2, 1)  # even, as the padding asks
        linear = linear_spectrogram(whole, self.fft, min(hop, self.fft), _NOTHING**2)
        mel: NDArray[np.float64] = self._bands() @ linear
        return mel


def audible(waveform: Floats) -> Floats:
    """What a 16-bit wav can hold of *waveform*."""
    return np.clip(np.nan_to_num(waveform, nan=0.0, posinf=0.0, neginf=0.0), -1, 1).astype(np.float32)


def wav(waveform: Floats, sample_rate: int) -> str:
    """*waveform* as the data: URI of a 16-bit wav."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.rint(audible(waveform) * 32767).astype("<i2").tobytes())
    return _uri("audio/wav", made.getvalue())


def _height(hz: float, centres_hz: NDArray[np.float64]) -> float:
    row = float(np.interp(hz, centres_hz, np.arange(len(centres_hz))))
    return round((row + 0.5) / len(centres_hz), 4)


def _png(rows: NDArray[np.uint8]) -> bytes:
    """(height, width) shades -> a PNG with a palette and an alpha for each shade."""
    shades = np.linspace(0, 1, 256)
    stops = [stop for stop, _, _ in _RAMP]
    red, green, blue = (
        np.rint(np.interp(shades, stops, [colour >> shift & 0xFF for _, colour, _ in _RAMP])) for shift in (16, 8, 0)
    )
    alpha = np.rint(np.interp(shades, stops, [opacity for _, _, opacity in _RAMP])).astype(np.uint8)
    height, width = rows.shape
    unfiltered = np.hstack([np.zeros((height, 1), np.uint8), rows])
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", np.stack([red, green, blue], axis=1).astype(np.uint8).tobytes()),
            _chunk(b"tRNS", alpha.tobytes()),
            _chunk(b"IDAT", zlib.compress(unfiltered.tobytes(), 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"

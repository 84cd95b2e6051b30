"""Forced alignment: when each phoneme of a known text begins and ends in a recording.

Knows mel spectrograms and phones, no text and no files. A small convolutional network says, for every 10 ms, how likely
each phone is; Viterbi's search finds the best way through the given phonemes in order, with a pause allowed after every
word. A recording of known words needs far less acoustic accuracy than recognition would.

B batch, F frames (100 a second), M mel bins, K phones. Reference: Rabiner 1989, "A tutorial on hidden Markov models",
III.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from core_model.alignment_codes import SILENCE, AlignmentCodes, phone_of
from core_model.errors import AlignmentError
from core_model.features import audio

FRAME_RATE = 100
MEL_BINS = 80
_FFT, _HOP = 512, 160
_LEAST_FRAMES = 3  # no phone is shorter than 30 ms
_LEAST_PAUSE_FRAMES = 8  # shorter silences are closures of stops, not pauses


@dataclass(frozen=True, slots=True)
class AlignerDims:
    """Sizes of the phone classifier."""

    mel_bins: int = MEL_BINS
    width: int = 160
    phones: int = 40
    kernel: int = 5
    dilations: tuple[int, ...] = (1, 1, 2, 4, 1)


class PhoneClassifier(nn.Module):
    """(B, M, F) normalised log mel to (B, K, F) log probabilities of the phones."""

    def __init__(self, dims: AlignerDims) -> None:
        super().__init__()
        self.dims = dims
        layers: list[nn.Module] = []
        channels = dims.mel_bins
        for dilation in dims.dilations:
            padding = dilation * (dims.kernel - 1) // 2
            convolution = nn.Conv1d(channels, dims.width, dims.kernel, padding=padding, dilation=dilation)
            layers += [convolution, nn.ReLU(), nn.GroupNorm(1, dims.width)]
            channels = dims.width
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Conv1d(channels, dims.phones, 1)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """(B, M, F) -> (B, K, F)."""
        return torch.log_softmax(self.output(self.hidden(mel)), dim=1)


@functools.cache
def _filterbank() -> np.ndarray:
    return audio.mel_filterbank(16_000, _FFT, MEL_BINS)


def mel_for_alignment(waveform: np.ndarray) -> np.ndarray:
    """A 16 kHz waveform (N,) to log mel (M, F), each bin of zero mean and the whole of unit variance.

    The mean over the recording is taken away, so that microphone and room matter less than the phones.
    """
    mel = audio.log_mel(audio.linear_spectrogram(waveform, _FFT, _HOP), _filterbank())
    mel = mel - mel.mean(axis=1, keepdims=True)
    return np.asarray(mel / max(1e-3, float(mel.std())), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Alignment:
    """Phoneme symbols as they were spoken (pauses put in) and the second at which each ends."""

    symbols: tuple[str, ...]
    ends_s: tuple[float, ...]
    score: float  # mean log probability per frame: how well the recording says these words


@dataclass(frozen=True, slots=True, eq=False)
class _Chain:
    """States as links: a state of n frames at least is n links in a row, the last of which may be held."""

    states: np.ndarray = field(repr=False)  # (L,) the state of each link
    before: np.ndarray = field(repr=False)  # (choices, L) links that may come before each, -1 where there is none
    starts: np.ndarray = field(repr=False)  # links that a path may begin with
    finals: np.ndarray = field(repr=False)  # links that a path may end with


def _chain(least: Sequence[int], optional: Sequence[bool]) -> _Chain:
    """Any number of optional states in a row may be left out: a pause, and the comma it was at."""
    count = len(least)
    heads, tails = np.cumsum([0, *least])[:-1], np.cumsum(least) - 1
    links = np.arange(sum(least))
    run = [0]  # how many optional states lie directly before each state, and before the end
    for may_vanish in optional:
        run.append(run[-1] + 1 if may_vanish else 0)
    before = [np.where(np.isin(links, tails), links, -1), links - 1]
    for left_out in range(1, max(run) + 1):
        jumps = np.full(len(links), -1)
        for state in range(left_out + 1, count):
            if run[state] >= left_out:
                jumps[heads[state]] = tails[state - 1 - left_out]
        before.append(jumps)
    return _Chain(
        states=np.repeat(np.arange(count), least),
        before=np.stack(before),
        starts=heads[np.array(run[:count]) == np.arange(count)],
        finals=tails[max(0, count - 1 - run[count]) :],
    )


def viterbi(scores: np.ndarray, least: Sequence[int], optional: Sequence[bool]) -> tuple[list[int], float]:
    """The frame at which each state ends, and the mean score, of the best monotonic path through *scores* (F, S).

    Every state lasts at least *least* frames; an optional one may be left out (it ends where the one before it does).
    """
    frames = scores.shape[0]
    chain = _chain(least, optional)
    emission = scores[:, chain.states]
    links = np.arange(len(chain.states))
    best = np.full(len(links), -np.inf)
    best[chain.starts] = emission[0, chain.starts]
    came = np.zeros((frames, len(links)), dtype=np.int32)
    for frame in range(1, frames):
        options = np.where(chain.before >= 0, best[chain.before], -np.inf)
        choice = options.argmax(axis=0)
        came[frame] = chain.before[choice, links]
        best = options[choice, links] + emission[frame]
    link = int(chain.finals[best[chain.finals].argmax()])
    if not np.isfinite(best[link]):
        raise AlignmentError("the recording is too short for its transcript")
    score = float(best[link]) / frames
    ends = [0] * len(least)
    ends[chain.states[link]] = frames
    for frame in range(frames - 1, 0, -1):
        previous = int(came[frame, link])
        if chain.states[previous] != chain.states[link]:
            ends[chain.states[previous]] = frame
        link = previous
    return np.maximum.accumulate(ends).tolist(), score


class Aligner:
    """The classifier and the search together."""

    def __init__(self, network: PhoneClassifier, codes: AlignmentCodes) -> None:
        self._codes = codes
        self._network = network.eval()

    def align(self, waveform: np.ndarray, symbols: Sequence[str], word_ends: Sequence[bool]) -> Alignment:
        """*symbols* as framed by `AlignmentCodes.framed`; AlignmentError if the recording cannot hold them."""
        with torch.inference_mode():
            log_probabilities = self._network(torch.from_numpy(mel_for_alignment(waveform))[None])[0].T.numpy()
        spoken: list[str] = []
        for symbol, ends_word in zip(symbols, word_ends, strict=True):
            spoken.append(symbol)
            if ends_word and phone_of(symbol) != SILENCE:
                spoken.append(SILENCE)
        classes = [self._codes.phones.index(phone_of(symbol)) for symbol in spoken]
        optional = [phone == 0 for phone in classes]
        if len(log_probabilities) < _LEAST_FRAMES * (len(classes) - sum(optional)):
            raise AlignmentError("the recording is too short for its transcript")
        least = [_LEAST_PAUSE_FRAMES if may_vanish else _LEAST_FRAMES for may_vanish in optional]
        ends, score = viterbi(log_probabilities[:, classes], least, optional)
        kept = [
            (symbol, end / FRAME_RATE)
            for index, (symbol, end) in enumerate(zip(spoken, ends, strict=True))
            if index == 0 or symbol != SILENCE or end > ends[index - 1]
        ]
        return Alignment(tuple(s for s, _ in kept), tuple(t for _, t in kept), score)

"""A pronunciation for a word that no dictionary holds: a small recurrent network, letters to phonemes.

Encoder and decoder are one GRU each (Cho et al. 2014, arXiv:1406.1078, in PyTorch's gate order), greedy, in NumPy
alone. The weights are those of g2p_en 2.1.0 (Kyubyong Park, Jongseok Kim; Apache-2.0), kept as fp16: GPT-SoVITS uses
the same, so unknown words sound here as they do there. Knows nothing of dictionaries or of the sentence.

    letters ──embedding──▶ GRU ──last state──▶ GRU ──▶ argmax ──▶ phoneme ─┐
                                              ▲───────embedding────────────┘      until </s> or 20 phonemes
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_LETTERS = {letter: row for row, letter in enumerate("abcdefghijklmnopqrstuvwxyz", start=3)}
_UNKNOWN_LETTER, _END_OF_WORD = 1, 2
_ROWS = """<pad> <unk> <s> </s> AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D DH
    EH0 EH1 EH2 ER0 ER1 ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 OW2 OY0 OY1 OY2 P R S SH
    T TH UH0 UH1 UH2 UW UW0 UW1 UW2 V W Y Z ZH"""
_PHONEMES = _ROWS.split()
_START, _STOP = 2, 3
_SILENT = {"<pad>", "<unk>", "<s>", "UW"}  # rows that never were a phoneme of the table; UW without stress is one
_MOST_PHONEMES = 20


@dataclass(frozen=True, slots=True)
class _GRU:
    """One layer. Gates lie in the order reset, update, candidate; H hidden width, E width of an embedding."""

    embedding: Floats  # (rows, E)
    input_weight: Floats  # (3H, E)
    hidden_weight: Floats  # (3H, H)
    input_bias: Floats  # (3H,)
    hidden_bias: Floats  # (3H,)

    def step(self, row: int, hidden: Floats) -> Floats:
        """The state after reading *row*."""
        width = hidden.shape[0]
        from_input = self.input_weight @ self.embedding[row] + self.input_bias
        from_hidden = self.hidden_weight @ hidden + self.hidden_bias
        gates = 1.0 / (1.0 + np.exp(-(from_input[: 2 * width] + from_hidden[: 2 * width])))
        candidate = np.tanh(from_input[2 * width :] + gates[:width] * from_hidden[2 * width :])
        update = gates[width:]
        following: Floats = (1.0 - update) * candidate + update * hidden
        return following


class UnknownWords:
    """The network, made from the tensors of `en.unknown_words.safetensors`."""

    def __init__(self, tensors: dict[str, NDArray[np.float16]]) -> None:
        wide = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
        fields = _GRU.__dataclass_fields__
        self._encoder = _GRU(**{field: wide[f"encoder.{field}"] for field in fields})
        self._decoder = _GRU(**{field: wide[f"decoder.{field}"] for field in fields})
        self._weight, self._bias = wide["output.weight"], wide["output.bias"]

    def pronounce(self, word: str) -> list[str]:
        """Phonemes of *word*, at most 20; marks inside it count as an unknown letter. May be empty."""
        hidden = np.zeros(self._encoder.hidden_weight.shape[1], np.float32)
        for letter in word.lower():
            hidden = self._encoder.step(_LETTERS.get(letter, _UNKNOWN_LETTER), hidden)
        hidden = self._encoder.step(_END_OF_WORD, hidden)
        spoken: list[str] = []
        row = _START
        for _ in range(_MOST_PHONEMES):
            hidden = self._decoder.step(row, hidden)
            row = int(np.argmax(self._weight @ hidden + self._bias))
            if row == _STOP:
                break
            if _PHONEMES[row] not in _SILENT:
                spoken.append(_PHONEMES[row])
        return spoken

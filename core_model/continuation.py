"""One sentence half spoken on an exported graph: keys and values of all rows so far, in a buffer allocated once.

Knows the graph's inputs (core_model/export/graphs.py draws them) and no runtime: whoever owns the graph gives a
function that runs it on arrays. NumPy alone.

    S rows seen, R new rows, P phonemes, T tokens, L layers, H heads, D width of one, V vocabulary
    run({phonemes (1, P), tokens (1, T), first_position (), mask (1, 1, R, S + R), past (S, L, 2, H, D),
         word_features (1, P, F) or none}) -> logits (1, V), new (R, L, 2, H, D)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from core_model.voice import Array, Floats, Integers

Run = Callable[[Mapping[str, Array]], tuple[Floats, Floats]]


class GraphContinuation:
    """Keeps `core_model.speaking.Continuation`."""

    def __init__(self, run: Run, buffer: Floats, word_features: Floats | None) -> None:
        self._run = run
        self._buffer = buffer  # (capacity, L, 2, H, D)
        self._length = 0
        self._word_features = None if word_features is None else word_features[None]  # (1, P, F)
        self.logits: Floats = np.empty(0, np.float32)

    @classmethod
    def begin(
        cls,
        run: Run,
        row: tuple[int, ...],
        phonemes: Integers,
        prompt_tokens: Integers,
        word_features: Floats | None,
        limit: int,
    ) -> GraphContinuation:
        """The first pass; see `core_model.speaking.Runtime.begin`. *row* is (L, 2, H, D)."""
        capacity = phonemes.size + prompt_tokens.size + limit
        continuation = cls(run, np.empty((capacity, *row), np.float32), word_features)
        continuation.extend(phonemes, prompt_tokens, 0, prefix_mask(phonemes.size, prompt_tokens.size))
        return continuation

    def step(self, token: int, position: int) -> Floats:
        """(V,) after *token*; see `Continuation.step`."""
        mask = np.ones((1, 1, 1, self._length + 1), np.bool_)
        return self.extend(np.empty(0, np.int64), np.array([token], np.int64), position, mask)

    def extend(self, phonemes: Integers, tokens: Integers, first_position: int, mask: npt.NDArray[np.bool_]) -> Floats:
        """Run the graph on new rows, remember them, return the logits after the last."""
        inputs: dict[str, Array] = {
            "phonemes": phonemes[None],
            "tokens": tokens[None],
            "first_position": np.array(first_position, np.int64),
            "mask": mask,
            "past": self._buffer[: self._length],  # a view: nothing is copied
        }
        if self._word_features is not None:
            inputs["word_features"] = self._word_features[:, : phonemes.size]
        logits, new = self._run(inputs)
        self._buffer[self._length : self._length + len(new)] = new
        self._length += len(new)
        self.logits = logits[0]
        return self.logits


def prefix_mask(phonemes: int, tokens: int) -> npt.NDArray[np.bool_]:
    """(1, 1, R, R), True where a row may look: at all phonemes, and tokens also at tokens up to their own."""
    row, column = np.ogrid[: phonemes + tokens, : phonemes + tokens]
    return ((column < phonemes) | ((row >= phonemes) & (column <= row)))[None, None]

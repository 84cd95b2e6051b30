"""Which language a few words are in: fastText's classifier, read from its model file by NumPy alone.

The model is lid.176.ftz of fastText (Joulin et al. 2016, arXiv:1612.03651; 176 languages, CC-BY-SA-3.0), which a voice
carries. GPT-SoVITS asks the larger lid.176.bin, which is downloaded; the two differ now and then on a word or two.
Knows nothing of scripts or of what is done with the answer.

    characters ─n-grams─▶ rows (quantized) ─mean─▶ hidden (D,) ─▶ a Huffman tree of languages ─▶ probabilities
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_MAGIC, _VERSION = 793712314, 12
_HIERARCHICAL_SOFTMAX = 1
_CENTROIDS = 256
_LABEL = "__label__"
_END_OF_LINE = "</s>"
_BLANK = re.compile("[ \n\r\t\v\f\0]+")  # fastText's white space
_MOST_CHARACTERS = 80  # upstream's detector reads no more


@dataclass(frozen=True, slots=True)
class _Node:
    """An inner node of the tree; a child below the number of languages is a language."""

    left: int
    right: int


class _Reader:
    """Little-endian fields out of the model's bytes, one after another."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    def fields(self, layout: str) -> tuple[int, ...]:
        found = struct.unpack_from("<" + layout, self._content, self._place)
        self._place += struct.calcsize("<" + layout)
        return found

    def word(self) -> str:
        end = self._content.index(b"\0", self._place)
        start, self._place = self._place, end + 1
        return self._content[start:end].decode("utf-8", "replace")

    def floats(self, count: int) -> Floats:
        found = np.frombuffer(self._content, "<f4", count, self._place)
        self._place += 4 * count
        return found

    def codes(self, count: int) -> NDArray[np.uint8]:
        found = np.frombuffer(self._content, np.uint8, count, self._place)
        self._place += count
        return found


class Detector:
    """The classifier. Raises ValueError if *content* is not a quantized fastText classifier with a language tree."""

    def __init__(self, content: bytes) -> None:
        try:
            self._read(_Reader(content))
        except (struct.error, IndexError, OverflowError) as error:
            raise ValueError("the model of languages ends too early") from error

    def languages(self, text: str, most: int = 1, least: float = 0.0) -> tuple[str, ...]:
        """The likeliest languages of *text*, at most *most*, each at least *least* probable; none for no text."""
        rows = self._rows(_evened(text))
        if not rows:
            return ()
        hidden = self._input(rows)
        right = 1.0 / (1.0 + np.exp(-(self._output @ hidden).astype(np.float64)))  # of each inner node
        probability = np.zeros(len(self._labels) + len(self._tree))
        probability[-1] = 1.0
        for place in range(len(self._tree) - 1, -1, -1):  # a child always stands before its parent
            here = probability[len(self._labels) + place]
            probability[self._tree[place].left] = here * (1.0 - right[place])
            probability[self._tree[place].right] = here * right[place]
        best = np.argsort(-probability[: len(self._labels)], kind="stable")[:most]
        return tuple(self._labels[place] for place in best if probability[place] >= least)

    def _rows(self, text: str) -> list[int]:
        rows: list[int] = []
        for word in filter(None, _BLANK.split(text)):
            if word in self._words:
                rows.append(self._words[word])
            rows += self._grams(f"<{word}>".encode("utf-8", "replace"))
        return [*rows, *([self._words[_END_OF_LINE]] if _END_OF_LINE in self._words else [])]

    def _grams(self, word: bytes) -> list[int]:
        """Rows of the character n-grams of *word*, those that were pruned left out."""
        starts = [place for place in range(len(word)) if word[place] & 0xC0 != 0x80] + [len(word)]
        rows = []
        for first in range(len(starts) - 1):
            for length in range(self._least_gram, min(self._most_gram, len(starts) - 1 - first) + 1):
                if length == 1 and first in (0, len(starts) - 2):
                    continue
                row = self._kept.get(_hash(word[starts[first] : starts[first + length]]) % self._buckets)
                if row is not None:
                    rows.append(len(self._words) + row)
        return rows

    def _input(self, rows: list[int]) -> Floats:
        """The mean of the rows (R, D), each its sub-vectors' centroids times its norm."""
        parts = self._centroids[np.arange(self._codes.shape[1]), self._codes[rows]].reshape(len(rows), -1)
        mean: Floats = (parts[:, : self._width] * self._norms[rows][:, None]).mean(axis=0, dtype=np.float32)
        return mean

    def _read(self, model: _Reader) -> None:
        if model.fields("ii") != (_MAGIC, _VERSION):
            raise ValueError("not a fastText model of version 12")
        self._width, *_, loss, _model, self._buckets, self._least_gram, self._most_gram, _rate = model.fields("12i")
        model.fields("q")  # a threshold of training
        self._read_dictionary(model)
        if loss != _HIERARCHICAL_SOFTMAX or model.fields("?") != (True,):
            raise ValueError("not a quantized classifier with a tree of languages")
        self._read_input(model)
        model.fields("?")
        rows, width = model.fields("qq")
        if width != self._width or rows < len(self._labels) or not self._labels or self._buckets < 1:
            raise ValueError("the model's layers do not fit each other")
        self._output = model.floats(rows * width).reshape(rows, width)[: len(self._tree)]

    def _read_dictionary(self, model: _Reader) -> None:
        size, _words, _labels = model.fields("3i")
        _tokens, kept = model.fields("qq")
        self._words: dict[str, int] = {}
        self._kept: dict[int, int] = {}  # n-grams that were not pruned: bucket, row
        labels: list[str] = []
        counts: list[int] = []
        for _ in range(size):
            word = model.word()
            count, is_label = model.fields("qb")
            if is_label:
                labels.append(word.removeprefix(_LABEL).lower())
                counts.append(count)
            else:
                self._words[word] = len(self._words)
        for _ in range(max(kept, 0)):
            bucket, row = model.fields("ii")
            self._kept[bucket] = row
        self._labels, self._tree = tuple(labels), _tree(counts)

    def _read_input(self, model: _Reader) -> None:
        (with_norms,) = model.fields("?")
        rows, width, size = model.fields("qqi")
        codes = model.codes(size)
        self._centroids = _quantizer(model)
        self._codes = codes.reshape(rows, -1)
        last = len(self._words) + max(self._kept.values(), default=-1)
        if width != self._width or self._codes.shape[1] != self._centroids.shape[0] or not 0 <= last < rows:
            raise ValueError("the model's layers do not fit each other")
        self._norms = np.ones(rows, np.float32)
        if with_norms:
            norm_codes = model.codes(rows)
            self._norms = _quantizer(model)[0, norm_codes, 0]


def _quantizer(model: _Reader) -> Floats:
    """Centroids (sub-vectors, 256, D of a sub-vector)."""
    width, parts, part_width, last_width = model.fields("4i")
    if part_width != last_width or width != parts * part_width:
        raise ValueError("the model's sub-vectors are of unequal width")
    return model.floats(width * _CENTROIDS).reshape(parts, _CENTROIDS, part_width)


def _hash(gram: bytes) -> int:
    """FNV-1a in 32 bits; fastText takes bytes for signed numbers."""
    value = 2166136261
    for byte in gram:
        value = ((value ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619) & 0xFFFFFFFF
    return value


def _tree(counts: list[int]) -> tuple[_Node, ...]:
    """The Huffman tree over *counts*, which fall: its inner nodes, each after its children."""
    known = [*counts]
    leaf, inner = len(counts) - 1, len(counts)
    nodes: list[_Node] = []
    for _ in range(len(counts) - 1):
        least = []
        for _ in range(2):
            if leaf >= 0 and (inner >= len(known) or known[leaf] < known[inner]):
                least.append(leaf)
                leaf -= 1
            else:
                least.append(inner)
                inner += 1
        nodes.append(_Node(*least))
        known.append(known[least[0]] + known[least[1]])
    return tuple(nodes)


def _evened(text: str) -> str:
    """What upstream's detector reads: the first 80 characters, in small letters if they are shouted."""
    text = text[:_MOST_CHARACTERS]
    letters, capitals = len(re.findall("[A-Za-z]", text)), len(re.findall("[A-Z]", text))
    if text.isupper() or (len(text) > 5 and capitals > 0.8 * letters):
        return text.lower()
    return text

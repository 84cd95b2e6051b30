"""Phonemes to semantic tokens: an autoregressive transformer with a preallocated key/value cache.

Knows nothing of audio, text, files or chance: it never draws, `core_model.sampling` does. Reference: the network
that GPT-SoVITS calls text-to-semantic, after VALL-E (Wang et al. 2023) §4.2.1; its checkpoints fit tensor for tensor
(core_model.upstream.names).

    rows      p p p p | t t t      P phoneme rows, then T token rows; each part counts its positions from 0
    looks at  p p p p | . . .      phonemes: every phoneme, no token
              p p p p | t t .      tokens:   every phoneme, and tokens up to their own

What is unusual: a prefix language model; the norm comes after the residual sum, and there is none after the last
block; sine and cosine positions are interleaved, and scaled by one learnt number for each part; end of speech is the
last semantic token.

B batch, P phonemes, T semantic tokens, R rows given in one call, S rows seen so far, C width, H heads, D = C / H,
V vocabulary, L layers, F word features.

    gpt = GPT(GPTDims(layers=2, width=32, heads=2, word_features=0)).eval()
    cache = gpt.new_cache(batch=1, capacity=200)
    logits = gpt.prefill(phonemes, prompt, None, cache)                                   # (1, V)
    logits = gpt.step(logits.argmax(-1, keepdim=True), prompt.shape[1], cache)            # (1, V)

To export: `extend` is the whole network between rows and hidden states; prefill and step both go through it. It asks
its memory for one thing, `append`. A graph must not write in place, so it passes a `Past` and returns what was new:

    class Graph(nn.Module):                                                               # the ten lines
        def forward(self, rows, mask, past):                # (1, R, C), (1, 1, R, S + R) bool, (S, L, 2, H, D)
            hidden, new = self.gpt.extend_functional(rows, mask, past)
            return self.gpt.head(hidden[:, -1]), new        # (1, V), (R, L, 2, H, D)

Past and new are laid out by position first: a runtime keeps one buffer (capacity, L, 2, H, D), passes
`buffer[:length]`, a view without a copy, and stores new at `buffer[length:length + R]`. An empty past (S = 0) is
allowed. `embed_phonemes` and `embed_tokens` (whose first position may be a 0-d tensor) make the rows, `prefix_mask`
the mask of a prefill; a step looks everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class GPTDims:
    """Every number that fixes the shapes of a GPT."""

    phonemes: int = 732  # rows of the phoneme table; the voice's symbol table decides
    semantic_tokens: int = 1025  # 1024 codes and one end of speech
    width: int = 512
    heads: int = 16
    layers: int = 24
    word_features: int = 1024  # values for each phoneme from a language model; 0: the network has no input for them

    def __post_init__(self) -> None:
        if min(self.phonemes, self.semantic_tokens, self.width, self.heads, self.layers) < 1 or self.word_features < 0:
            raise ValueError(f"dims must be positive: {self}")
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"width {self.width} must be even and a multiple of {self.heads} heads")

    @property
    def end_of_speech(self) -> int:
        """The token that ends an utterance: the last one."""
        return self.semantic_tokens - 1

    @property
    def feedforward(self) -> int:
        """Width inside a block's feedforward."""
        return 4 * self.width


class Memory(Protocol):
    """What attention remembers of the rows before."""

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Remember key and value (B, H, R, D) of *layer*; return all of them so far, each (B, H, S + R, D)."""


class KeyValueCache:
    """Keys and values of every row so far, in a buffer allocated once and written in place."""

    def __init__(self, buffer: Tensor) -> None:
        self.buffer = buffer  # (L, 2, B, H, capacity, D): what one head reads is contiguous
        self.length = 0  # rows seen; `GPT.extend` advances it when all layers have written

    @property
    def capacity(self) -> int:
        """The most rows it can hold."""
        return self.buffer.shape[4]

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write behind the rows so far and return views of all of them; see `Memory`."""
        end = self.length + key.shape[2]
        keys, values = self.buffer[layer]
        keys[:, :, self.length : end] = key
        values[:, :, self.length : end] = value
        return keys[:, :, :end], values[:, :, :end]


class Past:
    """A memory for exported graphs: past (S, L, 2, H, D) stays as it is, what is new is collected."""

    def __init__(self, past: Tensor) -> None:
        self.past = past.permute(1, 2, 3, 0, 4)  # (L, 2, H, S, D)
        self.new: list[Tensor] = []  # for each layer (2, H, R, D)

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Past and new rows of *layer*, joined; see `Memory`. The batch is 1."""
        self.new.append(torch.cat((key, value)))
        keys, values = self.past[layer, 0].unsqueeze(0), self.past[layer, 1].unsqueeze(0)
        return torch.cat((keys, key), dim=2), torch.cat((values, value), dim=2)


class Attention(nn.Module):
    """Multi-head attention over the rows of this call and those the memory holds."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, rows: Tensor, mask: Tensor | None, layer: int, memory: Memory | None) -> Tensor:
        """rows (B, R, C), mask (B or 1, 1, R, S + R) True where a row may look -> (B, R, C)."""
        batch, count, width = rows.shape
        parts = self.query_key_value(rows).view(batch, count, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, R, D) each
        if memory is not None:
            key, value = memory.append(layer, key, value)  # (B, H, S + R, D)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        output: Tensor = self.output(mixed.transpose(1, 2).reshape(batch, count, width))
        return output


class Feedforward(nn.Module):
    """Two linear layers with a ReLU between them."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.expand = nn.Linear(width, inner)
        self.contract = nn.Linear(inner, width)

    def forward(self, rows: Tensor) -> Tensor:
        """(B, R, C) -> (B, R, C)."""
        output: Tensor = self.contract(F.relu(self.expand(rows)))
        return output


class Block(nn.Module):
    """Attention and feedforward, each followed by the sum with its input and then the norm."""

    def __init__(self, dims: GPTDims) -> None:
        super().__init__()
        self.attention = Attention(dims.width, dims.heads)
        self.attention_norm = nn.LayerNorm(dims.width)
        self.feedforward = Feedforward(dims.width, dims.feedforward)
        self.feedforward_norm = nn.LayerNorm(dims.width)

    def forward(self, rows: Tensor, mask: Tensor | None, layer: int, memory: Memory | None) -> Tensor:
        """(B, R, C) -> (B, R, C); see `Attention` for the rest."""
        rows = self.attention_norm(rows + self.attention(rows, mask, layer, memory))
        output: Tensor = self.feedforward_norm(rows + self.feedforward(rows))
        return output


class GPT(nn.Module):
    """Phonemes (and what was already spoken) to logits of the next semantic token."""

    frequencies: Tensor

    def __init__(self, dims: GPTDims) -> None:
        super().__init__()
        self.dims = dims
        self.phoneme_embedding = nn.Embedding(dims.phonemes, dims.width)
        self.word_feature_projection = nn.Linear(dims.word_features, dims.width) if dims.word_features else None
        self.phoneme_position_scale = nn.Parameter(torch.ones(1))
        self.token_embedding = nn.Embedding(dims.semantic_tokens, dims.width)
        self.token_position_scale = nn.Parameter(torch.ones(1))
        self.blocks = nn.ModuleList(Block(dims) for _ in range(dims.layers))
        self.head = nn.Linear(dims.width, dims.semantic_tokens, bias=False)
        # A constant, so that every runtime multiplies by the same values: one ulp here is 1e-4 rad at position 1500.
        # On the CPU, also where a network is built without memory and takes its parameters from a file.
        rates = torch.exp(torch.arange(0, dims.width, 2, device="cpu").float() * -(math.log(10000.0) / dims.width))
        self.register_buffer("frequencies", rates, persistent=False)  # (C / 2,)
        self.initialise()

    def initialise(self) -> None:
        """Fill every parameter, from torch's global generator (a training loop seeds it).

        embeddings            N(0, 1 / C): rows of length 1, beside position vectors of length sqrt(C / 2)
        position scales       1
        linear layers         uniform, +-sqrt(3 / inputs) (variance kept); biases 0
        ends of a residual    the same, divided by sqrt(2 L): the sum of 2 L branches stays of order one
        head                  N(0, 0.02): the first loss is ln(V)
        norms                 scale 1, shift 0
        """
        depth = math.sqrt(2 * self.dims.layers)
        for name, parameter in self.named_parameters():
            if name.endswith(("position_scale", "norm.weight")):
                nn.init.ones_(parameter)
            elif parameter.dim() == 1:
                nn.init.zeros_(parameter)
            elif name.endswith("embedding.weight"):
                nn.init.normal_(parameter, std=self.dims.width**-0.5)
            elif name == "head.weight":
                nn.init.normal_(parameter, std=0.02)
            else:
                bound = math.sqrt(3 / parameter.shape[1])
                bound /= depth if name.endswith(("output.weight", "contract.weight")) else 1.0
                nn.init.uniform_(parameter, -bound, bound)

    def forward(
        self,
        phonemes: Tensor,
        semantic_tokens: Tensor,
        word_features: Tensor | None = None,
        phoneme_lengths: Tensor | None = None,
    ) -> Tensor:
        """Teacher-forced logits (B, T, V); logits[:, t] are for token t + 1, given the phonemes and tokens up to t.

        phonemes (B, P) and semantic_tokens (B, T) int64, word_features (B, P, F). Where utterances differ in length,
        pad both on the right: phoneme_lengths (B,) hides the padding of the phonemes; padded tokens are behind all
        real ones, which never look there, and the loss leaves them out.
        """
        count = phonemes.shape[1]
        rows = torch.cat((self.embed_phonemes(phonemes, word_features), self.embed_tokens(semantic_tokens, 0)), dim=1)
        mask = prefix_mask(count, semantic_tokens.shape[1], phoneme_lengths, rows.device)
        logits: Tensor = self.head(self.extend(rows, mask, None)[:, count:])
        return logits

    def embed_phonemes(self, phonemes: Tensor, word_features: Tensor | None = None) -> Tensor:
        """phonemes (B, P), word_features (B, P, F) or None, which means zeros -> rows (B, P, C)."""
        rows: Tensor = self.phoneme_embedding(phonemes)
        if self.word_feature_projection is not None:
            if word_features is None:
                rows = rows + self.word_feature_projection.bias  # the projection of zeros
            else:
                rows = rows + self.word_feature_projection(word_features)
        elif word_features is not None:
            raise ValueError("this network has no input for word features")
        return rows + self.phoneme_position_scale * self._positions(phonemes.shape[1], 0)

    def embed_tokens(self, tokens: Tensor, first_position: int | Tensor) -> Tensor:
        """tokens (B, R), the first of which is number *first_position* of the audio sequence -> rows (B, R, C)."""
        rows: Tensor = self.token_embedding(tokens)
        return rows + self.token_position_scale * self._positions(tokens.shape[1], first_position)

    def _positions(self, count: int, first: int | Tensor) -> Tensor:
        """Sines (even columns) and cosines (odd columns) of positions first, first + 1, ...: (count, C)."""
        position = (torch.arange(count, device=self.frequencies.device) + first).to(self.frequencies.dtype)
        angle = position[:, None] * self.frequencies
        return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)

    def extend(self, rows: Tensor, mask: Tensor | None, memory: Memory | None) -> Tensor:
        """Hidden states (B, R, C) of *rows* (B, R, C), each of which looks at rows in memory and in this call.

        mask (B or 1, 1, R, S + R) is True where a row may look; None: everywhere. Without memory nothing is remembered.
        """
        for layer, block in enumerate(self.blocks):
            rows = block(rows, mask, layer, memory)
        return rows

    def extend_functional(self, rows: Tensor, mask: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """`extend` as a function, for export: past (S, L, 2, H, D) -> hidden (1, R, C), new (R, L, 2, H, D)."""
        memory = Past(past)
        hidden = self.extend(rows, mask, memory)
        return hidden, torch.stack(memory.new).permute(3, 0, 1, 2, 4)

    def new_cache(self, batch: int, capacity: int) -> KeyValueCache:
        """An empty cache for *capacity* rows: phonemes, prompt and everything that will be generated."""
        weight = self.head.weight
        shape = (self.dims.layers, 2, batch, self.dims.heads, capacity, self.dims.width // self.dims.heads)
        return KeyValueCache(torch.empty(shape, dtype=weight.dtype, device=weight.device))

    @torch.inference_mode()
    def prefill(
        self, phonemes: Tensor, semantic_tokens: Tensor, word_features: Tensor | None, cache: KeyValueCache
    ) -> Tensor:
        """Logits (B, V) of the token after phonemes (B, P) and semantic_tokens (B, T), T >= 0; fills an empty cache."""
        if cache.length:
            raise ValueError(f"the cache already holds {cache.length} rows")
        rows = torch.cat((self.embed_phonemes(phonemes, word_features), self.embed_tokens(semantic_tokens, 0)), dim=1)
        mask = prefix_mask(phonemes.shape[1], semantic_tokens.shape[1], None, rows.device)
        return self._remember(rows, mask, cache)

    @torch.inference_mode()
    def step(self, token: Tensor, position: int, cache: KeyValueCache) -> Tensor:
        """Logits (B, V) of what follows *token* (B, 1), number *position* of the audio sequence, prompt included."""
        return self._remember(self.embed_tokens(token, position), None, cache)

    def _remember(self, rows: Tensor, mask: Tensor | None, cache: KeyValueCache) -> Tensor:
        if cache.length + rows.shape[1] > cache.capacity:
            raise ValueError(f"a cache for {cache.capacity} rows cannot take row {cache.length + rows.shape[1]}")
        hidden = self.extend(rows, mask, cache)
        cache.length += rows.shape[1]
        logits: Tensor = self.head(hidden[:, -1])
        return logits


def prefix_mask(
    phonemes: int, tokens: int, phoneme_lengths: Tensor | None = None, device: torch.device | str = "cpu"
) -> Tensor:
    """(B or 1, 1, P + T, P + T) bool, True where a row may look: the drawing at the top of this file."""
    column = torch.arange(phonemes + tokens, device=device)
    mask = (column[None, :] < phonemes) | ((column[None, :] <= column[:, None]) & (column[:, None] >= phonemes))
    mask = mask[None, None]
    if phoneme_lengths is not None:
        real = (column[None, :] < phoneme_lengths.to(device)[:, None]) | (column[None, :] >= phonemes)
        mask = mask & real[:, None, None, :]
    return mask

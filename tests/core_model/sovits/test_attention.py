"""Attention against the slow obvious loops."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from core_model.sovits.attention import Attention, Transformer, keys_to_offsets, offsets_to_keys


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 1000))
def test_shears_equal_the_loops(rows: int, window: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    by_offset = torch.randn(2, 3, rows, 2 * window + 1, generator=generator)
    by_key = torch.randn(2, 3, rows, rows, generator=generator)
    sheared, back = offsets_to_keys(by_offset, window), keys_to_offsets(by_key, window)
    for i in range(rows):
        for j in range(rows):
            inside = abs(j - i) <= window
            expected = by_offset[:, :, i, j - i + window] if inside else torch.zeros(2, 3)
            assert torch.equal(sheared[:, :, i, j], expected)
        for offset in range(-window, window + 1):
            inside = 0 <= i + offset < rows
            expected = by_key[:, :, i, i + offset] if inside else torch.zeros(2, 3)
            assert torch.equal(back[:, :, i, offset + window], expected)


def slow_attention(attention: Attention, x: Tensor, context: Tensor) -> Tensor:
    """One head, one query, one key at a time."""
    queries, keys, values = attention.query(x)[0], attention.key(context)[0], attention.value(context)[0]
    width, window = attention.head_width, attention.window
    out = torch.zeros_like(queries)
    for head in range(attention.heads):
        rows = slice(head * width, (head + 1) * width)
        q, k, v = queries[rows].T, keys[rows].T, values[rows].T
        for i in range(len(q)):
            scores = torch.stack([q[i] @ k[j] / math.sqrt(width) for j in range(len(k))])
            for j in range(len(k)):
                if window and abs(j - i) <= window:
                    scores[j] += q[i] @ attention.relative_key[0, j - i + window] / math.sqrt(width)
            weights = torch.softmax(scores, 0)
            for j in range(len(k)):
                relative = attention.relative_value[0, j - i + window] if window and abs(j - i) <= window else 0
                out[rows, i] += weights[j] * (v[j] + relative)
    return attention.out(out[None])


@pytest.mark.parametrize(("window", "queries", "keys"), [(2, 7, 7), (4, 3, 3), (0, 5, 8)])
def test_attention_equals_the_loops(window: int, queries: int, keys: int) -> None:
    torch.manual_seed(0)
    attention = Attention(12, 3, 0.0, window).eval()
    x, context = torch.randn(1, 12, queries), torch.randn(1, 12, keys)
    context = x if window else context
    with torch.no_grad():
        torch.testing.assert_close(attention(x, context, None), slow_attention(attention, x, context))


def test_padding_of_the_keys_is_not_attended_to() -> None:
    torch.manual_seed(0)
    attention = Attention(12, 3, 0.0)
    x, context = torch.randn(1, 12, 4), torch.randn(1, 12, 9)
    mask = (torch.arange(9) < 6).float()[None, None]
    torch.testing.assert_close(attention(x, context, mask), attention(x, context[:, :, :6], None))


def test_padding_of_a_transformer_changes_nothing_and_stays_zero() -> None:
    torch.manual_seed(0)
    transformer = Transformer(2, width=12, inner=20, heads=3, kernel=3, dropout=0.0, window=4)
    x = torch.randn(1, 12, 11)
    mask = (torch.arange(11) < 7).float()[None, None]
    out = transformer(x, mask)
    torch.testing.assert_close(out[:, :, :7], transformer(x[:, :, :7], None))
    assert not out[:, :, 7:].any()


def test_relative_positions_are_heard() -> None:
    """Without them, attention over the same row set would not see an order at all."""
    torch.manual_seed(0)
    attention, plain = Attention(12, 3, 0.0, 4), Attention(12, 3, 0.0)
    plain.load_state_dict(attention.state_dict(), strict=False)
    x = torch.randn(1, 12, 6)
    backwards = x.flip(2)
    torch.testing.assert_close(plain(x, x, None).flip(2), plain(backwards, backwards, None))
    assert not torch.allclose(attention(x, x, None).flip(2), attention(backwards, backwards, None), atol=1e-2)

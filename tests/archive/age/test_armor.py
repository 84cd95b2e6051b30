"""Armor: one spelling of a file as text, read at any place once all of it was seen to be right."""

from __future__ import annotations

import base64
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.age import armor
from archive.age.armor import ArmoredSource
from archive.container import Region
from archive.errors import ArmorError
from tests.archive.crafting import drip


def armored(data: bytes, end: bytes = b"\n") -> bytes:
    """As age.md says, one line at a time."""
    text = base64.b64encode(data)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return b"".join(line + end for line in (armor.BEGIN, *lines, armor.END))


def source(text: bytes) -> Region:
    return Region(io.BytesIO(text), 0, len(text), "x")


@settings(deadline=None)
@given(st.integers(0, 500), st.sampled_from([b"\n", b"\r\n"]), st.integers(0, 500), st.integers(0, 500))
def test_any_range_can_be_read(size: int, end: bytes, offset: int, count: int) -> None:
    data = drip("armor")(size)
    opened = ArmoredSource(source(b" \r\n\t\n" + armored(data, end) + b"\n \t"))
    assert opened.size == size
    offset = min(offset, size)
    count = min(count, size - offset)
    assert opened.read_at(offset, count) == data[offset : offset + count]
    room = bytearray(count)
    opened.read_into(offset, memoryview(room))
    assert bytes(room) == data[offset : offset + count]
    with pytest.raises(ArmorError):
        opened.read_at(size, 1)


def test_more_than_one_batch_comes_back() -> None:
    data = drip("large")(armor._BATCH_LINES * 48 * 2 + 100)
    opened = ArmoredSource(source(armored(data)))
    assert opened.read_at(0, opened.size) == data


SMALL = armored(drip("small")(200))


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(SMALL) - 1), st.integers(0, 255))
def test_no_other_text_reads_as_the_same_file(position: int, byte: int) -> None:
    changed = SMALL[:position] + bytes([byte]) + SMALL[position + 1 :]
    try:
        opened = ArmoredSource(source(changed))
    except ArmorError:
        return
    kept = changed.rstrip() == SMALL.rstrip()
    assert kept == (opened.read_at(0, opened.size) == drip("small")(200))


WHOLE = armored(drip("small")(96))
BROKEN = {
    "mixed line ends": WHOLE.replace(b"\n", b"\r\n", 2),
    "padding in the middle": armor.BEGIN + b"\n" + b"A" * 63 + b"=\n" + b"A" * 64 + b"\n" + armor.END,
    "a mebibyte of space before": b" " * 2**20 + b"\n" + WHOLE,
    "a mebibyte of space after": WHOLE + b" " * 2**20,
    "two files": WHOLE + WHOLE,
    "text in the line of the end": WHOLE[:-1] + b" x\n",
    "no text at all": b"-----",
    "nothing but a beginning": armor.BEGIN + b"\n",
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_armor_is_refused(case: str) -> None:
    with pytest.raises(ArmorError):
        ArmoredSource(source(BROKEN[case]))


def test_a_binary_file_that_speaks_of_armor_is_binary() -> None:
    assert not armor.is_armored(source(b"age-encryption.org/v1\n-> " + armor.BEGIN + b"\n\n"))
    assert armor.is_armored(source(b"\n" + SMALL))
    assert armor.is_armored(source(b"garbage\n" + SMALL))

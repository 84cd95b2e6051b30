"""The age header: one spelling, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.age import header
from archive.age.header import Stanza
from archive.errors import AgeHeaderError, HeaderMacError
from tests.archive.crafting import drip

ARGUMENT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
STANZA = st.builds(Stanza, st.lists(ARGUMENT, min_size=1, max_size=4).map(tuple), st.binary(max_size=200))
FILE_KEY = bytes(range(16))


@settings(deadline=None)
@given(st.lists(STANZA, min_size=1, max_size=5), st.binary(max_size=40))
def test_parse_undoes_marshal_and_leaves_what_follows(stanzas: list[Stanza], payload: bytes) -> None:
    data = header.marshal(stanzas, FILE_KEY)
    parsed = header.parse(data + payload)
    assert parsed.stanzas == tuple(stanzas)
    assert parsed.size == len(data)
    header.verify(parsed, FILE_KEY)


@pytest.mark.parametrize("size", [47, 48, 49, 95, 96])
def test_a_body_of_whole_lines_ends_in_an_empty_one(size: int) -> None:
    data = header.marshal([Stanza(("x",), bytes(size))], FILE_KEY)
    lines = data.split(b"\n")[2:-2]
    assert all(len(line) == 64 for line in lines[:-1])
    assert len(lines[-1]) < 64
    assert (lines[-1] == b"") == (size % 48 == 0)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(position: int, change: int) -> None:
    data = bytearray(header.marshal([Stanza(("X25519", "share"), bytes(range(100)))], FILE_KEY))
    data[position % len(data)] ^= change
    with pytest.raises((AgeHeaderError, HeaderMacError)):
        header.verify(header.parse(bytes(data)), FILE_KEY)


def test_a_header_without_an_end_is_refused_after_its_limit() -> None:
    endless = header.VERSION_LINE + b"-> x\n" + b"\n-> x\n" * header.LIMIT_BYTES
    with pytest.raises(AgeHeaderError, match="does not end within"):
        header.parse(endless)


def test_more_recipients_than_a_reader_accepts_are_not_written() -> None:
    rng = drip("many")
    stanza = Stanza(("X25519", "a" * 43), rng(32))
    header.marshal([stanza] * 600, FILE_KEY)
    with pytest.raises(AgeHeaderError, match="too many recipients"):
        header.marshal([stanza] * 700, FILE_KEY)


@pytest.mark.parametrize(
    "data", [b"", b"age-encryption.org/v2\n", b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE-----\n"]
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(AgeHeaderError):
        header.parse(data)

"""The chunked payload: against the slow obvious computation, at every size where something changes."""

from __future__ import annotations

import io
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.age import stream
from archive.age.stream import (
    BATCH_BYTES,
    CHUNK_BYTES,
    SEALED_CHUNK_BYTES,
    EncryptingWriter,
    InOrderReader,
    SeekableReader,
)
from archive.container import Region
from archive.errors import AgeHeaderError, AgePayloadError
from tests.archive.crafting import drip

FILE_KEY = drip("file key")(16)
NONCE = drip("nonce")(16)
KEY = stream.payload_key(FILE_KEY, NONCE)
SIZES = [
    base + change
    for base in (0, CHUNK_BYTES, 2 * CHUNK_BYTES, BATCH_BYTES, 2 * BATCH_BYTES, BATCH_BYTES + CHUNK_BYTES)
    for change in (-1, 0, 1)
    if base + change >= 0
]


def seal(plaintext: bytes, piece_bytes: int = 1 << 20) -> bytes:
    sealed = bytearray(NONCE)
    writer = EncryptingWriter(KEY, sealed.extend)
    for start in range(0, len(plaintext), piece_bytes):
        writer.write(plaintext[start : start + piece_bytes])
    writer.finish()
    return bytes(sealed)


def seal_slowly(plaintext: bytes) -> bytes:
    """One chunk at a time, as age.md says."""
    chunks = [plaintext[start : start + CHUNK_BYTES] for start in range(0, len(plaintext), CHUNK_BYTES)] or [b""]
    sealed = NONCE
    for counter, chunk in enumerate(chunks):
        nonce = counter.to_bytes(11, "big") + bytes([counter == len(chunks) - 1])
        sealed += ChaCha20Poly1305(KEY).encrypt(nonce, chunk, None)
    return sealed


def seekable(sealed: bytes) -> SeekableReader:
    return SeekableReader(FILE_KEY, Region(io.BytesIO(sealed), 0, len(sealed), "x"))


def reader(sealed: bytes, *, origin: int = 0, pool: Executor | None = None) -> InOrderReader:
    return InOrderReader(FILE_KEY, Region(io.BytesIO(sealed), 0, len(sealed), "x"), origin=origin, pool=pool)


def everything(sealed: bytes) -> bytes:
    return b"".join(bytes(piece) for piece in reader(sealed).everything())


@pytest.mark.parametrize("size", SIZES)
def test_sealing_agrees_with_the_slow_way_and_comes_back(size: int) -> None:
    plaintext = drip("plaintext")(size)
    sealed = seal(plaintext)
    assert sealed == seal_slowly(plaintext)
    assert len(sealed) == stream.sealed_size(size)
    stream.require_possible_size(len(sealed))
    assert reader(sealed).size == size
    assert everything(sealed) == plaintext


PLAINTEXT = drip("plaintext")(3 * CHUNK_BYTES + 17)
SEALED = seal_slowly(PLAINTEXT)


@settings(deadline=None)
@given(st.integers(1, 200_000))
def test_the_size_of_the_pieces_does_not_matter(piece_bytes: int) -> None:
    assert seal(PLAINTEXT, piece_bytes) == SEALED


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(PLAINTEXT)), st.integers(0, 80_000)), max_size=5))
def test_any_range_can_be_read(ranges: list[tuple[int, int]]) -> None:
    opened = seekable(SEALED)
    for offset, size in ranges:
        size = min(size, len(PLAINTEXT) - offset)
        assert opened.read_at(offset, size) == PLAINTEXT[offset : offset + size]


@settings(deadline=None)
@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_changed_byte_ends_the_payload_before_its_chunk(position: int, change: int) -> None:
    damaged = bytearray(SEALED)
    damaged[position] ^= change
    released = bytearray()
    with pytest.raises(AgePayloadError) as caught:
        for piece in reader(bytes(damaged)).everything():
            released += piece
    chunk = max(0, position - 16) // SEALED_CHUNK_BYTES if position >= 16 else 0
    assert bytes(released) == PLAINTEXT[: chunk * CHUNK_BYTES]
    assert caught.value.damage[0].offset == 16 + chunk * SEALED_CHUNK_BYTES


@settings(deadline=None)
@given(st.integers(0, len(SEALED) - 1))
def test_a_shortened_payload_never_reads_as_a_shorter_one(size: int) -> None:
    released = bytearray()
    with pytest.raises((AgePayloadError, AgeHeaderError)):
        for piece in reader(SEALED[:size]).everything():
            released += piece
    assert PLAINTEXT.startswith(bytes(released))


def test_swapped_chunks_are_refused() -> None:
    first, second = 16, 16 + SEALED_CHUNK_BYTES
    third = second + SEALED_CHUNK_BYTES
    with pytest.raises(AgePayloadError):
        everything(SEALED[:first] + SEALED[second:third] + SEALED[first:second] + SEALED[third:])


def test_damage_is_told_in_bytes_of_the_file() -> None:
    damaged = bytearray(SEALED)
    damaged[16 + SEALED_CHUNK_BYTES] ^= 1
    with pytest.raises(AgePayloadError) as caught:
        list(reader(bytes(damaged), origin=5000).everything())
    assert caught.value.damage[0].offset == 5000 + 16 + SEALED_CHUNK_BYTES


@pytest.mark.parametrize("size", [0, 15, 16, 31, 16 + SEALED_CHUNK_BYTES + 1, 16 + SEALED_CHUNK_BYTES + 16])
def test_impossible_sizes_are_told_without_a_key(size: int) -> None:
    with pytest.raises(AgeHeaderError):
        stream.require_possible_size(size)

"""The chunked payload: against the slow obvious computation, at every size where something changes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.age import envelope, stream
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
from tests.archive.crafting import IDENTITY, drip

FILE_KEY = drip("file key")(16)
NONCE = drip("nonce")(16)
KEY = stream.payload_key(FILE_KEY, NONCE)
SIZES = [
    base + change
    for base in (0, CHUNK_BYTES, 2 * CHUNK_BYTES, BATCH_BYTES, 2 * BATCH_BYTES, BATCH_BYTES + CHUNK_BYTES)
    for change in (-1, 0, 1)
    if base + change >= 0
]


@pytest.fixture(params=[0, 1, 3], ids=["alone", "one thread", "three threads"])
def pool(request: pytest.FixtureRequest) -> Iterator[Executor | None]:
    if request.param == 0:
        yield None
        return
    with ThreadPoolExecutor(request.param) as threads:
        yield threads


def seal(plaintext: bytes, piece_bytes: int = 1 << 20, pool: Executor | None = None) -> bytes:
    sealed = bytearray(NONCE)
    writer = EncryptingWriter(KEY, sealed.extend, pool)
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


def everything(sealed: bytes, pool: Executor | None = None) -> bytes:
    return b"".join(bytes(piece) for piece in reader(sealed, pool=pool).everything())


@pytest.mark.parametrize("size", [*SIZES, 7 * BATCH_BYTES + 1])
def test_sealing_agrees_with_the_slow_way_and_comes_back(size: int, pool: Executor | None) -> None:
    plaintext = drip("plaintext")(size)
    sealed = seal(plaintext, pool=pool)
    assert sealed == seal_slowly(plaintext)
    assert len(sealed) == stream.sealed_size(size)
    stream.require_possible_size(len(sealed))
    assert reader(sealed).size == size
    assert everything(sealed, pool) == plaintext
    assert seekable(sealed).read_at(0, size) == plaintext
    in_order = reader(sealed, pool=pool)
    halves = [in_order.read_at(0, size // 2), in_order.read_at(size // 2, size - size // 2)]
    assert b"".join(halves) == plaintext


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


def test_a_read_across_batches_is_not_made_of_the_last_one() -> None:
    """A view into the reader's buffer, joined later, once showed the bytes of the batch after it."""
    plaintext = drip("across")(3 * BATCH_BYTES)
    for opened in (seekable(seal(plaintext)), reader(seal(plaintext))):
        assert opened.read_at(0, len(plaintext)) == plaintext
    assert seekable(seal(plaintext)).read_at(BATCH_BYTES - 7, 14) == plaintext[BATCH_BYTES - 7 : BATCH_BYTES + 7]


class Watched(Region):
    """A source that remembers where it was read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), 0, len(data), "x")
        self.seen: list[tuple[int, int]] = []

    def read_at(self, offset: int, size: int) -> bytes:
        self.seen.append((offset, size))
        return super().read_at(offset, size)

    def read_into(self, offset: int, room: memoryview) -> None:
        self.seen.append((offset, len(room)))
        super().read_into(offset, room)


def test_a_seekable_reader_authenticates_the_last_chunk_first_and_reads_no_more_than_it_must() -> None:
    plaintext = drip("seek")(9 * BATCH_BYTES + 100)
    sealed = seal(plaintext)
    source = Watched(sealed)
    opened = SeekableReader(FILE_KEY, source)
    last = len(sealed) - 100 - 16
    assert source.seen == [(0, 16), (last, 116)]
    assert opened.read_at(5 * BATCH_BYTES, 10) == plaintext[5 * BATCH_BYTES : 5 * BATCH_BYTES + 10]
    assert len(source.seen) == 3 and source.seen[2][1] <= BATCH_BYTES + 16 * 16


@pytest.mark.parametrize("cut", [1, 16 + 17, SEALED_CHUNK_BYTES, 2 * SEALED_CHUNK_BYTES])
def test_a_cut_payload_opens_at_no_place(cut: int) -> None:
    """Its first chunks are all genuine: only the missing mark of the last one tells."""
    with pytest.raises(AgePayloadError):
        seekable(SEALED[:-cut])
    assert reader(SEALED[:-cut]).read_at(0, 10) == PLAINTEXT[:10]  # what a pipe would have shown too


def test_damage_elsewhere_leaves_the_rest_readable() -> None:
    plaintext = drip("damaged")(4 * BATCH_BYTES)
    damaged = bytearray(seal(plaintext))
    damaged[16 + 20 * SEALED_CHUNK_BYTES] ^= 1
    opened = seekable(bytes(damaged))
    assert opened.read_at(0, 20 * CHUNK_BYTES) == plaintext[: 20 * CHUNK_BYTES]
    with pytest.raises(AgePayloadError):
        opened.read_at(20 * CHUNK_BYTES, 1)
    assert opened.read_at(2 * BATCH_BYTES, 5) == plaintext[2 * BATCH_BYTES :][:5]


def test_a_reader_in_order_is_read_in_order() -> None:
    with pytest.raises(ValueError, match="instead of"):
        reader(SEALED).read_at(5, 1)


def test_a_sink_that_fails_ends_it(pool: Executor | None) -> None:
    def full(data: memoryview) -> None:
        raise OSError("no space left")

    writer = EncryptingWriter(KEY, full, pool)
    with pytest.raises(OSError, match="no space"):
        writer.write(bytes(9 * BATCH_BYTES))


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, BATCH_BYTES, BATCH_BYTES + 1, 6 * BATCH_BYTES + 5])
def test_a_whole_file_is_sealed_as_its_pieces_are(size: int, pool: Executor | None) -> None:
    plaintext = drip("whole")(size)
    sealed = bytearray()
    envelope.encrypt(io.BytesIO(plaintext).readinto, sealed.extend, [IDENTITY.recipient], drip("rng"), pool)
    source = Region(io.BytesIO(sealed), 0, len(sealed), "x")
    assert envelope.decrypt(source, [IDENTITY]).read_at(0, size) == plaintext
    assert b"".join(bytes(piece) for piece in envelope.decrypt_in_order(source, [IDENTITY]).everything()) == plaintext

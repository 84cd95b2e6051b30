"""The encrypted payload of an age file: 64 KiB chunks under ChaCha20-Poly1305.

Knows neither recipients nor what is inside. Reference: C2SP age.md, "Payload".

    nonce (16)  chunk 0: 65536 + 16  chunk 1: 65536 + 16  ...  last chunk: 1...65536 (0 if alone) + 16
    chunk nonce = counter, 11 bytes big-endian | 1 for the last chunk, else 0

Chunks are handled fifteen at a time: nearly 1 MiB of plaintext per read or write, whatever the size of the payload.
Given a pool, a few such batches are under way at once (archive/beside.py). What comes out is the same.
"""

from __future__ import annotations

import contextlib
import mmap
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from archive.age import primitives
from archive.beside import Job, next_result
from archive.errors import AgeHeaderError, AgePayloadError, Damage

NONCE_BYTES = 16
CHUNK_BYTES = 64 * 1024
SEALED_CHUNK_BYTES = CHUNK_BYTES + primitives.TAG_BYTES
BATCH_CHUNKS = 15
BATCH_BYTES = BATCH_CHUNKS * CHUNK_BYTES
_AHEAD = 3  # batches under way beside the one in use: enough that neither side waits for a scheduler's whim
_ROOM_BYTES = 2 * 1024 * 1024  # for a batch, sealed and not: one large page of most processors


class Source(Protocol):
    """Bytes of known size that can be read anywhere."""

    @property
    def size(self) -> int: ...
    def read_at(self, offset: int, size: int) -> bytes: ...
    def read_into(self, offset: int, room: memoryview) -> None: ...


def payload_key(file_key: bytes, nonce: bytes) -> bytes:
    """The key of the chunks."""
    return primitives.hkdf(file_key, nonce, b"payload")


def sealed_size(plaintext_bytes: int) -> int:
    """How many bytes nonce and chunks take for a plaintext of this size."""
    chunks = max(1, -(-plaintext_bytes // CHUNK_BYTES))
    return NONCE_BYTES + plaintext_bytes + chunks * primitives.TAG_BYTES


def require_possible_size(sealed_bytes: int) -> None:
    """AgeHeaderError if no plaintext at all has nonce and chunks of this size together."""
    body = sealed_bytes - NONCE_BYTES
    last = body % SEALED_CHUNK_BYTES
    if body < primitives.TAG_BYTES or 0 < last < primitives.TAG_BYTES or (last == primitives.TAG_BYTES and body > last):
        raise AgeHeaderError(f"an encrypted payload cannot have {sealed_bytes} bytes")


class EncryptingWriter:
    """Takes plaintext in pieces of any size and hands sealed batches to *sink*, in order, on the thread that calls.

    `finish` ends it. A view that *sink* gets is valid until it returns.
    """

    def __init__(self, key: bytes, sink: Callable[[memoryview], object], pool: Executor | None = None) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._sink = sink
        self._pool = pool
        self._slots = deque(_Slot() for _ in range(1 + _AHEAD if pool else 2))  # the first is being filled
        self._under_way: deque[Job[memoryview]] = deque()  # one for each of the last slots, oldest first
        self._filled = 0
        self._counter = 0

    def write(self, data: bytes | memoryview) -> None:
        """Add plaintext. A full batch waits for more data, because only then is it known not to be the last."""
        view = memoryview(data)
        while len(view):
            if self._filled == BATCH_BYTES:
                self._begin(last=False)
            taken = min(len(view), BATCH_BYTES - self._filled)
            self._slots[0].plaintext[self._filled : self._filled + taken] = view[:taken]
            self._filled += taken
            view = view[taken:]

    def fill(self, read_into: Callable[[memoryview], int]) -> int:
        """Let *read_into*, a file's `readinto`, add plaintext without a copy. Returns what it returned: 0 at the end.

        A full batch waits here too: the next slot is read into before it is known whether that batch was the last.
        """
        if self._filled < BATCH_BYTES:
            count = read_into(self._slots[0].plaintext[self._filled :])
            self._filled += count
            return count
        if len(self._under_way) > len(self._slots) - 2:
            self._sink(next_result(self._under_way))
        count = read_into(self._slots[1].plaintext)
        if count:
            self._begin(last=False)
            self._filled = count
        return count

    def finish(self) -> None:
        """Seal what is left, the last chunk marked as such."""
        self._begin(last=True)
        while self._under_way:
            self._sink(next_result(self._under_way))

    def _begin(self, *, last: bool) -> None:
        """Have the first slot sealed and go on with one that is free, made free by waiting if there is none."""
        job = partial(self._seal, self._slots[0], self._filled, self._counter, last)
        self._under_way.append(Job(job, self._pool))
        self._counter += BATCH_CHUNKS
        self._filled = 0
        self._slots.rotate(-1)
        if len(self._under_way) == len(self._slots):
            self._sink(next_result(self._under_way))

    def _seal(self, slot: _Slot, filled: int, counter: int, last: bool) -> memoryview:
        chunks = max(1, -(-filled // CHUNK_BYTES))
        position = 0
        for index in range(chunks):
            plaintext = slot.plaintext[index * CHUNK_BYTES : min((index + 1) * CHUNK_BYTES, filled)]
            end = position + len(plaintext) + primitives.TAG_BYTES
            nonce = _nonce(counter + index, last and index == chunks - 1)
            self._cipher.encrypt_into(nonce, plaintext, None, slot.sealed[position:end])
            position = end
        return slot.sealed[:position]


class SeekableReader:
    """Reads the plaintext of a sealed payload anywhere, and hands out nothing that was not authenticated.

    The payload begins with its nonce at byte *start* of *source*; damage is told as that of *entry*, *origin* bytes
    further on. The last chunk is authenticated before anything else (AgePayloadError): a payload that was cut would
    otherwise show the right bytes of the wrong whole, and *size* would be a guess.
    """

    def __init__(
        self, file_key: bytes, source: Source, *, start: int = 0, entry: str = "payload.tar.age", origin: int = 0
    ) -> None:
        self._chunks = _Chunks(file_key, source, start, entry, origin)
        self._chunks.require_last()
        self.size = self._chunks.plaintext_bytes
        self._slot = _Slot()
        self._held = _Batch(-1, 0, None)  # what the slot holds

    def pieces(self, offset: int, size: int) -> Iterator[memoryview]:
        """The plaintext from *offset*, in views that stay valid until the next one is asked for.

        AgePayloadError at the first byte that cannot be vouched for; what came before it has been handed out.
        """
        end = offset + size
        while offset < end:
            batch = offset // BATCH_BYTES
            if batch != self._held.index:
                self._held = self._chunks.open(batch, self._chunks.read(batch, self._slot), self._slot)
            piece = self._chunks.piece(self._held, self._slot, offset, end)
            yield piece
            offset += len(piece)

    def read_at(self, offset: int, size: int) -> bytes:
        """The same in one piece."""
        # Copied one by one: a view would show the next batch's bytes by the time that all of them are joined.
        return b"".join(bytes(piece) for piece in self.pieces(offset, size))


class InOrderReader:
    """Reads the plaintext once, from its start to its end, and hands out nothing that was not authenticated.

    As SeekableReader, but *size*, which follows from the sealed size, is proven only when the last chunk was read.
    *source* is read in order too, on the thread that calls.
    """

    def __init__(
        self,
        file_key: bytes,
        source: Source,
        *,
        start: int = 0,
        entry: str = "payload.tar.age",
        origin: int = 0,
        pool: Executor | None = None,
    ) -> None:
        self._chunks = _Chunks(file_key, source, start, entry, origin)
        self.size = self._chunks.plaintext_bytes
        self._pool = pool
        self._slots = deque(_Slot() for _ in range(2 if pool is None else 1 + _AHEAD))
        self._under_way: deque[Job[_Batch]] = deque()  # one for each slot but the last, next one first
        self._begun = 0
        self._held = _Batch(-1, 0, None)  # what the last slot holds
        self._position = 0

    def pieces(self, offset: int, size: int) -> Iterator[memoryview]:
        """The plaintext from *offset*, where the last call ended, in views valid until the next one is asked for."""
        if offset != self._position:
            raise ValueError(f"read at {offset} instead of {self._position}")
        end = offset + size
        while self._position < end:
            if self._position // BATCH_BYTES != self._held.index:
                self._advance()
            piece = self._chunks.piece(self._held, self._slots[-1], self._position, end)
            self._position += len(piece)
            yield piece

    def read_at(self, offset: int, size: int) -> bytes:
        """The same in one piece."""
        return b"".join(bytes(piece) for piece in self.pieces(offset, size))

    def everything(self) -> Iterator[memoryview]:
        """All of it, its end included: returns only if the last chunk said that it is the last."""
        for _ in range(max(1, self._chunks.batches)):
            self._advance()
            if self._held.valid:
                yield self._slots[-1].plaintext[: self._held.valid]
            if self._held.failure:
                raise self._held.failure

    def _advance(self) -> None:
        """Hold the next batch, and have the ones after it opened meanwhile."""
        while len(self._under_way) < len(self._slots) - 1 and self._begun < max(1, self._chunks.batches):
            slot = self._slots[len(self._under_way)]
            job = partial(self._chunks.open, self._begun, self._chunks.read(self._begun, slot), slot)
            self._under_way.append(Job(job, self._pool))
            self._begun += 1
        if not self._under_way:
            raise self._chunks.damaged(self._chunks.count, "more of the payload", "its end")
        self._held = next_result(self._under_way)
        self._slots.rotate(-1)


class _Slot:
    """Room for one batch, sealed and not."""

    def __init__(self) -> None:
        room = mmap.mmap(-1, _ROOM_BYTES)
        if hasattr(mmap, "MADV_HUGEPAGE"):  # asked for, never needed: a sixth of the processor's time is its page table
            with contextlib.suppress(OSError):
                room.madvise(mmap.MADV_HUGEPAGE)
        view = memoryview(room)
        self.plaintext = view[:BATCH_BYTES]
        self.sealed = view[BATCH_BYTES : BATCH_BYTES + BATCH_CHUNKS * SEALED_CHUNK_BYTES]


@dataclass(frozen=True, slots=True)
class _Batch:
    """What came of opening one batch: how many bytes of it are authentic, and why not the rest."""

    index: int
    valid: int
    failure: AgePayloadError | None


class _Chunks:
    """The sealed chunks of a payload: where they are, and whether they are as they were sealed."""

    def __init__(self, file_key: bytes, source: Source, start: int, entry: str, origin: int) -> None:
        if source.size < start + NONCE_BYTES:
            raise AgeHeaderError("the encrypted payload ends before its nonce")
        self._cipher = ChaCha20Poly1305(payload_key(file_key, source.read_at(start, NONCE_BYTES)))
        self._source = source
        self._first = start + NONCE_BYTES  # where chunk 0 begins
        self._entry = entry
        self._origin = origin
        sealed = source.size - self._first
        self.count = -(-sealed // SEALED_CHUNK_BYTES)
        self.batches = -(-self.count // BATCH_CHUNKS)
        self.plaintext_bytes = max(0, sealed - self.count * primitives.TAG_BYTES)

    def read(self, batch: int, slot: _Slot) -> memoryview:
        """The bytes of a batch as they stand; none where the payload has no such batch."""
        position = self._first + batch * BATCH_CHUNKS * SEALED_CHUNK_BYTES
        wanted = min(BATCH_CHUNKS * SEALED_CHUNK_BYTES, self._source.size - position)
        sealed = slot.sealed[: max(0, wanted)]
        self._source.read_into(position, sealed)
        return sealed

    def open(self, batch: int, sealed: memoryview, slot: _Slot) -> _Batch:
        """Decrypt a batch into its slot, up to the first chunk that is not right."""
        first = batch * BATCH_CHUNKS
        if not len(sealed):
            return _Batch(batch, 0, self.damaged(first, "a chunk", "the end of the file"))
        valid = 0
        for position in range(0, len(sealed), SEALED_CHUNK_BYTES):
            chunk = first + position // SEALED_CHUNK_BYTES
            opened, failure = self._open_one(chunk, sealed[position:][:SEALED_CHUNK_BYTES], slot.plaintext[valid:])
            valid += opened
            if failure is not None:
                return _Batch(batch, valid, failure)
        return _Batch(batch, valid, None)

    def piece(self, batch: _Batch, slot: _Slot, offset: int, end: int) -> memoryview:
        """What *batch* holds of the plaintext from *offset* up to *end*: at least one byte, else AgePayloadError."""
        start = offset % BATCH_BYTES
        if start >= batch.valid:
            raise batch.failure or self.damaged(self.count, "more of the payload", "its end")
        return slot.plaintext[start : min(batch.valid, start + end - offset)]

    def require_last(self) -> None:
        """AgePayloadError unless the payload ends in a chunk that was sealed as its last."""
        last = max(0, self.count - 1)
        position = self._first + last * SEALED_CHUNK_BYTES
        sealed = memoryview(self._source.read_at(position, self._source.size - position))
        _, failure = self._open_one(last, sealed, memoryview(bytearray(CHUNK_BYTES)))
        if failure is not None:
            raise failure

    def damaged(self, chunk: int, expected: str, found: str) -> AgePayloadError:
        """The refusal that names where *chunk* begins."""
        offset = self._origin + self._first + chunk * SEALED_CHUNK_BYTES
        return AgePayloadError([Damage(self._entry, offset, expected, found)])

    def _open_one(self, chunk: int, sealed: memoryview, target: memoryview) -> tuple[int, AgePayloadError | None]:
        """(bytes of plaintext written, what is wrong with the chunk, if anything).

        A full chunk whose mark contradicts its place is genuine, so it is handed out before the failure, as the test
        vectors ask: it is the file that was cut or lengthened.
        """
        at_end = chunk == self.count - 1
        size = len(sealed) - primitives.TAG_BYTES
        if size >= 0 and self._decrypt(chunk, sealed, target[:size], last=at_end):
            if size == 0 and chunk > 0:
                return 0, self.damaged(chunk, "no empty chunk", "one at the end")
            return size, None
        if size == CHUNK_BYTES and self._decrypt(chunk, sealed, target[:size], last=not at_end):
            found = "the end of the payload" if at_end else "data after the last chunk"
            return size, self.damaged(chunk + 1, "the payload to end with its last chunk", found)
        return 0, self.damaged(chunk, f"chunk {chunk} as it was sealed", "other bytes")

    def _decrypt(self, chunk: int, sealed: memoryview, target: memoryview, *, last: bool) -> bool:
        try:
            self._cipher.decrypt_into(_nonce(chunk, last), sealed, None, target)
        except InvalidTag:
            return False
        return True


def _nonce(counter: int, last: bool) -> bytes:
    return counter.to_bytes(11, "big") + (b"\x01" if last else b"\x00")

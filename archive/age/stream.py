"""The encrypted payload of an age file: 64 KiB chunks under ChaCha20-Poly1305.

Knows neither recipients nor what is inside. Reference: C2SP age.md, "Payload".

    nonce (16)  chunk 0: 65536 + 16  chunk 1: 65536 + 16  ...  last chunk: 1...65536 (0 if alone) + 16
    chunk nonce = counter, 11 bytes big-endian | 1 for the last chunk, else 0

Chunks are handled sixteen at a time: 1 MiB of plaintext per read or write, whatever the size of the payload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from archive.age import primitives
from archive.errors import AgeHeaderError, AgePayloadError, Damage

NONCE_BYTES = 16
CHUNK_BYTES = 64 * 1024
SEALED_CHUNK_BYTES = CHUNK_BYTES + primitives.TAG_BYTES
BATCH_CHUNKS = 16
BATCH_BYTES = BATCH_CHUNKS * CHUNK_BYTES


class Source(Protocol):
    """Bytes of known size that can be read anywhere."""

    @property
    def size(self) -> int: ...
    def read_at(self, offset: int, size: int) -> bytes: ...


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
    """Takes plaintext in pieces of any size and hands sealed batches to *sink*; `finish` ends it."""

    def __init__(self, key: bytes, sink: Callable[[memoryview], None]) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._sink = sink
        self._plaintext = memoryview(bytearray(BATCH_BYTES))
        self._sealed = memoryview(bytearray(BATCH_CHUNKS * SEALED_CHUNK_BYTES))
        self._filled = 0
        self._counter = 0

    def write(self, data: bytes | memoryview) -> None:
        """Add plaintext. A full batch waits for more data, because only then is it known not to be the last."""
        view = memoryview(data)
        while len(view):
            if self._filled == BATCH_BYTES:
                self._seal(last=False)
            taken = min(len(view), BATCH_BYTES - self._filled)
            self._plaintext[self._filled : self._filled + taken] = view[:taken]
            self._filled += taken
            view = view[taken:]

    def finish(self) -> None:
        """Seal what is left, the last chunk marked as such."""
        self._seal(last=True)

    def _seal(self, *, last: bool) -> None:
        chunks = max(1, -(-self._filled // CHUNK_BYTES))
        position = 0
        for index in range(chunks):
            plaintext = self._plaintext[index * CHUNK_BYTES : min((index + 1) * CHUNK_BYTES, self._filled)]
            end = position + len(plaintext) + primitives.TAG_BYTES
            nonce = _nonce(self._counter, last and index == chunks - 1)
            self._cipher.encrypt_into(nonce, plaintext, None, self._sealed[position:end])
            self._counter += 1
            position = end
        self._sink(self._sealed[:position])
        self._filled = 0


class DecryptingReader:
    """Reads the plaintext of a sealed payload and hands out nothing that was not authenticated.

    The payload begins with its nonce at byte *start* of *source*; damage is told as that of *entry*, *origin* bytes
    further on. A *seekable* reader can be read anywhere: it authenticates the last chunk before anything else, since a
    payload that was cut would put everything at the right place of the wrong whole (AgePayloadError). Otherwise it is
    to be read once, in order, and *size*, which follows from the sealed size, is proven when the last chunk was read.
    """

    def __init__(
        self,
        file_key: bytes,
        source: Source,
        *,
        start: int = 0,
        seekable: bool = True,
        entry: str = "payload.tar.age",
        origin: int = 0,
    ) -> None:
        if source.size < start + NONCE_BYTES:
            raise AgeHeaderError("the encrypted payload ends before its nonce")
        self._cipher = ChaCha20Poly1305(payload_key(file_key, source.read_at(start, NONCE_BYTES)))
        self._source = source
        self._entry = entry
        self._first = start + NONCE_BYTES  # where chunk 0 begins
        self._origin = origin
        sealed = source.size - self._first
        self._chunks = -(-sealed // SEALED_CHUNK_BYTES)
        self.size = max(0, sealed - self._chunks * primitives.TAG_BYTES)
        self._plaintext = memoryview(bytearray(BATCH_BYTES))
        self._batch = -1  # index of the batch that _plaintext holds
        self._valid = 0  # bytes of it that were authenticated
        self._failure: AgePayloadError | None = None  # why the rest of it was not
        if seekable:
            self._require_last_chunk()

    def pieces(self, offset: int, size: int) -> Iterator[memoryview]:
        """The plaintext from *offset*, in views that stay valid until the next one is asked for.

        AgePayloadError at the first byte that cannot be vouched for; what came before it has been handed out.
        """
        end = offset + size
        while offset < end:
            self._load(offset // BATCH_BYTES)
            start = offset % BATCH_BYTES
            piece = self._plaintext[start : min(self._valid, start + end - offset)] if start < self._valid else None
            if piece is None:
                raise self._failure or self._damaged(self._chunks, "more of the payload", "its end")
            yield piece
            offset += len(piece)

    def read_at(self, offset: int, size: int) -> bytes:
        """The same in one piece."""
        # Copied one by one: a view would show the next batch's bytes by the time that all of them are joined.
        return b"".join(bytes(piece) for piece in self.pieces(offset, size))

    def everything(self) -> Iterator[memoryview]:
        """The whole plaintext in order, its end included: returns only if the last chunk said that it is the last."""
        batches = max(1, -(-self._chunks // BATCH_CHUNKS))
        for batch in range(batches):
            self._load(batch)
            if self._valid:
                yield self._plaintext[: self._valid]
            if self._failure:
                raise self._failure

    def _require_last_chunk(self) -> None:
        last = max(0, self._chunks - 1)
        position = self._first + last * SEALED_CHUNK_BYTES
        failure = self._open(last, memoryview(self._source.read_at(position, self._source.size - position)))
        self._valid = 0  # its plaintext is not where a batch would have it
        if failure is not None:
            raise failure

    def _load(self, batch: int) -> None:
        if batch == self._batch:
            return
        self._batch, self._valid, self._failure = batch, 0, None
        first = batch * BATCH_CHUNKS
        count = min(BATCH_CHUNKS, self._chunks - first)
        if count <= 0:
            self._failure = self._damaged(first, "a chunk", "the end of the file")
            return
        position = self._first + first * SEALED_CHUNK_BYTES
        wanted = min(count * SEALED_CHUNK_BYTES, self._source.size - position)
        sealed = memoryview(self._source.read_at(position, wanted))
        for index in range(count):
            self._failure = self._open(first + index, sealed[index * SEALED_CHUNK_BYTES :][:SEALED_CHUNK_BYTES])
            if self._failure is not None:
                return

    def _open(self, chunk: int, sealed: memoryview) -> AgePayloadError | None:
        """Add one chunk to the batch; what is wrong with it, if anything.

        A full chunk whose mark contradicts its place is genuine, so it is handed out before the failure, as the test
        vectors ask: it is the file that was cut or lengthened.
        """
        at_end = chunk == self._chunks - 1
        if self._decrypt(chunk, sealed, last=at_end):
            if len(sealed) == primitives.TAG_BYTES and chunk > 0:
                return self._damaged(chunk, "no empty chunk", "one at the end")
            return None
        if len(sealed) == SEALED_CHUNK_BYTES and self._decrypt(chunk, sealed, last=not at_end):
            found = "the end of the payload" if at_end else "data after the last chunk"
            return self._damaged(chunk + 1, "the payload to end with its last chunk", found)
        return self._damaged(chunk, f"chunk {chunk} as it was sealed", "other bytes")

    def _decrypt(self, chunk: int, sealed: memoryview, *, last: bool) -> bool:
        size = len(sealed) - primitives.TAG_BYTES
        if size < 0:
            return False
        target = self._plaintext[self._valid : self._valid + size]
        try:
            self._cipher.decrypt_into(_nonce(chunk, last), sealed, None, target)
        except InvalidTag:
            return False
        self._valid += size
        return True

    def _damaged(self, chunk: int, expected: str, found: str) -> AgePayloadError:
        offset = self._origin + self._first + chunk * SEALED_CHUNK_BYTES
        return AgePayloadError([Damage(self._entry, offset, expected, found)])


def _nonce(counter: int, last: bool) -> bytes:
    return counter.to_bytes(11, "big") + (b"\x01" if last else b"\x00")

"""Bundles: one file that carries a payload and the way to open it. The room's front door.

Knows bytes only: no voices, no networks. What a bundle looks like is SPEC.md; this file is its table of contents.

    >>> import os, tempfile
    >>> from archive.age.x25519 import X25519Identity
    >>> identity = X25519Identity.generate(os.urandom)
    >>> directory = Path(tempfile.mkdtemp())
    >>> _ = (directory / "hello.txt").write_text("hello")
    >>> packed = pack(directory / "a.voice", {"hello.txt": directory / "hello.txt"}, recipients=[identity.recipient])
    >>> with open_bundle(directory / "a.voice", [identity]) as bundle:
    ...     bundle.read("hello.txt")
    b'hello'
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from archive import checking, files, outer, parity, payload, texts
from archive.age import envelope, header, stream
from archive.age.envelope import Identity, Recipient
from archive.age.stream import EncryptingWriter, InOrderReader, SeekableReader
from archive.checking import CheckReport
from archive.container import Region
from archive.digesting import Digest
from archive.errors import ArchiveError, DamagedError, FormatError
from archive.manifest import Manifest
from archive.outer import Outer

_THREADS = 4  # as many digests as are ever under way at once
_NO_FORMATS: Mapping[str, tuple[str, int]] = {}


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written. *bundle_id* is the SHA-256 of payload.tar, equal for equal members and description."""

    bundle_id: str
    sha256: str  # of the whole file; differs from run to run when encrypted
    size: int  # bytes


def pack(
    destination: Path,
    members: Mapping[str, Path],
    *,
    description: Mapping[str, object] | None = None,
    recipients: Sequence[Recipient] = (),
    public: bool = False,
    readme: Mapping[str, str] | None = None,
    formats: Mapping[str, tuple[str, int]] = _NO_FORMATS,
    redundancy: int = parity.DEFAULT_PERCENT,
    rng: Callable[[int], bytes] = os.urandom,
) -> Packed:
    """Write the bundle *destination*: a new file, or in place of the old one when it is complete.

    *members* maps paths in the payload to files. *description* goes into the manifest (texts, integers, lists,
    mappings). *readme* adds `name: value` lines to README.txt, which anybody can read. *formats* states (format,
    version) of members where the name's suffix does not tell. *redundancy*: the bundle holds recovery data for any gap
    of that many percent of it; 0 for none. FormatError, UnsafePathError, KeyFormatError, Par2Error or OSError; then
    nothing is written.
    """
    if bool(recipients) == public:
        raise FormatError("a bundle is either encrypted to recipients or said to be public, not both and not neither")
    described = payload.describe(members, description or {}, formats)
    with (
        ThreadPoolExecutor(_THREADS) as pool,
        files.building(destination, parity.PROTECTED) as work,
        files.create(work / parity.PROTECTED) as file,
    ):
        digest = Digest(pool)
        writer = outer.Writer(file, pool)
        for name, text in texts.members(readme or {}, encrypted=not public).items():
            writer.add(name, text)
        payload_pieces = payload.produce(described, members, digest, pool)
        if public:
            writer.begin(outer.PUBLIC, described.size)
            for piece in payload_pieces:
                writer.write(piece)
        else:
            _encrypt(payload_pieces, described.size, recipients, rng, writer, pool)
        writer.end()
        sha256 = writer.finish(work, redundancy)
    return Packed(digest.hexdigest(), sha256, writer.size)


def payload_digest(
    members: Mapping[str, Path],
    description: Mapping[str, object] | None = None,
    *,
    formats: Mapping[str, tuple[str, int]] = _NO_FORMATS,
) -> str:
    """The bundle id that `pack` would give, without writing anything."""
    described = payload.describe(members, description or {}, formats)
    with ThreadPoolExecutor(_THREADS) as pool:
        digest = Digest(pool)
        for _ in payload.produce(described, members, digest, pool):
            pass
        return digest.hexdigest()


def open_bundle(path: Path, identities: Sequence[Identity] = ()) -> Bundle:
    """Open the bundle at *path*, or refuse it. Nothing is returned that the key, or SHA256SUMS, did not vouch for.

    FormatError, UnsupportedVersionError, NoMatchingKeyError, UnsafePathError, DamagedError. The payload beyond the
    manifest is verified when it is read. Use it in a `with` block, or close it.
    """
    file = path.open("rb", buffering=0)
    try:
        found = outer.read(file)
        try:
            return Bundle(path, file, found, _unseal(found.payload, identities) if found.encrypted else None)
        except DamagedError:
            raise
        except ArchiveError:
            # A damaged header can look like a key that does not fit. One pass over the payload tells them apart.
            outer.require_digest(found, found.payload, outer.digest(found.payload))
            raise
    except BaseException:
        file.close()
        raise


def check(path: Path) -> CheckReport:
    """Everything that can be found wrong with the bundle at *path* without a key. OSError if it cannot be read."""
    return checking.check(path)


class Bundle:
    """An open bundle. Made by `open_bundle`; holds the file until `close`."""

    def __init__(self, path: Path, file: BinaryIO, found: Outer, key: _Key | None) -> None:
        self.path = path
        self._file = file
        self._outer = found
        self._key = key
        self._source = _source(found.payload, key, seekable=True)
        self.manifest: Manifest = payload.read_manifest(self._source)

    def read(self, member: str) -> bytes:
        """The bytes of one member, verified. KeyError if there is none of that path; DamagedError."""
        return payload.read_member(self._source, self.manifest.entry(member))

    def extract(self, destination: Path) -> str:
        """Write the whole payload, manifest.json included, as the new directory *destination*. Returns the bundle id.

        Every byte of the bundle is verified before *destination* appears. DamagedError, UnsafePathError, FormatError or
        DestinationExistsError; then nothing appears.
        """
        with ThreadPoolExecutor(_THREADS) as pool, files.appearing(destination) as directory:
            digest = Digest(pool)
            source = _source(self._outer.payload, self._key, partial(_DigestingRegion, digest), seekable=False, pool=pool)
            bundle_id = payload.unpack(source, self.manifest, directory, pool)
            outer.require_digest(self._outer, self._outer.payload, digest.hexdigest())
        return bundle_id

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Bundle:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Key:
    """What opens one payload: its file key and the size of its age header, after which the nonce stands."""

    file_key: bytes = field(repr=False)
    header_bytes: int


class _DigestingRegion(Region):
    """A window that is read once, from start to end, and leaves the SHA-256 of all of it in *digest*."""

    def __init__(self, digest: Digest, file: BinaryIO, start: int, size: int, entry: str) -> None:
        super().__init__(file, start, size, entry)
        self._digest = digest
        self._position = 0

    def read_at(self, offset: int, size: int) -> bytes:
        if offset != self._position:
            raise ValueError(f"read at {offset} instead of {self._position}: the digest would be wrong")
        data = super().read_at(offset, size)
        self._digest.update(data)
        self._position += size
        return data

    def read_into(self, offset: int, room: memoryview) -> None:
        if offset != self._position:
            raise ValueError(f"read at {offset} instead of {self._position}: the digest would be wrong")
        self._digest.wait()
        super().read_into(offset, room)
        self._digest.update(room)
        self._position += len(room)


def _encrypt(
    pieces: Iterable[bytes | memoryview],
    size: int,
    recipients: Sequence[Recipient],
    rng: Callable[[int], bytes],
    writer: outer.Writer,
    pool: Executor,
) -> None:
    """Write payload.tar.age up to its padding: header, nonce, chunks (SPEC.md section 6)."""
    head, file_key = envelope.seal(recipients, rng)
    nonce = rng(stream.NONCE_BYTES)
    writer.begin(outer.ENCRYPTED, len(head) + stream.sealed_size(size))
    writer.write(head + nonce)
    encrypting = EncryptingWriter(stream.payload_key(file_key, nonce), writer.write, pool)
    for piece in pieces:
        encrypting.write(piece)
    encrypting.finish()


def _unseal(region: Region, identities: Sequence[Identity]) -> _Key:
    parsed = header.parse(region.read_at(0, min(region.size, header.LIMIT_BYTES)))
    return _Key(envelope.unseal(parsed, identities), parsed.size)


def _source(
    region: Region,
    key: _Key | None,
    window: Callable[[BinaryIO, int, int, str], Region] = Region,
    *,
    seekable: bool,
    pool: Executor | None = None,
) -> payload.Source:
    """The payload.tar in *region*, decrypted if there is a key, and read through a window of the given kind.

    *seekable*: anywhere, once its last chunk is authenticated; else in order, with chunks opened ahead on *pool*.
    """
    sealed = window(region.file, region.start, region.size, region.entry)
    if key is None:
        return sealed
    if not seekable:
        sealed.read_at(0, key.header_bytes)  # in order, for the digest
    kind = SeekableReader if seekable else partial(InOrderReader, pool=pool)
    return kind(key.file_key, sealed, start=key.header_bytes, entry=region.entry, origin=region.start)

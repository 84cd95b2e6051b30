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
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from archive import checking, custody, dsse, files, outer, parity, payload, sealing
from archive.age import envelope, header
from archive.age.envelope import Identity, Recipient
from archive.age.stream import InOrderReader, SeekableReader
from archive.checking import CheckReport
from archive.container import Region
from archive.custody import Act, Origin
from archive.digesting import Digest
from archive.errors import ArchiveError, Damage, DamagedError, SignatureError
from archive.manifest import Entry, Manifest
from archive.outer import Outer
from archive.outside import Outside
from archive.sealing import Packed, Sealing
from archive.signing import Signature
from archive.ssh_keys import TrustedKey

__all__ = ["Bundle", "Packed", "check", "open_bundle", "pack", "payload_digest"]

_THREADS = 4  # as many digests as are ever under way at once
_NO_FORMATS: Mapping[str, tuple[str, int]] = {}


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
    act: Act | None = None,
    rng: Callable[[int], bytes] = os.urandom,
) -> Packed:
    """Write the bundle *destination*: a new file, or in place of the old one when it is complete.

    *members* maps paths in the payload to files. *description* goes into the manifest (texts, integers, lists,
    mappings). *readme* adds `name: value` lines to README.txt, which anybody can read. *formats* states (format,
    version) of members where the name's suffix does not tell. *redundancy*: the bundle holds recovery data for any gap
    of that many percent of it; 0 for none. *act* signs it and begins its chain of custody. FormatError,
    UnsafePathError, KeyFormatError, Par2Error or OSError; then nothing is written.
    """
    how = Sealing(recipients, public, act, readme or {}, redundancy, rng)
    how.require_one_audience()  # before anything large is read
    described = payload.describe(members, description or {}, formats)
    return sealing.write(destination, described, partial(payload.produce, described, members), how)


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


def open_bundle(
    path: Path,
    identities: Sequence[Identity] = (),
    *,
    trusted: Sequence[TrustedKey] | None = None,
    now: datetime | None = None,
) -> Bundle:
    """Open the bundle at *path*, or refuse it. Nothing is returned that the key, or SHA256SUMS, did not vouch for.

    FormatError, UnsupportedVersionError, NoMatchingKeyError, UnsafePathError, DamagedError. The payload beyond the
    manifest is verified when it is read. With *trusted*, SignatureError unless one of these keys signed the payload
    file, which is read once for it, as of *now*; without, signatures are nobody's business but `Bundle.signatures`'s.
    Use it in a `with` block, or close it.
    """
    file = path.open("rb", buffering=0)
    try:
        found = outer.read(file)
        if trusted is not None:
            if now is None:
                raise TypeError("trusted keys are trusted at some time: give now")
            Outside(found).require_trusted(trusted, now)
        try:
            return Bundle(path, file, found, identities)
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

    def __init__(self, path: Path, file: BinaryIO, found: Outer, identities: Sequence[Identity]) -> None:
        self.path = path
        self._file = file
        self._outer = found
        self._key = key = _unseal(found.payload, identities) if found.encrypted else None
        self.outside = Outside(found)
        self._identities = identities
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
            source = _source(
                self._outer.payload, self._key, partial(_DigestingRegion, digest), seekable=False, pool=pool
            )
            bundle_id = payload.unpack(source, self.manifest, directory, pool)
            outer.require_digest(self._outer, self._outer.payload, digest.hexdigest())
        return bundle_id

    def verify(self) -> str:
        """Read the whole payload and compare every byte with what must stand there. Returns the bundle id."""
        with ThreadPoolExecutor(_THREADS) as pool:
            return payload.walk(self._whole(), self.manifest, _read_through, pool)

    def signatures(self, trusted: Sequence[TrustedKey], now: datetime) -> tuple[Signature, ...]:
        """What the signatures over the payload file are worth to somebody who trusts these keys."""
        return self.outside.signatures(trusted, now)

    def attestation(self) -> dsse.Attestation | None:
        """manifest.dsse.json, verified against its own key and the manifest; None if there is none. SignatureError."""
        data = self.attestation_bytes()
        return dsse.verify(data, self.manifest) if data else None

    def attestation_bytes(self) -> bytes:
        """manifest.dsse.json as it stands, decrypted; b"" if there is none."""
        name = outer.SEALED_ATTESTATION if self._outer.encrypted else outer.ATTESTATION
        if name not in self._outer.members:
            return b""
        region = self._outer.members[name]
        key = _unseal(region, self._identities) if self._outer.encrypted else None
        source = _source(region, key, seekable=True)
        if source.size > dsse.MAX_BYTES:
            raise SignatureError(f"{dsse.NAME} has {source.size} bytes; at most {dsse.MAX_BYTES} are accepted")
        return source.read_at(0, source.size)

    def reseal(
        self,
        destination: Path,
        act: Act,
        *,
        recipients: Sequence[Recipient] = (),
        public: bool = False,
        readme: Mapping[str, str] | None = None,
        redundancy: int = parity.DEFAULT_PERCENT,
        verified: Sequence[Mapping[str, object]] = (),
        rng: Callable[[int], bytes] = os.urandom,
    ) -> Packed:
        """Write the same payload into the new bundle *destination*: to others, by other algorithms, signed anew.

        This bundle is verified first, its chain of custody too, which goes on in the new one with what *act* says, and
        before that with a record for each of *verified*: results of judging its voice, as `custody.Record` has them.
        CustodyError, SignatureError, DamagedError or what `pack` refuses; then nothing is written.
        """
        self.outside.require_custody()
        self.attestation()
        bundle_id = self.verify()
        origin = Origin(self._file_sha256(), self.outside.payload_sha256)
        chain = self.outside.chain()
        if verified:
            chain = custody.append_verified(chain, act, bundle_id, origin, verified)
        how = Sealing(recipients, public, act, readme or {}, redundancy, rng, custody.REFRESHED, chain, origin)
        return sealing.write(destination, self.manifest, partial(self._produce, bundle_id), how)

    def _produce(self, bundle_id: str, digest: Digest, pool: Executor) -> Iterator[memoryview]:
        """payload.tar once more; DamagedError if it is not what it was a moment ago."""
        source = self._whole()
        for piece in source.pieces(0, source.size):
            digest.update(piece)
            yield piece
            digest.wait()
        if digest.hexdigest() != bundle_id:
            raise DamagedError([Damage(self._outer.payload.entry, 0, f"payload.tar {bundle_id}", digest.hexdigest())])

    def _whole(self) -> payload.Source:
        return _source(self._outer.payload, self._key, seekable=False)

    def _file_sha256(self) -> str:
        whole = Region(self._file, 0, self._file.seek(0, 2), outer.END_ENTRY)
        return outer.digest(whole)

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


def _read_through(entry: Entry, pieces: Iterator[memoryview]) -> None:
    """Look at it and keep nothing."""
    for _ in pieces:
        pass


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

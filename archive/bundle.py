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
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from archive import beside, checking, custody, delta, delta_making, dsse, files, outer, parity, payload, sealing
from archive.age import envelope, header
from archive.age.envelope import Identity, Recipient
from archive.age.stream import InOrderReader, SeekableReader
from archive.checking import CheckReport
from archive.container import Region
from archive.custody import Act, Origin
from archive.delta import Delta
from archive.delta_making import Base, Cut
from archive.digesting import Digest
from archive.errors import ArchiveError, BaseNeededError, Damage, DamagedError, SignatureError
from archive.manifest import Entry, Manifest
from archive.outer import Outer
from archive.outside import Outside
from archive.sealing import Packed, Sealing
from archive.signing import Signature
from archive.ssh_keys import TrustedKey

__all__ = ["Bundle", "Packed", "check", "open_bundle", "pack", "payload_digest"]

_NO_FORMATS: Mapping[str, tuple[str, int]] = {}
_NO_NOTES: Mapping[str, Mapping[str, object]] = {}


def pack(
    destination: Path,
    members: Mapping[str, Path],
    *,
    description: Mapping[str, object] | None = None,
    recipients: Sequence[Recipient] = (),
    public: bool = False,
    readme: Mapping[str, str] | None = None,
    formats: Mapping[str, tuple[str, int]] = _NO_FORMATS,
    notes: Mapping[str, Mapping[str, object]] = _NO_NOTES,
    redundancy: int = parity.DEFAULT_PERCENT,
    since: Base | None = None,
    act: Act | None = None,
    migrated_from: Origin | None = None,
    rng: Callable[[int], bytes] = os.urandom,
) -> Packed:
    """Write the bundle *destination*: a new file, or in place of the old one when it is complete.

    *members* maps paths in the payload to files. *description* goes into the manifest (texts, integers, lists,
    mappings). *readme* adds `name: value` lines to README.txt, which anybody can read. *formats* states (format,
    version) of members where the name's suffix does not tell, *notes* further keys of their entries. *redundancy*: the
    bundle holds recovery data for any gap of that many percent of it; 0 for none. *since* makes a delta: a bundle of
    what that base does not have, which needs it to be opened. *act* signs it and begins its chain of custody. A payload
    that is another bundle's, changed, was *migrated_from* that one, and custody says so. FormatError, UnsafePathError,
    KeyFormatError, Par2Error or OSError; then nothing is written.
    """
    what = custody.MIGRATED if migrated_from else custody.ARCHIVED
    how = Sealing(recipients, public, act, readme or {}, redundancy, rng, what, origin=migrated_from)
    how.require_one_audience()  # before anything large is read
    described = payload.describe(members, description or {}, formats, notes)
    if since is None:
        return sealing.write(destination, described, partial(payload.produce, described, members), how)
    described, members, told = delta_making.make(described, members, since)
    how = replace(how, base=told.base)
    packed = sealing.write(destination, described, partial(payload.produce, described, members), how)
    return replace(packed, full_id=told.full)


def payload_digest(
    members: Mapping[str, Path],
    description: Mapping[str, object] | None = None,
    *,
    formats: Mapping[str, tuple[str, int]] = _NO_FORMATS,
    notes: Mapping[str, Mapping[str, object]] = _NO_NOTES,
) -> str:
    """The bundle id that `pack` would give, without writing anything."""
    return payload.bundle_id(payload.describe(members, description or {}, formats, notes), members)


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
    file = files.open_regular(path)
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

    @property
    def delta(self) -> Delta | None:
        """Which bundle is needed to put the whole together; None where the payload is whole. FormatError."""
        return delta.delta_of(self.manifest)

    def extract(self, destination: Path, base: Bundle | None = None) -> str:
        """Write the whole payload, manifest.json included, as the new directory *destination*. Returns the bundle id.

        Every byte of the bundle is verified before *destination* appears. DamagedError, UnsafePathError, FormatError or
        DestinationExistsError; then nothing appears. A delta takes its *base*, verified too, and gives the bundle id of
        the whole: BaseNeededError, WrongBaseError.
        """
        if self.delta is not None:
            return self._extract_whole(self.delta, destination, base)
        with beside.threads() as pool, files.appearing(destination) as directory:
            digest = Digest(pool)
            source = _source(
                self._outer.payload, self._key, partial(_DigestingRegion, digest), seekable=False, pool=pool
            )
            bundle_id = payload.unpack(source, self.manifest, directory, pool)
            outer.require_digest(self._outer, self._outer.payload, digest.hexdigest())
        return bundle_id

    def _extract_whole(self, told: Delta, destination: Path, base: Bundle | None) -> str:
        if base is None:
            raise BaseNeededError(told.base)
        delta.require_base(told, base.verify())
        self.verify()
        source, full = delta.whole(self._source, self.manifest, base._source, base.manifest)
        with beside.threads() as pool, files.appearing(destination) as directory:
            bundle_id = payload.unpack(source, full, directory, pool)
            if bundle_id != told.full:
                raise DamagedError([Damage("payload.tar", 0, f"the bundle id {told.full}", bundle_id)])
        return bundle_id

    def as_base(self, work: Path, cut: Cut) -> Base:
        """Extract it below the empty directory *work*, for a delta to be made since it; *cut* tells pieces of files.

        BaseNeededError for a delta: nobody should have to find a chain of files to open one.
        """
        if self.delta is not None:
            raise BaseNeededError(self.delta.base)
        bundle_id = self.extract(work / "base")
        (work / "delta").mkdir()
        files = {entry.path: work.joinpath("base", *entry.path.split("/")) for entry in self.manifest.members}
        return Base(bundle_id, files, cut, work / "delta")

    def verify(self) -> str:
        """Read the whole payload and compare every byte with what must stand there. Returns the bundle id."""
        with beside.threads() as pool:
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
        origin = self.origin()
        chain = self.outside.chain()
        if verified:
            chain = custody.append_verified(chain, act, bundle_id, origin, verified)
        base = self.delta.base if self.delta else None
        how = Sealing(recipients, public, act, readme or {}, redundancy, rng, custody.REFRESHED, chain, origin, base)
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

    def origin(self) -> Origin:
        """What a chain of custody calls this bundle by when another one is made of it. Reads the whole file."""
        whole = Region(self._file, 0, self._file.seek(0, 2), outer.END_ENTRY)
        return Origin(outer.digest(whole), self.outside.payload_sha256)

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

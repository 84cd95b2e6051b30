"""The outer file: the members of a bundle, in their order, with their digests.

Knows neither the payload's inside nor keys. Reference: SPEC.md sections 2 and 3.

    README.txt  SPEC.md  open_bundle.py  payload.tar.age | payload.tar  [custody.jsonl
    manifest.dsse.json.age  payload.tar.age.*.sig  payload.tar.age.sig]  SHA256SUMS  [reserved members]  two blocks of
    zeros

SHA256SUMS comes last because the payload's digest is known only when it is written, and a bundle is written once, in
one pass. Reserved names may follow it (a signature of SHA256SUMS, recovery data for the whole file): this version
writes none and reads past them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from archive import container, files, par2_program, parity
from archive.container import BLOCK_BYTES, END, Region
from archive.digesting import Digest
from archive.errors import ArchiveError, Damage, DamagedError, FormatError, UnsupportedVersionError

README, SPEC, READER, SUMS = "README.txt", "SPEC.md", "open_bundle.py", "SHA256SUMS"
ENCRYPTED, PUBLIC = "payload.tar.age", "payload.tar"
TEXTS = (README, SPEC, READER)
ATTESTATION, SEALED_ATTESTATION, CUSTODY = "manifest.dsse.json", "manifest.dsse.json.age", "custody.jsonl"
PLACES = len(TEXTS) + 2
FORMAT_VERSION = 1
FORMAT_LINE = f"voice bundle, format {FORMAT_VERSION}\n"
RESERVED = re.compile(r"SHA256SUMS\.sig|[a-z0-9_][a-z0-9._+-]*\.par2")
MAX_OPTIONAL_BYTES = 16 * 1024 * 1024  # of one of the members that may stand between the payload and SHA256SUMS
END_ENTRY = "the end of the file"
EXPECTED_END = "two blocks of zeros and nothing after them"
_FORMAT_LINE = re.compile(rb"voice bundle, format ([1-9][0-9]{0,8})\n")
_LINE = re.compile(rb"([0-9a-f]{64})  ([A-Za-z0-9._-]+)")
# Two random digests differ in about 60 of their 64 digits. So few mean that the record was hit and not the data.
_DIGITS_OF_A_DAMAGED_RECORD = 16


@dataclass(frozen=True, slots=True)
class Outer:
    """Where the members of an open bundle are, and the digests that SHA256SUMS states for them."""

    members: dict[str, Region]
    sums: dict[str, str]
    reserved: tuple[str, ...]

    @property
    def payload(self) -> Region:
        """The payload, encrypted or not."""
        return self.members[ENCRYPTED if self.encrypted else PUBLIC]

    @property
    def encrypted(self) -> bool:
        """Whether a key is needed."""
        return ENCRYPTED in self.members


class Writer:
    """Writes the members in order: `add` or `begin`/`write`/`end` for each, then `finish`."""

    def __init__(self, file: BinaryIO, pool: Executor) -> None:
        self._file = file
        self._pool = pool
        self._whole = Digest(pool)
        self._member = Digest(pool)
        self._also: Digest | None = None
        self._open: tuple[str, int] = ("", 0)
        self._sums: dict[str, str] = {}
        self.size = 0

    def begin(self, name: str, size: int, also: Digest | None = None) -> None:
        """Start a member of exactly *size* bytes. *also* digests it too."""
        self._member = Digest(self._pool)
        self._also = also
        self._open = (name, size)
        self._write(container.header(name, size))

    def write(self, data: bytes | memoryview) -> None:
        """Add to the member."""
        self._member.update(data)
        if self._also:
            self._also.update(data)
        self._write(data)
        self._member.wait()
        if self._also:
            self._also.wait()

    def end(self) -> str:
        """Close the member. Returns its SHA-256."""
        name, size = self._open
        self._sums[name] = self._member.hexdigest()
        self._write(container.padding(size))
        return self._sums[name]

    def add(self, name: str, data: bytes) -> None:
        """A whole member at once."""
        self.begin(name, len(data))
        self.write(data)
        self.end()

    def finish(self, directory: Path, redundancy: int) -> str:
        """Write SHA256SUMS, recovery data of *redundancy* %, and the end. Returns the SHA-256 of the whole file.

        The file that is written must be bundle.tar in *directory*, for the program that computes.
        """
        self.add(SUMS, marshal_sums(self._sums))
        if redundancy:
            made = parity.plan(self.size, redundancy)
            with par2_program.computed(directory, made) as (records, block):
                self.begin(parity.MEMBER, made.member_bytes)
                for piece in records.produce(block):
                    self.write(piece)
                self.end()
        self._write(END)
        return self._whole.hexdigest()

    def _write(self, data: bytes | memoryview) -> None:
        self._whole.update(data)
        files.write_all(self._file, data)
        self._whole.wait()
        self.size += len(data)


def read(file: BinaryIO) -> Outer:
    """Find the members of a bundle, refusing everything that is not in its place.

    The small members are verified; the payload is not: that takes a pass over it, which its reader makes anyway.
    """
    whole = Region(file, 0, file.seek(0, 2), END_ENTRY)
    require_bundle(whole)
    try:
        found = _find(whole)
    except ArchiveError as error:
        # A later format may look quite different, and its README says so; but a damaged README is no word from there.
        if not (isinstance(error, DamagedError) and error.damage[0].entry == README):
            _require_known_version(_stated_version(Region(file, BLOCK_BYTES, whole.size - BLOCK_BYTES, README)))
        raise
    require_version(found.members[README])
    return found


def require_bundle(whole: Region) -> None:
    """FormatError for a file that is plainly something else."""
    if not begins_as_bundle(whole):
        raise FormatError("not a bundle: it does not begin as one")


def begins_as_bundle(whole: Region) -> bool:
    """Whether anything at the beginning looks like one."""
    first = whole.read_at(0, min(2 * BLOCK_BYTES, whole.size))
    return any(mark in first for mark in (README.encode("ascii"), b"ustar", FORMAT_LINE[:-2].encode("ascii")))


def expected_names(place: int) -> tuple[str, ...]:
    """The names that may stand at this place of a bundle; none at the one after the last."""
    places: tuple[tuple[str, ...], ...] = ((README,), (SPEC,), (READER,), (ENCRYPTED, PUBLIC), (SUMS,), ())
    return places[place]


def is_optional(name: str, payload: str) -> bool:
    """Whether a member of this name may stand between the payload of that name and SHA256SUMS."""
    sealed = ".age" if payload == ENCRYPTED else ""
    signature = re.fullmatch(re.escape(payload) + r"(?:\.[a-z0-9-]+)?\.sig", name)
    return bool(signature) or name in (CUSTODY, ATTESTATION + sealed)


def names_after(whole: Region, position: int, last: str, payload: str) -> tuple[str, ...]:
    """The names that may stand at *position*, after *last*: SHA256SUMS, or an optional member in its order."""
    block = whole.read_at(position, max(0, min(BLOCK_BYTES, whole.size - position)))
    loose = container.loose_header(block.ljust(BLOCK_BYTES, b"\0"))
    if loose is None or not is_optional(loose[0], payload) or (last != payload and loose[0] <= last):
        return (SUMS,)
    return loose[0], SUMS


def require_version(readme: Region) -> None:
    """UnsupportedVersionError if the README's first line names a later format, FormatError if it names none."""
    version = _stated_version(readme)
    if version is None:
        raise FormatError(f"{README} does not begin with {FORMAT_LINE.strip()!r}")
    _require_known_version(version)


def marshal_sums(sums: dict[str, str]) -> bytes:
    """The lines that `sha256sum -c` reads."""
    return "".join(f"{sha256}  {name}\n" for name, sha256 in sums.items()).encode("ascii")


def parse_sums(region: Region, names: Sequence[str]) -> tuple[dict[str, str], list[Damage]]:
    """The digests of exactly these members, in this order, and what is wrong with the lines that do not say one."""
    expected = sum(64 + 2 + len(name) + 1 for name in names)
    damage: list[Damage] = []
    sums: dict[str, str] = {}
    position = 0
    data = region.read_at(0, min(region.size, expected))
    for name in names:
        length = 64 + 2 + len(name) + 1
        match = _LINE.fullmatch(data[position : position + length - 1])
        ended = data[position + length - 1 : position + length] == b"\n"
        if match is None or match[2] != name.encode("ascii") or not ended:
            damage.append(Damage(SUMS, region.start + position, f"the digest of {name}", "something else"))
        else:
            sums[name] = match[1].decode("ascii")
        position += length
    if region.size != expected:
        damage.append(Damage(SUMS, region.start, f"{expected} bytes", f"{region.size} bytes"))
    return sums, damage


def digest(region: Region) -> str:
    """SHA-256 of a member's data."""
    state = hashlib.sha256()
    for piece in region.pieces(0, region.size):
        state.update(piece)
    return state.hexdigest()


def require_digest(outer: Outer, region: Region, found: str) -> None:
    """DamagedError unless SHA256SUMS agrees; it names SHA256SUMS itself where the record was plainly what was hit."""
    recorded = outer.sums[region.entry]
    differing = sum(a != b for a, b in zip(recorded, found, strict=True))
    if differing > _DIGITS_OF_A_DAMAGED_RECORD:
        raise DamagedError([Damage(region.entry, region.start, f"SHA-256 {recorded}", found)])
    if differing:
        raise DamagedError([Damage(SUMS, outer.members[SUMS].start, f"SHA-256 {found} for {region.entry}", recorded)])


def require_zeros(region: Region) -> None:
    """DamagedError unless the padding after a member is zero."""
    padding = Region(region.file, region.start + region.size, -region.size % BLOCK_BYTES, region.entry)
    if any(padding.read_at(0, padding.size)):
        raise DamagedError([Damage(region.entry, padding.start, "zeros after the data", "something else")])


def read_member(whole: Region, position: int, names: Sequence[str]) -> tuple[str, Region]:
    """The member whose header stands at *position*: one of *names*, or a reserved one if there are none."""
    entry = likely_name(whole, position, names)
    if position + BLOCK_BYTES > whole.size:
        raise DamagedError([Damage(entry, position, "a tar header", "the end of the file")])
    name, size = container.parse_header(whole.read_at(position, BLOCK_BYTES), position, entry)
    if name not in names and not (not names and RESERVED.fullmatch(name)):
        wanted = " or ".join(names) or "the end of the bundle"
        raise FormatError(f"found {name!r} at byte {position}, where {wanted} must stand")
    region = Region(whole.file, position + BLOCK_BYTES, size, name)
    if region.start + container.padded(size) > whole.size:
        raise DamagedError([Damage(name, whole.size, f"{size} bytes of data", "the end of the file")])
    require_zeros(region)
    return name, region


def likely_name(whole: Region, position: int, names: Sequence[str]) -> str:
    """Which of the names belongs to the header at *position*, even if it is damaged: for the report."""
    if not names:
        follows = whole.read_at(position, max(0, min(BLOCK_BYTES + len(parity.MAGIC), whole.size - position)))
        return parity.MEMBER if follows[BLOCK_BYTES:] == parity.MAGIC else END_ENTRY
    if len(names) < 2:
        return names[0]
    start = whole.read_at(position, max(0, min(BLOCK_BYTES + 4, whole.size - position)))
    return ENCRYPTED if start[len(PUBLIC) : len(ENCRYPTED)] == b".age" or start[BLOCK_BYTES:] == b"age-" else PUBLIC


def _stated_version(readme: Region) -> int | None:
    match = _FORMAT_LINE.match(readme.read_at(0, min(readme.size, 64)))
    return int(match[1]) if match else None


def _require_known_version(version: int | None) -> None:
    if version not in (None, FORMAT_VERSION):
        raise UnsupportedVersionError(version, FORMAT_VERSION)


def _find(whole: Region) -> Outer:
    members: dict[str, Region] = {}
    position = 0
    for place in range(PLACES - 1):
        name, region = read_member(whole, position, expected_names(place))
        members[name] = region
        position = region.start + container.padded(region.size)
    payload = name
    while name != SUMS:
        name, region = read_member(whole, position, names_after(whole, position, name, payload))
        members[name] = region
        position = region.start + container.padded(region.size)
        if name != SUMS and region.size > MAX_OPTIONAL_BYTES:
            raise FormatError(f"{name} has {region.size} bytes; at most {MAX_OPTIONAL_BYTES} are accepted")
    reserved = []
    while whole.read_at(position, BLOCK_BYTES) != bytes(BLOCK_BYTES):
        name, region = read_member(whole, position, ())
        reserved.append(name)
        position = region.start + container.padded(region.size)
    if whole.read_at(position, len(END)) != END or position + len(END) != whole.size:
        raise DamagedError([Damage(END_ENTRY, position, EXPECTED_END, "something else")])
    sums, damage = parse_sums(members[SUMS], list(members)[:-1])
    if damage:
        raise DamagedError(damage)
    found = Outer(members, sums, tuple(reserved))
    for name in sums:
        if name != payload:
            require_digest(found, members[name], digest(members[name]))
    return found

"""payload.tar: from files to its bytes, and from its bytes to files.

Knows no encryption: it writes to whoever takes bytes and reads from whoever has them. Everything about a payload.tar
follows from its manifest, so reading is comparing again. Reference: SPEC.md section 4.

    header manifest.json | manifest.json | header member | data | header member | data | ... | two blocks of zeros
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Protocol, TypeVar

from archive import beside, container, files, manifest
from archive.container import BLOCK_BYTES, END, IO_BYTES
from archive.digesting import Digest
from archive.errors import ArchiveError, Damage, DamagedError, FormatError
from archive.manifest import Entry, Manifest

_Piece = TypeVar("_Piece", bytes, memoryview)
_NO_NOTES: Mapping[str, Mapping[str, object]] = MappingProxyType({})
PREFIX = "payload.tar/"  # how damage inside a payload is named


class Source(Protocol):
    """A payload.tar that can be read anywhere: a window onto a file, or its decryption."""

    @property
    def size(self) -> int: ...
    def read_at(self, offset: int, size: int) -> bytes: ...
    def pieces(self, offset: int, size: int) -> Iterator[memoryview]: ...


def describe(
    members: Mapping[str, Path],
    description: Mapping[str, object],
    formats: Mapping[str, tuple[str, int]],
    notes: Mapping[str, Mapping[str, object]] = _NO_NOTES,
    unknown: Mapping[str, object] = _NO_NOTES,
) -> Manifest:
    """The manifest of these files: each is read once for its digest. FormatError, UnsafePathError or OSError.

    *notes* are further keys of entries, *unknown* of the manifest itself (SPEC.md section 5).

    What no bundle can hold is refused before anything large is read.
    """
    total = 0
    for path, file_path in members.items():
        container.require_safe_name(path)
        size = file_path.stat().st_size
        container.header(path, size)  # for its refusal
        total += BLOCK_BYTES + container.padded(size)
    if total > container.MAX_ENTRY_BYTES:
        raise FormatError(f"the payload would have {total} bytes; a bundle holds less than 8 GiB")
    entries = []
    for path, file_path in members.items():
        kind, version = formats.get(path) or (_format_of(path), 1)
        size, sha256 = _digest_file(file_path)
        entries.append(Entry(path, size, sha256, 0, kind, version, notes.get(path, {})))
    return manifest.build(entries, description, unknown)


def produce(
    described: Manifest, members: Mapping[str, Path], whole: Digest, pool: Executor
) -> Iterator[bytes | memoryview]:
    """The bytes of payload.tar, in pieces that are valid until the next is asked for; *whole* gets them too.

    FormatError if a file is no longer what the manifest says.
    """
    document = described.to_bytes()
    yield from _beside(container.header(manifest.PATH, len(document)) + document, whole)
    yield from _beside(container.padding(len(document)), whole)
    for entry in described.members:
        yield from _beside(container.header(entry.path, entry.size), whole)
        digest, size = Digest(pool), 0
        with files.open_regular(members[entry.path]) as file:
            for piece in _read(file):
                size += len(piece)
                if size > entry.size:
                    break
                yield from _beside(piece, whole, digest)
        if size != entry.size or digest.hexdigest() != entry.sha256:
            raise FormatError(f"{entry.path} changed while it was being archived")
        yield from _beside(container.padding(entry.size), whole)
    yield from _beside(END, whole)


def bundle_id(described: Manifest, members: Mapping[str, Path]) -> str:
    """The SHA-256 of the payload.tar that `produce` would give."""
    with beside.threads() as pool:
        whole = Digest(pool)
        for _ in produce(described, members, whole, pool):
            pass
        return whole.hexdigest()


def read_manifest(source: Source) -> Manifest:
    """The manifest at the head of a payload.tar, which must be as long as the manifest makes it."""
    name, size = container.parse_header(source.read_at(0, BLOCK_BYTES), 0, PREFIX + manifest.PATH)
    if name != manifest.PATH:
        raise FormatError(f"the payload begins with {name!r} instead of {manifest.PATH}")
    if size > manifest.MAX_BYTES:
        raise FormatError(f"the manifest has {size} bytes; at most {manifest.MAX_BYTES} are accepted")
    described = Manifest.parse(source.read_at(BLOCK_BYTES, size))
    if described.size != source.size:
        expected = f"{described.size} bytes, as the manifest adds up"
        raise DamagedError([Damage("payload.tar", source.size, expected, f"{source.size}")])
    return described


def unpack(source: Source, described: Manifest, directory: Path, pool: Executor) -> str:
    """Write every entry below *directory*, verified, and bring it to the disk. Returns the SHA-256 of payload.tar.

    The first thing that does not agree with the manifest ends it: the caller must throw *directory* away.
    """

    def store(entry: Entry, pieces: Iterator[memoryview]) -> None:
        target = directory.joinpath(*entry.path.split("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.create(target) as file:
            for piece in pieces:
                files.write_all(file, piece)
            os.fsync(file.fileno())

    return walk(source, described, store, pool)


def walk(
    source: Source,
    described: Manifest,
    receive: Callable[[Entry, Iterator[memoryview]], None],
    pool: Executor,
    complain: Callable[[ArchiveError], None] | None = None,
) -> str:
    """Read all of a payload.tar in order; *receive* gets every entry, manifest.json first. Returns its SHA-256.

    Whatever disagrees with the manifest goes to *complain*, which may return to have the rest looked at too; without it
    the first one is raised.
    """
    whole = Digest(pool)
    refuse = complain or _raise

    def pieces(offset: int, size: int, *more: Digest) -> Iterator[memoryview]:
        for piece in source.pieces(offset, size):
            yield from _beside(piece, whole, *more)

    def read(offset: int, size: int) -> bytes:
        return b"".join(bytes(piece) for piece in pieces(offset, size))  # copied: the next piece may take its place

    document = described.to_bytes()
    sha256 = hashlib.sha256(document).hexdigest()
    first = Entry(manifest.PATH, len(document), sha256, BLOCK_BYTES, "json", manifest.VERSION)
    for entry in (first, *described.members):
        header_offset = entry.offset - BLOCK_BYTES
        block = read(header_offset, BLOCK_BYTES)
        if block != container.header(entry.path, entry.size):
            refuse(container.explain(block, header_offset, PREFIX + entry.path))
        digest = Digest(pool)
        receive(entry, pieces(entry.offset, entry.size, digest))
        if digest.hexdigest() != entry.sha256:
            refuse(_damaged(entry, entry.offset, f"SHA-256 {entry.sha256}", digest.hexdigest()))
        end = entry.offset + entry.size
        if any(read(end, -entry.size % BLOCK_BYTES)):
            refuse(_damaged(entry, end, "zeros after the data", "something else"))
    end = described.size - len(END)
    if read(end, len(END)) != END:
        refuse(DamagedError([Damage("payload.tar", end, "two blocks of zeros", "something else")]))
    return whole.hexdigest()


def read_member(source: Source, entry: Entry) -> bytes:
    """One member, verified against the manifest, without reading the others."""
    data = source.read_at(entry.offset, entry.size)
    found = hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise _damaged(entry, entry.offset, f"SHA-256 {entry.sha256}", found)
    return data


def _beside(piece: _Piece, *digests: Digest) -> Iterator[_Piece]:
    """Hand out a piece while it is being digested; come back for the next when both are done."""
    for digest in digests:
        digest.update(piece)
    yield piece
    for digest in digests:
        digest.wait()


def damage(path: str, offset: int, expected: str, found: str) -> Damage:
    """What is wrong with an entry, in the words of every report."""
    return Damage(PREFIX + path, offset, expected, found)


def _damaged(entry: Entry, offset: int, expected: str, found: str) -> DamagedError:
    return DamagedError([damage(entry.path, offset, expected, found)])


def _raise(error: ArchiveError) -> None:
    raise error


def _format_of(path: str) -> str:
    """The suffix of a member's name, in lowercase; "bytes" where there is none that a manifest could hold."""
    stem, _, suffix = path.rpartition("/")[2].rpartition(".")
    return suffix.lower() if stem and re.fullmatch("[A-Za-z0-9]+", suffix) else "bytes"


def _digest_file(path: Path) -> tuple[int, str]:
    state, size = hashlib.sha256(), 0
    with files.open_regular(path) as file:
        for piece in _read(file):
            state.update(piece)
            size += len(piece)
    return size, state.hexdigest()


def _read(file: BinaryIO) -> Iterator[memoryview]:
    """The file in views of one buffer, each valid until the next is asked for."""
    buffer = memoryview(bytearray(IO_BYTES))
    while count := file.readinto(buffer):  # type: ignore[attr-defined]
        yield buffer[:count]

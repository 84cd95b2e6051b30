"""Making a delta: which pieces of a payload another bundle already has, and which must be carried.

Knows files and where somebody says that pieces of them begin; not what a piece is. Two pieces are the same if their
size and SHA-256 are. What repeats within the payload is carried once. Reference: SPEC.md section 12.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from archive import delta, files, payload
from archive.container import IO_BYTES
from archive.delta import Delta, Piece
from archive.manifest import Entry, Manifest

Cut = Callable[[Path], Sequence[int]]  # where pieces of a file begin, in bytes; may leave out 0


@dataclass(frozen=True, slots=True)
class Base:
    """The bundle that a delta is made since: its id, and the entries of its payload as files."""

    bundle_id: str
    files: Mapping[str, Path]
    cut: Cut
    work: Path  # an empty directory, for what the delta carries


def make(full: Manifest, members: Mapping[str, Path], base: Base) -> tuple[Manifest, dict[str, Path], Delta]:
    """(manifest, members) of the delta that makes the payload *full* of *members* from *base*, and what it says.

    FormatError if a member changes meanwhile; OSError.
    """
    known = _Known(base)
    pieces: dict[str, tuple[Piece, ...]] = {}
    paths = {name: base.work / Path(name).name for name in (delta.DATA, delta.FULL, delta.PIECES)}
    with files.create(paths[delta.DATA]) as data:
        carried = _Carried(data)
        for entry in full.members:
            found = known.whole(entry)
            pieces[entry.path] = found or tuple(_joined(_pieces_of(members[entry.path], base.cut, known, carried)))
    paths[delta.FULL].write_bytes(full.to_bytes())
    paths[delta.PIECES].write_bytes(delta.pieces_json(full, pieces))
    told = Delta(base.bundle_id, payload.bundle_id(full, members))
    unknown = {delta.KEY: {"base": told.base, "full": told.full}}
    return payload.describe(paths, full.description, {delta.DATA: ("bytes", 1)}, unknown=unknown), paths, told


class _Known:
    """The pieces of a base, by size and SHA-256."""

    def __init__(self, base: Base) -> None:
        self._pieces: dict[tuple[int, bytes], Piece] = {}
        for name, path in base.files.items():
            self._pieces.setdefault(_digest(path, 0, path.stat().st_size), Piece(name, 0, path.stat().st_size))
            for offset, size in _ranges(path, base.cut):
                self._pieces.setdefault(_digest(path, offset, size), Piece(name, offset, size))

    def whole(self, entry: Entry) -> tuple[Piece, ...] | None:
        """All of an entry in one piece; () for an empty one."""
        if not entry.size:
            return ()
        found = self._pieces.get((entry.size, bytes.fromhex(entry.sha256)))
        return (found,) if found else None

    def find(self, digest: tuple[int, bytes]) -> Piece | None:
        return self._pieces.get(digest)


@dataclass(slots=True)
class _Carried:
    """delta/data while it is written: each piece once."""

    file: BinaryIO
    size: int = 0
    pieces: dict[tuple[int, bytes], Piece] = field(default_factory=dict)

    def carry(self, path: Path, offset: int, size: int, digest: tuple[int, bytes]) -> Piece:
        if digest not in self.pieces:
            for piece in _read(path, offset, size):
                files.write_all(self.file, piece)
            self.pieces[digest] = Piece(None, self.size, size)
            self.size += size
        return self.pieces[digest]


def _pieces_of(path: Path, cut: Cut, known: _Known, carried: _Carried) -> Iterator[Piece]:
    for offset, size in _ranges(path, cut):
        digest = _digest(path, offset, size)
        yield known.find(digest) or carried.carry(path, offset, size, digest)


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same, with neighbours that lie behind each other in one."""
    last: Piece | None = None
    for piece in pieces:
        if last and piece.base == last.base and piece.offset == last.offset + last.size:
            last = Piece(last.base, last.offset, last.size + piece.size)
            continue
        if last:
            yield last
        last = piece
    if last:
        yield last


def _ranges(path: Path, cut: Cut) -> Iterator[tuple[int, int]]:
    """(offset, size) of the pieces of a file: all of it, in order, none empty."""
    size = path.stat().st_size
    if not size:
        return
    starts = sorted({0, *(start for start in cut(path) if 0 < start < size)})
    yield from ((start, end - start) for start, end in zip(starts, [*starts[1:], size], strict=True))


def _digest(path: Path, offset: int, size: int) -> tuple[int, bytes]:
    state = hashlib.sha256()
    for piece in _read(path, offset, size):
        state.update(piece)
    return size, state.digest()


def _read(path: Path, offset: int, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while size:
            piece = file.read(min(size, IO_BYTES))
            if not piece:
                return  # it changed; whoever adds the digests up says so
            yield piece
            size -= len(piece)

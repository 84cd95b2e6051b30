"""A delta: a payload that holds only what differs from another bundle's, and how the whole is put together from both.

Knows pieces of files, not what they mean: where a tensor begins is told by whoever makes one. The whole is a payload as
any other, with its own manifest and bundle id, and comes out to the last bit. Reference: SPEC.md section 12.

    manifest.json       with "delta": {"base": bundle id that it was made since, "full": bundle id of the whole}
    delta/data          the pieces that the base does not have, one after the other
    delta/full.json     the manifest of the whole
    delta/pieces.json   for each of its entries, in order: pieces of delta/data, or of an entry of the base
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archive import container, manifest, payload
from archive.container import BLOCK_BYTES, END
from archive.errors import FormatError, WrongBaseError
from archive.manifest import Entry, Manifest
from archive.payload import Source

KEY = "delta"  # in the manifest
DATA, FULL, PIECES = "delta/data", "delta/full.json", "delta/pieces.json"
VERSION = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Delta:
    """What a delta says of itself: two bundle ids."""

    base: str  # of the bundle that it was made since
    full: str  # of the whole that comes out


@dataclass(frozen=True, slots=True)
class Piece:
    """*size* bytes from *offset*, of the entry *base* of the base's payload; of delta/data where that is None."""

    base: str | None
    offset: int
    size: int

    def document(self) -> dict[str, object]:
        """As it stands in pieces.json."""
        place: dict[str, object] = {"offset": self.offset, "size": self.size}
        return place if self.base is None else {"base": self.base, **place}


def delta_of(described: Manifest) -> Delta | None:
    """What the manifest says of a base; None where the payload is whole. FormatError."""
    match described.unknown.get(KEY):
        case None:
            return None
        case {"base": str(base), "full": str(full)} if _SHA256.fullmatch(base) and _SHA256.fullmatch(full):
            return Delta(base, full)
    raise FormatError("the manifest says in no known way what the payload is a delta of")


def pieces_json(full: Manifest, pieces: Mapping[str, Sequence[Piece]]) -> bytes:
    """pieces.json."""
    entries = [
        {"path": entry.path, "pieces": [piece.document() for piece in pieces[entry.path]]} for entry in full.members
    ]
    return manifest.canonical_json({"entries": entries, "version": VERSION})


def parse_pieces(data: bytes, full: Manifest, base: Manifest, data_bytes: int) -> dict[str, tuple[Piece, ...]]:
    """The pieces of every entry of *full*, each within what it is taken from. FormatError."""
    sizes = {entry.path: entry.size for entry in base.members}
    match manifest.parse_json(data):
        case {"entries": list(entries), "version": int(version), **rest} if version == VERSION and not rest:
            pass
        case _:
            raise FormatError(f"{PIECES} is not of version {VERSION}")
    found: dict[str, tuple[Piece, ...]] = {}
    for entry in entries:
        match entry:
            case {"path": str(path), "pieces": list(pieces), **rest} if not rest and path not in found:
                found[path] = tuple(_parse_piece(piece, sizes, data_bytes) for piece in pieces)
            case _:
                raise FormatError(f"{PIECES} is malformed")
    if list(found) != [entry.path for entry in full.members]:
        raise FormatError(f"{PIECES} speaks of other entries than {FULL}")
    for entry in full.members:
        if sum(piece.size for piece in found[entry.path]) != entry.size:
            raise FormatError(f"the pieces of {entry.path} do not add up to its size")
    return found


def whole(own: Source, described: Manifest, base: Source, base_manifest: Manifest) -> tuple[Source, Manifest]:
    """(payload.tar, manifest) of the whole that the delta *own* and its base make, to be read as any other.

    Nothing is verified by that but the form of delta/*: FormatError, DamagedError.
    """
    full = Manifest.parse(payload.read_member(own, _entry(described, FULL)))
    if full.size > container.MAX_ENTRY_BYTES:  # a bundle has its size; pieces repeat for nothing
        raise FormatError(f"the whole would have {full.size} bytes; a bundle holds less than 8 GiB")
    data = _entry(described, DATA)
    entries = {entry.path: entry for entry in base_manifest.members}  # thousands, perhaps
    pieces = parse_pieces(payload.read_member(own, _entry(described, PIECES)), full, base_manifest, data.size)

    def place(piece: Piece) -> tuple[Source, int, int]:
        source, entry = (own, data) if piece.base is None else (base, entries[piece.base])
        return source, entry.offset + piece.offset, piece.size

    return _Composed(full, {path: [place(piece) for piece in several] for path, several in pieces.items()}), full


def require_base(delta: Delta, found: str) -> None:
    """WrongBaseError unless the bundle id *found* is that of the base."""
    if found != delta.base:
        raise WrongBaseError(delta.base, found)


class _Composed:
    """A payload.tar that lies in two others: headers follow from the manifest, entries are read where they are."""

    def __init__(self, full: Manifest, places: Mapping[str, Sequence[tuple[Source, int, int]]]) -> None:
        document = full.to_bytes()
        head = container.header(manifest.PATH, len(document)) + document + container.padding(len(document))
        self._segments: list[tuple[Source | bytes, int]] = []  # (where, at which byte of it)
        self._ends: list[int] = []
        self.size = 0
        self._add(head, 0, len(head))
        for entry in full.members:
            self._add(container.header(entry.path, entry.size), 0, BLOCK_BYTES)
            for source, offset, size in places[entry.path]:
                self._add(source, offset, size)
            self._add(container.padding(entry.size), 0, -entry.size % BLOCK_BYTES)
        self._add(END, 0, len(END))

    def pieces(self, offset: int, size: int) -> Iterator[memoryview]:
        end = offset + size
        while offset < end:
            index = bisect_right(self._ends, offset)
            where, start = self._segments[index]
            first = self._ends[index - 1] if index else 0
            last = min(end, self._ends[index])
            if isinstance(where, bytes):
                yield memoryview(where)[offset - first : last - first]
            else:
                yield from where.pieces(start + offset - first, last - offset)
            offset = last

    def read_at(self, offset: int, size: int) -> bytes:
        return b"".join(bytes(piece) for piece in self.pieces(offset, size))

    def _add(self, where: Source | bytes, start: int, size: int) -> None:
        if size:
            self._segments.append((where, start))
            self.size += size
            self._ends.append(self.size)


def _entry(described: Manifest, path: str) -> Entry:
    try:
        return described.entry(path)
    except KeyError:
        raise FormatError(f"a delta without {path}") from None


def _parse_piece(value: object, sizes: Mapping[str, int], data_bytes: int) -> Piece:
    match value:
        case {"base": str(base), "offset": int(offset), "size": int(size), **rest} if not rest and base in sizes:
            piece, most = Piece(base, offset, size), sizes[base]
        case {"offset": int(offset), "size": int(size), **rest} if not rest:
            piece, most = Piece(None, offset, size), data_bytes
        case _:
            raise FormatError(f"{PIECES} names a piece of what is not there")
    if isinstance(offset, bool) or isinstance(size, bool) or offset < 0 or size < 1 or offset + size > most:
        raise FormatError(f"{PIECES} names a piece beyond the end of what it is taken from")
    return piece

"""What is left of a damaged bundle, by its recovery data: which ranges are not as they were written, and is it enough.

Knows no keys and computes nothing again. A bundle is a row of pieces: data blocks, then the recovery data with its tar
header, then zeros. Every piece that is whole is found where it stands, also in a file from which something was cut or
into which something was put; what lies between them is damaged. Reference: SPEC.md section 11.

    as written   | block | block | block | header | records | recovery block | ... | zeros |
    found at           0     -     7168  ...           → damaged: from byte 512 to 7168, where 512 bytes belong
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from archive import container, files, outer, par2_program, parity
from archive.container import BLOCK_BYTES, END, Region
from archive.errors import Par2Error
from archive.parity import Found, Records


@dataclass(frozen=True, slots=True)
class DamagedRange:
    """Bytes *start* to *end* (not included) of the file, where *expected_bytes* of these members belong."""

    start: int
    end: int
    expected_bytes: int
    members: tuple[str, ...]

    def __str__(self) -> str:
        here = f"bytes {self.start} to {self.end - 1}" if self.end > self.start else f"at byte {self.start}"
        length = self.end - self.start
        lost = "" if length == self.expected_bytes else f" ({length} bytes where {self.expected_bytes} belong)"
        return f"{here}{lost}: {', '.join(self.members)}"


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether what is left is enough."""

    block_bytes: int
    data_blocks: int
    damaged_blocks: int
    recovery_blocks: int  # that are whole
    recovery_blocks_made: int

    @property
    def missing_blocks(self) -> int:
        """By how many blocks it is too little; 0 if it is enough."""
        return max(0, self.damaged_blocks - self.recovery_blocks)

    def __str__(self) -> str:
        state = (
            f"{self.damaged_blocks} of {self.data_blocks} blocks of {self.block_bytes} bytes are damaged, "
            f"{self.recovery_blocks} of {self.recovery_blocks_made} recovery blocks are whole"
        )
        return f"{state}: " + (f"{self.missing_blocks} too few" if self.missing_blocks else "enough")


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a bundle as it was written, and where it stands now; None if it is nowhere."""

    start: int
    size: int
    now: int | None


def assess(path: Path, whole: Region, found: Found) -> tuple[tuple[DamagedRange, ...], Outlook]:
    """The damaged ranges of the bundle at *path* (open as *whole*), in order, and whether it can be repaired."""
    made = found.records.plan
    pieces = [*_data_pieces(whole, found), *_tail_pieces(whole, found)]
    members = _Members(whole, made.data_bytes, found.shift or 0)
    lost = sum(piece.now is None for piece in pieces[: made.data_blocks])
    if lost > len(found.blocks) or (found.shift and lost):  # else it is enough whatever par2 might find besides
        with contextlib.suppress(Par2Error):  # then blocks that were moved more than once count as damaged
            lost = made.data_blocks - _available(path, found.records)
    outlook = Outlook(made.block_bytes, made.data_blocks, lost, len(found.blocks), made.recovery_blocks)
    return tuple(_ranges(pieces, whole.size, members.between)), outlook


def _available(path: Path, records: Records) -> int:
    """How many data blocks par2 finds: it looks for them at every byte."""
    with files.workplace(Path(tempfile.gettempdir()) / "lifecycle-check") as place:
        with files.create(place / parity.MEMBER) as file:
            files.write_all(file, records.marshal())
        return par2_program.available(place, path)


def _data_pieces(whole: Region, found: Found) -> Iterator[_Piece]:
    """The data blocks: those before some point where they were, those after it as far moved as the recovery data."""
    made, shift = found.records.plan, found.shift or 0
    here = [_is_block(whole, found.records, number, 0) for number in range(made.data_blocks)]
    there = [_is_block(whole, found.records, number, shift) for number in range(made.data_blocks)] if shift else here
    best, point, score = sum(there), 0, sum(there)
    for number in range(made.data_blocks):
        score += here[number] - there[number]
        if score > best:
            best, point = score, number + 1
    for number in range(made.data_blocks):
        start = number * made.block_bytes
        moved, good = (0, here[number]) if number < point else (shift, there[number])
        size = min(made.block_bytes, made.data_bytes - start)
        yield _Piece(start, size, start + moved if good else None)


def _is_block(whole: Region, records: Records, number: int, shift: int) -> bool:
    """Whether the data block stands *shift* bytes from where it was written."""
    made = records.plan
    start = number * made.block_bytes
    size = min(made.block_bytes, made.data_bytes - start)
    if start + shift < 0 or start + shift + size > whole.size:
        return False
    data = whole.read_at(start + shift, size).ljust(made.block_bytes, b"\0")
    md5, crc = records.checksum(number)
    return zlib.crc32(data) == crc and hashlib.md5(data, usedforsecurity=False).digest() == md5


def _tail_pieces(whole: Region, found: Found) -> Iterator[_Piece]:
    """Everything after the data: tar header, recovery data, zeros."""
    made, records = found.records.plan, found.records.marshal()
    shifts = dict.fromkeys((0, found.shift or 0))

    def place(start: int, wanted: bytes) -> _Piece:
        for shift in shifts:
            if 0 <= start + shift <= whole.size - len(wanted) and whole.read_at(start + shift, len(wanted)) == wanted:
                return _Piece(start, len(wanted), start + shift)
        return _Piece(start, len(wanted), None)

    yield place(made.data_bytes, container.header(parity.MEMBER, made.member_bytes))
    base = made.data_bytes + BLOCK_BYTES
    for offset, number in made.places():
        if number is None:
            yield place(base + offset, records)
        else:
            yield _Piece(base + offset, made.packet_bytes, found.blocks.get(number))
    rest = container.padding(made.member_bytes) + END
    last = place(base + made.member_bytes, rest)
    ends = last.now is not None and last.now + len(rest) == whole.size
    yield last if ends else _Piece(last.start, last.size, None)


def _ranges(pieces: list[_Piece], size: int, members: Callable[[int, int], tuple[str, ...]]) -> Iterator[DamagedRange]:
    """What lies between whole pieces that should touch."""
    now, written = 0, 0  # the end of the last whole piece: in the file, and when it was written
    for piece in [*pieces, _Piece(pieces[-1].start + pieces[-1].size, 0, size)]:
        if piece.now is None or piece.now < now:
            continue
        if piece.now > now or piece.start > written:
            end = max(piece.start, written + 1)
            yield DamagedRange(now, piece.now, piece.start - written, members(written, end))
        now, written = piece.now + piece.size, piece.start + piece.size


class _Members:
    """Which members stood where, by the tar headers that are left."""

    def __init__(self, whole: Region, data_bytes: int, shift: int) -> None:
        self._starts: list[tuple[int, str]] = []  # where a member's header was written, and its name
        self._data_bytes = data_bytes
        position = end = 0  # where the next header may stand; where the last member ended
        while position < data_bytes:
            header = _header(whole, position, shift)
            if header is None:
                position = _following(whole, position, shift)
                continue
            self._note_lost(header[0], end)
            self._starts.append((position, header[0]))
            position = end = position + BLOCK_BYTES + container.padded(header[1])
        self._note_lost(parity.MEMBER, end)
        self._places = [
            place for place, _ in self._starts
        ]  # ascending; where several stand at one place, all may be hit

    def _note_lost(self, following: str, start: int) -> None:
        """Members whose headers are gone, by the order in which all must stand; they began at *start* or later."""
        order = [*outer.TEXTS, outer.ENCRYPTED, outer.SUMS, parity.MEMBER]
        names = [outer.ENCRYPTED if name == outer.PUBLIC else name for name in (self._starts or [(0, "")])[-1][1:]]
        before = order.index(names[0]) if names[0] in order else -1 if not self._starts else order.index(outer.SUMS) - 1
        following = outer.ENCRYPTED if following == outer.PUBLIC else following
        after = order.index(following) if following in order else order.index(outer.SUMS)
        self._starts += [(start, name) for name in order[before + 1 : after]]

    def between(self, start: int, end: int) -> tuple[str, ...]:
        """The members of which something was written there."""
        places = self._places
        first = bisect_left(places, places[max(0, bisect_right(places, start) - 1)]) if places else 0
        reaches = start < self._data_bytes
        names = [name for _, name in self._starts[first : bisect_left(places, end)]] if reaches else []
        if end > self._data_bytes:
            names.append(parity.MEMBER)
        return tuple(dict.fromkeys(names)) or (outer.END_ENTRY,)


def _following(whole: Region, position: int, shift: int) -> int:
    """The next block after *position* that stands in the file, moved or not: how long that once was is hearsay."""
    position += BLOCK_BYTES
    if whole.size < position < -shift:
        return container.padded(-shift)
    return position if position + min(0, shift) < whole.size else parity.MAX_DATA_BYTES


def _header(whole: Region, position: int, shift: int) -> tuple[str, int] | None:
    """(name, size) of the outer member whose header was written at *position*, if it is still whole."""
    for moved in dict.fromkeys((0, shift)):
        if not 0 <= position + moved <= whole.size - BLOCK_BYTES:
            continue
        block = whole.read_at(position + moved, BLOCK_BYTES)
        loose = container.loose_header(block) if block[257:262] == b"ustar" else None
        if loose is None or container.header(*loose) != block:
            continue
        if loose[0] in (*outer.TEXTS, outer.ENCRYPTED, outer.PUBLIC, outer.SUMS) or loose[0].endswith(
            (".sig", "custody.jsonl", "dsse.json", "dsse.json.age")
        ):
            return loose
    return None

"""Recovery data: PAR2 packets, the order they stand in, and how many there are.

Knows neither tar nor the program that computes the recovery blocks (`archive.par2_program`). The packets are those of
the Parity Volume Set Specification 2.0; what is ours is that they describe one file, `bundle.tar`, which is the bundle
up to its recovery data, and that they stand in one possible order, so that a lost packet's place is known. Reference:
SPEC.md section 11.

    records | blocks ... | records | blocks ... | records | blocks ... | records      (each third of the blocks)
    records:  Main  FileDesc  IFSC  Creator              a block:  RecvSlic
    packet:   "PAR2" NUL "PKT" | length 8 | MD5 of what follows 16 | set id 16 | type 16 | body
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from archive.container import BLOCK_BYTES, Region, padded
from archive.errors import FormatError

MEMBER = "recovery.par2"
PROTECTED = "bundle.tar"  # what the packets call the bundle up to its recovery data
DEFAULT_PERCENT = 10
MAX_PERCENT = 100
MAX_DATA_BLOCKS = 2000  # twice as many would double the time; half as many, the damage of one flipped bit
MAGIC = b"PAR2\0PKT"
HEAD_BYTES = 64
_RECORD_COPIES = 4
_SPARE_BLOCKS = 3  # a gap begins and ends inside blocks
_READ_BLOCKS = 32768  # the specification's limit: how many blocks a reader accepts
_MAX_BLOCK_BYTES = 64 * 2**20
MAX_DATA_BYTES = 2**34
_MOST_SETS = 16  # that are kept while a file is searched: whatever fills it, memory does not grow with it
_VAIN_BYTES = 512  # what a false beginning costs at least
_MAIN, _FILE, _CHECKSUMS, _BLOCK, _CREATOR = (
    b"PAR 2.0\0" + kind.ljust(8, b"\0") for kind in (b"Main", b"FileDesc", b"IFSC", b"RecvSlic", b"Creator")
)
_LARGEST = {  # bytes of a body that may be ours, by kind
    _MAIN: 1024, _FILE: 1024, _CREATOR: 1024, _CHECKSUMS: 16 + 20 * _READ_BLOCKS, _BLOCK: 4 + _MAX_BLOCK_BYTES,
}  # fmt: skip
# For somebody who finds a file without a head: it stands in clear text in every copy of the records, the last of them
# near the end of the file.
_TO_REPAIR = b"to repair FILE: cp FILE FILE.par2; par2 repair FILE.par2 FILE; it writes bundle.tar"
_CREATOR_TEXT = re.compile(rb"voice bundle, ([1-9][0-9]{0,4}) recovery blocks; " + re.escape(_TO_REPAIR) + rb"\0{0,3}")
_NAME = PROTECTED.encode("ascii").ljust(len(PROTECTED) + -len(PROTECTED) % 4, b"\0")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file is cut into blocks, and how many recovery blocks there are for them."""

    data_bytes: int
    block_bytes: int
    recovery_blocks: int

    @property
    def data_blocks(self) -> int:
        """The last one may be shorter."""
        return -(-self.data_bytes // self.block_bytes)

    @property
    def records_bytes(self) -> int:
        """One copy of everything but the recovery blocks."""
        checksums = HEAD_BYTES + 16 + 20 * self.data_blocks
        return 2 * HEAD_BYTES + 28 + 56 + len(_NAME) + checksums + HEAD_BYTES + len(_creator(self.recovery_blocks))

    @property
    def packet_bytes(self) -> int:
        """One recovery block with its head."""
        return HEAD_BYTES + 4 + self.block_bytes

    @property
    def member_bytes(self) -> int:
        """All recovery data."""
        return _RECORD_COPIES * self.records_bytes + self.recovery_blocks * self.packet_bytes

    @property
    def bundle_bytes(self) -> int:
        """The whole bundle: the protected part, the recovery data in its tar entry, the two blocks of zeros."""
        return self.data_bytes + BLOCK_BYTES + padded(self.member_bytes) + 2 * BLOCK_BYTES

    def places(self) -> Iterator[tuple[int, int | None]]:
        """(offset in the recovery data, number of the recovery block), in order; None for a copy of the records."""
        position = 0
        for copy in range(_RECORD_COPIES):
            yield position, None
            position += self.records_bytes
            if copy < _RECORD_COPIES - 1:
                thirds = _RECORD_COPIES - 1
                for number in range(self.recovery_blocks * copy // thirds, self.recovery_blocks * (copy + 1) // thirds):
                    yield position, number
                    position += self.packet_bytes


def plan(data_bytes: int, percent: int) -> Plan:
    """Enough recovery blocks for any one gap of *percent* % of the whole bundle, recovery data included.

    FormatError for what is no percentage, or for none at all.
    """
    if not 1 <= percent <= MAX_PERCENT:
        raise FormatError(f"{percent} % of recovery data: from 1 to {MAX_PERCENT} is possible, and 0 for none")
    block_bytes = max(1, -(-data_bytes // (MAX_DATA_BLOCKS * BLOCK_BYTES))) * BLOCK_BYTES
    most = -(-data_bytes // block_bytes) + _SPARE_BLOCKS  # as many blocks as there are data blocks always do
    blocks = _SPARE_BLOCKS
    while True:
        made = Plan(data_bytes, block_bytes, blocks)
        wanted = min(most, -(-made.bundle_bytes * percent // (100 * block_bytes)) + _SPARE_BLOCKS)
        if wanted <= blocks:
            return made
        blocks = wanted


@dataclass(frozen=True, slots=True)
class Records:
    """What the packets say of the protected file, and how many recovery blocks were made for it."""

    plan: Plan
    md5: bytes
    md5_of_16k: bytes
    checksums: bytes  # MD5 (16) and CRC-32 (4) of every block, the last one filled up with zeros

    @property
    def file_id(self) -> bytes:
        """The specification's name for a file in a set."""
        size = struct.pack("<Q", self.plan.data_bytes)
        return hashlib.md5(self.md5_of_16k + size + PROTECTED.encode("ascii"), usedforsecurity=False).digest()

    @property
    def set_id(self) -> bytes:
        """What all packets of these records carry."""
        return hashlib.md5(self._main, usedforsecurity=False).digest()

    @property
    def _main(self) -> bytes:
        return struct.pack("<QI", self.plan.block_bytes, 1) + self.file_id

    def marshal(self) -> bytes:
        """One copy of the records: four packets."""
        described = self.file_id + self.md5 + self.md5_of_16k + struct.pack("<Q", self.plan.data_bytes) + _NAME
        bodies = (
            (_MAIN, self._main),
            (_FILE, described),
            (_CHECKSUMS, self.file_id + self.checksums),
            (_CREATOR, _creator(self.plan.recovery_blocks)),
        )
        return b"".join(packet(self.set_id, kind, body) for kind, body in bodies)

    def checksum(self, block: int) -> tuple[bytes, int]:
        """(MD5, CRC-32) of a data block."""
        md5, crc = struct.unpack_from("<16sI", self.checksums, 20 * block)
        return md5, crc

    def produce(self, block: Callable[[int], bytes]) -> Iterator[bytes]:
        """The recovery data in pieces; *block* gives the recovery block of a number."""
        records = self.marshal()
        for _, number in self.plan.places():
            yield records if number is None else self.block_packet(number, block(number))

    def block_packet(self, number: int, data: bytes) -> bytes:
        """A recovery block as a packet."""
        return packet(self.set_id, _BLOCK, struct.pack("<I", number) + data)


@dataclass(frozen=True, slots=True)
class Found:
    """What is left of the recovery data in a file that may be damaged."""

    records: Records
    blocks: dict[int, int]  # number of a recovery block whose packet is whole → where the packet stands in the file
    first: int  # where the first whole packet of the set stands
    shift: int | None  # how far the last whole recovery block stands from its place; None if there is none


def packet(set_id: bytes, kind: bytes, body: bytes) -> bytes:
    """A packet with its head."""
    rest = set_id + kind + body
    return MAGIC + struct.pack("<Q", 16 + 16 + len(rest)) + hashlib.md5(rest, usedforsecurity=False).digest() + rest


@dataclass(slots=True)
class _Set:
    """The packets of one set id."""

    bodies: dict[bytes, bytes]  # kind → body
    blocks: dict[int, int]
    block_bytes: set[int]
    first: int


def find(whole: Region, expected: Plan | None = None) -> Found | None:
    """The recovery data in a file, wherever it stands; None if none is left that would do.

    Of several sets (a public bundle may carry a bundle) it is the one that ends last. Only whole packets count, and
    only those of a set that describes one file called bundle.tar: nothing else ever reaches the program. With
    *expected* the number of blocks is known, and need not be said in our words.
    """
    sets: dict[bytes, _Set] = {}
    for offset, set_id, kind, body, size in _packets(whole):
        members = sets.pop(set_id) if set_id in sets else _Set({}, {}, set(), offset)
        sets[set_id] = members  # behind the others: the last to end stands last
        if len(sets) > _MOST_SETS:
            del sets[next(iter(sets))]
        if kind == _BLOCK:
            if (number := int.from_bytes(body, "little")) < _READ_BLOCKS:
                members.blocks.setdefault(number, offset)
            members.block_bytes.add(size - HEAD_BYTES - 4)
        else:
            members.bodies.setdefault(kind, body)
    for set_id, members in reversed(sets.items()):
        records = _parse(members.bodies, expected)
        if records is None or records.set_id != set_id or members.block_bytes - {records.plan.block_bytes}:
            continue
        blocks = {number: at for number, at in members.blocks.items() if number < records.plan.recovery_blocks}
        return Found(records, blocks, members.first, _shift(records.plan, blocks))
    return None


def differences(region: Region, data_bytes: int) -> Iterator[tuple[int, str, str]]:
    """(offset, what belongs there, what is there) of everything in the recovery data that is not as it was written.

    *region* is the recovery data, and *data_bytes* the size of what it should protect.
    """
    found = find(region)
    if found is None:
        yield 0, "recovery data", "other bytes"
        return
    made, records = found.records.plan, found.records.marshal()
    if (made.data_bytes, made.member_bytes) != (data_bytes, region.size):
        yield 0, f"recovery data for the {data_bytes} bytes before it", f"some for {made.data_bytes} bytes"
        return
    for offset, number in made.places():
        if number is None and region.read_at(offset, len(records)) != records:
            yield offset, "a copy of the records", "other bytes"
        elif number is not None and found.blocks.get(number) != offset:
            yield offset, f"recovery block {number}", "other bytes"


def _shift(made: Plan, blocks: dict[int, int]) -> int | None:
    if not blocks:
        return None
    last = max(blocks)
    offset = next(offset for offset, number in made.places() if number == last)
    return blocks[last] - (made.data_bytes + BLOCK_BYTES + offset)


def _parse(bodies: dict[bytes, bytes], expected: Plan | None = None) -> Records | None:
    """The records in these packets; None unless all are there and agree."""
    if not bodies.keys() >= {_MAIN, _FILE, _CHECKSUMS, _CREATOR}:
        return None
    main, described, checksums = bodies[_MAIN], bodies[_FILE], bodies[_CHECKSUMS]
    creator = _CREATOR_TEXT.fullmatch(bodies[_CREATOR])
    recovery_blocks = expected.recovery_blocks if expected else int(creator[1]) if creator else 0
    if len(main) != 28 or len(described) != 56 + len(_NAME) or not recovery_blocks:
        return None
    block_bytes, data_bytes = int.from_bytes(main[:8], "little"), int.from_bytes(described[48:56], "little")
    if not (0 < block_bytes <= _MAX_BLOCK_BYTES and block_bytes % 4 == 0 and 0 < data_bytes <= MAX_DATA_BYTES):
        return None
    made = Plan(data_bytes, block_bytes, recovery_blocks)
    records = Records(made, described[16:32], described[32:48], checksums[16:])
    if max(made.data_blocks, recovery_blocks) > _READ_BLOCKS or len(records.checksums) != 20 * made.data_blocks:
        return None
    agree = main[8:] == struct.pack("<I", 1) + records.file_id and described[56:] == _NAME
    return records if agree and described[:16] == checksums[:16] == records.file_id else None


def _packets(whole: Region) -> Iterator[tuple[int, bytes, bytes, bytes, int]]:
    """(offset, set id, kind, body, size) of every whole packet; of a recovery block only its number as the body.

    A file that is made of false beginnings would have each of them digested to its end: after as many bytes as the
    file has twice, in vain, the search is over.
    """
    vain = 0
    position = 0
    beginnings = _Beginnings(whole)
    while (position := beginnings.next(position)) >= 0 and vain <= 2 * whole.size:
        if position + HEAD_BYTES > whole.size:
            return
        head = whole.read_at(position, HEAD_BYTES)
        size, kind = int.from_bytes(head[8:16], "little"), head[48:64]
        largest = HEAD_BYTES + _LARGEST.get(kind, -1)
        if size % 4 or not HEAD_BYTES + 4 <= size <= min(largest, whole.size - position):
            vain += _VAIN_BYTES
            position += 1
            continue
        rest = whole.read_at(position + 32, size - 32)
        if hashlib.md5(rest, usedforsecurity=False).digest() != head[16:32]:
            vain += max(size, _VAIN_BYTES)
            position += 1
            continue
        yield position, head[32:48], kind, rest[32:36] if kind == _BLOCK else rest[32:], size
        position += size


class _Beginnings:
    """Where packets may begin in a file; each part of it is read once, however many false beginnings there are."""

    def __init__(self, whole: Region) -> None:
        self._whole = whole
        self._start = 0  # where *_data* stands in the file
        self._data = b""

    def next(self, position: int) -> int:
        """The first beginning at *position* or after it, or -1."""
        while position < self._whole.size:
            if not self._start <= position <= self._start + len(self._data) - len(MAGIC):
                self._start = position
                self._data = self._whole.read_at(position, min(4 * 2**20, self._whole.size - position))
            found = self._data.find(MAGIC, position - self._start)
            if found >= 0:
                return self._start + found
            position = self._start + max(1, len(self._data) - len(MAGIC) + 1)
            if self._start + len(self._data) == self._whole.size:
                return -1
        return -1


def _creator(recovery_blocks: int) -> bytes:
    text = f"voice bundle, {recovery_blocks} recovery blocks; ".encode("ascii") + _TO_REPAIR
    return text.ljust(len(text) + -len(text) % 4, b"\0")

"""Plain ustar, the strict half of it: 512-byte headers, names, and windows onto an open file.

Knows neither manifest nor encryption. One header exists for a name and a size, so reading is comparing: whatever
differs from the canonical header is refused, and only then is it asked why. Reference: SPEC.md section 3;
POSIX.1-1988 ustar.

    header (512)  data (size)  zeros up to a multiple of 512  ...  two blocks of zeros, and nothing after them
    header: name 100 | mode 8 | uid 8 | gid 8 | size 12 | mtime 12 | checksum 8 | type 1 | link 100 | "ustar" NUL "00" |
            owner 32 | group 32 | device 8 + 8 | prefix 155 | zeros 12
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from archive.errors import ArchiveError, Damage, DamagedError, FormatError, UnsafePathError

BLOCK_BYTES = 512
END = bytes(2 * BLOCK_BYTES)
MAX_ENTRY_BYTES = 8**11 - 1  # eleven octal digits: 8 GiB - 1
IO_BYTES = 1024 * 1024
_NAME_BYTES = 100
_PREFIX_BYTES = 155
_CHECKSUM = slice(148, 156)
_MAX_PARTS = 32  # a reader keeps every leading part of every path in memory, before anything is verified
_HARMFUL = {
    b"1": "is a hard link",
    b"2": "is a symbolic link",
    b"3": "is a character device",
    b"4": "is a block device",
    b"6": "is a pipe",
}
_FOREIGN = {  # kinds that other dialects of tar know
    b"\0": "is marked as older tars mark a file",
    b"5": "is a directory",
    b"7": "is a contiguous file",
    b"g": "is a global PAX header",
    b"x": "is a PAX header",
    b"K": "is a GNU long link name",
    b"L": "is a GNU long name",
    b"M": "continues a file of another volume",
    b"S": "is a sparse file",
    b"V": "is the name of a volume",
}
# Each part begins with a letter, a digit or "_" (so no "..", no option for a shell, no hidden file), and does not
# end in a dot; the names are those that mean a device on Windows, whatever follows their first dot.
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._+-]*[A-Za-z0-9_+-])?")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def header(name: str, size: int) -> bytes:
    """The one header of a regular file: mode 0644, owner 0, time 0. FormatError if ustar cannot say it."""
    if not 0 <= size <= MAX_ENTRY_BYTES:
        raise FormatError(f"{name} has {size} bytes; a bundle holds entries of less than 8 GiB")
    prefix, short = _split(name)
    fields = [
        short.ljust(_NAME_BYTES, b"\0"),
        b"0000644\0" + b"0000000\0" * 2,
        f"{size:011o}\0".encode("ascii") + b"00000000000\0",
        b" " * 8,
        b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2,
        prefix.ljust(_PREFIX_BYTES, b"\0") + bytes(12),
    ]
    block = bytearray(b"".join(fields))
    block[_CHECKSUM] = f"{sum(block):06o}\0 ".encode("ascii")
    return bytes(block)


def padding(size: int) -> bytes:
    """The zeros after *size* bytes of data."""
    return bytes(-size % BLOCK_BYTES)


def padded(size: int) -> int:
    """*size* with its padding."""
    return size + -size % BLOCK_BYTES


def require_safe_name(name: str) -> None:
    """UnsafePathError unless *name* is a relative path of allowed parts."""
    parts = name.split("/")
    if not all(_NAME.fullmatch(part) for part in parts):
        raise UnsafePathError(name[:300], _danger(name, parts))
    if any(_DEVICE.fullmatch(part) for part in parts):
        raise UnsafePathError(name, "would be a device on some systems")
    _split(name)
    if len(parts) > _MAX_PARTS:
        raise UnsafePathError(name, f"has more than {_MAX_PARTS} parts")


def require_distinct(names: Iterable[str]) -> None:
    """UnsafePathError if two names are equal on some file system, or one would be a directory and a file at once."""
    spellings: dict[str, str] = {}
    files: set[str] = set()
    for name in names:
        if name.lower() in files:
            raise UnsafePathError(name, "occurs twice, or differs from another entry only in case")
        files.add(name.lower())
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if spellings.setdefault(path.lower(), path) != path:
                raise UnsafePathError(name, "differs from another entry only in case")
    for name in files:
        parts = name.split("/")
        for depth in range(1, len(parts)):
            if "/".join(parts[:depth]) in files:
                raise UnsafePathError(name, "lies below an entry that is a file")


def parse_header(block: bytes, offset: int, entry: str) -> tuple[str, int]:
    """(name, size) of a canonical header with a safe name; otherwise the refusal that fits best.

    *offset* is where the header stands and *entry* what should stand there, for the report.
    """
    loose = loose_header(block)
    if loose is None or header(*loose) != block:
        raise explain(block, offset, entry)
    require_safe_name(loose[0])
    return loose


def loose_header(block: bytes) -> tuple[str, int] | None:
    """(name, size) as a lenient reader sees them, or None: for going on past a damaged header, never for trust."""
    try:
        short, prefix = (_text(block[0:100]), _text(block[345:500]))
        size = int(block[124:135].decode("ascii"), 8)
    except ValueError:
        return None
    name = f"{prefix}/{short}" if prefix else short
    return (name, size) if name and 0 <= size <= MAX_ENTRY_BYTES else None


def explain(block: bytes, offset: int, entry: str) -> ArchiveError:
    """Why a header block is refused: damage, danger, another dialect of tar, or simply another entry than *entry*."""
    blanked = block[:148] + b" " * 8 + block[156:]
    if block[_CHECKSUM] != f"{sum(blanked):06o}\0 ".encode("ascii"):
        return DamagedError([Damage(entry, offset, "a tar header with a right checksum", "other bytes")])
    name = block[:100].split(b"\0")[0].decode("ascii", "replace")
    kind = block[156:157]
    if kind in _HARMFUL:
        return UnsafePathError(name, _HARMFUL[kind])
    loose = loose_header(block)
    try:
        if loose is None or header(*loose) != block:
            return FormatError(f"the tar header of {name!r} at byte {offset} {_strangeness(block)}")
        require_safe_name(loose[0])
    except UnsafePathError as error:
        return error
    return FormatError(f"found {loose[0]!r} of {loose[1]} bytes at byte {offset}, where {entry} must stand")


class Region:
    """A window onto an open file: *size* bytes from *start*. Reading past what is there is damage of *entry*."""

    def __init__(self, file: BinaryIO, start: int, size: int, entry: str) -> None:
        self.file = file
        self.start = start
        self.size = size
        self.entry = entry

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly *size* bytes from *offset* within the window; DamagedError if the file ends before."""
        if offset < 0 or offset + size > self.size:
            raise DamagedError([Damage(self.entry, self.start + self.size, "more data", "the end of the entry")])
        self.file.seek(self.start + offset)
        data = self.file.read(size)
        if len(data) != size:
            found = f"the end of the file at byte {self.start + offset + len(data)}"
            raise DamagedError([Damage(self.entry, self.start + offset + len(data), f"{size} bytes", found)])
        return data

    def read_into(self, offset: int, room: memoryview) -> None:
        """The same into *room*, all of it: for readers that go through gigabytes and need no new memory for each."""
        if offset < 0 or offset + len(room) > self.size:
            raise DamagedError([Damage(self.entry, self.start + self.size, "more data", "the end of the entry")])
        self.file.seek(self.start + offset)
        done = 0
        while done < len(room):
            count = self.file.readinto(room[done:])  # type: ignore[attr-defined]
            if not count:
                at = self.start + offset + done
                raise DamagedError([Damage(self.entry, at, f"{len(room)} bytes", f"the end of the file at byte {at}")])
            done += count

    def pieces(self, offset: int, size: int) -> Iterator[memoryview]:
        """The bytes from *offset* in views of at most 1 MiB."""
        end = offset + size
        while offset < end:
            data = self.read_at(offset, min(IO_BYTES, end - offset))
            yield memoryview(data)
            offset += len(data)


def _danger(name: str, parts: list[str]) -> str:
    """What a name would do, or hides, that is not one that a bundle may hold."""
    if not name.isascii():
        return "holds a letter that is not ASCII and may look like another"
    if "\\" in name:
        return "holds a backslash, which some systems take for a slash"
    if name.startswith("/"):
        return "is an absolute path"
    if re.match("[A-Za-z]:", name):
        return "names a drive"
    if ".." in parts:
        return "leads out of the directory"
    if not all(parts):
        return "has an empty part"
    if not name.isprintable():
        return "holds a control character"
    if any(part.startswith(".") for part in parts):
        return "is hidden"
    if any(part.endswith(".") for part in parts):
        return "ends in a dot, which some systems drop"
    return "is not a name that a bundle may hold"


def _strangeness(block: bytes) -> str:
    """What in a header with a right checksum is not canonical: the first thing that is found."""
    kind, size, name = block[156:157], block[124:136], block[0:100] + block[345:500]
    digits = re.fullmatch(rb"[0-7]{11}\0", size)
    if kind != b"0":
        return f"{_FOREIGN.get(kind, 'is of no known kind')}; a bundle holds plain files alone"
    if size[0] & 0x80:
        return "has a negative size" if size[0] & 0x40 else "has a size in binary"
    if b"-" in size:
        return "has a negative size"
    if re.fullmatch(rb"[0-7]{12}", size):
        return "has a size of twelve digits: 8 GiB or more"
    if not digits:
        return "has a size that is not eleven octal digits"
    if block[257:265] != b"ustar\x0000":
        return "is of GNU tar" if block[257:265] == b"ustar  \0" else "is not of ustar"
    if block[157:257].strip(b"\0"):
        return "names a link"
    if not name.isascii():
        return "has a name with letters that are not ASCII and may look like others"
    if any(b"\0" in field.rstrip(b"\0") for field in (block[0:100], block[345:500])):
        return "hides something behind its name"
    if block[100:108] != b"0000644\0":
        return "has a mode other than 0644"
    return "is not the canonical one"


def _split(name: str) -> tuple[bytes, bytes]:
    """(prefix, name) as ustar stores them: whole if it fits, else cut at the last slash that GNU tar could cut at."""
    encoded = name.encode("ascii", "replace")
    if len(encoded) <= _NAME_BYTES:
        return b"", encoded
    cut = encoded.rfind(b"/", 1, _PREFIX_BYTES + 1)
    if cut < 0 or len(encoded) - cut - 1 > _NAME_BYTES:
        raise UnsafePathError(name, "is too long for a bundle")
    return encoded[:cut], encoded[cut + 1 :]


def _text(field: bytes) -> str:
    """A NUL-padded field; ValueError if anything follows the first NUL, or if it is not ASCII."""
    text = field.rstrip(b"\0")
    if b"\0" in text:
        raise ValueError("data after NUL")
    return text.decode("ascii")

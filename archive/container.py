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
_LINKS = {
    b"1": "is a hard link",
    b"2": "is a symbolic link",
    b"3": "is a device",
    b"4": "is a device",
    b"6": "is a pipe",
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
        raise UnsafePathError(name, "is not a name that a bundle may hold")
    if any(_DEVICE.fullmatch(part) for part in parts):
        raise UnsafePathError(name, "would be a device on some systems")
    _split(name)


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
    name = block[:100].split(b"\0")[0].decode("ascii", "replace")
    blanked = block[:148] + b" " * 8 + block[156:]
    kind = block[156:157]
    if block[_CHECKSUM] != f"{sum(blanked):06o}\0 ".encode("ascii"):
        return DamagedError([Damage(entry, offset, "a tar header with a right checksum", "other bytes")])
    if kind in _LINKS:
        return UnsafePathError(name, _LINKS[kind])
    if kind in (b"x", b"g", b"L", b"K"):
        return FormatError(f"{name!r} at byte {offset} is an extended tar header; a bundle holds only plain ustar")
    if kind != b"0":
        return FormatError(f"{name!r} at byte {offset} is not a regular file")
    loose = loose_header(block)
    if loose is not None and header(*loose) == block:
        return FormatError(f"found {name!r} of {loose[1]} bytes at byte {offset}, where {entry} must stand")
    return FormatError(f"the tar header of {name!r} at byte {offset} is not the canonical one")


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

    def pieces(self, offset: int, size: int) -> Iterator[memoryview]:
        """The bytes from *offset* in views of at most 1 MiB."""
        end = offset + size
        while offset < end:
            data = self.read_at(offset, min(IO_BYTES, end - offset))
            yield memoryview(data)
            offset += len(data)


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

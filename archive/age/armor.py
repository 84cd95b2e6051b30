"""Armor: an age file as text, between two lines of hyphens. Read, never written.

Knows nothing of what is inside. Reference: C2SP age.md, "ASCII armor"; RFC 7468, the strict form of section 3. There is
one spelling of a file, up to the line ends (LF or CRLF, the same throughout) and white space before and after it.

    -----BEGIN AGE ENCRYPTED FILE-----
    64 columns of base64, again and again; the last line may be shorter, and only it is padded
    -----END AGE ENCRYPTED FILE-----
"""

from __future__ import annotations

import base64
import binascii
import re

from archive.age.stream import Source
from archive.errors import ArmorError

BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----"
END = b"-----END AGE ENCRYPTED FILE-----"
_BINARY = b"age-encryption.org/"  # what follows may well hold hyphens
_COLUMNS = 64
_LINE_BYTES = 48  # of what the base64 stands for
_BATCH_LINES = 16 * 1024
_MOST_WHITE_SPACE = 1024  # before, and after: enough for any mail program, and it ends the search
# Nothing but line feeds ends a line; other white space may stand on lines of its own.
_HEAD = re.compile(rb"(?:[ \t\r\v\f]*\n)*" + BEGIN + rb"(\r?\n)")
_TAIL = re.compile(END + rb"(?:\r?\n[ \t\r\n\v\f]*)?")


def is_armored(source: Source) -> bool:
    """Whether this is meant to be armored; it may still be refused."""
    head = source.read_at(0, min(source.size, _MOST_WHITE_SPACE + len(BEGIN)))
    return not head.startswith(_BINARY) and (head.lstrip().startswith(b"-----") or BEGIN in head)


class ArmoredSource:
    """The age file inside *source*, to be read anywhere.

    All of the armor has been seen to be right before any of it is handed out (ArmorError): so nobody can hide anything
    in lines that this reader would not have come to.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        head = _HEAD.match(source.read_at(0, min(source.size, _MOST_WHITE_SPACE + len(BEGIN) + 2)))
        if head is None:
            raise ArmorError("the armor does not begin with its line of hyphens")
        tail_bytes = min(source.size - head.end(), _MOST_WHITE_SPACE + len(END) + 2)
        tail = source.read_at(source.size - tail_bytes, tail_bytes)
        found = tail.find(END)
        if found < 0 or not _TAIL.fullmatch(tail, found):
            raise ArmorError("the armor does not end with its line of hyphens, and nothing after it")
        self._line_end = head[1]
        self._start = head.end()
        self._end = source.size - tail_bytes + found
        self._pitch = _COLUMNS + len(self._line_end)
        self._lines = -(-(self._end - self._start) // self._pitch)
        self.size = 0
        for line in range(0, self._lines, _BATCH_LINES):
            self.size += len(self._decode(line, min(_BATCH_LINES, self._lines - line)))

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly *size* bytes from *offset*."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise ArmorError("the armored file ends too early")
        first = offset // _LINE_BYTES
        count = -(-(offset + size) // _LINE_BYTES) - first
        return self._decode(first, count)[offset - first * _LINE_BYTES :][:size]

    def read_into(self, offset: int, room: memoryview) -> None:
        """The same into *room*, all of it."""
        room[:] = self.read_at(offset, len(room))

    def _decode(self, first: int, count: int) -> bytes:
        """What *count* lines from *first* stand for, which must be spelled in the one way there is."""
        start = self._start + first * self._pitch
        size = min(count * self._pitch, self._end - start)
        text = self._source.read_at(start, size)
        lines = [text[at : at + self._pitch] for at in range(0, size, self._pitch)]
        if not all(line.endswith(self._line_end) for line in lines):
            raise ArmorError("the armor holds a line of another length, or of another line end")
        columns = b"".join(line[: -len(self._line_end)] for line in lines)
        at_end = first + count == self._lines
        try:
            data = base64.b64decode(columns, validate=True)
        except (binascii.Error, ValueError):
            raise ArmorError("the armor holds broken base64") from None
        if base64.b64encode(data) != columns or (lines and not columns[(len(lines) - 1) * _COLUMNS :]):
            raise ArmorError("the armor holds base64 that is not canonical, or an empty line")
        if not at_end and len(data) != count * _LINE_BYTES:
            raise ArmorError("the armor holds padding before its end")
        return data

"""The textual header of an age file: bytes to stanzas and back.

Knows no keys and no payload. One canonical encoding; anything else is refused. Reference: C2SP age.md, "Header".

    age-encryption.org/v1
    -> TYPE ARGUMENT...
    BODY, base64, 64 columns, ended by a line that is shorter (perhaps empty)
    --- MAC, base64 of HMAC-SHA-256 over everything up to and including the three hyphens
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from archive.age import primitives
from archive.errors import AgeHeaderError, Damage, HeaderMacError

VERSION_LINE = b"age-encryption.org/v1\n"
# About 550 X25519 recipients. age.md has no limit, but every stanza costs the reader work before any is authenticated.
LIMIT_BYTES = 64 * 1024
_COLUMNS = 64
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class Stanza:
    """The file key, wrapped for one recipient. *arguments* begins with the recipient's type."""

    arguments: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says. *authenticated* is the exact text under the MAC, *size* the bytes before the nonce."""

    stanzas: tuple[Stanza, ...]
    mac: bytes
    authenticated: bytes
    size: int


def parse(data: bytes) -> Header:
    """Read the header at the start of *data*: the file, or its first LIMIT_BYTES bytes. AgeHeaderError."""
    if not data.startswith(VERSION_LINE):
        raise AgeHeaderError("the payload does not begin as an age v1 file")
    position = len(VERSION_LINE)
    stanzas: list[Stanza] = []
    while data.startswith(b"-> ", position):
        stanza, position = _parse_stanza(data, position)
        stanzas.append(stanza)
    if not stanzas:
        raise AgeHeaderError("the encryption header names no recipient")
    mac_position = position
    line, position = _line(data, position)
    if not line.startswith("--- "):
        raise AgeHeaderError("the encryption header holds a line that is neither stanza nor MAC")
    mac = primitives.decode_base64(line[4:])
    if len(mac) != _MAC_BYTES:
        raise AgeHeaderError("the encryption header's MAC has the wrong length")
    return Header(tuple(stanzas), mac, data[: mac_position + 3], position)


def marshal(stanzas: Sequence[Stanza], file_key: bytes) -> bytes:
    """The header's bytes, MAC included."""
    lines = [VERSION_LINE]
    for stanza in stanzas:
        text = primitives.encode_base64(stanza.body)
        lines.append(f"-> {' '.join(stanza.arguments)}\n".encode("ascii"))
        # A body of n * 64 columns is followed by an empty line: the stanza's end is the first short line.
        lines += [f"{text[i : i + _COLUMNS]}\n".encode("ascii") for i in range(0, len(text) + 1, _COLUMNS)]
    authenticated = b"".join(lines) + b"---"
    marshalled = authenticated + f" {primitives.encode_base64(_mac(authenticated, file_key))}\n".encode("ascii")
    if len(marshalled) > LIMIT_BYTES:
        raise AgeHeaderError(f"too many recipients: the encryption header would pass {LIMIT_BYTES} bytes")
    return marshalled


def verify(header: Header, file_key: bytes) -> None:
    """HeaderMacError unless the header is the one that the holder of the file key wrote."""
    if not hmac.compare_digest(header.mac, _mac(header.authenticated, file_key)):
        raise HeaderMacError([Damage("payload.tar.age", 0, "the encryption header's MAC", "another one")])


def _mac(authenticated: bytes, file_key: bytes) -> bytes:
    return hmac.digest(primitives.hkdf(file_key, b"", b"header"), authenticated, hashlib.sha256)


def _parse_stanza(data: bytes, position: int) -> tuple[Stanza, int]:
    line, position = _line(data, position)
    arguments = tuple(line[3:].split(" "))
    if not all(arguments):
        raise AgeHeaderError("the encryption header holds an empty argument")
    body = ""
    while True:
        line, position = _line(data, position)
        if len(line) > _COLUMNS:
            raise AgeHeaderError(f"the encryption header holds a line of more than {_COLUMNS} columns")
        body += line
        if len(line) < _COLUMNS:
            return Stanza(arguments, primitives.decode_base64(body)), position


def _line(data: bytes, position: int) -> tuple[str, int]:
    """The line at *position* without its line feed, and where the next one begins. Visible ASCII and spaces only."""
    end = data.find(b"\n", position, LIMIT_BYTES)
    if end < 0:
        raise AgeHeaderError(f"the encryption header does not end within {LIMIT_BYTES} bytes")
    line = data[position:end]
    if not all(0x20 <= byte <= 0x7E for byte in line):
        raise AgeHeaderError("the encryption header holds a character that is not visible ASCII")
    return line.decode("ascii"), end + 1

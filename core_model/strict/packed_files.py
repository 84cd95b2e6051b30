"""xz, unpacked within a bound: data of a language rests compressed, and 15 KB of xz can be 100 MB of zeros.

Knows nothing of what is packed. Reference: the .xz format; liblzma's memory limit.
"""

from __future__ import annotations

import lzma
from pathlib import Path

from core_model.errors import UnsafeFileError, VoiceError

MOST_bytes = 64 << 20  # unpacked; the largest list that a voice carries has 10 MB
_MEMORY_bytes = 96 << 20  # that unpacking may take beside; xz -9, with which no list was packed, takes 65 MiB


def unpack(content: bytes, place: str) -> bytes:
    """What xz packed into *content*. UnsafeFileError(place, why) where that is too much, VoiceError if it is no xz."""
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY_bytes)
    try:
        unpacked = unpacker.decompress(content, MOST_bytes + 1)
    except lzma.LZMAError as error:
        if "memory" in str(error).lower():
            raise UnsafeFileError(place, f"needs more than {_MEMORY_bytes >> 20} MiB to be unpacked") from None
        raise VoiceError(place, "is not xz-compressed") from None
    if len(unpacked) > MOST_bytes:
        raise UnsafeFileError(place, f"unpacks to more than {MOST_bytes >> 20} MiB")
    if not unpacker.eof:
        raise VoiceError(place, "is cut short")
    if unpacker.unused_data:
        raise UnsafeFileError(place, "holds something behind what was packed")
    return unpacked


def require_packed(path: Path, place: str) -> None:
    """UnsafeFileError(place, why) unless the file at *path* can be unpacked within bounds. OSError."""
    if path.stat().st_size > MOST_bytes:
        raise UnsafeFileError(place, f"has more than {MOST_bytes >> 20} MiB of xz")
    unpack(path.read_bytes(), place)

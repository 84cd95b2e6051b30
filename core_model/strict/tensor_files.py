"""safetensors, the strict half of it: the head is held to the file before a library sees it.

Knows names, types and places; not values. The library accepts heads of 100 MB and keeps the last of two tensors of one
name; here there is one reading of a file or none. Every byte belongs to the head or to exactly one tensor, so nothing
can hide behind either. Reference: the safetensors format.

    length of the head (8 bytes) | {"name": {"dtype": ..., "shape": [...], "data_offsets": [from, to]}} | values
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import BinaryIO

from core_model.errors import UnsafeFileError, VoiceError

LARGEST_HEAD_bytes = 1 << 20  # a list of a thousand tensors takes 0.1 MiB
_MOST_TENSORS = 16_384
_MOST_AXES = 8
_WIDTHS = {
    **dict.fromkeys(("BOOL", "U8", "I8"), 1),
    **dict.fromkeys(("F16", "BF16", "U16", "I16"), 2),
    **dict.fromkeys(("F32", "U32", "I32"), 4),
    **dict.fromkeys(("F64", "U64", "I64"), 8),
}


def require_tensors(path: Path, place: str) -> None:
    """UnsafeFileError(place, why) unless the file at *path* is safetensors alone; VoiceError for half of one.

    OSError if it cannot be read.
    """
    with path.open("rb") as file:
        try:
            _require(file, file.seek(0, 2))
        except _CutShortError as refused:
            raise VoiceError(place, str(refused)) from None
        except _RefusedError as refused:
            raise UnsafeFileError(place, str(refused)) from None


class _RefusedError(Exception):
    """Why, in words."""


class _CutShortError(_RefusedError):
    """Damage, and no danger."""


def _require(file: BinaryIO, length: int) -> None:
    file.seek(0)
    beginning = file.read(8)
    if beginning[2:4] == b"\x03\x04":
        raise _RefusedError("is a zip, as torch writes pickles into, and no safetensors file")
    # A head of 640 bytes begins so too; but no pickle goes on with a NUL, and no length that is accepted without one.
    if (
        beginning[:1] == b"\x80"
        and beginning[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
        and beginning[2:] != bytes(6)
    ):
        raise _RefusedError("is a pickle, and no safetensors file")
    size = int.from_bytes(beginning, "little")
    if len(beginning) < 8 or size > length - 8:
        raise _CutShortError("is shorter than its head says")
    if size > LARGEST_HEAD_bytes:
        raise _RefusedError(f"has a head of {size} bytes; at most {LARGEST_HEAD_bytes} are accepted")
    head = _parse(file.read(size))
    metadata = head.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _RefusedError("has notes in its head that are not texts")
    if len(head) > _MOST_TENSORS:
        raise _RefusedError(f"lists {len(head)} tensors; at most {_MOST_TENSORS} are accepted")
    end = 0
    for first, last, name in sorted(_place(name, entry) for name, entry in head.items()):
        if first < end:
            raise _RefusedError(f"has a tensor {name[:80]!r} that overlaps another")
        if first > end:
            raise _RefusedError(f"holds {first - end} bytes before {name[:80]!r} that belong to no tensor")
        end = last
    if end > length - 8 - size:
        raise _CutShortError("is shorter than its tensors")
    if end < length - 8 - size:
        raise _RefusedError(f"holds {length - 8 - size - end} bytes behind its tensors that belong to none")


def _parse(data: bytes) -> dict[str, object]:
    if not data.startswith(b"{"):
        raise _RefusedError("does not begin with a list of tensors")
    try:
        head = json.loads(data.decode("utf-8"), object_pairs_hook=_object)
    except RecursionError:
        raise _RefusedError("has a head that is nested too deeply") from None
    except ValueError:
        raise _RefusedError("has a head that is not JSON") from None
    if not isinstance(head, dict):
        raise _RefusedError("does not begin with a list of tensors")
    return head


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RefusedError("names something twice in its head")
    return found


def _place(name: str, entry: object) -> tuple[int, int, str]:
    """(first byte, byte after the last, name) of one tensor, which its shape and type must account for."""
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(first), int(last)], **rest} if not rest:
            pass
        case _:
            raise _RefusedError(f"describes {name[:80]!r} in another way than safetensors does")
    if dtype not in _WIDTHS:
        raise _RefusedError(f"has a tensor {name[:80]!r} of the unknown type {dtype[:20]!r}")
    if len(shape) > _MOST_AXES or not all(type(n) is int and n >= 0 for n in shape):
        raise _RefusedError(f"has a tensor {name[:80]!r} of an impossible shape")
    values = 1
    for n in shape:
        values = min(values * n, 1 << 62)  # a product of many large numbers would itself take memory
    if isinstance(first, bool) or isinstance(last, bool) or not 0 <= first <= last:
        raise _RefusedError(f"has a tensor {name[:80]!r} that ends before it begins")
    if last - first != values * _WIDTHS[dtype]:
        raise _RefusedError(f"has a tensor {name[:80]!r} whose shape needs another number of bytes than it has")
    return first, last, name

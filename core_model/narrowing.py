"""Weights in the smallest type that holds them exactly, and back to the bytes they were.

Knows safetensors; neither networks nor bundles. Many a checkpoint keeps in float32 what was trained in half of that.
The narrowed file is safetensors like any other, with the same values; its only note is the head of the original, from
which `widen` makes the original again, to the last bit. Reference: the safetensors format; IEEE 754.

    length | {"__metadata__": {"original": head}, name: {...}} | values, in the original's order
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from core_model.errors import VoiceError
from core_model.strict.tensor_files import LARGEST_HEAD_bytes, require_tensors

NOTE = "original"
_WORTH_IT = 1 / 16  # of the file; below that, the note costs its reader more than it saves
_WIDTHS = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}  # bytes

_Array = npt.NDArray[Any]
_Head = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Way:
    """From a wider type down to a smaller one and up again. Both take and give bits as unsigned integers."""

    dtype: str  # the smaller one
    down: Callable[[_Array], _Array]
    up: Callable[[_Array], _Array]


def _float_way(dtype: str, wide: str, small: str) -> _Way:
    unsigned = {"<f2": "<u2", "<f4": "<u4", "<f8": "<u8"}

    def down(bits: _Array) -> _Array:
        with np.errstate(all="ignore"):  # what does not fit comes back as something else, and is seen by that
            return bits.view(wide).astype(small).view(unsigned[small])

    return _Way(dtype, down, lambda bits: bits.view(small).astype(wide).view(unsigned[wide]))


_WAYS: Mapping[str, tuple[_Way, ...]] = {
    "F32": (
        _float_way("F16", "<f4", "<f2"),
        # NumPy has no bfloat16: it is the upper half of a float32.
        _Way("BF16", lambda bits: (bits >> 16).astype("<u2"), lambda bits: bits.astype("<u4") << np.uint32(16)),
    ),
    "F64": (_float_way("F16", "<f8", "<f2"), _float_way("F32", "<f8", "<f4")),
}


def narrow(path: Path, destination: Path) -> bool:
    """Write the safetensors file *path* narrowed into the new file *destination*, if that is worth it; whether it was.

    A file with notes of its own, or one that was narrowed already, is not. VoiceError, UnsafeFileError, OSError.
    """
    require_tensors(path, path.name)
    with path.open("rb") as file:
        head, text = _head(file)
        if "__metadata__" in head:
            return False
        ways = {name: _smallest(entry, _values(file, entry, len(text))) for name, entry in head.items()}
        narrowed = _narrowed_head(head, text, ways)
        saved = path.stat().st_size - 8 - len(narrowed) - sum(_narrowed_bytes(head[name], ways[name]) for name in head)
        if saved < path.stat().st_size * _WORTH_IT or len(narrowed) > LARGEST_HEAD_bytes:
            return False
        with destination.open("xb") as out:
            out.write(len(narrowed).to_bytes(8, "little") + narrowed)
            for name in _in_order(head):
                values, way = _values(file, head[name], len(text)), ways[name]
                out.write(way.down(_bits(values, head[name]["dtype"])).tobytes() if way else values)
    return True


def widen(path: Path, destination: Path) -> None:
    """Write what `narrow` made *path* of into the new file *destination*. VoiceError, UnsafeFileError, OSError."""
    require_tensors(path, path.name)
    with path.open("rb") as file:
        head, text = _head(file)
        note = dict(head.get("__metadata__", {})).get(NOTE)
        original = _original(path.name, note)
        if set(original) != set(head) - {"__metadata__"}:
            raise VoiceError(path.name, "holds other tensors than its original did")
        with destination.open("xb") as out:
            out.write(len(note.encode()).to_bytes(8, "little") + note.encode())
            for name in _in_order(original):
                values, small, wide = _values(file, head[name], len(text)), head[name]["dtype"], original[name]["dtype"]
                out.write(values if small == wide else _way(path.name, wide, small).up(_bits(values, small)).tobytes())
    require_tensors(destination, path.name)


def _narrowed_head(head: _Head, text: bytes, ways: Mapping[str, _Way | None]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {NOTE: text.decode("utf-8")}}
    position = 0
    for name in _in_order(head):
        way, end = ways[name], position + _narrowed_bytes(head[name], ways[name])
        kind = way.dtype if way else head[name]["dtype"]
        entries[name] = {"dtype": kind, "shape": head[name]["shape"], "data_offsets": [position, end]}
        position = end
    encoded = json.dumps(entries, separators=(",", ":")).encode()
    return encoded + b" " * (-len(encoded) % 8)  # as the format wants it: values begin at a multiple of 8


def _narrowed_bytes(entry: Mapping[str, Any], way: _Way | None) -> int:
    size = _size(entry)
    return size // _WIDTHS[entry["dtype"]] * _WIDTHS[way.dtype] if way else size


def _smallest(entry: Mapping[str, Any], values: bytes) -> _Way | None:
    """The first way down that gives back every bit: zeros with a sign and NaNs too."""
    if not values or entry["dtype"] not in _WAYS:
        return None
    bits = _bits(values, entry["dtype"])
    return next((way for way in _WAYS[entry["dtype"]] if np.array_equal(way.up(way.down(bits)), bits)), None)


def _way(place: str, wide: str, small: str) -> _Way:
    for way in _WAYS.get(wide, ()):
        if way.dtype == small:
            return way
    raise VoiceError(place, f"holds {small} where its original had {wide}")


def _original(place: str, note: object) -> _Head:
    """The head of the original; VoiceError if there is none that could be one."""
    if not isinstance(note, str):
        raise VoiceError(place, "was not narrowed")
    try:
        head = json.loads(note)
        _in_order(head)
        if all(isinstance(entry["dtype"], str) for entry in head.values()):
            return dict(head)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    raise VoiceError(place, "has a note of its original that cannot be read")


def _head(file: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """(the head, its bytes as they stand)."""
    text = file.read(int.from_bytes(file.read(8), "little"))
    return json.loads(text), text


def _in_order(head: _Head) -> list[str]:
    """The names of tensors in the order of their values."""
    return sorted(head, key=lambda name: (*map(int, head[name]["data_offsets"]), name))


def _size(entry: Mapping[str, Any]) -> int:
    first, last = entry["data_offsets"]
    return int(last) - int(first)


def _values(file: BinaryIO, entry: Mapping[str, Any], head_bytes: int) -> bytes:
    file.seek(8 + head_bytes + entry["data_offsets"][0])
    return file.read(_size(entry))


def _bits(values: bytes, dtype: str) -> _Array:
    return np.frombuffer(values, f"<u{_WIDTHS[dtype]}")

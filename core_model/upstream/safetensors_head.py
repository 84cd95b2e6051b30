"""The list of tensors at the head of a safetensors file, checked against the file's length; values are not read.

Knows no networks. Reference: the safetensors format: 8 bytes of length, JSON, values.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import BinaryIO

from core_model.errors import CheckpointError

_LARGEST_bytes = 1 << 20  # a list of a thousand tensors takes 0.1 MiB
_BEGINNING = re.compile(rb"\{\s*[\"}]")


@dataclass(frozen=True, slots=True)
class SafetensorsHead:
    """What the file says it holds."""

    shapes: dict[str, tuple[int, ...]]
    dtypes: frozenset[str]
    missing_bytes: int  # by which the file is shorter than its head says


def looks_like_safetensors(beginning: bytes) -> bool:
    """Whether a length that fits and a JSON object stand at the *beginning*."""
    return 2 <= int.from_bytes(beginning[:8], "little") <= 100 << 20 and bool(_BEGINNING.match(beginning[8:64]))


def read_head(file: BinaryIO, length: int) -> SafetensorsHead:
    """The head of *file*; CheckpointError if it is no list of tensors."""
    file.seek(0)
    size = int.from_bytes(file.read(8), "little")
    if size > _LARGEST_bytes:
        raise CheckpointError("its list of tensors is larger than any checkpoint's")
    data = file.read(size)
    if len(data) < size:
        raise CheckpointError("its list of tensors is cut short")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CheckpointError("its list of tensors is damaged") from error
    if not isinstance(document, dict):
        raise CheckpointError("its list of tensors is none")
    document.pop("__metadata__", None)
    shapes: dict[str, tuple[int, ...]] = {}
    dtypes: set[str] = set()
    end = 0
    for name, entry in document.items():
        shape, dtype, last = _entry(name, entry)
        shapes[name] = shape
        dtypes.add(dtype)
        end = max(end, last)
    return SafetensorsHead(shapes, frozenset(dtypes), max(0, 8 + size + end - length))


def _entry(name: str, entry: object) -> tuple[tuple[int, ...], str, int]:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(first), int(last)]} if (
            all(type(n) is int and 0 <= n < 1 << 48 for n in shape)
            and len(shape) <= 16
            and 0 <= first <= last <= 1 << 60
        ):
            return tuple(shape), dtype, last
    raise CheckpointError(f"its list of tensors is damaged at {name[:80]!r}")

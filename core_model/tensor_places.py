"""Where tensors lie in the files of a voice: safetensors, ONNX and TorchScript alike hold them as plain bytes.

Knows places and no values, and needs none of the libraries. So two files can be compared tensor by tensor, whatever
stands between them. A file that is not as expected has no places: this is for saving room and decides nothing.
Reference: the safetensors format; onnx.proto3 and protobuf's wire format; APPNOTE.TXT 4.3.7 (local file header).
"""

from __future__ import annotations

import json
import mmap
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

_LARGEST_HEAD_BYTES = 1 << 20
_LEAST_BYTES = 256  # smaller tensors are left in what stands between: their places would take more room than they do
_INITIALIZERS = (7, 5, 9)  # ModelProto.graph, GraphProto.initializer, TensorProto.raw_data
_LOCAL_HEADER = struct.Struct("<26xHH")


def tensor_edges(path: Path) -> tuple[int, ...]:
    """Where tensors begin and end in the file, in bytes, sorted; () where none are known."""
    readers = {".safetensors": _safetensors, ".onnx": _onnx, ".pt": _torch_script}
    reader = readers.get(path.suffix.lower())
    if reader is None or not path.stat().st_size:
        return ()
    try:
        ranges = [(start, end) for start, end in reader(path) if end - start >= _LEAST_BYTES]
    except (ValueError, KeyError, TypeError, IndexError, struct.error, zipfile.BadZipFile):
        return ()
    return tuple(sorted({edge for pair in ranges for edge in pair}))


def _safetensors(path: Path) -> Iterator[tuple[int, int]]:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > _LARGEST_HEAD_BYTES:
            raise ValueError(size)
        head = json.loads(file.read(size))
    for name, entry in head.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            yield 8 + size + int(start), 8 + size + int(end)


def _torch_script(path: Path) -> Iterator[tuple[int, int]]:
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for entry in archive.infolist():
            if entry.compress_type == zipfile.ZIP_STORED:
                file.seek(entry.header_offset)
                name_bytes, extra_bytes = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
                start = entry.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
                yield start, start + entry.file_size


def _onnx(path: Path) -> Iterator[tuple[int, int]]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield from _fields(data, 0, len(data), _INITIALIZERS)


def _fields(data: mmap.mmap, position: int, end: int, path: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """The ranges of the fields at *path* below the message that reaches from *position* to *end*."""
    while position < end:
        tag, position = _varint(data, position)
        if tag & 7 == 0:
            _, position = _varint(data, position)
            continue
        length = {1: 8, 5: 4}.get(tag & 7, 0)
        if tag & 7 == 2:
            length, position = _varint(data, position)
        if position + length > end:
            raise ValueError("cut short")
        if tag >> 3 == path[0]:
            if len(path) == 1:
                yield position, position + length
            else:
                yield from _fields(data, position, position + length, path[1:])
        position += length


def _varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
    raise ValueError("no varint")

"""What the outermost fields of an ONNX file say: who wrote it, for which operators, with which notes.

Knows no graphs: the graph is stepped over, not read. Reference: onnx.proto3 (ModelProto), protobuf's wire format.

    1 ir_version   2 producer_name   3 producer_version   7 graph   8 opset_import   14 metadata_props
                                                                    OperatorSetId: 1 domain   2 version
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from core_model.upstream.findings import Sign

_FIELDS = {1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}
_MOST_FIELDS = 1000
_MOST_NOTES = 40
_KNOWN_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}


@dataclass(frozen=True, slots=True)
class OnnxHead:
    """What stands around the graph. *cut*: the end is missing, and with it what stands there."""

    ir_version: int
    producer: str
    notes: Mapping[str, str]
    opsets: Mapping[str, int]  # version by domain; "" is ONNX's own
    cut: bool


def onnx_sign(file: BinaryIO, length: int) -> Sign | None:
    """What *file* is, if its outermost fields are those of an ONNX model; else None."""
    head = read_head(file, length)
    return None if head is None else _sign(head)


def read_head(file: BinaryIO, length: int) -> OnnxHead | None:
    """The outermost fields of *file*, which is *length* bytes long; None if they are not those of an ONNX model."""
    texts: dict[int, list[bytes]] = {}
    version, position = 0, 0
    graph = cut = False
    for _ in range(_MOST_FIELDS):
        if position == length:
            break
        file.seek(position)
        head = file.read(20)
        tag, used = _varint(head, 0)
        value, end = _varint(head, used)
        if used == 0 or end == used or tag >> 3 not in _FIELDS or tag & 7 not in (0, 2):
            return None
        number = tag >> 3
        if (number == 1) != (position == 0) and number == 1:
            return None
        if tag & 7 == 0:
            version = value if number == 1 else version
            position += end
            continue
        if number == 7:
            graph = True
        elif value <= 4096 and len(texts.get(number, ())) < _MOST_NOTES and position + end + value <= length:
            file.seek(position + end)
            texts.setdefault(number, []).append(file.read(value))
        position += end + value
        if position > length:
            cut = True
            break
    if not 1 <= version <= 100 or not (graph or cut):
        return None
    notes = {_text(_part(note, 1)): _text(_part(note, 2)) for note in texts.get(14, [])}
    opsets = {_text(_part(entry, 1)): _number(entry, 2) for entry in texts.get(8, [])}
    return OnnxHead(version, _text(texts.get(2, [b""])[0]), notes, opsets, cut)


def _sign(head: OnnxHead) -> Sign:
    producer = head.producer or "an unknown program"
    evidence = [f"its outermost fields are those of ONNX (IR version {head.ir_version}), written by {producer}"]
    piper = "piper" in head.notes.get("comment", "").lower() or "piper_version" in head.notes
    if piper:
        evidence.append("its notes name Piper")
    if head.cut:
        return Sign(
            "truncated", None, tuple(evidence), ("it is an ONNX file of which the end is missing",), usable=False
        )
    foreign = sorted(head.opsets.keys() - _KNOWN_DOMAINS)
    problems = (f"it needs operators that are code of other libraries: {', '.join(foreign)}",) if foreign else ()
    return Sign("piper" if piper else "onnx", None, tuple(evidence), problems, None if foreign else True)


def _varint(data: bytes, start: int) -> tuple[int, int]:
    """(value, where it ends); it ends where it starts if none is there."""
    value = 0
    for index in range(start, min(len(data), start + 10)):
        value |= (data[index] & 0x7F) << 7 * (index - start)
        if data[index] < 0x80:
            return value, index + 1
    return 0, start


def _part(message: bytes, number: int) -> bytes:
    """The bytes of field *number* in a small *message*; empty if it has none."""
    found = next((value for field, value in _fields(message) if field == number), b"")
    return found if isinstance(found, bytes) else b""


def _number(message: bytes, number: int) -> int:
    """The whole number in field *number* of a small *message*; 0, as protobuf has it, where there is none."""
    found = next((value for field, value in _fields(message) if field == number), 0)
    return found if isinstance(found, int) else 0


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of the fields of a small *message*, as far as they can be read."""
    position = 0
    while position < len(message):
        tag, used = _varint(message, position)
        value, end = _varint(message, used)
        if used == position or end == used:
            return
        if tag & 7 == 2:
            yield tag >> 3, message[end : end + value]
            end += value
        else:
            yield tag >> 3, value
        position = end


def _text(data: bytes) -> str:
    return "".join(c for c in data.decode("utf-8", "replace")[:60] if c.isprintable())

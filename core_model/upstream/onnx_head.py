"""What the outermost fields of an ONNX file say: who wrote it, for which operators, with which notes.

Knows no graphs: the graph is stepped over, not read. Reference: onnx.proto3 (ModelProto), protobuf's wire format.

    1 ir_version   2 producer_name   3 producer_version   7 graph   8 opset_import   14 metadata_props
"""

from __future__ import annotations

from typing import BinaryIO

from core_model.upstream.findings import Sign

_FIELDS = {1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}
_MOST_FIELDS = 1000
_MOST_NOTES = 40
_KNOWN_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}


def onnx_sign(file: BinaryIO, length: int) -> Sign | None:
    """What *file* is, if its outermost fields are those of an ONNX model; else None."""
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
    return _sign(version, texts, cut=cut)


def _sign(version: int, texts: dict[int, list[bytes]], *, cut: bool) -> Sign:
    producer = _text(texts.get(2, [b""])[0]) or "an unknown program"
    notes = {_text(_part(note, 1)): _text(_part(note, 2)) for note in texts.get(14, [])}
    domains = {_text(_part(entry, 1)) for entry in texts.get(8, [])}
    evidence = [f"its outermost fields are those of ONNX (IR version {version}), written by {producer}"]
    piper = "piper" in notes.get("comment", "").lower() or "piper_version" in notes
    if piper:
        evidence.append("its notes name Piper")
    if cut:
        return Sign(
            "truncated", None, tuple(evidence), ("it is an ONNX file of which the end is missing",), usable=False
        )
    foreign = sorted(domains - _KNOWN_DOMAINS)
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
    position = 0
    while position < len(message):
        tag, used = _varint(message, position)
        value, end = _varint(message, used)
        if used == position or end == used:
            break
        if tag & 7 == 2:
            if tag >> 3 == number:
                return message[end : end + value]
            end += value
        position = end
    return b""


def _text(data: bytes) -> str:
    return "".join(c for c in data.decode("utf-8", "replace")[:60] if c.isprintable())

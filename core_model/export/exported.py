"""What lies in a voice's exports/: which files, with which digests, and whether old runtimes read their ONNX.

Needs neither torch nor onnx and runs nothing. Of ONNX it reads the one field that decides, ir_version, which every
writer puts first (onnx.proto3, ModelProto field 1); of TorchScript nothing.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from core_model.export.process import FILES, kinds_of
from core_model.voice import Voice

NEWEST_IR = 9  # ONNX Runtime 1.15 reads no newer
_LONGEST_VARINT = 10


def digests(voice: Voice) -> dict[str, str]:
    """{path in the voice: SHA-256} of every file in exports/, the voice's own graphs and strangers alike."""
    directory = voice.exports_directory
    found = sorted(path for path in directory.rglob("*") if path.is_file()) if directory.is_dir() else []
    return {path.relative_to(voice.directory).as_posix(): sha256_of(path) for path in found}


def missing(voice: Voice) -> tuple[str, ...]:
    """The paths of graphs that *voice* could have and has not."""
    wanted = (f"exports/{kind}/{name}" for kind in kinds_of(voice) for name in FILES[kind])
    return tuple(path for path in wanted if not (voice.directory / path).is_file())


def ir_version(path: Path) -> int | None:
    """The ONNX IR version that the file at *path* says it is written in; None if it does not begin as ONNX does."""
    with path.open("rb") as file:
        beginning = file.read(1 + _LONGEST_VARINT)
    if beginning[:1] != b"\x08":  # field 1, a number
        return None
    value = 0
    for index, byte in enumerate(beginning[1:]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value
    return None


def too_new(voice: Voice) -> tuple[str, ...]:
    """One line for each ONNX file in exports/ whose IR version is beyond what older runtimes read."""
    found = []
    for path in sorted((voice.exports_directory / "onnx").glob("*.onnx")):
        version = ir_version(path)
        if version is None or version > NEWEST_IR:
            told = "is not ONNX" if version is None else f"is ONNX IR {version}; older runtimes read up to {NEWEST_IR}"
            found.append(f"exports/onnx/{path.name} {told}")
    return tuple(found)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

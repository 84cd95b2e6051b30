"""Weights in a bundle take the smallest type that holds them exactly, and come out of it as they went in.

Knows which files those are and what the manifest says of them; not how weights are narrowed. A bundle opened by hand
gives the narrowed files, which hold the same values. SPEC.md section 5, `original`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from archive.errors import DamagedError
from archive.manifest import Manifest
from archive.payload import damage
from core_model.narrowing import narrow, widen

_WEIGHTS, _SUFFIX = "weights/", ".safetensors"


def narrowed(members: Mapping[str, Path], work: Path) -> tuple[dict[str, Path], dict[str, dict[str, object]]]:
    """(members, notes for the manifest), with weights narrowed below *work* where that saves anything worth it."""
    result = dict(members)
    notes: dict[str, dict[str, object]] = {}
    directory = work / "narrowed"
    directory.mkdir()
    for path, file in members.items():
        target = directory / path.replace("/", "-")
        if path.startswith(_WEIGHTS) and path.endswith(_SUFFIX) and narrow(file, target):
            result[path] = target
            notes[path] = {"original": {"sha256": _digest(file), "size": file.stat().st_size}}
    return result, notes


def widen_all(directory: Path, described: Manifest) -> tuple[str, ...]:
    """Bring narrowed files of an extracted payload back to their originals; the paths of those.

    The directory must be nobody's yet: between two files it is neither. DamagedError, FormatError, VoiceError.
    """
    widened = []
    for entry in described.members:
        if entry.original_sha256 is not None:
            path, wide = directory / entry.path, directory / f"{entry.path}.wide"
            widen(path, wide)
            if (found := _digest(wide)) != entry.original_sha256:
                raise DamagedError([damage(entry.path, 0, f"an original of SHA-256 {entry.original_sha256}", found)])
            wide.replace(path)
            widened.append(entry.path)
    return tuple(widened)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

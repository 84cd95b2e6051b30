"""Search for a vector in files, in every way in which one might have been written down."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

_RUN = 4  # so many values in a row are no accident, in any type


def needles(vector: np.ndarray, centre: np.ndarray | None = None) -> set[bytes]:
    """Runs of four values of *vector*: as it is, normalised, seen from *centre*; in three types, both ways round."""
    plain = vector.astype(np.float64).ravel()
    forms = [plain, plain / np.linalg.norm(plain)]
    if centre is not None:
        offset = plain - centre
        forms += [offset, offset / np.linalg.norm(offset)]
    found: set[bytes] = set()
    for form in forms:
        for kind in ("<f4", ">f4", "<f2", ">f2", "<f8", ">f8"):
            data, size = form.astype(kind).tobytes(), np.dtype(kind).itemsize
            found |= {data[size * i : size * (i + _RUN)] for i in range(0, len(form) - _RUN + 1, _RUN)}
        found |= {repr(float(np.float32(value))).encode() for value in form}  # in JSON
        found |= {repr(float(value)).encode() for value in form}
    return {needle for needle in found if len(needle) >= 8}


def found_in(files: Iterable[Path], wanted: set[bytes]) -> list[str]:
    """The names of the files that hold any of it. Looks for the first eight bytes at every place, then for the rest."""
    heads = np.unique(np.frombuffer(b"".join(needle[:8] for needle in wanted), np.uint64))
    likely = np.zeros(1 << 16, bool)  # by the first two bytes: most places are none
    likely[heads.view(np.uint16)[::4]] = True
    found = []
    for path in files:
        data = path.read_bytes()
        seen: set[bytes] = set()
        for offset in range(8):
            view = np.frombuffer(data + bytes(16), np.uint64, len(data) // 8 + 1, offset)
            places = view[likely[view.view(np.uint16)[::4]]]
            seen |= {head.tobytes() for head in np.intersect1d(places, heads)}
        if any(needle[:8] in seen and needle in data for needle in wanted):
            found.append(path.name)
    return found


def files_below(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())

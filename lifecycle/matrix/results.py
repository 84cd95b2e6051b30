"""Results of a matrix: a dated, signed JSON beside the bundle, and its way back into cells.

Knows files and signatures; judges nothing. A signature tells who says so, not that it is so. `ssh-keygen -Y verify`
reads it, with the namespace below. Canonical JSON holds no fractions, so figures are decimal texts.

    NAME.voice.20261128T090000Z.matrix.json      {"cells": [...], "kind": "lifecycle-matrix", ..., "version": 1}
    NAME.voice.20261128T090000Z.matrix.json.sig  SSHSIG over its bytes
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from archive import ssh_signature
from archive.errors import FormatError, KeyFormatError
from archive.manifest import canonical_json, parse_json
from archive.signing import Signer
from compat_tests.findings import Finding
from compat_tests.goldens import Tolerances
from lifecycle.errors import OutputExistsError, ResultsError
from lifecycle.matrix.cells import VERDICTS, Cell
from lifecycle.store import new_file

NAMESPACE = "lifecycle-matrix@v1"
SUFFIX = ".matrix.json"
KIND = "lifecycle-matrix"
_VERSION = 1
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Results:
    """One voice on all rows of a matrix, on one day."""

    when: datetime
    toolkit: str
    matrix: str  # the lane, or the file's name
    voice: str
    bundle_id: str | None  # None: a voice on this machine
    recorded: str  # when and on what its golden outputs were made
    tolerances: Tolerances
    machine: Mapping[str, str]
    cells: tuple[Cell, ...]
    moved: Cell | None = None  # of the same voice with its weights moved, where tolerances were taken from this

    @property
    def counts(self) -> dict[str, int]:
        """How many cells there are of each verdict."""
        return {verdict: sum(cell.verdict == verdict for cell in self.cells) for verdict in VERDICTS}

    @property
    def passed(self) -> bool:
        """Whether every cell passed. One that did not run proves nothing."""
        return all(cell.verdict == "passed" for cell in self.cells)

    @property
    def stamp(self) -> str:
        """The moment, as it stands in file names."""
        return self.when.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


@dataclass(frozen=True, slots=True)
class Signed:
    """Results as they were read: what they say, who signed them, and the digest of their bytes."""

    path: Path
    document: dict[str, object]
    key: str  # fingerprint
    signature: str
    sha256: str


def document_of(results: Results) -> dict[str, object]:
    """The results as JSON has them."""
    return {
        "bundle_id": results.bundle_id,
        "cells": [_cell(cell) for cell in results.cells],
        "counts": results.counts,
        "kind": KIND,
        "machine": dict(results.machine),
        "matrix": results.matrix,
        "moved": results.moved and _cell(results.moved),
        "recorded": results.recorded,
        "tolerances": {name: _number(value) for name, value in asdict(results.tolerances).items()},
        "toolkit": results.toolkit,
        "version": _VERSION,
        "voice": results.voice,
        "when": results.when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def require_writable(directory: Path) -> None:
    """Make *directory* if need be, and refuse one that cannot be written to before hours are spent. OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(directory))


def write_results(results: Results, directory: Path, name: str, signer: Signer) -> Path:
    """Write NAME.STAMP.matrix.json and its .sig into *directory*, the signature first. OutputExistsError, OSError."""
    path = directory / f"{name}.{results.stamp}{SUFFIX}"
    data = canonical_json(document_of(results))
    if path.exists():
        raise OutputExistsError(path)
    with new_file(path.with_name(path.name + ".sig")) as file:  # of a run that was killed here, there may be one
        file.write(signer.sign(hashlib.sha512(data).digest(), NAMESPACE))
    with new_file(path, replace=False) as file:
        file.write(data)
    return path


def read_results(path: Path) -> Signed:
    """Read results and verify their signature. ResultsError: unsigned, changed since, or none at all."""
    try:
        data = _read(path)
        text = _read(path.with_name(path.name + ".sig")).decode("ascii")
        signature = ssh_signature.parse(text)
        document = parse_json(data)
    except FileNotFoundError as error:
        raise ResultsError(path, f"{Path(error.filename).name} is missing") from None
    except (FormatError, KeyFormatError, UnicodeDecodeError) as error:
        raise ResultsError(path, str(error)) from None
    if signature.namespace != NAMESPACE or not signature.verifies(hashlib.sha512(data).digest()):
        raise ResultsError(path, "was changed after it was signed")
    if not isinstance(document, dict) or document.get("kind") != KIND or document.get("version") != _VERSION:
        raise ResultsError(path, "holds no results of a matrix that this toolkit reads")
    return Signed(path, document, signature.key.fingerprint, text, hashlib.sha256(data).hexdigest())


def results_beside(bundle: Path) -> tuple[Path, ...]:
    """The results that lie beside a bundle, oldest first."""
    return tuple(sorted(path for path in bundle.parent.glob(f"*{SUFFIX}") if path.name.startswith(f"{bundle.name}.")))


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ResultsError(path, f"is larger than {_MOST_BYTES} bytes")
    return data


def _cell(cell: Cell) -> dict[str, object]:
    row = cell.row
    lock = hashlib.sha256(row.lock_text.encode()).hexdigest()
    return {
        "cpu_seconds": round(cell.cpu_seconds),
        "figures": {one.name: _number(one.figure) for one in cell.layers if one.figure is not None},
        "isa": row.isa,
        "layer": cell.drifted.name if cell.drifted else None,
        "layers": _verdicts(cell.layers),
        "lock_sha256": lock,
        "package": row.package,
        "python": cell.python or row.python,
        "runner": row.runner,
        "runtime": cell.runtime,
        "seconds": round(cell.seconds),
        "stand_ins": cell.stand_ins,
        "threads": row.threads,
        "told": cell.told,
        "verdict": cell.verdict,
        "version": row.version,
    }


def _verdicts(layers: Sequence[Finding]) -> dict[str, object]:
    return {one.name: one.verdict for one in layers}


def _number(value: object) -> object:
    """A fraction as the shortest text that is the same number."""
    return repr(value) if isinstance(value, float) else value

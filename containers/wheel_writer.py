"""Writes a wheel whose every byte follows from the files in it: nothing is compressed, dated or owned.

Knows nothing of what is in the files. A build backend's wheel depends on its version, on zlib's, and on the umask; this
one is made of what is installed, so that software without its repository at hand still travels with what it wrote.
Reference: PEP 427; PyPA's core metadata 2.1.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say
_MODE = 0o100644


@dataclass(frozen=True, slots=True)
class Metadata:
    """What METADATA and entry_points.txt say."""

    name: str
    version: str
    summary: str
    requires_python: str
    requires: Sequence[str] = ()  # as METADATA spells them
    scripts: Mapping[str, str] | None = None  # command: module:function

    @property
    def wheel_name(self) -> str:
        """The file's name, for pure Python 3 code."""
        return f"{self.name}-{self.version}-py3-none-any.whl"


def write_wheel(file: BinaryIO, metadata: Metadata, files: Mapping[str, Path]) -> None:
    """Write the wheel of *files* (path in the wheel → file) to *file*."""
    dist_info = f"{metadata.name}-{metadata.version}.dist-info"
    texts = dict(_texts(metadata))
    record = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
        for name, path in sorted(files.items()):
            record.append(_put(packed, name, path.read_bytes()))
        for name, text in sorted(texts.items()):
            record.append(_put(packed, f"{dist_info}/{name}", text.encode()))
        lines = [*record, f"{dist_info}/RECORD,,"]
        _put(packed, f"{dist_info}/RECORD", ("\n".join(lines) + "\n").encode())


def _texts(metadata: Metadata) -> Iterable[tuple[str, str]]:
    requires = "".join(f"Requires-Dist: {line}\n" for line in metadata.requires)
    yield (
        "METADATA",
        f"Metadata-Version: 2.1\nName: {metadata.name}\nVersion: {metadata.version}\nSummary: {metadata.summary}\n"
        f"Requires-Python: {metadata.requires_python}\n{requires}",
    )
    yield "WHEEL", "Wheel-Version: 1.0\nGenerator: lifecycle\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if metadata.scripts:
        lines = "".join(f"{command} = {function}\n" for command, function in sorted(metadata.scripts.items()))
        yield "entry_points.txt", f"[console_scripts]\n{lines}"


def _put(packed: zipfile.ZipFile, name: str, content: bytes) -> str:
    """Add one file; return its line for RECORD."""
    info = zipfile.ZipInfo(name, _DATE)
    info.external_attr = _MODE << 16
    info.create_system = 3  # Unix, wherever this runs
    packed.writestr(info, content)
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}"

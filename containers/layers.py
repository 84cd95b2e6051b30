"""Layers of an image: tars whose every byte follows from the files in them.

Knows nothing of where files come from. Members are sorted, owned by 0, dated 0, and without extended attributes;
parents that nobody named are added. Reference: OCI image-layer specification; POSIX.1-2001 pax, for long names only.

    write_layer([Member("opt/hello", FILE, 0o644, 5, open=lambda: io.BytesIO(b"hello"))], file)
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, BinaryIO, Literal

Kind = Literal["file", "directory", "symlink"]
_TYPES: Mapping[Kind, bytes] = {
    "file": tarfile.REGTYPE,
    "directory": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
}
_WHITEOUT = ".wh."  # a name that begins so would remove a file of the layer below


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a layer."""

    path: str  # relative, without "./"
    kind: Kind
    mode: int
    size: int = 0
    target: str = ""  # of a symlink
    open: Callable[[], IO[bytes]] | None = None  # of a file with bytes


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes by their digest."""

    sha256: str
    size: int

    @property
    def digest(self) -> str:
        """As images spell it."""
        return f"sha256:{self.sha256}"


class DigestingWriter:
    """A file that is only written to, and the SHA-256 of what was."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        """Write all of *data*."""
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        """How much was written: tarfile asks."""
        return self._size

    @property
    def blob(self) -> Blob:
        """What was written until now."""
        return Blob(self._digest.hexdigest(), self._size)


def danger_of(path: str) -> str | None:
    """Why *path* may not be a member's, as the end of a sentence; None if it may."""
    parts = path.split("/")
    if not path or path.startswith("/") or "\\" in path or not path.isprintable():
        return "has a name that no file of an image may have"
    if any(part in ("", ".", "..") for part in parts):
        return "leads out of its directory"
    if any(part.startswith(_WHITEOUT) for part in parts):
        return "would remove a file of the layer below"
    return None


def write_layer(members: Iterable[Member], file: BinaryIO) -> Blob:
    """Write *members* to *file* as a tar; return its digest and size.

    ValueError for a path that is dangerous or occurs twice, or a file that has more or fewer bytes than it says.
    """
    writer = DigestingWriter(file)
    with tarfile.open(fileobj=writer, mode="w", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
        for member in _in_order(members):
            if member.open is None:
                tar.addfile(_header(member))
                continue
            with member.open() as content:
                tar.addfile(_header(member), _Exactly(content, member))
    return writer.blob


def _in_order(members: Iterable[Member]) -> list[Member]:
    """Sorted by path, with the parents that were not named."""
    found: dict[str, Member] = {}
    for member in members:
        danger = danger_of(member.path)
        if danger or member.path in found:
            raise ValueError(f"{member.path!r} {danger or 'occurs twice'}")
        found[member.path] = member
    for path in list(found):
        for parent in PurePosixPath(path).parents:
            if parent.name and found.setdefault(str(parent), Member(str(parent), "directory", 0o755)).kind == "file":
                raise ValueError(f"{path!r} lies below a file")
    return [found[path] for path in sorted(found)]


def _header(member: Member) -> tarfile.TarInfo:
    info = tarfile.TarInfo(member.path)
    info.type = _TYPES[member.kind]
    info.mode = member.mode
    info.size = member.size if member.open is not None else 0
    info.linkname = member.target
    return info


class _Exactly:
    """A member's bytes as tarfile reads them; ValueError as soon as they are not as many as its header says."""

    def __init__(self, content: IO[bytes], member: Member) -> None:
        self._content = content
        self._left = member.size
        self._path = member.path
        if not member.size:
            self._require_end()

    def read(self, size: int) -> bytes:
        data = self._content.read(size)
        if len(data) < size:
            raise ValueError(f"{self._path!r} is shorter than it says")
        self._left -= size
        if not self._left:
            self._require_end()
        return data

    def _require_end(self) -> None:
        if self._content.read(1):
            raise ValueError(f"{self._path!r} is longer than it says")

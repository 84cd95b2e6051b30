"""The root file system that an image is built on: a tar of somebody's making, read once and taken over file by file.

Knows nothing of what comes on top. Of the tar only files, directories and symlinks are taken: devices are the engine's
to make, hard links become files, set-user-id goes, owner and time too. rootfs.sh beside this file makes such a tar.

    with Base(Path("bookworm.tar"), python="3.11", leave_out=("usr/share/man/*",)) as base:
        base.architecture                          # "amd64", told by the interpreter's machine code
        write_layer(base.members(), file)
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import IO

from containers.architecture import HEAD_bytes, of_image, of_machine_code
from containers.errors import BaseError
from containers.layers import Member, danger_of

_MOST_bytes = 4 << 30
_PERMISSIONS = 0o1777


class Base:
    """An open tar. Use it in a `with` block, or close it. BaseError if it is no root file system with that Python."""

    def __init__(self, path: Path, *, python: str, leave_out: Sequence[str] = ()) -> None:
        self.path = path
        self.interpreter = f"usr/bin/python{python}"
        self._leave_out = tuple(leave_out)
        self._file = path.open("rb")
        try:
            self.sha256 = hashlib.file_digest(self._file, "sha256").hexdigest()
            self._file.seek(0)
            self._tar = _open(path, self._file)
            self.architecture = self._architecture()
        except BaseException:
            self._file.close()
            raise

    def members(self) -> Iterator[Member]:
        """What of it belongs into an image. BaseError for a name that no file of an image may have."""
        for path, info in sorted(self._entries().items()):
            if not self.leaves_out(path):
                yield from self._member(path, info)

    def leaves_out(self, path: str) -> bool:
        """Whether *path* is one that the image does without."""
        return any(fnmatchcase(path, pattern) for pattern in self._leave_out)

    def _entries(self) -> dict[str, tarfile.TarInfo]:
        found: dict[str, tarfile.TarInfo] = {}
        for info in self._tar:
            path = info.name.removeprefix("./").rstrip("/")
            if path in ("", "."):
                continue
            danger = danger_of(path)
            if danger or path in found:
                raise BaseError(self.path.name, f"holds {path!r}, which {danger or 'occurs twice'}")
            found[path] = info
        return found

    def _member(self, path: str, info: tarfile.TarInfo) -> Iterator[Member]:
        mode = info.mode & _PERMISSIONS
        if info.isdir():
            yield Member(path, "directory", mode)
        elif info.issym():
            yield Member(path, "symlink", 0o777, target=info.linkname)
        elif info.isfile() or info.islnk():
            file = self._first_name(info)
            yield Member(path, "file", mode & 0o777, file.size, open=partial(self._content, file))

    def _first_name(self, info: tarfile.TarInfo) -> tarfile.TarInfo:
        """Of a hard link: the file that it is another name of."""
        try:
            file = self._tar.getmember(info.linkname) if info.islnk() else info
        except KeyError:
            raise BaseError(self.path.name, f"holds {info.name!r}, a link to what is not there") from None
        if not file.isfile():
            raise BaseError(self.path.name, f"holds {info.name!r}, a link to what is no file")
        return file

    def _content(self, info: tarfile.TarInfo) -> IO[bytes]:
        content = self._tar.extractfile(info)
        if content is None:
            raise BaseError(self.path.name, f"holds {info.name!r}, which has no content")
        return content

    def _architecture(self) -> str:
        info = self._entries().get(self.interpreter)
        if info is None or not info.isfile():
            raise BaseError(self.path.name, f"holds no {self.interpreter}")
        with self._content(info) as interpreter:
            made_for = of_machine_code(interpreter.read(HEAD_bytes))
        if made_for is None or of_image(made_for) is None:
            raise BaseError(self.path.name, f"holds an interpreter that is made for {made_for or 'no processor'}")
        return made_for

    def close(self) -> None:
        """Let go of the file."""
        self._tar.close()
        self._file.close()

    def __enter__(self) -> Base:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def _open(path: Path, file: object) -> tarfile.TarFile:
    try:
        tar = tarfile.open(fileobj=file, mode="r:")  # type: ignore[call-overload]  # noqa: SIM115 - closed by its owner
        if sum(info.size for info in tar.getmembers()) > _MOST_bytes:
            raise BaseError(path.name, f"unpacks to more than {_MOST_bytes >> 30} GiB")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BaseError(path.name, "is no tar, or a compressed or damaged one") from error
    return tar  # type: ignore[no-any-return]

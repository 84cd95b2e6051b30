"""A wheel, read strictly: a zip whose every file is the one that its RECORD lists, unpacked by us and never installed.

Knows nothing of locks and of what the code in it does: nothing of it is run, .pth files and scripts are left where they
are. Reference: PEP 427 and PyPA's binary distribution format; APPNOTE.TXT of the zip format.

    with Wheel(Path("numpy-2.4.6-cp311-...whl")) as wheel:
        wheel.sha256
        wheel.members("opt/lifecycle", leave_out=("numpy/*/tests/*",), architecture="amd64")
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from email.parser import HeaderParser
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from containers.architecture import HEAD_bytes, of_machine_code
from containers.errors import WheelError, WrongArchitectureError
from containers.layers import Member, danger_of

_MOST_files = 50_000
_MOST_bytes = 4 << 30
_MOST_METADATA_bytes = 8 << 20  # RECORD of the largest wheel that we know, torch's, has 1 MB
_PIECE_bytes = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)  # as zipfile says it
_SIGNATURES = (".jws", ".p7s")  # of RECORD itself: may stand beside it unlisted


class Wheel:
    """An open wheel. Every file in it was compared with RECORD before anything is handed out. WheelError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb")
        try:
            self.sha256 = hashlib.file_digest(self._file, "sha256").hexdigest()
            self._file.seek(0)
            self._zip = self._open()
            self._infos = self._listed()
            self._dist_info = self._metadata_directory()
            self._require_recorded()
        except BaseException:
            self._file.close()
            raise

    def members(self, directory: str, *, leave_out: Sequence[str], architecture: str) -> Iterator[Member]:
        """The files below *directory*, as an image holds them. WrongArchitectureError for another's machine code."""
        for name, info in sorted(self._infos.items()):
            self._require_architecture(name, info, architecture)
            if any(fnmatchcase(name, pattern) for pattern in leave_out):
                continue
            installed = self._installed_as(name)
            if installed is None or any(fnmatchcase(installed, pattern) for pattern in leave_out):
                continue
            mode = 0o755 if info.external_attr >> 16 & 0o111 else 0o644
            opened = partial(self._zip.open, info)
            yield Member(f"{directory}/{installed}", "file", mode, info.file_size, open=opened)

    def requirements(self) -> tuple[str, ...]:
        """What METADATA says that it needs, as it is written there."""
        text = self._read(f"{self._dist_info}/METADATA").decode("utf-8", "replace")
        return tuple(HeaderParser().parsestr(text).get_all("Requires-Dist") or ())

    def _open(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self._file)
        except _BROKEN as error:
            raise WheelError(self.path.name, "is no zip, or a damaged one") from error

    def _listed(self) -> dict[str, zipfile.ZipInfo]:
        infos = [info for info in self._zip.infolist() if not info.is_dir()]
        if len(infos) > _MOST_files or sum(info.file_size for info in infos) > _MOST_bytes:
            raise WheelError(self.path.name, f"holds more than {_MOST_files} files or {_MOST_bytes >> 30} GiB")
        found: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            problem = danger_of(info.filename) or _strangeness(info)
            if problem or info.filename in found:
                raise WheelError(self.path.name, f"holds {info.filename!r}, which {problem or 'occurs twice'}")
            found[info.filename] = info
        return found

    def _metadata_directory(self) -> str:
        found = {name.split("/")[0] for name in self._infos if name.split("/")[0].endswith(".dist-info")}
        if len(found) != 1 or not {f"{next(iter(found))}/{name}" for name in ("RECORD", "METADATA")} <= set(
            self._infos
        ):
            raise WheelError(self.path.name, "holds no RECORD and METADATA, or several")
        return found.pop()

    def _require_recorded(self) -> None:
        """WheelError unless every file is in RECORD, with its size and SHA-256, and nothing else is."""
        record = f"{self._dist_info}/RECORD"
        try:
            rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(self._read(record).decode())) if row}
        except (UnicodeDecodeError, csv.Error) as error:
            raise WheelError(self.path.name, "has a RECORD that cannot be read") from error
        expected = set(self._infos) - {record, *(f"{record}{suffix}" for suffix in _SIGNATURES)}
        listed = {name for name in rows if name != record and not name.endswith("/")}
        for name in sorted(expected ^ listed):
            told = "is in no line of RECORD" if name in expected else "is in RECORD and not in the wheel"
            raise WheelError(self.path.name, f"is not what its RECORD says: {name!r} {told}")
        for name in sorted(expected):
            if rows[name] != [self._digest(name), str(self._infos[name].file_size)]:
                raise WheelError(self.path.name, f"is not what its RECORD says: {name!r} has another digest or size")

    def _digest(self, name: str) -> str:
        digest, size = hashlib.sha256(), 0
        try:
            with self._zip.open(self._infos[name]) as file:
                while piece := file.read(_PIECE_bytes):
                    digest.update(piece)
                    size += len(piece)
        except _BROKEN as error:
            raise WheelError(self.path.name, f"is damaged: {name!r} cannot be unpacked") from error
        if size != self._infos[name].file_size:
            raise WheelError(self.path.name, f"is damaged: {name!r} has another size than it says")
        return "sha256=" + base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()

    def _read(self, name: str) -> bytes:
        if self._infos[name].file_size > _MOST_METADATA_bytes:
            raise WheelError(self.path.name, f"holds {name!r} of more than {_MOST_METADATA_bytes >> 20} MiB")
        try:
            return self._zip.read(self._infos[name])
        except _BROKEN as error:
            raise WheelError(self.path.name, f"is damaged: {name!r} cannot be unpacked") from error

    def _installed_as(self, name: str) -> str | None:
        """Where a file belongs, below the directory for packages; None for what is not installed there."""
        first, _, rest = name.partition("/")
        if not first.endswith(".data"):
            return None if "/" not in name and name.endswith(".pth") else name
        kind, _, inside = rest.partition("/")
        if kind in ("purelib", "platlib"):
            return inside
        if kind in ("scripts", "headers"):
            return None
        raise WheelError(self.path.name, f"holds {name!r}, which belongs outside of the directory for packages")

    def _require_architecture(self, name: str, info: zipfile.ZipInfo, architecture: str) -> None:
        with self._zip.open(info) as file:
            made_for = of_machine_code(file.read(HEAD_bytes))
        if made_for not in (None, architecture):
            raise WrongArchitectureError(f"{name} of {self.path.name}", str(made_for), architecture)

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()
        self._file.close()

    def __enter__(self) -> Wheel:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def _strangeness(info: zipfile.ZipInfo) -> str | None:
    """What about an entry no wheel needs, as the end of a sentence."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "is a link or a device"
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if info.compress_type not in _METHODS:
        return "is compressed in a way that no wheel is"
    return None

"""What lies in a zip, and every pickle in it: those of zips inside it too, within a budget of memory and time.

Knows no networks. Unlike container.py it takes any zip, and what it could not look into it says. Entries are found by
the archive's directory, pickles by their name (*.pkl) or their first bytes; raw values (data/0, data/1, ...) are never
read. Reference: PKWARE APPNOTE; the names that torch.save, torch.jit.save and torch.export.save give their entries.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, field

from core_model.errors import CheckpointError
from core_model.upstream.container import require_small_directory
from core_model.upstream.pickle_scan import Budget, LARGEST_bytes, Scan, scan_pickle

_IN_ALL_bytes = 24 << 20  # unpacked from one file
_NESTED_bytes = 16 << 20  # a zip inside a zip is held in memory
_DEEPEST = 3
_MOST_ENTRIES = 3000  # beside raw values
_VALUES = re.compile(r"[^/]*/data/[0-9]+")
_DAMAGE = (  # what the zipfile module raises on hostile files
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@dataclass(slots=True)
class ZipSurvey:
    """What was found. Paths of entries in a zip inside the zip read `outer.zip/inner/data.pkl`."""

    sizes: dict[str, int] = field(default_factory=dict)  # bytes of each entry of the outermost zip
    pickles: dict[str, list[Scan]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)  # what was not looked into, and why
    inner: list[str] = field(default_factory=list)  # entries that are zips themselves
    small: dict[str, bytes] = field(default_factory=dict)  # the texts that name a format
    left_bytes: int = _IN_ALL_bytes
    left_entries: int = _MOST_ENTRIES


def survey_zip(file: io.RawIOBase | io.BytesIO, budget: Budget) -> ZipSurvey:
    """Look through the zip *file*. CheckpointError if it is none, or damaged."""
    survey = ZipSurvey()
    _survey(file, "", survey, budget, 1)
    return survey


def scan_pickles(data: bytes, budget: Budget) -> list[Scan]:
    """The pickle that *data* is, and any that follow it: some readers go on where the first one ends."""
    scans = []
    start = 0
    while True:
        scan = scan_pickle(data[start:] if start else data, budget)
        scans.append(scan)
        start += scan.end
        if not scan.complete or start >= len(data) or len(scans) == 16:
            return scans


def _survey(file: io.RawIOBase | io.BytesIO, place: str, survey: ZipSurvey, budget: Budget, depth: int) -> None:
    require_small_directory(file, to_the_end=False)
    try:
        archive = zipfile.ZipFile(file)
    except _DAMAGE as error:
        raise CheckpointError(f"its archive is damaged or cut short: {error}") from error
    with archive:
        for info in archive.infolist():
            if depth == 1:
                survey.sizes[info.filename] = info.file_size
            if info.filename.endswith("/") or _VALUES.fullmatch(info.filename):
                continue
            survey.left_entries -= 1
            if survey.left_entries < 0:
                survey.unread.append(f"it has more than {_MOST_ENTRIES} entries, of which the rest was not opened")
                break
            _look_into(archive, info, place, survey, budget, depth)


def _look_into(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: str, survey: ZipSurvey, budget: Budget, depth: int
) -> None:
    path = place + info.filename
    start = _read(archive, info, 8, path, survey)
    if start is None:
        return
    if start[2:4] == b"\x03\x04":
        survey.inner.append(path)
        _look_into_zip(archive, info, path, survey, budget, depth)
    elif info.filename.endswith((".pkl", ".pickle")) or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05"):
        data = _read(archive, info, LARGEST_bytes + 1, path, survey)
        if data is not None:
            survey.pickles[path] = scan_pickles(data[:LARGEST_bytes], budget)
            if len(data) > LARGEST_bytes:
                survey.unread.append(f"{path} is larger than {LARGEST_bytes >> 20} MiB, of which the rest was not read")
    elif info.filename.endswith("archive_format") and depth == 1:
        survey.small[info.filename] = _read(archive, info, 4096, path, survey) or b""


def _look_into_zip(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, survey: ZipSurvey, budget: Budget, depth: int
) -> None:
    if depth == _DEEPEST:
        survey.unread.append(f"{path} is a zip inside a zip inside a zip, and was not opened")
        return
    if info.file_size > _NESTED_bytes:
        survey.unread.append(f"{path} is a zip too large to be looked through inside another")
        beginning = _read(archive, info, 1 << 20, path, survey) or b""
        if (first := first_pickle(beginning, budget)) is not None:
            survey.pickles[f"{path}/data.pkl"] = [first]
        return
    data = _read(archive, info, _NESTED_bytes, path, survey)
    if data is None:
        return
    try:
        _survey(io.BytesIO(b"PK" + data[2:]), f"{path}/", survey, budget, depth + 1)
    except CheckpointError as error:
        survey.unread.append(f"{path}: {error}")


def first_pickle(beginning: bytes, budget: Budget) -> Scan | None:
    """The pickle at the *beginning* of what torch saved, whose end need not be there; None if no pickle begins it."""
    start = 30 + int.from_bytes(beginning[26:28], "little") + int.from_bytes(beginning[28:30], "little")
    name = beginning[30 : 30 + int.from_bytes(beginning[26:28], "little")]
    stored = beginning[8:10] == b"\0\0"
    if not name.endswith(b".pkl") or not stored or beginning[start : start + 1] != b"\x80":
        return None
    return scan_pickle(beginning[start:], budget)


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int, path: str, survey: ZipSurvey) -> bytes | None:
    """At most *most* bytes of an entry; None if it cannot be read, which is written down."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # LZMA may ask for gigabytes
        survey.unread.append(f"{path} is compressed in a way that is not read")
        return None
    if survey.left_bytes < min(most, info.file_size):
        survey.unread.append(f"{path} was not read: the archive holds more than is ever unpacked")
        return None
    try:
        with archive.open(info) as stream:
            data = stream.read(most)
    except _DAMAGE as error:
        survey.unread.append(f"{path} cannot be read: {error}")
        return None
    survey.left_bytes -= len(data)
    return data

"""Where bundles lie: files, directories and patterns on this machine, or an address like s3://bucket/shelf.

Knows no bundle. A name without a scheme is a path and needs no package; one with a scheme is fsspec's, which finds the
credentials that the user has (for s3:// those of AWS's own tools, through s3fs). Nothing is kept but what a scratch
file holds while it is looked at. Reference: fsspec's documentation, "URL chaining" aside.

    expand(["shelf/", "old/*.voice", "s3://bucket/shelf"])       # [Found("shelf/anna.voice", 9363), ...]
    with local_copy("s3://bucket/shelf/anna.voice") as (path, sha256): ...
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from archive.files import open_regular
from lifecycle.errors import ExtraMissingError, PlaceError
from lifecycle.shelf import SUFFIX, bundles_below

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
_PATTERN = re.compile(r"[*?\[]")
_PIECE_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be a bundle. *place* is its path, or its address."""

    place: str
    size: int


def is_address(place: str) -> bool:
    """Whether *place* names a scheme, and so is no path of this machine."""
    return bool(_SCHEME.match(place))


def is_pattern(place: str) -> bool:
    """Whether *place* stands for several files."""
    return bool(_PATTERN.search(place)) and (is_address(place) or not Path(place).exists())


def expand(named: Sequence[str]) -> tuple[Found, ...]:
    """Every file that *named* stands for, each once, sorted by its place. PlaceError, ExtraMissingError, OSError.

    A directory stands for the bundles below it, a pattern for the files that match; each must stand for one at least.
    """
    found: dict[str, Found] = {}
    for place in named:
        here = list(_at_address(place) if is_address(place) else _on_this_machine(place))
        if not here:
            raise PlaceError(place, f"there is no {SUFFIX} file there")
        for one in here:
            found.setdefault(one.place if is_address(one.place) else str(Path(one.place).resolve()), one)
    return tuple(sorted(found.values(), key=lambda found: found.place))


@contextlib.contextmanager
def local_copy(place: str) -> Iterator[tuple[Path, str]]:
    """Yield (a path of this machine, SHA-256 of what is there); what was fetched for it vanishes at the end.

    PlaceError where an address cannot be read; OSError for a path, FormatError where a device or a pipe lies there.
    """
    if not is_address(place):
        with open_regular(Path(place)) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # a raw file will do
        yield Path(place), sha256
        return
    with tempfile.NamedTemporaryFile(prefix="lifecycle.", suffix=SUFFIX) as scratch:
        with _asking(place):
            system, path = _system(place)
            with system.open(path, "rb") as source:
                sha256 = _copy(source, scratch.file)
        yield Path(scratch.name), sha256


def _on_this_machine(place: str) -> Iterator[Found]:
    path = Path(place)
    if path.is_file():
        paths = [path]
    elif path.is_dir():
        paths = list(bundles_below(path))
    elif is_pattern(place):
        paths = sorted(match for match in _matches(path) if match.is_file())
    else:
        raise PlaceError(place, "there is nothing there")
    for path in paths:
        yield Found(str(path.absolute()), path.stat().st_size)  # a worker stands in another directory


def _matches(pattern: Path) -> Iterator[Path]:
    """What a pattern stands for, as a shell has it: a name that begins with a dot has to be named so."""
    parts = pattern.parts
    first = next(number for number, part in enumerate(parts) if _PATTERN.search(part))
    for match in Path(*parts[:first]).glob("/".join(parts[first:])):
        if not match.name.startswith(".") or parts[-1].startswith("."):
            yield match


def _at_address(place: str) -> Iterator[Found]:
    with _asking(place):
        system, path = _system(place)
        if is_pattern(place):
            found = system.glob(path, detail=True)
        elif system.isdir(path):
            whole = system.find(path, detail=True)
            found = {name: entry for name, entry in whole.items() if _is_bundle(name.removeprefix(path))}
        else:
            found = {path: system.info(path)}
        for name, entry in found.items():
            if entry["type"] == "file":
                yield Found(system.unstrip_protocol(name), int(entry["size"]))


def _is_bundle(name: str) -> bool:
    return name.endswith(SUFFIX) and not any(part.startswith(".") for part in name.split("/"))


def _system(place: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs  # here, so that a path of this machine needs no fsspec

    system, path = url_to_fs(place)
    return system, path


@contextlib.contextmanager
def _asking(place: str) -> Iterator[None]:
    """Make a PlaceError of whatever a file system raises: each has its own errors, and fsspec names none of them."""
    try:
        yield
    except ImportError as error:
        raise ExtraMissingError(place, error.name or "fsspec, or what it needs for this scheme") from error
    except FileNotFoundError:
        raise PlaceError(place, "there is nothing there") from None
    except Exception as error:
        raise PlaceError(place, f"cannot be read: {type(error).__name__}: {error}") from error


def _copy(source: BinaryIO, target: BinaryIO | Any) -> str:
    state = hashlib.sha256()
    while piece := source.read(_PIECE_BYTES):
        state.update(piece)
        target.write(piece)
    target.flush()
    return state.hexdigest()

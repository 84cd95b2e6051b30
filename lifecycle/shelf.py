"""A shelf: a directory of bundles, what its owner says of its copies (shelf.toml), and its fixity log (fixity.jsonl).

Knows neither bundles nor digests. docs/scrub.md.

    shelf.toml                          fixity.jsonl
    [[copies]]                          {"event": "begin", "run": "2026-11-21T15:00:00Z", "bundles": 200}
    place = "the office"                {"event": "bundle", "run": ..., "path": "a/anna.voice", "sha256": ..., ...}
    [[copies]]                          {"event": "end", "run": ..., "changes": 0}
    place = "a bank's vault"
"""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archive.errors import FormatError
from archive.files import open_regular
from lifecycle.errors import LogBusyError, OutputExistsError, ShelfBusyError, ShelfError
from lifecycle.line_log import LineLog, open_lines

SUFFIX = ".voice"
SHELF = "shelf.toml"
LOG = "fixity.jsonl"
COPIES = 3
PLACES = 2
_MOST_SHELF_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Copies:
    """How many copies of a shelf there are, this one included, and in which places."""

    places: tuple[str, ...]

    def warnings(self) -> tuple[str, ...]:
        """What is to be said of too few of them."""
        number, places = len(self.places), len(set(self.places))
        told = []
        if number < COPIES:
            told.append(f"{number} of at least {COPIES} copies recorded in {SHELF}: one fault may be the last")
        if places < PLACES:
            told.append(f"{places or 'no'} place recorded in {SHELF}: a fire or a theft there takes every copy")
        return tuple(told)


def read_copies(directory: Path) -> Copies:
    """Read shelf.toml, whose tables [[copies]] each name a place; without it nothing is recorded. ShelfError."""
    path = directory / SHELF
    try:
        with open_regular(path) as file:
            data = file.read(_MOST_SHELF_BYTES + 1)
        if len(data) > _MOST_SHELF_BYTES:
            raise ShelfError(f"{path} has more than {_MOST_SHELF_BYTES} bytes")
        document = tomllib.loads(data.decode("utf-8"))
    except FileNotFoundError:
        return Copies(())
    except FormatError:
        raise ShelfError(f"{path} is no file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ShelfError(f"{path} is not TOML: {error}") from error
    unknown = sorted(document.keys() - {"copies"})
    tables = document.get("copies", [])
    if unknown or not isinstance(tables, list):
        raise ShelfError(f"{path}: {unknown[0] if unknown else 'copies'} is not known; it holds tables [[copies]]")
    places = []
    for table in tables:
        place = table.get("place") if isinstance(table, dict) and table.keys() <= {"place", "note"} else None
        if not isinstance(place, str) or not place.strip():
            raise ShelfError(f'{path}: each of [[copies]] holds place = "...", and may hold note = "..."')
        places.append(place.strip())
    return Copies(tuple(places))


@contextlib.contextmanager
def open_log(directory: Path) -> Iterator[LineLog]:
    """Open the fixity log of *directory*, new if there is none. ShelfBusyError while another process has it."""
    try:
        with open_lines(directory / LOG) as log:
            yield log
    except LogBusyError:
        raise ShelfBusyError(directory) from None
    except OutputExistsError:
        raise ShelfError(f"{directory / LOG} is no file") from None


def bundles_below(directory: Path) -> Iterator[Path]:
    """The bundles below *directory*. Links are not followed; what begins with a dot is not finished."""
    for path in directory.rglob(f"*{SUFFIX}"):
        parts = path.relative_to(directory).parts
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in parts):
            yield path

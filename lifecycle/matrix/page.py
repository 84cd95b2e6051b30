"""The matrix as a page for people: one HTML file that asks nothing of the network and runs no script.

Knows results and a template; judges nothing. Runtimes' and pip's words may be anybody's: all of it is escaped, what
would rearrange a line is written out, and the page's own policy (CSP) forbids whatever slipped through. The same
results are the same bytes.

    verdict in one sentence · who, what, when · a coloured grid for each runner · every cell with its words
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from lifecycle.matrix.cells import VERDICTS, Cell, figure_text
from lifecycle.matrix.results import Results
from lifecycle.store import new_file, require_same_kind
from lifecycle.verification_report import machine_line, plain

NAME = "matrix.html"
_BEGINS = b'<!doctype html>\n<html lang="en" class="lifecycle-matrix">'  # what may be replaced by a later one
_RUNNERS = {
    "torch": "torch: the toolkit's own networks",
    "torchscript": "TorchScript: the voice's graphs, by torch alone",
    "onnx": "ONNX: the voice's graphs, by ONNX Runtime",
}


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of one runner: a line for each version, a column for each Python, instruction set and thread count."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, tuple[Cell | None, ...]], ...]  # None: no row asked for it


def write_page(directory: Path, results: Results) -> Path:
    """Write the page into *directory*, whole or not at all, over an earlier one but over nothing else.

    OutputExistsError, OSError.
    """
    path = directory / NAME
    require_same_kind(path, _BEGINS)
    with new_file(path) as file:
        file.write(render(results).encode())
    return path


def render(results: Results) -> str:
    """Return the page."""
    house = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    house.filters["plain"] = plain
    house.filters["figure"] = figure_text
    style = _part("lifecycle", "verification_report.css") + _part("lifecycle.matrix", "page.css")
    return house.from_string(_part("lifecycle.matrix", "page.html")).render(
        results=results,
        sentence=sentence_of(results),
        verdict=_verdict(results),
        grids=grids_of(results.cells),
        told=[cell for cell in results.cells if cell.verdict != "passed"],
        style=Markup(style),  # ours, from the package
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        machine=machine_line(results.machine),
        when=results.when.isoformat(timespec="seconds"),
    )


def sentence_of(results: Results) -> str:
    """The matrix in one sentence."""
    count, total = results.counts, len(results.cells)
    drifted = next((cell for cell in results.cells if cell.drifted), None)
    if results.passed:
        return f"{results.voice} speaks as it did on all {total} rows."
    parts = [f"{count[verdict]} {verdict}" for verdict in VERDICTS if count[verdict]]
    first = f" The first that drifted is {drifted.row}: {drifted.told}" if drifted else ""
    return f"Of {total} rows {', '.join(parts)}.{first}"


def grids_of(cells: tuple[Cell, ...]) -> tuple[Grid, ...]:
    """The cells by runner, versions in the order of the rows."""
    grids = []
    for runner in dict.fromkeys(cell.row.runner for cell in cells):
        own = [cell for cell in cells if cell.row.runner == runner]
        columns = tuple(dict.fromkeys(_column(cell) for cell in own))
        placed: Mapping[tuple[str, str], Cell] = {(cell.row.version, _column(cell)): cell for cell in own}
        versions = dict.fromkeys(cell.row.version for cell in own)
        lines = tuple((version, tuple(placed.get((version, column)) for column in columns)) for version in versions)
        grids.append(Grid(_RUNNERS[runner], columns, lines))
    return tuple(grids)


def _column(cell: Cell) -> str:
    row = cell.row
    return f"Python {row.python}, {row.isa}, {row.threads} thread{'' if row.threads == 1 else 's'}"


def _verdict(results: Results) -> str:
    count = results.counts
    if results.passed:
        return "passed"
    return "drifted" if count["drifted"] else "refused" if count["refused"] else "not run"


def _part(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")

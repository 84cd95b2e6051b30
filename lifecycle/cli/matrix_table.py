"""What `lifecycle verify --matrix` shows: a line for each cell, what did not pass in its own words, and the verdict.

Knows results and no verb.
"""

from __future__ import annotations

from lifecycle.matrix.cells import Cell, figure_text
from lifecycle.matrix.page import sentence_of
from lifecycle.matrix.results import Results

_HEAD = ("runner", "version", "python", "isa", "threads", "verdict", "logits", "samples", "seconds")


def lines_of(results: Results) -> list[str]:
    """Return the table as lines of text, its verdict last."""
    table = [_HEAD, *(_fields(cell) for cell in results.cells)]
    widths = [max(len(line[index]) for line in table) for index in range(len(_HEAD))]
    lines = [
        "  ".join(field.ljust(width) for field, width in zip(line, widths, strict=True)).rstrip() for line in table
    ]
    for cell in results.cells:
        if cell.verdict != "passed":
            lines.append(f"{cell.verdict}: {cell.row}. {cell.told}")
    return [*lines, sentence_of(results)]


def _fields(cell: Cell) -> tuple[str, ...]:
    row = cell.row
    verdict = f"{cell.verdict}: {cell.drifted.name}" if cell.drifted else cell.verdict
    figures = (figure_text(cell.figure("tokens")), figure_text(cell.figure("waveform")))
    seconds = f"{cell.seconds:.0f}" if cell.layers else ""
    return (row.runner, row.version, row.python, row.isa, str(row.threads), verdict, *figures, seconds)

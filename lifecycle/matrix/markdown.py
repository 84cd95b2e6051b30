"""Signed results as the tables of docs/longevity.md: python -m lifecycle.matrix.markdown RESULTS.json...

Knows results as they were read back; judges nothing. Files of one voice go into one set of tables, the later cell in
place of the earlier. The page is written from these and not by hand, so that it shows what was run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lifecycle.matrix.cells import VERDICTS, figure_text
from lifecycle.matrix.results import Signed, read_results

_RUNNERS = {"torch": "torch, our own networks", "torchscript": "TorchScript", "onnx": "ONNX Runtime"}
_Cells = Mapping[tuple[str, str, str], Mapping[str, Any]]  # (runner, version, conditions) -> cell


def tables(results: Sequence[Signed]) -> str:
    """Markdown for all *results*, a part for each voice. Cells: largest difference of logits / of samples."""
    voices: dict[str, list[Mapping[str, Any]]] = {}
    for one in results:
        voices.setdefault(str(one.document["voice"]), []).append(one.document)
    return "\n".join(_part(name, documents) for name, documents in voices.items())


def _part(name: str, documents: Sequence[Mapping[str, Any]]) -> str:
    last = documents[-1]
    cells: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for document in documents:
        for cell in document["cells"]:
            python = ".".join(cell["python"].split(".")[:2])
            conditions = f"{python}, {cell['isa']}, {cell['threads']}"
            cells[cell["runner"], cell["version"], conditions] = cell
    counts = {verdict: sum(cell["verdict"] == verdict for cell in cells.values()) for verdict in VERDICTS}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    machine = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in last["machine"].items())
    lines = [
        f"### {name}: {told}",
        "",
        f"{last['when']}, {last['toolkit']}; {machine}. Recorded: {last['recorded']}.",
        "",
    ]
    for runner, title in _RUNNERS.items():
        lines += _table(runner, title, cells)
    other = [cell for cell in cells.values() if cell["verdict"] != "passed"]
    lines += [f"* {_where(cell)}: **{cell['verdict']}**. {cell['told']}" for cell in other]
    return "\n".join(lines) + "\n"


def _table(runner: str, title: str, cells: _Cells) -> list[str]:
    own = {key[1:]: cell for key, cell in cells.items() if key[0] == runner}
    if not own:
        return []
    versions = sorted({version for version, _ in own}, key=lambda version: [int(part) for part in version.split(".")])
    columns = sorted({conditions for _, conditions in own}, key=lambda told: (told.split(", ")[0], told[::-1]))
    head = [f"| {title} | {' | '.join(columns)} |", f"|---{'|---' * len(columns)}|"]
    rows = [
        f"| {version} | {' | '.join(_shown(own.get((version, column))) for column in columns)} |"
        for version in versions
    ]
    return [*head, *rows, ""]


def _shown(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return ""
    figures = [figure_text(_number(cell["figures"].get(layer))) for layer in ("tokens", "waveform")]
    shown = " / ".join(figures) if any(figures) else ""
    return shown if cell["verdict"] == "passed" else f"**{cell['verdict']}** {shown}".strip()


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)


def _where(cell: Mapping[str, Any]) -> str:
    on = f"{cell['package']} {cell['version']}, Python {cell['python']}"
    return f"{cell['runner']}, {on}, {cell['isa']}, {cell['threads']}"


if __name__ == "__main__":
    sys.stdout.write(tables([read_results(Path(name)) for name in sys.argv[1:]]))

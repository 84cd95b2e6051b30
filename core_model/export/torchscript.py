"""A voice's graphs as TorchScript, traced: for programs that link libtorch. Deprecated by torch, so never the only one.

Run as a program (`python -m core_model.export.torchscript VOICE`, by `core_model.export.process`) it writes gpt.pt and
sovits.pt into the working directory. A .pt is a zip; what torch writes into it beyond code and weights (paths of our
source files, a serial number) is left out, so that the bytes depend on the voice alone.
"""

from __future__ import annotations

import io
import sys
import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn

from core_model.export.graphs import SoVITSGraph, gpt_example, gpt_graph, sovits_example
from core_model.synthesis import load_gpt, load_sovits
from core_model.voice import Voice

_THE_BEGINNING = (1980, 1, 1, 0, 0, 0)  # of time, as zip knows it


def write(voice: Voice, directory: Path) -> None:
    """Write gpt.pt and sovits.pt into *directory*. For bytes that never vary, call `process.export`."""
    gpt = load_gpt(voice)
    _write(gpt_graph(gpt), gpt_example(gpt.dims), directory / "gpt.pt")
    sovits = load_sovits(voice)
    _write(SoVITSGraph(sovits).eval(), sovits_example(sovits.dims), directory / "sovits.pt")


def _write(graph: nn.Module, example: tuple[Tensor, ...], path: Path) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        # Known and wanted: TorchScript is deprecated, and tracing warns where lengths meet Python's `if`.
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.\w+` is deprecated.*")
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        traced = torch.jit.trace(graph, example, check_trace=False)  # type: ignore[no-untyped-call]
        buffer = io.BytesIO()
        torch.jit.save(traced, buffer)
    path.write_bytes(_plain(buffer.getvalue(), path.stem))


def _plain(content: bytes, name: str) -> bytes:
    """The same archive with fixed times, under *name*, without what is not code or weights."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as target:
        for entry in source.infolist():
            inner = entry.filename.partition("/")[2]
            if inner.endswith(".debug_pkl") or inner == ".data/serialization_id":
                continue
            target.writestr(zipfile.ZipInfo(f"{name}/{inner}", _THE_BEGINNING), source.read(entry))
    return written.getvalue()


if __name__ == "__main__":
    torch.set_num_threads(1)
    write(Voice.open(Path(sys.argv[1])), Path.cwd())

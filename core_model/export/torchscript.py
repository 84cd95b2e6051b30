"""A voice's graphs as TorchScript, traced: for programs that link libtorch. Deprecated by torch, so never the only one.

Run as a program (`python -m core_model.export.torchscript VOICE`, by `core_model.export.process`) it writes gpt.pt and
sovits.pt into the working directory. A .pt is a zip; what torch writes into it beyond code and weights (paths of our
source files, a serial number) is left out, so that the bytes depend on the voice alone. Attention is spelled out, for
torch before 2.0 has no operator for it and would refuse the whole file.
"""

from __future__ import annotations

import io
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

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
    with warnings.catch_warnings(), torch.no_grad(), SpelledOut():
        # Known and wanted: TorchScript is deprecated, and tracing warns where lengths meet Python's `if`.
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.\w+` is deprecated.*")
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        traced = torch.jit.trace(graph, example, check_trace=False)  # type: ignore[no-untyped-call]
        buffer = io.BytesIO()
        torch.jit.save(traced, buffer)
    path.write_bytes(_plain(buffer.getvalue(), path.stem))


class SpelledOut(TorchFunctionMode):
    """Within it, attention is what its one operator stands for (Vaswani et al. 2017, 3.2.1): three that are older."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """What torch calls in place of each function."""
        if func is functional.scaled_dot_product_attention:
            return _attention(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    """(B, H, R, D), (B, H, S, D) twice, mask (B or 1, 1, R, S) True where a row may look -> (B, H, R, D)."""
    scores = torch.matmul(query, key.transpose(-2, -1)) * query.shape[-1] ** -0.5
    if attn_mask is not None:
        scores = scores.masked_fill(torch.logical_not(attn_mask), float("-inf"))
    return torch.matmul(torch.softmax(scores, dim=-1), value)


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

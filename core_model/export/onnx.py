"""A voice's graphs as ONNX: opset 17, IR 8, standard operators only, weights inside.

Run as a program (`python -m core_model.export.onnx VOICE`, by `core_model.export.process`) it writes gpt.onnx and
sovits.onnx into the working directory. Old opset and IR, so that runtimes of 2023 read it as well as those of 2043;
made by torch's TorchScript-based exporter, because the newer one writes IR 10, which ONNX Runtime 1.15 refuses.

A float32 weight whose every value is exactly a float16 (upstream's voices rest in it) is stored as float16 with a Cast
behind it: half the bytes, the same numbers.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from core_model.export.exported import NEWEST_IR
from core_model.export.graphs import (
    FREE_LENGTHS,
    GPT_OUTPUTS,
    SOVITS_INPUTS,
    SOVITS_OUTPUTS,
    SoVITSGraph,
    gpt_example,
    gpt_graph,
    gpt_inputs,
    sovits_example,
)
from core_model.synthesis import load_gpt, load_sovits
from core_model.voice import Voice

OPSET = 17
_LEAST_BYTES = 4096  # below that a Cast costs more than it saves


def write(voice: Voice, directory: Path) -> None:
    """Write gpt.onnx and sovits.onnx into *directory*. For bytes that never vary, call `process.export`."""
    gpt = load_gpt(voice)
    inputs = gpt_inputs(gpt.dims)
    _write(gpt_graph(gpt), gpt_example(gpt.dims), inputs, GPT_OUTPUTS, directory / "gpt.onnx")
    sovits = load_sovits(voice)
    example = sovits_example(sovits.dims)
    _write(SoVITSGraph(sovits).eval(), example, SOVITS_INPUTS, SOVITS_OUTPUTS, directory / "sovits.onnx")


def _write(
    graph: nn.Module, example: tuple[Tensor, ...], inputs: tuple[str, ...], outputs: tuple[str, ...], path: Path
) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        # Known and wanted: the exporter is deprecated (see above), tracing warns where lengths meet Python's `if`, and
        # a reversed list of paddings stays a computation.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.|core_model\.|__main__")
        warnings.filterwarnings("ignore", message=".*legacy TorchScript-based ONNX export.*")
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.filterwarnings("ignore", message="Constant folding - Only steps=1")
        torch.onnx.export(
            graph,
            example,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: FREE_LENGTHS[name] for name in (*inputs, *outputs) if name in FREE_LENGTHS},
        )
    model = onnx.load(str(path))
    tidy(model)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def tidy(model: onnx.ModelProto) -> None:
    """In place: refuse what old runtimes cannot read, drop what tells of the maker's machine, store weights small."""
    if model.ir_version > NEWEST_IR or [(entry.domain, entry.version) for entry in model.opset_import] != [("", OPSET)]:
        raise ValueError(f"not the ONNX that was asked for: IR {model.ir_version}, {model.opset_import}")
    model.doc_string = model.graph.doc_string = ""
    del model.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
    _store_as_half_where_exact(model.graph)


def _store_as_half_where_exact(graph: onnx.GraphProto) -> None:
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            halves = values.astype(np.float16)
        if values.nbytes < _LEAST_BYTES or not np.array_equal(halves.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(halves, f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], f"{name}.cast", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


if __name__ == "__main__":
    torch.set_num_threads(1)
    write(Voice.open(Path(sys.argv[1])), Path.cwd())

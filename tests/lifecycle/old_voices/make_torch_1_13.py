"""Makes schema-1/torch-1.13.1/*.pt.xz: TorchScript of the stored voice, written by torch 1.13.1.

Run by the interpreter of an environment with torch 1.13.1, numpy < 2 and safetensors (tests/lifecycle/old_voices/
README.md says how to make one), once. Our networks are written for parametrized weight norm, which came with torch
2.1: here it is a function that does nothing, and weights are folded before they are loaded. Traced, and stripped of
paths, by the same code that made the exports of the voice.

    PYTHONPATH=CHECKOUT python make_torch_1_13.py VOICE OUT
"""

from __future__ import annotations

import lzma
import sys
import types
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations


def attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor) -> Tensor:
    """Softmax of the scores where the mask lets them stand: what torch has had a function for since 2.0."""
    scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5
    return scores.masked_fill(~attn_mask, float("-inf")).softmax(-1) @ value


# What came later than 1.13, in its place before our networks are imported.
parametrizations.weight_norm = lambda layer: layer
torch.backends.cpu = types.SimpleNamespace(get_cpu_capability=lambda: "unknown")
F.scaled_dot_product_attention = attention
torch.jit.export = lambda method: method  # its compiler does not know `Tensor | None`; tracing needs none of it

_G, _V = ".parametrizations.weight.original0", ".parametrizations.weight.original1"


def folded(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights with g times v over its norm in place of g and v, in float64 as `fold_weight_norm` does it."""
    plain = {name: array.astype(np.float32) for name, array in weights.items()}
    for name in [name for name in plain if name.endswith(_G)]:
        layer = name.removesuffix(_G)
        g, v = plain.pop(layer + _G).astype(np.float64), plain.pop(layer + _V).astype(np.float64)
        norm = np.sqrt((v.reshape(len(v), -1) ** 2).sum(1)).reshape(g.shape)
        plain[f"{layer}.weight"] = (v * (g / norm)).astype(np.float32)
    return plain


def fill(network: nn.Module, weights: dict[str, np.ndarray]) -> nn.Module:
    """Give the network its weights, every one and no other."""
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=True)
    return network.eval()


def make(directory: Path, out: Path) -> None:
    """Write both graphs of the voice in *directory*."""
    from core_model.export import torchscript
    from core_model.export.graphs import SoVITSGraph, gpt_example, gpt_graph, sovits_example
    from core_model.gpt import GPT, GPTDims
    from core_model.sovits.dims import dims_from_dict
    from core_model.sovits.synthesizer import SoVITS
    from core_model.voice import Voice

    torch.set_num_threads(1)
    voice = Voice.open(directory)
    gpt_dims = GPTDims(**voice.description.gpt)
    gpt = fill(GPT(gpt_dims), folded(voice.weights("gpt")))
    dims = dims_from_dict(voice.description.sovits)
    spoken = {k: v for k, v in voice.weights("sovits").items() if not k.startswith("posterior_encoder.")}
    sovits = fill(SoVITS(dims, with_posterior=False), folded(spoken))
    out.mkdir(parents=True, exist_ok=True)
    torchscript._write(gpt_graph(gpt), gpt_example(gpt_dims), out / "gpt.pt")
    torchscript._write(SoVITSGraph(sovits).eval(), sovits_example(dims), out / "sovits.pt")
    for name in ("gpt.pt", "sovits.pt"):
        (out / f"{name}.xz").write_bytes(lzma.compress((out / name).read_bytes(), preset=9))


if __name__ == "__main__":
    assert torch.__version__.startswith("1.13.1"), torch.__version__
    make(Path(sys.argv[1]), Path(sys.argv[2]))

"""Checkpoints of GPT-SoVITS for tests of the hall: real names, tiny shapes, every kind that a person may hand over.

Families have fixed shapes, and real ones take 100 MB to a GB. So `small_shapes` stills the one comparison of shapes
that core_model.upstream makes, and everything else runs as it does for real files.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model.upstream import companion_shapes, families, flow_shapes, shapes
from core_model.upstream.checkpoint import Checkpoint
from core_model.upstream.writing import write_checkpoint
from tests.core_model.upstream import crafted

GPT_CONFIG = {"model": {"head": 2, "n_layer": 1, "EOS": 1024}, "train": {"exp_name": "anna", "betas": [0.8, 0.99]}}
CONFIG = {
    "train": {"eps": 1e-9, "lora_rank": "32", "pretrained_s2G": "GPT_SoVITS/pretrained_models/s2G.pth", "seed": 1},
    "data": {"exp_dir": "logs/anna", "mel_fmax": None},
    "model": {"version": "v2", "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5]]},
    "name": "anna",
}
HEADS = {"v2Pro": "05", "v2ProPlus": "06"}
_KEPT = {"enc_p.text_embedding.weight", "dec.conv_pre.weight"}  # their first dimension tells families apart


@pytest.fixture
def small_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names decide alone; every tensor may be of any shape."""
    monkeypatch.setattr(families, "_require_exactly", lambda what, expected, found: None)


def small(named: Mapping[str, tuple[int, ...]], dtype: type = np.float16) -> dict[str, np.ndarray]:
    """A tiny tensor of every name."""
    sizes = {
        name: (shape[0] if name in _KEPT else min(shape[0], 2), *(min(n, 2) for n in shape[1:]))
        for name, shape in named.items()
    }
    return crafted.arrays(sizes, dtype)


def gpt(rows: int = 732) -> Checkpoint:
    """A GPT of one layer."""
    tensors = crafted.arrays(shapes.gpt(rows, 1025, 8, 1, 4))
    return Checkpoint("gpt", "other", "PK", tensors, GPT_CONFIG, "GPT-e15", ())


def sovits(family: str = "v2", *, posterior: bool = False) -> Checkpoint:
    """The synthesizer of any family."""
    if family in ("v3", "v4"):
        named = flow_shapes.flow_matching()
    else:
        named = shapes.sovits(shapes.SOVITS[family], posterior=posterior)
    config = {**CONFIG, "model": {**CONFIG["model"], "version": family}}
    return Checkpoint("sovits", family, HEADS.get(family, "PK"), small(named), config, "8epoch_400iteration", ())


def lora(family: str = "v4") -> Checkpoint:
    """A LoRA of rank 2."""
    head = {"v3": "03", "v4": "04"}[family]
    config = {**CONFIG, "model": {**CONFIG["model"], "version": family}}
    made = Checkpoint("lora", family, head, small(flow_shapes.lora(2)), config, "2epoch_80iteration", ())
    return replace(made, lora_rank=2)


def vocoder(family: str = "v4") -> Checkpoint:
    named = (
        companion_shapes.vocoder_v3(weight_norm=True)
        if family == "v3"
        else companion_shapes.vocoder_v4(weight_norm=False)
    )
    return Checkpoint("vocoder", family, "PK", small(named, np.float32), {}, "", ())


def write(path: Path, checkpoint: Checkpoint) -> Path:
    """*checkpoint* as a file."""
    with path.open("wb") as file:
        write_checkpoint(file, checkpoint)
    return path


def training_state(path: Path, tensors: Mapping[str, np.ndarray]) -> Path:
    """What a training goes on from, with its optimizer."""
    state = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1e-4}]}
    model = OrderedDict((name, torch.from_numpy(value)) for name, value in tensors.items())
    path.write_bytes(crafted.saved({"model": model, "iteration": 8, "optimizer": state, "learning_rate": 1e-4}))
    return path


def content(checkpoint: Checkpoint) -> bytes:
    """*checkpoint* as bytes."""
    buffer = io.BytesIO()
    write_checkpoint(buffer, checkpoint)
    return buffer.getvalue()

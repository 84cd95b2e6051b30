"""The embedded base: the weights that every nano voice starts from, read from the one file beside this module.

Knows the file and the three networks in it; not how they were made (recipe.py) or what they can do (CARD.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from core_model.errors import BaseMissingError
from core_model.features.alignment import Aligner, AlignerDims, PhoneClassifier
from core_model.gpt import GPT
from core_model.nano.dims import CODES, GPT_DIMS, SOVITS_DIMS
from core_model.sovits.synthesizer import SoVITS

FILE = Path(__file__).with_name("base.safetensors")
PREVIEW = False  # whether train and speak say that the bar of the base is not met (CARD.md)


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """Fresh copies of the base's networks, in float32, and the file's sha256."""

    gpt: GPT
    sovits: SoVITS
    aligner: Aligner
    # (speakers, S, 1) float32: the people of the base, whom no new voice should be taken for
    stock_styles: np.ndarray = field(repr=False)
    sha256: str


def digest(path: Path = FILE) -> str:
    """sha256 of the weights; BaseMissingError where they are not installed."""
    if not path.exists():
        raise BaseMissingError(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(path: Path = FILE) -> Base:
    """Build the three networks and fill them, every tensor or none; BaseMissingError where there is no file."""
    sha256 = digest(path)
    tensors = load_file(path)
    gpt, sovits, classifier = GPT(GPT_DIMS), SoVITS(SOVITS_DIMS), PhoneClassifier(AlignerDims())
    gpt.load_state_dict(part(tensors, "gpt"))
    sovits.load_state_dict(part(tensors, "sovits"))
    classifier.load_state_dict(part(tensors, "aligner"))
    return Base(gpt, sovits, Aligner(classifier, CODES), tensors["stock/styles"].float().numpy(), sha256)


def part(tensors: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """One network's tensors of the file, in float32."""
    prefix = f"{name}/"
    return {key.removeprefix(prefix): tensor.float() for key, tensor in tensors.items() if key.startswith(prefix)}

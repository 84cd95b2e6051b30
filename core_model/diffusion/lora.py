"""A LoRA merged into the network it was trained on: weights in, weights out.

Knows names and matrices; needs no torch. Reference: Hu 2022; FORMAT.md §3: upstream's alpha is its rank, so the scale
is 1. r rank, C width.

    W (C, C)  becomes  W + up (C, r) @ down (r, C)        what a LoRA file holds besides, it replaces
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from core_model.errors import VoiceError

Array = npt.NDArray[np.generic]
DOWN, UP = ".down", ".up"
ADAPTED = ("query", "key", "value", "out")  # the layers of attention that upstream adapts


def merge(base: Mapping[str, Array], lora: Mapping[str, Array]) -> dict[str, Array]:
    """*base* (our tensor names) with *lora* merged in float32; neither is changed, the rest is shared.

    VoiceError if the two do not belong together: it names the first tensor.
    """
    merged = dict(base)
    for name, array in lora.items():
        if name.endswith(UP):
            _require(name, name.removesuffix(UP) + DOWN in lora, "has no counterpart")
        elif name.endswith(DOWN):
            place = name.removesuffix(DOWN)
            merged[f"{place}.weight"] = _sum(base, place, array, lora.get(place + UP))
        else:
            _require(name, name in base, "is not in the base")
            _require(name, array.shape == base[name].shape, "is of another shape than the base's")
            merged[name] = array
    return merged


def rank(lora: Mapping[str, Array]) -> int:
    """How many dimensions its changes have. VoiceError if it changes nothing, or not evenly."""
    ranks = {array.shape[0] for name, array in lora.items() if name.endswith(DOWN)}
    if len(ranks) != 1:
        raise VoiceError("weights/lora.safetensors", f"has the ranks {sorted(ranks)}, not one")
    return int(ranks.pop())


def _sum(base: Mapping[str, Array], place: str, down: Array, up: Array | None) -> Array:
    name = f"{place}.weight"
    _require(place + DOWN, up is not None, "has no counterpart")
    _require(place + DOWN, name in base, "changes a tensor that is not in the base")
    assert up is not None  # for mypy
    weight = base[name].astype(np.float32)
    fits = down.ndim == up.ndim == 2 and (up.shape[0], down.shape[1]) == weight.shape and up.shape[1] == down.shape[0]
    _require(place + DOWN, fits, f"and its counterpart, {down.shape} and {up.shape}, do not fit {weight.shape}")
    weight += up.astype(np.float32) @ down.astype(np.float32)
    return weight


def _require(name: str, holds: bool, problem: str) -> None:
    if not holds:
        raise VoiceError(f"weights/lora.safetensors: {name}", problem)

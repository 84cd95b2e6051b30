"""The two forms in which torch has saved weight norm and spectral norm, and the way from each to the other.

Names alone: every array stays what it is, and the effective weight is the same function of it in both forms. Knows no
network and no torch. Until torch 2.0 a norm was a hook that kept its parts beside the layer; since then it may be a
parametrization. torch loads the old form of weight norm into the new one, nothing else: not back, and no spectral norm.

    hook (old)       weight_g, weight_v                           weight_orig, weight_u, weight_v
    parametrized     parametrizations.weight.original0, .original1   parametrizations.weight.original, .0._u, .0._v

Reference: torch/nn/utils/weight_norm.py, spectral_norm.py and parametrizations.py of torch 1.13 to 2.13.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from core_model.errors import CheckpointError

Value = TypeVar("Value")

_PARTS = {  # of a parametrized tensor: how the hook's part of it ends
    "original0": "_g",
    "original1": "_v",
    "original": "_orig",
    "0._u": "_u",
    "0._v": "_v",
}
_PARAMETRIZED = re.compile(r"(?P<layer>(?:.*\.)?)parametrizations\.(?P<tensor>\w+)\.(?P<part>original[01]?|0\._[uv])")
_WEIGHT_NORM = {"_g": "original0", "_v": "original1"}
_SPECTRAL_NORM = {"_orig": "original", "_u": "0._u", "_v": "0._v"}


def to_hooks(tensors: Mapping[str, Value]) -> dict[str, Value]:
    """{name: tensor} with every norm in the old form, in the same order. CheckpointError if two names become one."""
    return _renamed(tensors, {name: _hook_name(name) for name in tensors})


def to_parametrized(tensors: Mapping[str, Value]) -> dict[str, Value]:
    """{name: tensor} with every norm in the new form, in the same order. CheckpointError if two names become one."""
    names = {name: name for name in tensors}
    for name in tensors:
        for ending, parts in (("_g", _WEIGHT_NORM), ("_orig", _SPECTRAL_NORM)):
            whole = name.removesuffix(ending)
            if whole == name or any(whole + other not in tensors for other in parts):
                continue  # no norm: a tensor may be called weight_v for reasons of its own
            layer, _, tensor = whole.rpartition(".")
            place = f"{layer}.parametrizations" if layer else "parametrizations"
            names |= {whole + other: f"{place}.{tensor}.{part}" for other, part in parts.items()}
    return _renamed(tensors, names)


def _hook_name(name: str) -> str:
    found = _PARAMETRIZED.fullmatch(name)
    return f"{found['layer']}{found['tensor']}{_PARTS[found['part']]}" if found else name


def _renamed(tensors: Mapping[str, Value], names: Mapping[str, str]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, value in tensors.items():
        if names[name] in found:
            raise CheckpointError(f"{names[name]} is there in both forms of a norm")
        found[names[name]] = value
    return found

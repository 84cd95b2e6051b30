"""A folder of a network in the layout of transformers (config.json and weights), read without its loader.

Knows JSON, safetensors and, through core_model.upstream's restricted reader, torch's pickles; nothing of networks, and
neither torch nor transformers. Nothing runs, nothing is fetched, nothing is written. A folder that is not whole is a
PretrainedError. Older folders name some tensors otherwise; they are given under today's names.

    config.json                                  model_type and sizes
    model.safetensors, else pytorch_model.bin    {name: tensor}, float16 or float32
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from core_model.errors import CheckpointError, PretrainedError
from core_model.upstream import norms
from core_model.upstream.checkpoint import read_tensors

CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the first that is there
_RENAMED = {  # the ending of a name in older folders: today's
    "LayerNorm.gamma": "LayerNorm.weight",
    "LayerNorm.beta": "LayerNorm.bias",
}

Tensors = dict[str, NDArray[np.generic]]


def read_config(folder: Path) -> dict[str, object]:
    """config.json of *folder*. PretrainedError."""
    if (folder / CONFIG).exists() and not (folder / CONFIG).is_file():  # a pipe or a device may have no end
        raise PretrainedError(folder / CONFIG, "is no file")
    try:
        config = json.loads((folder / CONFIG).read_bytes())
    except FileNotFoundError:
        raise PretrainedError(folder, f"there is no {CONFIG} in it") from None
    except (OSError, ValueError, RecursionError) as error:
        raise PretrainedError(folder / CONFIG, f"cannot be read as JSON: {error}") from error
    if not isinstance(config, dict):
        raise PretrainedError(folder / CONFIG, "is no JSON object")
    return config


def read_weights(folder: Path, needed: Mapping[str, tuple[int, ...]], prefix: str) -> Tensors:
    """The *needed* tensors {name: shape} of *folder* in float32, under today's names without *prefix*.

    What else the folder holds (heads of pretraining) is left alone. PretrainedError names the first that is missing,
    of another shape, or holds a value that is no number.
    """
    path = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if path is None:
        raise PretrainedError(folder, f"there are no weights in it: neither {' nor '.join(WEIGHTS)}")
    tensors = _read(path)
    found = {_todays_name(name, prefix): name for name in tensors}
    weights: Tensors = {}
    for name, shape in needed.items():
        if name not in found:
            raise PretrainedError(path, f"{name} is missing")
        values = tensors.pop(found[name])
        if values.shape != shape:
            raise PretrainedError(path, f"{name} has shape {values.shape}, its config.json says {shape}")
        weights[name] = values.astype(np.float32)
        if not np.isfinite(weights[name]).all():
            raise PretrainedError(path, f"{name} holds a value that is no number")
    return weights


def _read(path: Path) -> Tensors:
    try:
        found = load_file(path) if path.suffix == ".safetensors" else read_tensors(path)
        return norms.to_parametrized(found)
    except CheckpointError as error:
        raise PretrainedError(path, str(error)) from error
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise PretrainedError(path, f"is not a readable safetensors file: {error}") from error


def _todays_name(name: str, prefix: str) -> str:
    name = name.removeprefix(prefix)
    for old, new in _RENAMED.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def require_kind(folder: Path, config: Mapping[str, object], kinds: Sequence[object]) -> None:
    """PretrainedError if the model_type of *config* is none of *kinds*."""
    if config.get("model_type") not in kinds:
        raise PretrainedError(
            folder, f"its model_type is {config.get('model_type')!r}, not {' or '.join(map(str, kinds))}"
        )

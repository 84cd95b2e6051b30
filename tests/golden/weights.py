"""The weights that golden vectors were recorded with: made from a seed, one tensor at a time.

Knows no network. A tensor's values depend on the seed, the family and the tensor's upstream name alone:
x = standard normal float32 values of NumPy's Philox, keyed by the first 8 bytes of sha256("<seed>/<family>:<name>").
Reference: WEIGHTS.md beside the vectors; the first row of RULES that fits a name decides its values.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

Values = np.ndarray
Rule = tuple[str, Callable[[Values], Values]]


def fan_in(x: Values) -> float:
    """Values that one output is summed from."""
    return float(np.prod(x.shape[1:]))


# Patterns see the name with a dot before it, so that ".ups." is a part of a path also at its start.
RULES: tuple[Rule, ...] = (
    ("*.num_batches_tracked", lambda x: np.zeros(x.shape, np.int64)),
    ("*.inited", np.ones_like),
    ("*.cluster_size", lambda x: 1 + np.abs(x)),
    ("*.embed", lambda x: x),
    ("*.embed_avg", lambda x: x),
    ("*.running_var", lambda x: 1 + 0.1 * np.abs(x)),
    ("*prelu.weight", lambda x: 0.25 + 0.05 * x),
    ("*.activations.*", lambda x: 0.1 * x),
    ("*activation_post*", lambda x: 0.1 * x),
    ("*.alpha", lambda x: 1 + 0.1 * x),
    ("*.emb_rel_[kv]", lambda x: x / math.sqrt(x.shape[-1])),
    ("*ar_audio_embedding.word_embeddings.weight", lambda x: 2.5 * x),
    ("*.h.layers.*out_proj.weight", lambda x: 0.25 * x / math.sqrt(x.shape[1])),
    ("*.h.layers.*linear2.weight", lambda x: 0.2 * x / math.sqrt(x.shape[1])),
    ("*text_embedding.weight", lambda x: x),
    ("*word_embeddings.weight", lambda x: x),
    ("*.grn.*", lambda x: 0.1 * x),
    ("*.gamma", lambda x: 1 + 0.02 * x),
)


def philox_normal(seed: str, family: str, name: str, shape: tuple[int, ...]) -> Values:
    """x of one tensor."""
    digest = hashlib.sha256(f"{seed}/{family}:{name}".encode()).digest()
    philox = np.random.Philox(key=int.from_bytes(digest[:8], "little"))
    return np.random.Generator(philox).standard_normal(shape, dtype=np.float32)


def tensor(seed: str, family: str, name: str, shape: tuple[int, ...]) -> Values:
    """The tensor *name*; not for weight_g, which follows from its weight_v."""
    x = philox_normal(seed, family, name, shape)
    dotted = "." + name
    for pattern, rule in RULES:
        if fnmatchcase(dotted, pattern):
            return _float32(rule(x))
    if x.ndim <= 1:
        return _float32(1 + 0.02 * x if name.endswith(".weight") else 0.05 * x)
    if name.endswith("conv_post.weight_v"):
        return _float32(0.02 * x / math.sqrt(fan_in(x)))
    if ".ups." in dotted and name.endswith((".weight", ".weight_v")):
        return _float32(x / math.sqrt(2 * x.shape[0]))
    return _float32(x / math.sqrt(fan_in(x)))


def weights(seed: str, family: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Values]:
    """Every tensor of *family*, in the order of *shapes* (upstream's names)."""
    made = {name: tensor(seed, family, name, shape) for name, shape in shapes.items() if not name.endswith("weight_g")}
    for name, shape in shapes.items():
        if name.endswith("weight_g"):
            made[name] = _lengths(made[name[:-1] + "v"]).reshape(shape)
    return {name: made[name] for name in shapes}


def stream(seed: str, family: str, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, Values]]:
    """What `weights` makes, one tensor after another: 384 million values need not rest twice.

    Constants that a network computes for itself (inv_freq, filter) are left out.
    """
    for name, shape in shapes.items():
        if name.endswith(("weight_g", ".inv_freq", ".filter")):
            continue
        made = tensor(seed, family, name, shape)
        yield name, made
        if name.endswith("weight_v"):
            yield name[:-1] + "g", _lengths(made).reshape(shapes[name[:-1] + "g"])


def shapes(specs: Path, family: str) -> dict[str, tuple[int, ...]]:
    """Upstream's tensor names and shapes of *family*, from a spec of *specs*."""
    entries = json.loads((specs / f"{family}.json").read_text())["weight"]
    # Some specs give a shape, others an object with one.
    return {name: tuple(entry["shape"] if isinstance(entry, dict) else entry) for name, entry in entries.items()}


def _lengths(direction: Values) -> Values:
    """weight_g of a weight_v, so that the weight is the weight_v itself."""
    squares = np.square(direction.astype(np.float64)).reshape(len(direction), -1).sum(1)
    return np.sqrt(squares).astype(np.float32)


def _float32(values: Values) -> Values:
    return values if values.dtype == np.int64 else np.ascontiguousarray(values, np.float32)

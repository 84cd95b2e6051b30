"""Weights into a network: every tensor, none missing and none left over, whichever network it is.

Knows names and shapes; no files and no upstream. A network half filled would be somebody else's voice, so nothing is
loaded unless all of it fits: VoiceError names the first tensor that does not.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from core_model.errors import VoiceError
from core_model.voice import Array


def adopt(network: nn.Module, weights: Mapping[str, Array], place: str) -> None:
    """Give *network*, built on the meta device, its tensors; arrays of float32 are shared with it, others converted."""
    expected = network.state_dict()
    for name in sorted(expected.keys() | weights.keys()):
        if name not in weights:
            raise VoiceError(f"{place}: {name}", "is missing")
        if name not in expected:
            raise VoiceError(f"{place}: {name}", "is no tensor of these dims")
        if weights[name].shape != tuple(expected[name].shape):
            found, wanted = weights[name].shape, tuple(expected[name].shape)
            raise VoiceError(f"{place}: {name}", f"has shape {found}, the dims say {wanted}")
    network.load_state_dict({name: _tensor(array) for name, array in weights.items()}, assign=True)


def _tensor(array: Array) -> Tensor:
    values = np.ascontiguousarray(array, np.float32)
    return torch.from_numpy(values if values.flags.writeable else values.copy())

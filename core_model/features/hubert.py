"""HuBERT: 16 kHz speech to features at 50 frames a second, of which a quantizer makes semantic tokens.

Knows a local folder in the layout of transformers (upstream's is chinese-hubert-base) and nothing of voices.
transformers builds the network; weights are read by `pretrained_folder`, so nothing is unpickled and nobody is asked
for anything over a network. The waveform goes in as it is: no normalisation by a feature extractor (INFERENCE.md 1a).
Reference: Hsu 2021 (HuBERT).

    load(Path("pretrained/chinese-hubert-base")).features(waveform)    # (N,) -> (1, 768, T50)
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core_model.errors import AudioError, PretrainedError, RuntimeMissingError
from core_model.features.pretrained_folder import read_config, read_weights, require_kind
from core_model.silence import SWITCHES

SAMPLE_RATE = 16_000


class Hubert:
    """A loaded network, in float32 on the CPU."""

    def __init__(self, network: nn.Module, width: int) -> None:
        self._network = network
        self.width = width  # of the features

    @torch.inference_mode()
    def features(self, waveform: NDArray[np.float32]) -> Tensor:
        """(N,) at 16 kHz in ±1 to (1, width, T50). AudioError if it is too short for one frame."""
        try:
            hidden = self._network(torch.from_numpy(np.ascontiguousarray(waveform, np.float32))[None])
        except RuntimeError as error:  # a convolution longer than its input
            raise AudioError(f"{len(waveform)} samples are too few for HuBERT") from error
        features: Tensor = hidden.last_hidden_state.transpose(1, 2)
        return features


def load(folder: Path) -> Hubert:
    """The network in *folder*. PretrainedError if it is no HuBERT or not whole; RuntimeMissingError."""
    config = read_config(folder)
    require_kind(folder, config, ("hubert",))
    os.environ.update(SWITCHES)
    try:
        from transformers import HubertConfig, HubertModel
    except ImportError as error:
        raise RuntimeMissingError(
            f"HuBERT needs transformers, which cannot be loaded ({error}): pip install 'lifecycle[upstream]'"
        ) from error
    try:
        settings = HubertConfig.from_dict(config)
        with torch.random.fork_rng(devices=[]), torch.device("meta"):  # no first values, and no noise of the caller's
            network: nn.Module = HubertModel(settings)
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise PretrainedError(folder, f"its config.json describes no network: {error}") from error
    needed = {name: tuple(values.shape) for name, values in network.state_dict().items()}
    needed.pop("masked_spec_embed", None)  # read while pretraining only, and not in every folder
    weights = read_weights(folder, needed, "hubert.")
    values = {"masked_spec_embed": torch.zeros(settings.hidden_size)}
    values |= {name: torch.from_numpy(array) for name, array in weights.items()}
    network.load_state_dict(values, strict=True, assign=True)
    network.eval()
    return Hubert(network, int(settings.hidden_size))

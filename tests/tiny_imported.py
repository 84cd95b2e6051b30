"""Voices as `import` makes them, at tiny dims with random weights: quantizer tokens, no prompt yet.

voice = make_imported_voice(tmp_path / "quill", "v2")     # or "pro" (takes a speaker vector), "v3" (flow matching)
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import nn

from core_model.diffusion import vocoders
from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.gpt import GPT, GPTDims
from core_model.sovits.dims import FlowMatchingDims, HiFiGANDims, SoVITSDims, dims_to_dict
from core_model.sovits.synthesizer import SoVITS
from core_model.text.front_end import write_data
from core_model.text.symbols import V2
from core_model.utterances import symbols_sha256
from core_model.voice import Array, Description, SymbolTable, Voice
from tests.written_voice import write_voice

HUBERT_WIDTH, ROBERTA_WIDTH, VECTOR = 20, 12, 40
GPT_DIMS = GPTDims(semantic_tokens=65, width=32, heads=2, layers=2, word_features=ROBERTA_WIDTH)
LIKE_V2 = SoVITSDims(
    semantic_codes=64,
    code_width=16,
    ssl_width=HUBERT_WIDTH,
    hidden=16,
    feedforward=24,
    code_layers=1,
    phoneme_layers=1,
    fused_layers=1,
    fusion_width=24,
    fusion_heads=2,
    style=24,
    style_width=16,
    latent=8,
    flow_couplings=2,
    flow_wavenet_layers=1,
    posterior_layers=1,
    decoder=HiFiGANDims(32, (10, 8, 2, 2, 2), (16, 16, 8, 2, 2), (3,), ((1,),)),
)
FAMILIES = {
    "v2": LIKE_V2,
    "pro": replace(LIKE_V2, style=16, speaker_vector=VECTOR),
    "v3": replace(
        LIKE_V2,
        decoder=FlowMatchingDims(
            mel_bands=8,
            features=16,
            feature_layers=1,
            window_frames=140,
            prompt_frames=60,
            steps=2,
            width=16,
            layers=1,
            heads=2,
            feedforward=1,
            time_width=8,
            text_layers=1,
            text_inner=16,
            position_groups=2,
            vocoder=HiFiGANDims(16, (8, 8, 2, 2), (16, 16, 4, 4), (3,), ((1,),)),
        ),
    ),
}


def make_imported_voice(directory: Path, family: str = "v2", *, languages: tuple[str, ...] = ("en",)) -> Voice:
    """Write it into *directory*, which must not exist."""
    dims = FAMILIES[family]
    description = Description(
        name=directory.name,
        family=family,
        gpt=asdict(GPT_DIMS),
        sovits=dims_to_dict(dims),
        token_scheme={"kind": "quantizer"},
        languages=languages,
        symbols=SymbolTable("v2", symbols_sha256(V2)),
        sample_rate=dims.waveform_rate,
        semantic_rate=25,
        latent_rate=50,
        lineage={"imported": {}},
        licence="all rights reserved",
        preview=False,
    )

    def fill(made: Path) -> None:
        write_data(made / "text", languages, "upstream")

    return write_voice(directory, description, weights=_weights(dims), prompts={}, fill=fill)


def write_recording(path: Path, seconds: float = 4.0, *, sample_rate: int = 44_100, seed: int = 1) -> Path:
    """A stereo wav of something that rises, falls and pauses like speech, in noise far below it."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * sample_rate)) / sample_rate
    pitch = 110 + 30 * np.sin(2 * np.pi * 0.4 * time_s) + 7 * seed
    voiced = sum(np.sin(2 * np.pi * n * np.cumsum(pitch) / sample_rate) / n for n in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 1.7 * time_s + seed), 0, None) ** 2
    waveform = 0.2 * voiced * syllables + 1e-4 * rng.standard_normal(len(time_s))
    soundfile.write(path, np.stack([waveform, 0.9 * waveform], axis=1), sample_rate)
    return path


def _weights(dims: SoVITSDims) -> dict[str, dict[str, Array]]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        networks: dict[str, nn.Module] = {"gpt": GPT(GPT_DIMS)}
        if isinstance(dims.decoder, FlowMatchingDims):
            networks["sovits"] = FlowMatchingSoVITS(dims)
            networks["vocoder"] = vocoders.build(dims.decoder.mel_bands, dims.decoder.vocoder)
        else:
            networks["sovits"] = SoVITS(dims)
        for network in networks.values():
            for name, parameter in network.named_parameters():
                if parameter.dim() > 1 and not name.endswith("embedding.weight"):
                    nn.init.normal_(parameter, std=0.7 * parameter[0].numel() ** -0.5)
    return {
        part: {name: tensor.half().numpy() for name, tensor in network.state_dict().items()}
        for part, network in networks.items()
    }

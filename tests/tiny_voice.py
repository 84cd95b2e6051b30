"""A whole voice in a second: nano's shape at tiny dims, random weights, real text data, golden outputs.

The same seed gives the same voice. Its speech is noise, but noise that depends on every weight: weights are drawn wide,
so that logits are far apart and samples are no zeros.

    voice = make_tiny_voice(tmp_path / "ada")                        # torch, golden
    voice = make_tiny_voice(tmp_path / "ada", exports=True)          # and ONNX, TorchScript: 10 s more
    voice = make_tiny_voice(tmp_path / "ada", flowing=True)          # as v3: goes on from a mel, no exports
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core_model.alignment_codes import AlignmentCodes
from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.diffusion.vocoders import build
from core_model.export.process import write_exports
from core_model.features.speaker_statistics import speaker_statistics
from core_model.golden import decode_sentences, judge, record_golden
from core_model.gpt import GPT, GPTDims
from core_model.nano.dims import SOVITS_DIMS
from core_model.sovits.dims import (
    FlowMatchingDims,
    HiFiGANDims,
    ISTFTDims,
    SourceFilterDims,
    SoVITSDims,
    dims_to_dict,
)
from core_model.sovits.synthesizer import SoVITS
from core_model.synthesis import TorchRuntime
from core_model.text.front_end import write_data
from core_model.text.symbols import V2
from core_model.utterances import symbols_sha256
from core_model.voice import Array, Description, Prompt, SymbolTable, Voice
from tests.core_model.diffusion.tiny import FLOW_V3
from tests.written_voice import write_voice

CODES = AlignmentCodes()
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TEXTS = ("Seven grey whales swam past the old light house.", "Dr. Lee paid $4.50 for tea.")

GPT_DIMS = GPTDims(semantic_tokens=CODES.count + 1, width=32, heads=2, layers=2, word_features=0)
SOVITS = replace(
    SOVITS_DIMS,
    code_width=16,
    hidden=16,
    feedforward=32,
    fusion_width=24,
    style=16,
    style_width=16,
    latent=8,
    flow_couplings=2,
    flow_wavenet_layers=2,
    posterior_layers=2,
    decoder=SourceFilterDims(
        width=32, blocks=2, fft=320, hop=160, bands=24, pitch_levels=CODES.pitch_levels, pitch_width=16
    ),
)
# As nano's voices of version 1.0 are decoded.
SPECTRAL_SOVITS = replace(SOVITS, decoder=ISTFTDims(width=32, blocks=2, fft=640, hop=160))
# The other token scheme, the other decoder and word features, for what must not depend on nano's choices.
QUANTIZER_GPT_DIMS = replace(GPT_DIMS, semantic_tokens=65, word_features=12)
QUANTIZER_SOVITS = replace(
    SOVITS,
    semantic_codes=64,
    decoder=HiFiGANDims(64, (10, 8, 2, 2), (16, 16, 4, 4), (3,), ((1, 3),)),
)
FLOWING_SOVITS = replace(QUANTIZER_SOVITS, fusion_width=16, decoder=FLOW_V3)  # 1500 Hz


def make_tiny_voice(
    directory: Path,
    *,
    seed: int = 1,
    quantizer: bool = False,
    flowing: bool = False,
    golden: bool = True,
    stock_seeds: tuple[int, ...] = (101, 102),
    exports: bool = False,
) -> Voice:
    """Write the voice of *seed* into *directory*, which must not exist. It is told from those of *stock_seeds*."""
    quantizer = quantizer or flowing
    gpt_dims = QUANTIZER_GPT_DIMS if quantizer else GPT_DIMS
    sovits_dims = FLOWING_SOVITS if flowing else QUANTIZER_SOVITS if quantizer else SOVITS

    def fill(made: Path) -> None:
        write_data(made / "text", ("en",))
        if golden:
            _record(Voice.open(made), gpt_dims, sovits_dims, stock_seeds)

    voice = write_voice(
        directory,
        _description(directory.name, gpt_dims, sovits_dims, quantizer=quantizer),
        weights=tiny_weights(gpt_dims, sovits_dims, seed),
        prompts={"default": _prompt(gpt_dims, sovits_dims, seed, quantizer=quantizer)},
        fill=fill,
    )
    if exports:
        write_exports(voice)
    return voice


def tiny_weights(
    gpt_dims: GPTDims = GPT_DIMS, sovits_dims: SoVITSDims = SOVITS, seed: int = 1
) -> dict[str, dict[str, Array]]:
    """Weights of 'gpt' and 'sovits' as a voice holds them: float16, weight norm's parts apart."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        networks: dict[str, nn.Module] = {"gpt": GPT(gpt_dims)}
        if isinstance(sovits_dims.decoder, FlowMatchingDims):
            flow = sovits_dims.decoder
            networks |= {"sovits": FlowMatchingSoVITS(sovits_dims), "vocoder": build(flow.mel_bands, flow.vocoder)}
        else:
            networks["sovits"] = SoVITS(sovits_dims)
        for network in networks.values():
            for name, parameter in network.named_parameters():
                hummed = name.startswith("pitch_contour.")  # as torch draws it: wide, it would hum at 10 Hz
                if parameter.dim() > 1 and not name.endswith("embedding.weight") and not hummed:
                    wide = 1.0 if name.endswith("head.weight") else 0.7
                    nn.init.normal_(parameter, std=wide * parameter[0].numel() ** -0.5)
    return {
        part: {name: tensor.half().numpy() for name, tensor in network.state_dict().items()}
        for part, network in networks.items()
    }


def _record(voice: Voice, gpt_dims: GPTDims, sovits_dims: SoVITSDims, stock_seeds: tuple[int, ...]) -> None:
    threads = torch.get_num_threads()
    golden = record_golden(voice, TorchRuntime(voice, threads=1), now=NOW, machine={}, texts={"en": TEXTS})
    stock = []
    for seed in stock_seeds:
        other = _in_memory(voice, gpt_dims, sovits_dims, seed)
        waveforms = decode_sentences(voice, other, golden)
        stock.append(speaker_statistics(np.concatenate(waveforms), voice.description.sample_rate))
    speech = np.array(golden.identity.statistics, np.float32)
    replace(golden, identity=judge(speech, None, stock)).write(voice.golden_directory)
    torch.set_num_threads(threads)


def _in_memory(voice: Voice, gpt_dims: GPTDims, sovits_dims: SoVITSDims, seed: int) -> TorchRuntime:
    """The runtime of another seed's weights in the same shape."""

    class Other(Voice):
        def weights(self, part: str) -> dict[str, Array]:
            return tiny_weights(gpt_dims, sovits_dims, seed)[part]

    return TorchRuntime(Other(voice.directory, voice.description))


def _description(name: str, gpt_dims: GPTDims, sovits_dims: SoVITSDims, *, quantizer: bool) -> Description:
    return Description(
        name=name,
        family="tiny",
        gpt=asdict(gpt_dims),
        sovits=dims_to_dict(sovits_dims),
        token_scheme={"kind": "quantizer"} if quantizer else CODES.scheme(),
        languages=("en",),
        symbols=SymbolTable("v2", symbols_sha256(V2)),
        sample_rate=sovits_dims.waveform_rate,
        semantic_rate=25,
        latent_rate=50,
        lineage={"base": "none"},
        licence="Apache-2.0",
        preview=True,
    )


def _prompt(gpt_dims: GPTDims, sovits_dims: SoVITSDims, seed: int, *, quantizer: bool) -> Prompt:
    rng = np.random.Generator(np.random.Philox(key=seed))
    style = rng.standard_normal((1, sovits_dims.style, 1)).astype(np.float32)
    if not quantizer:
        return Prompt(np.array([CODES.first_token]), np.zeros(0, np.int64), style)
    phonemes = rng.integers(10, 300, 9)
    features = rng.standard_normal((9, gpt_dims.word_features)).astype(np.float32)
    tokens = rng.integers(0, gpt_dims.semantic_tokens - 1, 12)
    mel = None
    if isinstance(sovits_dims.decoder, FlowMatchingDims):
        mel = rng.uniform(-1, 1, (1, sovits_dims.decoder.mel_bands, 25)).astype(np.float32)
    return Prompt(tokens, phonemes, style, features, reference_mel=mel)

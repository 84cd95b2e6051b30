"""Every tensor name of GPT-SoVITS v3 and v4 with its shape: whole, as a LoRA file, and as a LoRA's training state.

Knows no files and no values; v3 and v4 have the same names and shapes, so nothing here tells them apart. Reference:
measured on files that upstream's own code saved (GPT-SoVITS at 48b1a01, peft 0.21.2); a test compares with the listing.

    whole               enc_p.* ref_enc.* quantizer.* bridge.0.* wns1.* linear_mel.*  cfm.estimator.*
    LoRA                ref_enc.* quantizer.* bridge.0.* wns1.* linear_mel.*          lora_A and lora_B, 176 matrices
    LoRA in training    all of it, each adapted layer's own weight renamed to base_layer
"""

from __future__ import annotations

from core_model.upstream.shapes import (
    CODE,
    Named,
    Shape,
    SoVITSNumbers,
    codebook,
    layer,
    style_encoder,
    text_side,
    wavenet,
)

NUMBERS = SoVITSNumbers(phonemes=732, style_bins=704, style=512, decoder=0)
MEL, WIDTH, TEXT, BLOCKS, FOURIER = 100, 1024, 512, 22, 256
ADAPTED = ("to_q", "to_k", "to_v", "to_out.0")
PEFT = "cfm.base_model.model.estimator"  # what peft makes of cfm.estimator
_PLAIN = "cfm.estimator"


def flow_matching() -> dict[str, Shape]:
    """The whole synthesizer, v3 and v4 alike."""
    tensors = dict(_frozen_text_side()) | dict(_trained_whole())
    return tensors | {f"{_PLAIN}.{name}": shape for name, shape in _estimator()}


def lora(rank: int) -> dict[str, Shape]:
    """What a LoRA file holds: the parts trained in full, and two thin matrices for each adapted layer."""
    tensors = dict(_trained_whole())
    tensors |= {f"{PEFT}.rotary_embed.inv_freq": (32,)}
    return tensors | dict(_adapters(rank))


def lora_training(rank: int) -> dict[str, Shape]:
    """What a LoRA's training state holds."""
    tensors = dict(_frozen_text_side()) | dict(_trained_whole())
    for name, shape in _estimator():
        for part in ADAPTED:
            name = name.replace(f".attn.{part}.", f".attn.{part}.base_layer.")
        tensors[f"{PEFT}.{name}"] = shape
    return tensors | dict(_adapters(rank))


def _frozen_text_side() -> Named:
    yield from text_side(NUMBERS)
    yield from layer("ssl_proj", CODE, CODE, 2)


def _trained_whole() -> Named:
    yield from style_encoder(NUMBERS)
    yield from codebook()
    yield from layer("bridge.0", TEXT, 192, 1)
    yield from layer("wns1.pre", TEXT, TEXT, 1)
    yield from wavenet("wns1.enc", 8, NUMBERS.style, TEXT)
    yield from layer("wns1.proj", TEXT, TEXT, 1)
    yield from layer("linear_mel", MEL, TEXT, 1)


def _estimator() -> Named:
    """The diffusion transformer, without its prefix."""
    for embedding in ("time_embed", "d_embed"):
        yield from layer(f"{embedding}.time_mlp.0", WIDTH, FOURIER)
        yield from layer(f"{embedding}.time_mlp.2", WIDTH, WIDTH)
    for n in range(4):
        block = f"text_embed.text_blocks.{n}"
        yield from layer(f"{block}.dwconv", TEXT, 1, 7)
        yield from layer(f"{block}.norm", TEXT)
        yield from layer(f"{block}.pwconv1", 2 * TEXT, TEXT)
        yield f"{block}.grn.gamma", (1, 1, 2 * TEXT)
        yield f"{block}.grn.beta", (1, 1, 2 * TEXT)
        yield from layer(f"{block}.pwconv2", TEXT, 2 * TEXT)
    yield from layer("input_embed.proj", WIDTH, 2 * MEL + TEXT)  # noisy mel, prompt mel and text side by side
    for n in (0, 2):
        yield from layer(f"input_embed.conv_pos_embed.conv1d.{n}", WIDTH, 64, 31)
    yield "rotary_embed.inv_freq", (32,)
    for n in range(BLOCKS):
        block = f"transformer_blocks.{n}"
        yield from layer(f"{block}.attn_norm.linear", 6 * WIDTH, WIDTH)
        for part in ADAPTED:
            yield from layer(f"{block}.attn.{part}", WIDTH, WIDTH)
        yield from layer(f"{block}.ff.ff.0.0", 2 * WIDTH, WIDTH)
        yield from layer(f"{block}.ff.ff.2", WIDTH, 2 * WIDTH)
    yield from layer("norm_out.linear", 2 * WIDTH, WIDTH)
    yield from layer("proj_out", MEL, WIDTH)


def _adapters(rank: int) -> Named:
    for n in range(BLOCKS):
        for part in ADAPTED:
            name = f"{PEFT}.transformer_blocks.{n}.attn.{part}"
            yield f"{name}.lora_A.default.weight", (rank, WIDTH)
            yield f"{name}.lora_B.default.weight", (WIDTH, rank)

"""Every tensor name of GPT-SoVITS's GPT and SoVITS v1 to v2ProPlus with its shape, from the few numbers that differ.

Knows no files and no values. A checkpoint is of a family when it has exactly these names and shapes; see families.py.
v3, v4 and LoRA stand in flow_shapes.py, vocoders and the speaker-vector network in companion_shapes.py.
Reference: measured on files that upstream's own code saved (GPT-SoVITS at 48b1a01); a test compares with the listing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Shape = tuple[int, ...]
Named = Iterator[tuple[str, Shape]]

HIDDEN, FILTER, HEAD, WINDOW = 192, 768, 96, 9  # text side: width, feedforward, one head, relative positions -4..4
FUSION, CODE, CODES, STYLE_HIDDEN, LATENT = 512, 768, 1024, 128, 192
SPECTROGRAM = 1025
RATE_KERNELS = (16, 16, 8, 2, 2)
RESIDUAL_KERNELS = (3, 7, 11)
SPEAKER = 20480


@dataclass(frozen=True, slots=True)
class SoVITSNumbers:
    """What differs between the SoVITS families v1, v2, v2Pro and v2ProPlus."""

    phonemes: int
    style_bins: int
    style: int
    decoder: int
    first_kernel: int = 16
    speaker_vector: bool = False


SOVITS: Mapping[str, SoVITSNumbers] = {
    "v1": SoVITSNumbers(phonemes=322, style_bins=1025, style=512, decoder=512),
    "v2": SoVITSNumbers(phonemes=732, style_bins=704, style=512, decoder=512),
    "v2Pro": SoVITSNumbers(phonemes=732, style_bins=704, style=1024, decoder=512, speaker_vector=True),
    "v2ProPlus": SoVITSNumbers(732, 704, 1024, decoder=768, first_kernel=20, speaker_vector=True),
}
DISCRIMINATORS: Mapping[str, tuple[int, ...]] = {
    "v1v2": (2, 3, 5, 7, 11),
    "v2Pro_v2ProPlus": (2, 3, 5, 7, 11, 17, 23),
}


def gpt(phonemes: int, semantic_tokens: int, width: int, layers: int, word_features: int) -> dict[str, Shape]:
    """The text-to-semantic network; every name starts with `model.`."""

    def tensors() -> Named:
        yield from layer("bert_proj", width, word_features)
        yield "ar_text_embedding.word_embeddings.weight", (phonemes, width)
        yield "ar_text_position.alpha", (1,)
        yield "ar_audio_embedding.word_embeddings.weight", (semantic_tokens, width)
        yield "ar_audio_position.alpha", (1,)
        for n in range(layers):
            yield f"h.layers.{n}.self_attn.in_proj_weight", (3 * width, width)
            yield f"h.layers.{n}.self_attn.in_proj_bias", (3 * width,)
            yield from layer(f"h.layers.{n}.self_attn.out_proj", width, width)
            yield from layer(f"h.layers.{n}.linear1", 4 * width, width)
            yield from layer(f"h.layers.{n}.linear2", width, 4 * width)
            yield from layer(f"h.layers.{n}.norm1", width)
            yield from layer(f"h.layers.{n}.norm2", width)
        yield "ar_predict_layer.weight", (semantic_tokens, width)

    return {f"model.{name}": shape for name, shape in tensors()}


def sovits(numbers: SoVITSNumbers, *, posterior: bool) -> dict[str, Shape]:
    """The synthesizer of a family; with *posterior* also the encoder that only training and base files hold."""
    tensors = dict(text_side(numbers))
    tensors |= dict(_hifigan(numbers))
    for n in (0, 2, 4, 6):  # the odd ones are flips, without parameters
        tensors |= dict(layer(f"flow.flows.{n}.pre", LATENT, LATENT // 2, 1))
        tensors |= dict(wavenet(f"flow.flows.{n}.enc", 4, numbers.style))
        tensors |= dict(layer(f"flow.flows.{n}.post", LATENT // 2, LATENT, 1))
    tensors |= dict(style_encoder(numbers))
    tensors |= dict(layer("ssl_proj", CODE, CODE, 2))
    tensors |= dict(codebook())
    if numbers.speaker_vector:
        tensors |= dict(layer("sv_emb", numbers.style, SPEAKER))
        tensors |= dict(layer("ge_to512", FUSION, numbers.style))
        tensors |= {"prelu.weight": (numbers.style,)}
    if posterior:
        tensors |= dict(layer("enc_q.pre", HIDDEN, SPECTROGRAM, 1))
        tensors |= dict(wavenet("enc_q.enc", 16, numbers.style))
        tensors |= dict(layer("enc_q.proj", 2 * LATENT, HIDDEN, 1))
    return tensors


def discriminator(periods: tuple[int, ...]) -> dict[str, Shape]:
    """One discriminator on the waveform, then one for each period."""
    tensors: dict[str, Shape] = {}
    scale = ((16, 1, 15), (64, 4, 41), (256, 4, 41), (1024, 4, 41), (1024, 4, 41), (1024, 1024, 5))
    for n, shape in enumerate(scale):
        tensors |= dict(normed(f"discriminators.0.convs.{n}", *shape))
    tensors |= dict(normed("discriminators.0.conv_post", 1, 1024, 3))
    widths = (1, 32, 128, 512, 1024, 1024)
    for index in range(1, len(periods) + 1):
        for n in range(5):
            tensors |= dict(normed(f"discriminators.{index}.convs.{n}", widths[n + 1], widths[n], 5, 1))
        tensors |= dict(normed(f"discriminators.{index}.conv_post", 1, 1024, 3, 1))
    return tensors


def layer(name: str, *shape: int) -> Named:
    """A layer whose bias, or norm, is as long as its first dimension."""
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def normed(name: str, *shape: int, bias: int | None = None) -> Named:
    """A convolution with weight norm in torch's old form: one length g for each index of the first dimension."""
    yield f"{name}.weight_g", (shape[0], *(1 for _ in shape[1:]))
    yield f"{name}.weight_v", shape
    yield f"{name}.bias", (shape[0] if bias is None else bias,)


def _attention(name: str, width: int) -> Named:
    for part in "qkvo":
        yield from layer(f"{name}.conv_{part}", width, width, 1)


def _encoder(name: str, layers: int) -> Named:
    for n in range(layers):
        yield f"{name}.attn_layers.{n}.emb_rel_k", (1, WINDOW, HEAD)
        yield f"{name}.attn_layers.{n}.emb_rel_v", (1, WINDOW, HEAD)
        yield from _attention(f"{name}.attn_layers.{n}", HIDDEN)
        yield from layer(f"{name}.ffn_layers.{n}.conv_1", FILTER, HIDDEN, 3)
        yield from layer(f"{name}.ffn_layers.{n}.conv_2", HIDDEN, FILTER, 3)
        for norm in ("norm_layers_1", "norm_layers_2"):
            yield f"{name}.{norm}.{n}.gamma", (HIDDEN,)
            yield f"{name}.{norm}.{n}.beta", (HIDDEN,)


def text_side(numbers: SoVITSNumbers) -> Named:
    """From codes and phonemes to what the decoder is told."""
    yield from layer("enc_p.ssl_proj", HIDDEN, CODE, 1)
    yield from _encoder("enc_p.encoder_ssl", 3)
    yield from _encoder("enc_p.encoder_text", 6)
    yield "enc_p.text_embedding.weight", (numbers.phonemes, HIDDEN)
    yield from _attention("enc_p.mrte.cross_attention", FUSION)
    yield from layer("enc_p.mrte.c_pre", FUSION, HIDDEN, 1)
    yield from layer("enc_p.mrte.text_pre", FUSION, HIDDEN, 1)
    yield from layer("enc_p.mrte.c_post", HIDDEN, FUSION, 1)
    yield from _encoder("enc_p.encoder2", 3)
    yield from layer("enc_p.proj", 2 * LATENT, HIDDEN, 1)


def wavenet(name: str, layers: int, style: int, width: int = HIDDEN) -> Named:
    """Gated convolutions that a style conditions."""
    for n in range(layers):
        yield from normed(f"{name}.in_layers.{n}", 2 * width, width, 5)
        outputs = width if n == layers - 1 else 2 * width  # the last has no residual, only what is skipped to the end
        yield from normed(f"{name}.res_skip_layers.{n}", outputs, width, 1)
    yield from normed(f"{name}.cond_layer", 2 * width * layers, style, 1)


def codebook() -> Named:
    """The quantizer: buffers, of which only `embed` is used to speak."""
    name = "quantizer.vq.layers.0._codebook"
    yield f"{name}.inited", (1,)
    yield f"{name}.cluster_size", (CODES,)
    yield f"{name}.embed", (CODES, CODE)
    yield f"{name}.embed_avg", (CODES, CODE)


def _hifigan(numbers: SoVITSNumbers) -> Named:
    width = numbers.decoder
    yield from layer("dec.conv_pre", width, LATENT, 7)
    yield from layer("dec.cond", width, numbers.style, 1)
    for n, kernel in enumerate((numbers.first_kernel, *RATE_KERNELS[1:])):
        width //= 2
        # A transposed convolution has its inputs first, so g belongs to them; the bias belongs to the outputs.
        yield from normed(f"dec.ups.{n}", 2 * width, width, kernel, bias=width)
        for index, residual in enumerate(RESIDUAL_KERNELS):
            block = f"dec.resblocks.{len(RESIDUAL_KERNELS) * n + index}"
            for dilation in range(3):
                yield from normed(f"{block}.convs1.{dilation}", width, width, residual)
                yield from normed(f"{block}.convs2.{dilation}", width, width, residual)
    yield "dec.conv_post.weight", (1, width, 7)


def style_encoder(numbers: SoVITSNumbers) -> Named:
    """From the reference's spectrogram to its style."""
    width = STYLE_HIDDEN
    yield from layer("ref_enc.spectral.0.fc", width, numbers.style_bins)
    yield from layer("ref_enc.spectral.3.fc", width, width)
    for n in (0, 1):
        yield from layer(f"ref_enc.temporal.{n}.conv1.conv", 2 * width, width, 5)
    for part in ("w_qs", "w_ks", "w_vs", "fc"):
        yield from layer(f"ref_enc.slf_attn.{part}", width, width)
    yield from layer("ref_enc.fc.fc", numbers.style, width)

"""Every tensor name, with its shape, of the networks beside a voice: two vocoders, and the speaker-vector network.

Knows no files and no values. A vocoder comes with weight norm (weight_g and weight_v) or with it folded in (weight).
Reference: measured on the modules that GPT-SoVITS at 48b1a01 builds (BigVGAN v2 24 kHz 100 band for v3, a HiFi-GAN for
v4, ERes2NetV2 w24 s4 ep4 for the Pro families); a test compares with the listing.
"""

from __future__ import annotations

from core_model.upstream.shapes import RESIDUAL_KERNELS, Named, Shape, layer, normed

MEL = 100
_BIGVGAN_UP_KERNELS = (8, 8, 4, 4, 4, 4)
_HIFIGAN_UP_KERNELS = (20, 12, 4, 4, 4)
_FILTER = (1, 1, 12)
_ERES2NET_BLOCKS = (3, 4, 6, 3)
_ERES2NET_SCALE = 4


def vocoder_v3(*, weight_norm: bool) -> dict[str, Shape]:
    """BigVGAN, its fixed filters included."""
    return dict(_bigvgan(weight_norm))


def vocoder_v4(*, weight_norm: bool) -> dict[str, Shape]:
    """The HiFi-GAN of v4."""
    return dict(_hifigan(weight_norm))


def speaker_vector() -> dict[str, Shape]:
    """ERes2NetV2."""
    return dict(_eres2netv2())


def _convolution(weight_norm: bool, name: str, *shape: int, bias: int | None = None) -> Named:
    if weight_norm:
        yield from normed(name, *shape, bias=bias)
    else:
        yield f"{name}.weight", shape
        yield f"{name}.bias", (shape[0] if bias is None else bias,)


def _hifigan(weight_norm: bool) -> Named:
    width = 512
    yield from layer("conv_pre", width, MEL, 7)
    for n, kernel in enumerate(_HIFIGAN_UP_KERNELS):
        width //= 2
        yield from _convolution(weight_norm, f"ups.{n}", 2 * width, width, kernel, bias=width)
        yield from _residual_blocks(weight_norm, n, width)
    yield from layer("conv_post", 1, width, 7)


def _bigvgan(weight_norm: bool) -> Named:
    width = 1536
    yield from _convolution(weight_norm, "conv_pre", width, MEL, 7)
    for n, kernel in enumerate(_BIGVGAN_UP_KERNELS):
        width //= 2
        yield from _convolution(weight_norm, f"ups.{n}.0", 2 * width, width, kernel, bias=width)
        yield from _residual_blocks(weight_norm, n, width)
        for index in range(3 * n, 3 * n + 3):
            for activation in range(6):
                yield from _snake(f"resblocks.{index}.activations.{activation}", width)
    yield from _snake("activation_post", width)
    for name, shape in _convolution(weight_norm, "conv_post", 1, width, 7):
        if name != "conv_post.bias":
            yield name, shape


def _residual_blocks(weight_norm: bool, stage: int, width: int) -> Named:
    for index, kernel in enumerate(RESIDUAL_KERNELS):
        for part in ("convs1", "convs2"):
            for dilation in range(3):
                name = f"resblocks.{3 * stage + index}.{part}.{dilation}"
                yield from _convolution(weight_norm, name, width, width, kernel)


def _snake(name: str, width: int) -> Named:
    """A periodic activation between a fixed up- and a fixed down-sampling filter."""
    yield f"{name}.act.alpha", (width,)
    yield f"{name}.act.beta", (width,)
    yield f"{name}.upsample.filter", _FILTER
    yield f"{name}.downsample.lowpass.filter", _FILTER


def _eres2netv2() -> Named:
    yield "conv1.weight", (64, 1, 3, 3)
    yield from _norm("bn1", 64)
    inputs = 64
    for stage, blocks in enumerate(_ERES2NET_BLOCKS):
        split = 24 << stage
        outputs = 256 << stage
        for n in range(blocks):
            name = f"layer{stage + 1}.{n}"
            yield from _bottleneck(name, inputs, split, outputs, fused=stage >= 2)
            if n == 0:
                yield f"{name}.shortcut.0.weight", (outputs, inputs, 1, 1)
                yield from _norm(f"{name}.shortcut.1", outputs)
            inputs = outputs
    yield "layer3_ds.weight", (2048, 1024, 3, 3)
    yield from _fusion("fuse34", 2048)
    yield from layer("seg_1", 192, 40960)


def _bottleneck(name: str, inputs: int, split: int, outputs: int, *, fused: bool) -> Named:
    width = split * _ERES2NET_SCALE
    yield f"{name}.conv1.weight", (width, inputs, 1, 1)
    yield from _norm(f"{name}.bn1", width)
    for n in range(_ERES2NET_SCALE):
        yield f"{name}.convs.{n}.weight", (split, split, 3, 3)
        yield from _norm(f"{name}.bns.{n}", split)
    if fused:
        for n in range(_ERES2NET_SCALE - 1):
            yield from _fusion(f"{name}.fuse_models.{n}", split)
    yield f"{name}.conv3.weight", (outputs, width, 1, 1)
    yield from _norm(f"{name}.bn3", outputs)


def _fusion(name: str, width: int) -> Named:
    """Attention over two maps side by side, through a quarter of their width."""
    yield from layer(f"{name}.local_att.0", width // 4, 2 * width, 1, 1)
    yield from _norm(f"{name}.local_att.1", width // 4)
    yield from layer(f"{name}.local_att.3", width, width // 4, 1, 1)
    yield from _norm(f"{name}.local_att.4", width)


def _norm(name: str, width: int) -> Named:
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{part}", (width,)
    yield f"{name}.num_batches_tracked", ()

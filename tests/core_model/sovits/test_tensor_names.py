"""Our tensor names against upstream's: every tensor of every family, both ways, with its shape.

The digests stand for the full key lists of upstream's files (specs/*.json: `weight` and `only_in_training_G`), one
"name shape" a line, sorted; so the test needs no file, and any tensor lost, added or reshaped is seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest
import torch
from torch import nn

from core_model.diffusion import adapters, vocoders
from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.errors import CheckpointError
from core_model.sovits import families
from core_model.sovits.dims import BigVGANDims
from core_model.sovits.discriminator import V1_V2, V2_PRO, MultiPeriodDiscriminator
from core_model.sovits.layers import fold_weight_norm
from core_model.sovits.synthesizer import SoVITS
from core_model.upstream import names

COUNTS_AND_DIGESTS = {
    "v1": (776, "389aa35c1332fd8f1a45c7219fb37e9c4a68f2b61b9c1afd3aa319ae8afb219f"),
    "v2": (776, "47c4b0f3b4c38fa3acc497ab54a6bbada75509c97d7ac08255308733aed75871"),
    "v2Pro": (781, "6110db08cd0fe6a47eba158e990f8854969b4498cc03d1a9391ba5addda9d282"),
    "v2ProPlus": (781, "00e1e3bff42eb240d6ace16c51e65cb1a70675e74316dde13281dc06eb94bcf0"),
    "v3": (685, "6fd54d3624d09825749ead4de1ce24afe0d3bd852d524399257b75484171c773"),
    "v4": (685, "6fd54d3624d09825749ead4de1ce24afe0d3bd852d524399257b75484171c773"),
    "lora": (258, "ace0a3e7c2b60c6c16f223ce8ca50a46c0dd4d10801dffd4c9df549056e1edcc"),
    "lora_training": (861, "ecf8904370849efefec790736f8b3d22e05b0af8d54651f8e2c6ca6b92231786"),
    "vocoder_v3": (783, "6fb43a2f4fb80048b033c3b55fee3b4522d43ea77b6d48d92fc0531ea84a6b0a"),
    "vocoder_v4": (194, "bff952ae7daa4529ec71f19eeebb1495273c7a495ba0e1667ceb4543c0483417"),
    "discriminator v1 v2": (111, "2fab5aea720dbf4082f18ce96879601efb2c54d4e5c028ea1679a21b9bc24a78"),
    "discriminator v2Pro v2ProPlus": (147, "5dd9363e983aaf3a4fb3d133ce3cb7ad632d75cf7e7749f9745a2b3b206c8a42"),
}


def digest(shapes: Mapping[str, tuple[int, ...]]) -> str:
    lines = sorted(f"{name} {list(shape)}" for name, shape in shapes.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def built(which: str) -> tuple[str, nn.Module]:
    with torch.device("meta"):
        match which:
            case "v3" | "v4":
                return "sovits", FlowMatchingSoVITS(families.FAMILIES[which])
            case "lora" | "lora_training":
                return which, adapters.adapt(FlowMatchingSoVITS(families.V3), rank=32)
            case "vocoder_v3":
                return which, vocoders.BigVGAN(100, BigVGANDims())
            case "vocoder_v4":  # its file has no weight norm
                return which, fold_weight_norm(vocoders.build(100, families.V4.decoder.vocoder))
            case "discriminator v1 v2":
                return "discriminator", MultiPeriodDiscriminator(V1_V2)
            case "discriminator v2Pro v2ProPlus":
                return "discriminator", MultiPeriodDiscriminator(V2_PRO)
        return "sovits", SoVITS(families.FAMILIES[which])


def held(kind: str, network: nn.Module) -> Mapping[str, torch.Tensor]:
    """What a file of *kind* holds of *network*."""
    return adapters.lora_weights(network) if kind == "lora" else network.state_dict()


@pytest.mark.parametrize("which", COUNTS_AND_DIGESTS)
def test_the_training_form_holds_exactly_upstreams_tensors(which: str) -> None:
    kind, network = built(which)
    shapes = {name: tuple(tensor.shape) for name, tensor in held(kind, network).items()}
    theirs = {names.to_upstream(kind, name): shape for name, shape in shapes.items()}
    assert (len(theirs), digest(theirs)) == COUNTS_AND_DIGESTS[which]


@pytest.mark.parametrize("which", COUNTS_AND_DIGESTS)
def test_names_go_there_and_back(which: str) -> None:
    kind, network = built(which)
    for ours in held(kind, network):
        assert names.to_ours(kind, names.to_upstream(kind, ours)) == ours


def test_a_voice_for_speaking_lacks_only_the_posterior() -> None:
    with torch.device("meta"):
        speaking, training = SoVITS(families.V2, with_posterior=False), SoVITS(families.V2)
    left_out = training.state_dict().keys() - speaking.state_dict().keys()
    assert len(left_out) == 103
    assert all(names.to_upstream("sovits", name).startswith("enc_q.") for name in left_out)


@pytest.mark.parametrize(
    "name",
    [
        "flow.flows.1.pre.weight",  # a flip holds nothing
        "flow.flows.8.pre.weight",
        "dec.resblocks.15.convs1.0.bias",
        "dec.conv_post.bias",
        "enc_p.encoder_ssl.attn_layers.00.emb_rel_k",
        "cfm.estimator.transformer_blocks.0.attn.to_q.lora_A.default.weight",
    ],
)
def test_a_tensor_that_no_family_has_is_refused(name: str) -> None:
    with pytest.raises(CheckpointError):
        names.to_ours("sovits", name)

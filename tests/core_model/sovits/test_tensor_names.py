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

from core_model.errors import CheckpointError
from core_model.sovits import families
from core_model.sovits.discriminator import V1_V2, V2_PRO, MultiPeriodDiscriminator
from core_model.sovits.synthesizer import SoVITS
from core_model.upstream import names

COUNTS_AND_DIGESTS = {
    "v1": (776, "389aa35c1332fd8f1a45c7219fb37e9c4a68f2b61b9c1afd3aa319ae8afb219f"),
    "v2": (776, "47c4b0f3b4c38fa3acc497ab54a6bbada75509c97d7ac08255308733aed75871"),
    "v2Pro": (781, "6110db08cd0fe6a47eba158e990f8854969b4498cc03d1a9391ba5addda9d282"),
    "v2ProPlus": (781, "00e1e3bff42eb240d6ace16c51e65cb1a70675e74316dde13281dc06eb94bcf0"),
    "discriminator v1 v2": (111, "2fab5aea720dbf4082f18ce96879601efb2c54d4e5c028ea1679a21b9bc24a78"),
    "discriminator v2Pro v2ProPlus": (147, "5dd9363e983aaf3a4fb3d133ce3cb7ad632d75cf7e7749f9745a2b3b206c8a42"),
}


def digest(shapes: Mapping[str, tuple[int, ...]]) -> str:
    lines = sorted(f"{name} {list(shape)}" for name, shape in shapes.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def built(which: str) -> tuple[str, nn.Module]:
    with torch.device("meta"):
        if which in families.FAMILIES:
            return "sovits", SoVITS(families.FAMILIES[which])
        return "discriminator", MultiPeriodDiscriminator(V1_V2 if which.endswith("v2") else V2_PRO)


@pytest.mark.parametrize("which", COUNTS_AND_DIGESTS)
def test_the_training_form_holds_exactly_upstreams_tensors(which: str) -> None:
    kind, network = built(which)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    theirs = {names.to_upstream(kind, name): shape for name, shape in shapes.items()}
    assert (len(theirs), digest(theirs)) == COUNTS_AND_DIGESTS[which]


@pytest.mark.parametrize("which", COUNTS_AND_DIGESTS)
def test_names_go_there_and_back(which: str) -> None:
    kind, network = built(which)
    for ours in network.state_dict():
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

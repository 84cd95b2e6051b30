"""Families: told by names and shapes, claimed only when complete, contradictions and strangers refused by name."""

from __future__ import annotations

import json

import pytest

from core_model.errors import CheckpointError
from core_model.upstream import companion_shapes, flow_shapes, shapes
from core_model.upstream.families import HEADS, gpt_numbers, identify
from tests.core_model.upstream.crafted import TINY_GPT, require_shared

Shapes = dict[str, tuple[int, ...]]
TINY = shapes.gpt(**TINY_GPT)


def listed(stem: str, *more: str) -> Shapes:
    """Names and shapes measured on files of upstream's own making."""
    spec = json.loads(require_shared(f"specs/{stem}.json").read_text())
    entries = {name: entry for part in ("weight", *more) for name, entry in spec[part].items()}
    return {n: tuple(entry["shape"] if isinstance(entry, dict) else entry) for n, entry in entries.items()}


SOVITS_HEADS = {"v1": ("PK", "00"), "v2": ("PK", "01"), "v2Pro": ("PK", "05"), "v2ProPlus": ("PK", "06")}


@pytest.mark.parametrize("family", shapes.SOVITS)
def test_sovits_families(family: str) -> None:
    tensors = listed(f"sovits_{family}")
    assert tensors == shapes.sovits(shapes.SOVITS[family], posterior=False)
    for head in SOVITS_HEADS[family]:
        found = identify(head, tensors)
        assert (found.kind, found.family) == ("sovits", family)
        assert found.evidence
    for head in set(HEADS) - set(SOVITS_HEADS[family]):
        with pytest.raises(CheckpointError):
            identify(head, tensors)


@pytest.mark.parametrize("family", shapes.SOVITS)
def test_sovits_with_the_posterior_encoder(family: str) -> None:
    tensors = listed(f"sovits_{family}", "only_in_training_G")
    assert tensors == shapes.sovits(shapes.SOVITS[family], posterior=True)
    assert identify("PK", tensors).family == family


@pytest.mark.parametrize("family", ["s1longer", "s1longer-v2", "s1", "s1big", "s1big2"])
def test_gpt_families(family: str) -> None:
    found = identify("PK", listed(f"gpt_{family}"))
    assert (found.kind, found.family) == ("gpt", family)


def test_a_gpt_of_other_numbers() -> None:
    assert identify("PK", TINY).family == "other"
    assert gpt_numbers(TINY) == TINY_GPT


@pytest.mark.parametrize("family", shapes.DISCRIMINATORS)
def test_discriminators(family: str) -> None:
    tensors = listed(f"discriminator_{family}")
    assert tensors == shapes.discriminator(shapes.DISCRIMINATORS[family])
    assert (identify("PK", tensors).kind, identify("PK", tensors).family) == ("discriminator", family)


@pytest.mark.parametrize("stem", ["sovits_v3", "sovits_v4"])
def test_v3_and_v4_are_told_apart_by_their_configuration(stem: str) -> None:
    tensors = listed(stem)
    assert tensors == flow_shapes.flow_matching()
    for version in ("v3", "v4"):
        found = identify("PK", tensors, version)
        assert (found.kind, found.family, found.lora_rank) == ("sovits", version, None)
        assert f"its configuration says {version}" in found.evidence[-1]
    for unsaid in ("", "v2Pro"):
        found = identify("PK", tensors, unsaid)
        assert found.family == "v3"
        assert "nothing in the file says which" in found.evidence[-1]
    found = identify("02", tensors, "v4")
    assert found.family == "v3"
    assert any("though its configuration says v4" in sentence for sentence in found.evidence)
    for head in set(HEADS) - {"02"}:
        with pytest.raises(CheckpointError, match=f"its head {head} says"):
            identify(head, tensors, "v4")


@pytest.mark.parametrize(("stem", "family", "head"), [("sovits_v3", "v3", "03"), ("sovits_v4", "v4", "04")])
def test_lora(stem: str, family: str, head: str) -> None:
    tensors = listed(f"{stem}_lora")
    assert tensors == flow_shapes.lora(32)
    for start in (head, "PK"):
        found = identify(start, tensors, family)
        assert (found.kind, found.family, found.lora_rank) == ("lora", family, 32)
    assert identify("PK", tensors).family == "v3"
    for other in set(HEADS) - {"03", "04"}:
        with pytest.raises(CheckpointError, match=f"its head {other} says"):
            identify(other, tensors, family)


@pytest.mark.parametrize("rank", [1, 16, 128])
def test_loras_of_other_ranks(rank: int) -> None:
    assert identify("04", flow_shapes.lora(rank)).lora_rank == rank
    mixed = flow_shapes.lora(rank) | {
        f"{flow_shapes.PEFT}.transformer_blocks.9.attn.to_q.lora_A.default.weight": (8, 1024)
    }
    with pytest.raises(CheckpointError, match=rf"blocks\.9.*has the shape \(8, 1024\) instead of \({rank}, 1024\)"):
        identify("04", mixed)


@pytest.mark.parametrize("stem", ["sovits_v3_lora_training_G", "sovits_v4_lora_training_G"])
def test_the_training_state_of_a_lora(stem: str) -> None:
    tensors = listed(stem)
    assert tensors == flow_shapes.lora_training(32)
    found = identify("PK", tensors)
    assert (found.kind, found.lora_rank) == ("lora_training", 32)
    with pytest.raises(CheckpointError, match="its head 03 says a v3 LoRA"):
        identify("03", tensors)


def folded(tensors: Shapes) -> Shapes:
    """With weight norm folded in, as its removal leaves the names."""
    kept = {n: shape for n, shape in tensors.items() if not n.endswith(("_g", "_v"))}
    return kept | {n.removesuffix("_v"): shape for n, shape in tensors.items() if n.endswith("_v")}


def test_vocoders_in_both_forms() -> None:
    bigvgan, hifigan = listed("vocoder_v3_bigvgan"), listed("vocoder_v4")
    assert bigvgan == companion_shapes.vocoder_v3(weight_norm=True)
    assert hifigan == companion_shapes.vocoder_v4(weight_norm=False)
    assert folded(companion_shapes.vocoder_v4(weight_norm=True)) == hifigan
    for tensors, family in ((bigvgan, "v3"), (folded(bigvgan), "v3"), (hifigan, "v4")):
        found = identify("PK", tensors)
        assert (found.kind, found.family) == ("vocoder", family)
        with pytest.raises(CheckpointError, match="its head 04 says a v4 LoRA"):
            identify("04", tensors)


def test_the_speaker_vector_network() -> None:
    tensors = listed("sv_eres2netv2")
    assert tensors == companion_shapes.speaker_vector()
    assert (identify("PK", tensors).kind, identify("PK", tensors).family) == ("speaker_vector", "eres2netv2")


def test_the_50_hz_variant_is_refused_by_its_name() -> None:
    tensors = shapes.sovits(shapes.SOVITS["v2"], posterior=False) | {"ssl_proj.weight": (768, 768, 1)}
    with pytest.raises(CheckpointError, match="50 Hz"):
        identify("PK", tensors)


def test_a_version_in_the_configuration_is_no_evidence() -> None:
    found = identify("PK", shapes.sovits(shapes.SOVITS["v1"], posterior=False), "v2")
    assert found.family == "v1"
    assert any("v2" in sentence and "not relied upon" in sentence for sentence in found.evidence)


@pytest.mark.parametrize(
    "tensors",
    [
        TINY,
        shapes.sovits(shapes.SOVITS["v1"], posterior=False),
        flow_shapes.flow_matching(),
        flow_shapes.lora(16),
        companion_shapes.vocoder_v4(weight_norm=False),
        companion_shapes.speaker_vector(),
    ],
)
def test_one_tensor_less_more_or_other_is_refused_by_name(tensors: Shapes) -> None:
    name = list(tensors)[5]
    for changed, sentence in (
        ({n: shape for n, shape in tensors.items() if n != name}, f"{name} is missing"),
        (tensors | {"enc_p.extra": (1,)}, r"enc_p\.extra is unknown"),
        (tensors | {name: (9, 9, 9)}, rf"{name} has the shape \(9, 9, 9\) instead of"),
    ):
        with pytest.raises(CheckpointError, match=sentence):
            identify("PK", changed)


def test_part_of_a_posterior_encoder_is_refused() -> None:
    tensors = shapes.sovits(shapes.SOVITS["v2"], posterior=False) | {"enc_q.pre.bias": (192,)}
    with pytest.raises(CheckpointError, match=r"enc_q.* is missing"):
        identify("PK", tensors)


def test_nothing_examined_is_a_refusal() -> None:
    with pytest.raises(CheckpointError, match="nothing was examined"):
        identify("PK", {})


def test_strangers_are_refused() -> None:
    with pytest.raises(CheckpointError, match="no known network"):
        identify("PK", {"layer.weight": (2, 2)})
    with pytest.raises(CheckpointError):
        identify("PK", {"model.ar_predict_layer.weight": (2, 2, 2)})
    with pytest.raises(CheckpointError, match="head 05 says sovits v2Pro"):
        identify("05", TINY)

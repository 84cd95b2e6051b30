"""Families: told by names and shapes, claimed only when complete, contradictions and strangers refused by name."""

from __future__ import annotations

import json

import pytest

from core_model.errors import CheckpointError
from core_model.upstream import shapes
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


@pytest.mark.parametrize(
    ("stem", "head", "version", "name"),
    [
        ("sovits_v3", "PK", "", "v3"),
        ("sovits_v3", "02", "v3", "v3"),
        ("sovits_v4", "PK", "v4", "v4"),
        ("sovits_v3_lora", "03", "v3", "v3 LoRA"),
        ("sovits_v4_lora", "04", "v4", "v4 LoRA"),
        ("sovits_v4_lora", "PK", "", "v3 or v4 LoRA"),
        ("sovits_v4_lora_training_G", "PK", "", "v3 or v4 LoRA"),
        ("vocoder_v4", "PK", "", "v4 vocoder"),
        ("vocoder_v3_bigvgan", "PK", "", "v3 vocoder"),
        ("sv_eres2netv2", "PK", "", "speaker-vector network"),
    ],
)
def test_what_is_not_read_yet_is_refused_by_its_name(stem: str, head: str, version: str, name: str) -> None:
    with pytest.raises(CheckpointError, match=f"it is a {name} file, which is not read yet"):
        identify(head, listed(stem), version)


def test_the_50_hz_variant_is_refused_by_its_name() -> None:
    tensors = shapes.sovits(shapes.SOVITS["v2"], posterior=False) | {"ssl_proj.weight": (768, 768, 1)}
    with pytest.raises(CheckpointError, match="50 Hz"):
        identify("PK", tensors)


def test_a_version_in_the_configuration_is_no_evidence() -> None:
    found = identify("PK", shapes.sovits(shapes.SOVITS["v1"], posterior=False), "v2")
    assert found.family == "v1"
    assert any("v2" in sentence and "not relied upon" in sentence for sentence in found.evidence)


@pytest.mark.parametrize("tensors", [TINY, shapes.sovits(shapes.SOVITS["v1"], posterior=False)])
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
    with pytest.raises(CheckpointError, match="head 05 says v2Pro"):
        identify("05", TINY)

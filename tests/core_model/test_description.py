"""voice.json: what breaks the schema is named, what is unknown survives, and no size is absurd."""

from __future__ import annotations

import json

import pytest

from core_model.description import Description
from core_model.errors import VoiceError
from core_model.nano.dims import SOVITS_DIMS
from core_model.sovits.dims import dims_to_dict
from core_model.sovits.families import FAMILIES
from tests.core_model.test_voice import GPT, description


def test_unknown_fields_survive_reading_and_writing() -> None:
    document = description().document() | {"born": {"in": 2045}}
    assert Description.parse(json.loads(json.dumps(document))).document() == document


def broken(**changes: object) -> dict[str, object]:
    return description().document() | changes


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "voice.json"),
        ({k: v for k, v in broken().items() if k != "licence"}, "licence"),
        (broken(schema=3), "schema"),
        (broken(schema="1"), "schema"),
        (broken(name="../ada"), "name"),
        (broken(name="Ada"), "name"),
        (broken(sample_rate=16000.0), "sample_rate"),
        (broken(sample_rate=0), "sample_rate"),
        (broken(sample_rate=True), "sample_rate"),
        (broken(languages=[]), "languages"),
        (broken(languages=["English"]), "languages"),
        (broken(preview="yes"), "preview"),
        (broken(symbols={"table": "v2"}), "symbols.sha256"),
        (broken(token_scheme={"kind": "guess"}), "token_scheme.kind"),
        (broken(gpt={**GPT, "heads": 0}), "gpt.heads"),
        (broken(gpt={k: v for k, v in GPT.items() if k != "layers"}), "gpt.layers"),
        (broken(sovits=[1]), "sovits"),
    ],
)
def test_a_broken_description_names_its_field(document: object, field: str) -> None:
    with pytest.raises(VoiceError) as refused:
        Description.parse(document)
    assert refused.value.field == field


def test_no_word_features_is_a_size_that_a_gpt_may_have() -> None:
    assert Description.parse(broken(gpt={**GPT, "word_features": 0})).gpt["word_features"] == 0


def test_the_released_families_are_far_below_the_largest_sizes() -> None:
    for dims in (*FAMILIES.values(), SOVITS_DIMS):
        assert Description.parse(broken(sovits=dims_to_dict(dims))).family == "tiny"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"gpt": {**GPT, "layers": 10**9}}, "gpt.layers"),
        ({"gpt": {**GPT, "phonemes": 10**7}}, "gpt.phonemes"),
        ({"sovits": {"style": 5, "posterior_layers": 1001}}, "sovits.posterior_layers"),
        ({"sovits": {"style": 5, "decoder": {"fft": 10**6}}}, "sovits.decoder.fft"),
        ({"sovits": {"style": 5, "decoder": {"rates": [2, 10**8]}}}, "sovits.decoder.rates"),
        ({"sovits": {"style": 5, "decoder": {"rates": [1] * 10_000}}}, "sovits.decoder.rates"),
        ({"sample_rate": 10**12}, "sample_rate"),
    ],
)
def test_an_absurd_size_is_refused_before_anything_is_built(changes: dict[str, object], field: str) -> None:
    with pytest.raises(VoiceError) as refused:
        Description.parse(broken(**changes))
    assert refused.value.field == field


def test_sizes_nested_without_end_are_refused() -> None:
    nested: object = 1
    for _ in range(200):
        nested = [nested]
    with pytest.raises(VoiceError, match="deeper"):
        Description.parse(broken(sovits={"style": 5, "decoder": nested}))

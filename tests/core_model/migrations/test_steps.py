"""Steps between schemas: each against stored examples, and every reader reads an old document through them."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from core_model.description import Description
from core_model.errors import LaterSchemaError, VoiceError
from core_model.migrations.steps import SCHEMA, STEPS, is_governed, schema_of, to_current

EXAMPLES = Path(__file__).parent / "examples"  # written once by hand and never made anew: they say what a step promises
PAIRS = [
    (step, path.relative_to(EXAMPLES / f"{step.number:04}" / "before").as_posix())
    for step in STEPS
    for path in sorted((EXAMPLES / f"{step.number:04}" / "before").rglob("*.json"))
]


def example(number: int, side: str, place: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((EXAMPLES / f"{number:04}" / side / place).read_bytes())
    return found


def test_steps_are_numbered_through_and_each_has_examples_of_every_kind() -> None:
    assert [step.number for step in STEPS] == list(range(1, SCHEMA))
    for step in STEPS:
        places = {place.split("/")[0] for one, place in PAIRS if one is step}
        assert places == {"voice.json", "golden", "prompts", "text"}


@pytest.mark.parametrize(("step", "place"), PAIRS, ids=[f"{step.number}-{place}" for step, place in PAIRS])
def test_a_step_gives_the_stored_example_and_changes_nothing_it_was_given(step, place) -> None:
    before, after = example(step.number, "before", place), example(step.number, "after", place)
    given = copy.deepcopy(before)
    assert schema_of(place, before) == step.number
    assert step.migrate(place, given) == after
    assert given == before
    assert schema_of(place, after) == step.number + 1


@pytest.mark.parametrize(("step", "place"), PAIRS, ids=[f"{step.number}-{place}" for step, place in PAIRS])
def test_what_is_current_stays_as_it_is(step, place) -> None:
    current = to_current(place, example(step.number, "before", place))
    assert to_current(place, current) == current
    assert schema_of(place, current) == SCHEMA


@pytest.mark.parametrize("place", ["voice.json", "golden/golden.json", "prompts/default.json", "text/index.json"])
def test_a_schema_of_the_future_is_refused_with_both_numbers(place: str) -> None:
    with pytest.raises(LaterSchemaError) as refused:
        to_current(place, {"schema": SCHEMA + 1})
    assert (refused.value.found, refused.value.newest) == (SCHEMA + 1, SCHEMA)


@pytest.mark.parametrize("schema", [0, -1, "1", 1.0, True, None])
def test_what_is_no_schema_is_refused(schema: object) -> None:
    with pytest.raises(VoiceError, match="schema"):
        to_current("voice.json", {"schema": schema})


def test_only_a_prompt_may_say_nothing_of_its_schema() -> None:
    assert schema_of("prompts/default.json", {}) == 1
    for place in ("voice.json", "golden/golden.json", "text/index.json"):
        with pytest.raises(VoiceError, match="is missing"):
            schema_of(place, {})


def test_records_and_arrays_have_no_schema_of_the_voices() -> None:
    assert is_governed("prompts/angry.json")
    for place in ("records/upstream.json", "manifest.json", "prompts/a/b.json", "golden/golden.safetensors"):
        assert not is_governed(place)


def test_a_voice_of_schema_1_reads_as_one_without_history() -> None:
    read = Description.parse(example(1, "before", "voice.json"))
    assert read.history == ()
    assert read.other == {"born": {"in": 2026}}


@pytest.mark.parametrize("lineage", [{}, {"history": None}, {"history": [1]}])
def test_schema_2_must_say_its_history(lineage: dict[str, object]) -> None:
    with pytest.raises(VoiceError) as refused:
        Description.parse(example(1, "after", "voice.json") | {"lineage": lineage})
    assert refused.value.field == "lineage.history"

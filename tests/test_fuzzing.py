"""A taste of `make fuzz` in every run: each target on its seeds, and on a few hundred changed ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import fuzzing
from tests.fuzzing import REFUSALS, TARGETS, changed, expect_refusal, seeds


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read_or_refused(name: str) -> None:
    assert seeds(name)
    for seed in seeds(name):
        expect_refusal(TARGETS[name][0], seed)


@pytest.mark.parametrize(
    "name",
    [
        "container",
        "outer",
        "payload",
        "manifest",
        "age_header",
        "safetensors",
        "json",
        "check",
        "signature",
        "attestation",
    ],
)
def test_what_is_right_is_no_refusal(name: str) -> None:
    """Else a target might refuse everything, and never look at anything."""
    TARGETS[name][0](seeds(name)[0])


@pytest.mark.parametrize("name", TARGETS)
def test_changed_ones_are_read_or_refused(name: str) -> None:
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(changed(name))
    def attempt(data: bytes) -> None:
        expect_refusal(TARGETS[name][0], data)

    attempt()


def test_a_finding_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def falls_over(data: bytes) -> None:
        if len(data) > 3:
            raise IndexError("a bug")
        raise REFUSALS[0]("a refusal")

    monkeypatch.setitem(fuzzing.TARGETS, "container", (falls_over, ("tar",)))
    found, tried = fuzzing.with_hypothesis("container", 5)
    assert found is not None and len(found) > 3 and tried


def test_the_whole_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fuzzing, "with_atheris", lambda name, seconds: (name == "json", 7))
    assert fuzzing.main(["0.2", "manifest"]) == 0
    assert re.match(r"manifest: nothing found; [1-9]\d* inputs of Hypothesis", capsys.readouterr().out)


def test_one_finding_is_not_said_of_the_next_target(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzzing, "with_hypothesis", lambda name, seconds: (None, 5))
    monkeypatch.setattr(fuzzing, "with_atheris", lambda name, seconds: (name == "json", 7))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert fuzzing.main(["1", "json", "manifest"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "json: FOUND; 5 inputs of Hypothesis, 7 of atheris",
        "manifest: nothing found; 5 inputs of Hypothesis, 7 of atheris",
    ]


@given(st.binary(max_size=40))
def test_every_target_ends_on_anything(data: bytes) -> None:
    for target, _ in TARGETS.values():
        expect_refusal(target, data)

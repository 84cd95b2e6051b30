"""The profiles that we ship can be read, and are locked as a lock must be: hashed, in the versions of run.lock."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from containers.locks import parse_lock
from containers.profiles import DOCKERFILE, NAMES, RECIPE, ROOT, Profile

REQUIREMENTS = ROOT.parent / "requirements"


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_pins_everything_and_hashes_all_but_torch(name: str) -> None:
    profile = Profile.read(name)
    assert profile.name == name
    assert len(profile.pins) > 20
    assert [pin.name for pin in profile.pins if not pin.sha256] == (["torch"] if name == "torch" else [])
    assert "pip" in {pin.name for pin in profile.pins}  # which installs the others where there is no engine


def test_the_player_has_no_torch_in_it() -> None:
    assert not [pin for pin in Profile.read("player").pins if "torch" in pin.name or "nvidia" in pin.name]


def test_cuda_is_data_for_people_and_hashed_to_the_last_library() -> None:
    pins = parse_lock((ROOT / "cuda" / "requirements.lock").read_text(), "cuda")
    assert {"torch", "nvidia-cublas"} <= {pin.name for pin in pins}
    assert "cuda" not in NAMES


@pytest.mark.parametrize("name", [*NAMES, "cuda"])
def test_the_versions_are_those_of_the_toolkit_s_own_lock(name: str) -> None:
    own = dict(re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", (REQUIREMENTS / "run.lock").read_text(), re.MULTILINE))
    pins = parse_lock((ROOT / name / "requirements.lock").read_text(), name)
    assert {pin.name: pin.version for pin in pins if own.get(pin.name, pin.version) != pin.version} == {}


def test_the_command_line_knows_the_profiles() -> None:
    from lifecycle.cli.environment import _PROFILES

    assert _PROFILES == NAMES


def test_the_recipe_and_the_dockerfile_are_where_the_package_says() -> None:
    assert RECIPE.read_text().startswith("#!/bin/sh")
    text = DOCKERFILE.read_text()
    assert "ARG BASE=base.tar\n" in text
    assert "USER 65534:65534" in text


def test_a_player_s_pattern_names_something_that_is_there() -> None:
    """A pattern with a mistake would silently leave out nothing."""
    patterns = Profile.read("player").left_out.toolkit
    assert all((Path(ROOT.parent) / pattern).exists() for pattern in patterns)

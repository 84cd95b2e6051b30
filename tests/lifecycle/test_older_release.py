"""The other direction: the oldest release, in an environment of its own, opens and verifies what today's code writes.

From the second release on. Until then the mechanism is tried on commits: this one as if it were a release, and the last
one that knew no schema 2, which has to refuse and whose refusal has to be noticed.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lifecycle.cli import main
from tests.lifecycle.older_release import Environment, has_commit, releases
from tests.tiny_voice import make_tiny_voice

pytestmark = [pytest.mark.slow, pytest.mark.sockets("network")]  # pip fetches what the release needs
BEFORE_SCHEMA_2 = "51bf1ea"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment.make(tmp_path_factory.mktemp("older"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What today's code writes."""
    place = tmp_path_factory.mktemp("today")
    make_tiny_voice(place / "home" / "voices" / "ada")
    words = ["archive", "ada", "--home", place / "home", "--public", "-o", place / "ada.voice"]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return place / "ada.voice"


def opens_and_verifies(environment: Environment, bundle: Path, home: Path) -> tuple[bool, str]:
    """Whether the installed release says yes to both, and what it said last."""
    restored = environment.call("restore", bundle, "--accept-unsigned", "--home", home, "--as", "eve")
    if restored.returncode != 0:
        return False, restored.stderr
    verified = environment.call("verify", bundle, "--accept-unsigned", "--runtime", "onnx", "--home", home, "--json")
    layers = {layer["name"]: layer["verdict"] for layer in json.loads(verified.stdout)["runtimes"]["onnx"]["layers"]}
    proven = all(layers[name] == "passed" for name in ("fixity", "text", "tokens", "waveform"))
    return verified.returncode == 0 and proven, verified.stdout


def test_the_oldest_release_reads_what_today_writes(environment: Environment, bundle: Path, tmp_path: Path) -> None:
    listed = releases()
    if len(listed) < 2:
        pytest.skip(f"not run: there {'is one release' if listed else 'is no release yet'}")
    environment.install(listed[0]["source"])
    yes, said = opens_and_verifies(environment, bundle, tmp_path)
    assert yes, said


def test_the_mechanism_says_yes_to_this_commit_as_if_released(
    environment: Environment, bundle: Path, tmp_path: Path
) -> None:
    environment.install("HEAD")
    yes, said = opens_and_verifies(environment, bundle, tmp_path)
    assert yes, said


@pytest.mark.skipif(not has_commit(BEFORE_SCHEMA_2), reason=f"this clone has no commit {BEFORE_SCHEMA_2}")
def test_the_mechanism_notices_a_release_that_refuses(environment: Environment, bundle: Path, tmp_path: Path) -> None:
    environment.install(BEFORE_SCHEMA_2)
    yes, said = opens_and_verifies(environment, bundle, tmp_path)
    assert not yes
    assert "reads schema 1, the voice has 2" in said

"""The bench of attacks runs on people who are made up; where their speech cannot be had, it says so in a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import attacks, prompt_speech
from tests.benchmarks.prompt_speech import NoSpeechError, Person, fetch

ROOT = Path(__file__).resolve().parents[2]


def made_up(count: int = 4, prompts: int = 30, dimension: int = 32) -> list[Person]:
    """Non-negative directions, each person's near each other."""
    draw = np.random.Generator(np.random.Philox(key=1))
    whose = np.abs(draw.standard_normal((count, 1, dimension)))
    rows = np.abs(whose + 0.1 * draw.standard_normal((count, prompts, dimension)))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    return [Person(f"person {number}", each, np.full(prompts, 2.0)) for number, each in enumerate(rows)]


def test_every_row_is_there_or_says_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacks, "people", lambda work, most: made_up())
    tables = attacks.run(tmp_path, attacks.QUICK)
    told = json.loads((tmp_path / "results.json").read_text())
    assert [row["epsilon"] for row in told["single"]] == 2 * list(attacks.QUICK.epsilons)
    assert [row["n"] for row in told["means"] if "not run" not in row] == [20] * 3
    assert tables.count("not run: 0 people have") == 9
    assert [row["found"] for row in told["inversion"]] == [[100], []] * 3
    assert max(row["off by"] for row in told["inversion"] if row["found"]) < 1e-6
    assert told["sensitivity of non-negative directions"] == pytest.approx(2**0.5)
    assert told["farthest apart"] < 2**0.5
    for row in told["single"]:
        assert {attack["attacker"].partition(":")[0] for attack in row["attacks"]} == {"informed", "naive"}
        assert not any(attack["beats_floor"] for attack in row["attacks"])
    assert (tmp_path / "results.md").read_text() == tables
    assert "BEATS" not in tables


def test_nobody_who_might_have_negative_values_gets_a_smaller_delta(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made_up()
    found[0].vectors[0, 0] = -1e-3
    monkeypatch.setattr(attacks, "people", lambda work, most: found)
    with pytest.raises(Exception, match="negative"):
        attacks.run(tmp_path, attacks.QUICK)
    assert not (tmp_path / "results.json").exists()


def test_more_than_eight_is_the_bench_s_alone() -> None:
    for epsilon in (50.0, 8.0):
        made = attacks.mechanism(epsilon, 256)
        assert made.epsilon == pytest.approx(epsilon, rel=1e-3)
        assert made.epsilon <= epsilon


def programs(directory: Path, **scripts: str) -> str:
    """A PATH with these programs alone."""
    for name, script in scripts.items():
        program = directory / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    return str(directory)


def test_no_debian_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoSpeechError, match="there is no apt-get here"):
        fetch(tmp_path, "asterisk-prompt-es-co")


def test_offline_is_a_sentence_and_exit_1(tmp_path: Path) -> None:
    path = programs(tmp_path, apt_get="exit 100", dpkg_deb="exit 0")
    call = [sys.executable, "-m", "tests.benchmarks.attacks", "--work", str(tmp_path / "work")]
    run = subprocess.run(call, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("error: asterisk-core-sounds-en-g722 cannot be fetched: offline")
    assert not (tmp_path / "work" / "asterisk-core-sounds-en-g722").exists()


def test_a_damaged_package_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, apt_get=": > x.deb", dpkg_deb="exit 2"))
    with pytest.raises(NoSpeechError, match="came damaged"):
        fetch(tmp_path / "work", "asterisk-prompt-es-co")


def test_what_was_fetched_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, apt_get=": > x.deb", dpkg_deb="exit 0"))
    place = fetch(tmp_path / "work", "asterisk-prompt-es-co")
    monkeypatch.setenv("PATH", "")
    assert fetch(tmp_path / "work", "asterisk-prompt-es-co") == place
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["asterisk-prompt-es-co"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_bench_on_real_people(tmp_path: Path) -> None:
    """With little of everything; LIFECYCLE_ATTACKS names a directory in which prompts are kept."""
    work = Path(os.environ.get("LIFECYCLE_ATTACKS") or tmp_path)
    try:
        seven = prompt_speech.people(work, attacks.QUICK.prompts)
    except NoSpeechError as refusal:
        pytest.skip(str(refusal))
    assert [person.label for person in seven] == [label for label, _, _ in prompt_speech.PEOPLE]
    attacks.run(work, attacks.QUICK)
    told = json.loads((work / "results.json").read_text())
    assert not any(attack["beats_floor"] for row in told["single"] for attack in row["attacks"])
    # the same people are nearer to themselves than to anybody: what is tested is people, not noise
    means = np.array([person.vectors.mean(axis=0) for person in seven])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    for number, person in enumerate(seven):
        assert (np.argmax(person.vectors @ means.T, axis=1) == number).mean() > 0.9

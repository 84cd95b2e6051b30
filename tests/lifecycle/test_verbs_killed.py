"""archive, refresh, repair, scrub and restore, killed at 200 points in all: the old file or the new one, never half.

And the next run of the same verb leaves nothing of the one that was killed, also where it refuses because the new file
is there already. Every call that changes the disk is a point, the start of another program too, which then goes on
without its master.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from safetensors.numpy import save

from archive.bundle import open_bundle, pack
from archive.custody import Act
from archive.errors import DestinationExistsError
from core_model.voice import Voice
from lifecycle.errors import OutputExistsError, VoiceExistsError
from lifecycle.scrubbing import scrub
from lifecycle.store import Store
from tests.archive.crafting import IDENTITY, STRANGER
from tests.archive.signers import ANNA, NOW
from tests.lifecycle.killing_verbs import TRUST, act

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tests" / "lifecycle" / "killing_verbs.py"
POINTS = 42  # of each verb


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny voice without exports, which would take ten seconds each time, and without most of its dictionary."""
    from tests.tiny_voice import make_tiny_voice

    made = make_tiny_voice(tmp_path_factory.mktemp("voices") / "ada", flowing=True, golden=False).directory
    for path in (made / "text").iterdir():
        path.write_bytes(save({}) if path.suffix == ".safetensors" else path.read_bytes()[:2000])
    return made


@pytest.fixture(scope="module")
def bundle(voice: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The voice in a bundle that Anna signed."""
    path = tmp_path_factory.mktemp("bundle") / "ada.voice"
    members = {file.relative_to(voice).as_posix(): file for file in voice.rglob("*") if file.is_file()}
    pack(path, members, description={"voice": "ada"}, recipients=[IDENTITY.recipient], act=Act(ANNA, NOW))
    return path


def lay_out(verb: str, template: Path, voice: Path, bundle: Path) -> None:
    """What *verb* begins with."""
    (template / "tmp").mkdir(parents=True)
    whole = bundle.read_bytes()
    if verb == "archive":
        shutil.copytree(voice, template / "home" / "voices" / "ada")
        pack(template / "ada.voice", {"old.txt": voice / "voice.json"}, public=True, redundancy=0)
    elif verb == "repair":
        (template / "old.voice").write_bytes(bytes(4096) + whole[4096:-2000])
    elif verb == "scrub":
        (template / "shelf" / "deep").mkdir(parents=True)
        for name in ("a", "b", "deep/c", "deep/d"):
            (template / "shelf" / f"{name}.voice").write_bytes(whole)
        scrub(template / "shelf", now=lambda: NOW)
        (template / "shelf" / "b.voice").write_bytes(whole[:9000] + whole[9001:])  # for which par2 has to look
        for name in ("deep/e", "f"):
            (template / "shelf" / f"{name}.voice").write_bytes(whole)
    else:
        (template / "old.voice").write_bytes(whole)
        (template / "home").mkdir()


def is_new(verb: str, place: Path, template: Path, bundle_id: str) -> bool:
    """Whether what the verb writes is the new thing; fails unless that is whole, or the old one untouched."""
    if verb == "scrub":
        before, log = ((at / "shelf" / "fixity.jsonl").read_bytes() for at in (template, place))
        assert log.startswith(before)
        *lines, torn = log[len(before) :].split(b"\n")
        assert not torn
        return bool(lines) and [json.loads(line)["event"] for line in lines][-1] == "end"
    if verb == "restore":
        names = Store(place / "home").names()
        assert names in ((), ("ada",))
        if names:
            restored = Voice.open(Store(place / "home").path("ada")).directory
            with open_bundle(template / "old.voice", [IDENTITY]) as opened:
                for entry in opened.manifest.members:
                    assert (restored / entry.path).read_bytes() == opened.read(entry.path)
            assert (restored / "manifest.dsse.json").stat().st_size > 0
        return bool(names)
    path = place / ("ada.voice" if verb == "archive" else "new.voice")
    if not path.exists():
        return False
    if verb == "archive" and path.read_bytes() == (template / "ada.voice").read_bytes():
        return False
    key = STRANGER if verb == "refresh" else IDENTITY
    with open_bundle(path, [key], trusted=TRUST.keys, now=NOW) as opened:
        assert opened.verify() == bundle_id == opened.outside.custody()[-1].bundle_id
    return True


def listing(place: Path) -> list[str]:
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*"))


def kill(verb: str, directory: Path, points: int, judge: Callable[[Path], bool]) -> list[bool]:
    """Kill *verb* at that many points; which of them left the new thing. Fails if any left half of it, or a remnant."""
    template = directory / "template"
    call = [sys.executable, str(PROGRAM), verb, str(directory), str(points)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    _, *children = (json.loads(line) for line in done.stdout.splitlines())
    assert judge(directory / "whole")
    outcomes = []
    for child in children:
        place = directory / str(child["point"])
        assert child["killed"], (verb, child)
        outcomes.append(judge(place))
        with suppress(OutputExistsError, DestinationExistsError, VoiceExistsError):
            act(verb, place)
        assert judge(place), (verb, child)
        assert listing(place) == listing(directory / "whole"), (verb, child)
        for path in template.rglob("*.voice"):
            assert verb == "archive" or (place / path.relative_to(template)).read_bytes() == path.read_bytes()
        shutil.rmtree(place)
    return outcomes


def killed(verb: str, directory: Path, points: int, voice: Path, bundle: Path) -> list[bool]:
    lay_out(verb, directory / "template", voice, bundle)
    with open_bundle(bundle, [IDENTITY]) as opened:
        bundle_id = opened.verify()
    if verb == "archive":  # says who made it, and is therefore another one
        act(verb, shutil.copytree(directory / "template", directory / "once"))
        with open_bundle(directory / "once" / "ada.voice", [IDENTITY]) as opened:
            bundle_id = opened.verify()
    return kill(verb, directory, points, lambda place: is_new(verb, place, directory / "template", bundle_id))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_at_200_points_in_all(voice: Path, bundle: Path, tmp_path: Path) -> None:
    found = {
        verb: killed(verb, tmp_path / verb, POINTS, voice, bundle)
        for verb in ("archive", "refresh", "repair", "scrub", "restore")
    }
    for verb, outcomes in found.items():
        assert not outcomes[0] and outcomes[-1], verb
        assert outcomes == sorted(outcomes), verb
    assert sum(map(len, found.values())) >= 200

"""A disk that is full, or may not be written to: one sentence, exit 1, nothing lost, and all well once there is room.

On a real file system: a tmpfs that the test mounts, which takes root on Linux; skipped elsewhere.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from archive.age.keys import identity_file
from archive.bundle import open_bundle, pack
from archive.custody import Act
from lifecycle.cli import main
from lifecycle.shelf import LOG
from lifecycle.store import Store
from lifecycle.trusting import own_signer
from tests.archive.crafting import IDENTITY, drip
from tests.archive.signers import ANNA, NOW

ROOT = Path(__file__).resolve().parents[2]
DISK_MIB = 4
PAGE_BYTES = 4096  # what a tmpfs gives away at a time
STATES = ("nothing left", "a third of it", "nearly enough", "read-only")
Call = Callable[[list[str], Path], tuple[int, str, str]]


def mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four MiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a tmpfs takes root on Linux")
    path = tmp_path / "disk"
    path.mkdir()
    mount("-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(path))
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny voice without exports and without dictionaries."""
    from tests.tiny_voice import make_tiny_voice

    made = make_tiny_voice(tmp_path_factory.mktemp("voices") / "ada", flowing=True, golden=False).directory
    for path in (made / "text").iterdir():
        path.unlink()
    return made


@pytest.fixture(scope="module")
def bundle(voice: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The voice in a bundle that Anna signed."""
    path = tmp_path_factory.mktemp("bundle") / "ada.voice"
    members = {file.relative_to(voice).as_posix(): file for file in voice.rglob("*") if file.is_file()}
    pack(path, members, description={"voice": "ada"}, recipients=[IDENTITY.recipient], act=Act(ANNA, NOW))
    return path.read_bytes()


@dataclass(frozen=True)
class Place:
    """The disk, and beside it a home with a voice, keys, a bundle, and one that is damaged."""

    disk: Path
    beside: Path

    def command(self, verb: str) -> list[str]:
        """What somebody types."""
        beside, disk, home = self.beside, self.disk, f"--home={self.beside}/home"
        key, trust = f"--identity={beside}/key.txt", f"--trust={beside}/anna.pub"
        commands: dict[str, list[object]] = {
            "archive": ["archive", "ada", "--public", "-o", disk / "ada.voice", home],
            "archive from there": ["archive", "ada", "--public", "-o", beside / "x.voice", f"--home={disk}/home"],
            "refresh": ["refresh", beside / "ada.voice", key, trust, "--public", "-o", disk / "new.voice", home],
            "repair": ["repair", beside / "damaged.voice", "-o", disk / "new.voice"],
            "restore": ["restore", beside / "ada.voice", key, trust, f"--home={disk}/new"],
            "scrub": ["scrub", disk / "shelf"],
            "scrub again": ["scrub", disk / "old shelf"],
            "keygen": ["keygen", "-o", disk / "key", "--recovery-sheet", disk / "sheet.svg"],
            "keygen --signing": ["keygen", "--signing", "-o", disk / "signing"],
        }
        return [str(word) for word in commands[verb]]


@pytest.fixture
def place(disk: Path, voice: Path, bundle: bytes, tmp_path: Path) -> Place:
    made = Place(disk, tmp_path / "beside")
    shutil.copytree(voice, made.beside / "home" / "voices" / "ada")
    own_signer(Store(made.beside / "home"), drip("home"))
    (made.beside / "key.txt").write_text(identity_file(IDENTITY, created="now"))
    (made.beside / "anna.pub").write_text(ANNA.public_file())
    (made.beside / "ada.voice").write_bytes(bundle)
    (made.beside / "damaged.voice").write_bytes(bytes(4096) + bundle[4096:])
    pack(disk / "ada.voice", {"old.txt": made.beside / "key.txt"}, public=True, redundancy=0)
    (disk / "home" / "voices").mkdir(parents=True)
    shutil.copytree(voice, disk / "home" / "voices" / "ada", dirs_exist_ok=True)
    for shelf in ("shelf", "old shelf"):
        (disk / shelf).mkdir()
        shutil.copy(disk / "ada.voice", disk / shelf / "old.voice")
    line = json.dumps({"event": "note", "text": ""}) + "\n"
    (disk / "old shelf" / LOG).write_text(line.replace('""', f'"{"x" * (PAGE_BYTES - len(line) - 7)}"'))
    return made


def files(*directories: Path) -> dict[str, bytes]:
    found = (path for directory in directories for path in directory.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in found if path.name not in ("ballast", ".lock")}


def free(disk: Path) -> int:
    told = os.statvfs(disk)
    return told.f_bavail * told.f_frsize


def fill(disk: Path, left_bytes: int) -> None:
    """Leave no more than *left_bytes*, in whole pages."""
    (disk / "ballast").touch()
    with (disk / "ballast").open("wb", buffering=0) as file:
        while free(disk) // PAGE_BYTES > left_bytes // PAGE_BYTES:
            file.write(bytes(PAGE_BYTES))


def as_a_program(words: list[str], directory: Path) -> tuple[int, str, str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "400"}
    call = [sys.executable, "-c", "from lifecycle.cli import main; main()", *words]
    done = subprocess.run(
        call, cwd=directory, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


def in_this_process(words: list[str], directory: Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, words)
    return done.exit_code, done.stdout, done.stderr


def see(verb: str, state: str, place: Place, call: Call) -> None:
    """Try *verb* on the disk in that *state*, then once more when there is room again."""
    disk = place.disk
    before = files(disk, place.beside)
    need = {"archive": 450_000, "refresh": 450_000, "repair": 450_000, "restore": 330_000}.get(verb, 0)
    if state == "read-only":
        mount("-o", "remount,ro", str(disk))
    else:
        share = {"nothing left": 0, "a third of it": 1 / 3, "nearly enough": 0.95}[state]
        fill(disk, int(need * share))
    code, out, err = call(place.command(verb), place.beside)
    assert (code, out) == (1, ""), (code, out, err)
    assert [line.partition(":")[0] for line in err.splitlines()] == ["lifecycle", "Hint"], err
    assert "bug" not in err and "Traceback" not in err
    after = files(disk, place.beside)
    log = str(disk / ("old shelf" if verb == "scrub again" else "shelf") / LOG)
    assert after.pop(log, b"").startswith(before.get(log, b""))  # a line that was cut off is passed over later
    assert after == {name: data for name, data in before.items() if name != log}, err
    if state == "read-only":
        mount("-o", "remount,rw", str(disk))
    else:
        (disk / "ballast").unlink()
    code, out, err = call(place.command(verb), place.beside)
    assert code == 0, err
    new = {Path(name).name for name in files(disk, place.beside).keys() - before.keys()}
    assert not [name for name in new if name.startswith(".")], new
    written = {"archive": "ada.voice", "refresh": "new.voice", "repair": "new.voice"}.get(verb)
    if written:
        with open_bundle(disk / written, [IDENTITY]) as opened:
            opened.verify()
    for name, data in before.items():
        if name not in (log, str(disk / "ada.voice")):
            assert Path(name).read_bytes() == data, name


VERBS = (
    "archive", "archive from there", "refresh", "repair", "restore", "scrub", "scrub again", "keygen",
    "keygen --signing",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_that_writes(verb: str, state: str, place: Place) -> None:
    see(verb, state, place, as_a_program)


@pytest.mark.parametrize("verb", ["archive", "repair", "scrub again", "keygen"])
def test_the_same_in_a_second(verb: str, place: Place) -> None:
    see(verb, "a third of it", place, in_this_process)

"""An environment in a bundle: carried, kept apart from the voice, refused in one sentence where it is of no use."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core_model.errors import UnsafeFileError
from core_model.strict.voice_files import require_harmless
from core_model.voice import Voice
from lifecycle.cli import main
from lifecycle.container_engine import Engine
from lifecycle.environment_building import build
from lifecycle.environment_directory import Environment
from lifecycle.environment_in_bundle import Unpacked, unpacked
from lifecycle.environment_installing import install, require_python
from lifecycle.environment_running import bring_out, command
from lifecycle.errors import (
    EnvironmentExistsError,
    InstallError,
    NoEnvironmentError,
    NotTrustedError,
    OtherMachineError,
    OutputRefusedError,
)
from lifecycle.preserving import payload_members
from lifecycle.store import Store
from lifecycle.trusting import Trust
from tests.containers.tiny import tiny_profile, write_base, write_wheel_file
from tests.lifecycle.tiny_environment import built, write_bundle

NOW = datetime(2045, 11, 28, tzinfo=UTC)
ANYBODY = Trust((), NOW, accept_unsigned=True)

pytestmark = pytest.mark.usefixtures("small_toolkit")


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "anna.voice", built(tmp_path / "made").environment)


def test_a_restored_voice_has_its_environment_beside_it(bundle: Path, tmp_path: Path) -> None:
    result = call("restore", bundle, "--home", tmp_path / "home", "--accept-unsigned")
    assert result.exit_code == 0, result.output
    restored = Store(tmp_path / "home").path("anna")
    environment = Environment.open(restored / "environment")
    assert environment.image().manifest == environment.told.manifest
    require_harmless(restored)


def test_an_environment_is_carried_only_when_it_is_named(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundle id of a voice does not depend on what came beside it in another bundle."""
    monkeypatch.setattr("lifecycle.preserving.kinds_of", lambda voice: ())
    call("restore", bundle, "--home", tmp_path / "home", "--accept-unsigned")
    voice = Voice.open(Store(tmp_path / "home").path("anna"))
    work = tmp_path / "work"
    (work / "again").mkdir(parents=True)
    assert not [name for name in payload_members(voice, work)[0] if name.startswith("environment")]
    again, _ = payload_members(voice, work / "again", Environment.open(voice.directory / "environment"))
    assert sum(name.startswith("environment/wheels/") for name in again) == 3
    assert "environment/image.tar" in again


@pytest.mark.parametrize(
    "name", ["weights.pt", "wheels/x.pkl", "wheels/a/x.whl", "notes.txt", "image.tar.gz", "x.json"]
)
def test_nothing_else_hides_beside_an_environment(tmp_path: Path, name: str) -> None:
    path = tmp_path / "environment" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"hello")
    with pytest.raises(UnsafeFileError, match="no file that an environment has"):
        require_harmless(tmp_path)


def test_a_wheel_anywhere_else_is_a_zip_that_no_voice_needs(tmp_path: Path) -> None:
    write_wheel_file(tmp_path / "text", "tomato", {"tomato.py": b""})
    with pytest.raises(UnsafeFileError, match="is a zip"):
        require_harmless(tmp_path)


def test_without_an_engine_there_is_one_sentence_and_another_way(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    pytest.importorskip("docker", reason="the docker SDK is not installed")
    result = call("environment", "run", bundle, "--home", tmp_path / "home", "--", "speak", "Good morning.")
    assert result.exit_code == 1
    assert result.stdout == ""
    sentence, hint = result.stderr.splitlines()
    assert sentence == "lifecycle: no container engine answers on this machine."
    assert "lifecycle environment venv BUNDLE DIR" in hint


@pytest.mark.parametrize("address", ["tcp://192.0.2.1:2375", "ssh://anna@192.0.2.1"])
def test_an_engine_on_another_machine_is_not_asked(bundle: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    pytest.importorskip("docker", reason="the docker SDK is not installed")
    result = call("environment", "run", bundle, "--accept-unsigned", "--", "speak", "Good morning.")
    assert result.exit_code == 1
    assert "may be another machine's" in result.stderr


def test_without_the_docker_sdk_it_says_so(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    result = call("environment", "run", bundle, "--", "speak", "Good morning.")
    assert result.exit_code == 1
    assert "the package docker, which talks to an engine, is not installed" in result.stderr


def test_only_verbs_that_make_sense_inside_are_run(bundle: Path) -> None:
    result = call("environment", "run", bundle, "--", "train", "x")
    assert result.exit_code == 2
    assert "speak and verify, not 'train'" in result.stderr


def test_a_bundle_without_an_environment_is_told_so_before_it_is_unpacked(tmp_path: Path) -> None:
    path = write_bundle(tmp_path / "anna.voice", None)
    with (
        pytest.raises(NoEnvironmentError, match=r"anna\.voice carries no environment"),
        unpacked(path, (), Store(tmp_path / "home"), ANYBODY),
    ):
        pass
    result = call("environment", "venv", write_bundle(tmp_path / "bert.voice", None), tmp_path / "venv")
    assert result.exit_code == 1


def test_a_bundle_that_nobody_vouches_for_is_not_unpacked(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(NotTrustedError), unpacked(bundle, (), Store(tmp_path / "home"), Trust((), NOW)):
        pass
    result = call("environment", "venv", bundle, tmp_path / "venv", "--home", tmp_path / "home", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["kind"] == "NotTrustedError"
    assert not (tmp_path / "venv").exists()


def test_a_venv_takes_nothing_that_nobody_vouches_for(bundle: Path, tmp_path: Path) -> None:
    """What is installed runs with no walls round it: there is no --accept-unsigned."""
    assert call("environment", "venv", bundle, tmp_path / "venv", "--accept-unsigned").exit_code == 2


@pytest.fixture
def found(bundle: Path, tmp_path: Path) -> Unpacked:
    with unpacked(bundle, (), Store(tmp_path / "home"), ANYBODY) as inside:
        return inside


@pytest.mark.parametrize(
    ("given", "inside"),
    [
        (["speak", "Hi."], ["speak", "anna", "Hi.", "--runtime", "onnx", "--output", "anna.wav"]),
        (["speak", "Hi.", "-o", "x.wav"], ["speak", "anna", "Hi.", "-o", "x.wav", "--runtime", "onnx"]),
        (["verify", "--runtime=torch"], ["verify", "anna", "--runtime=torch"]),
    ],
)
def test_the_voice_its_runtime_and_a_file_are_put_in(found: Unpacked, given: list[str], inside: list[str]) -> None:
    assert command(found, given) == inside


def plain(written: Path) -> None:
    (written / "x.wav").write_bytes(b"RIFF....WAVE")


def link(written: Path) -> None:
    (written / "x.wav").symlink_to("/etc/passwd")


def pipe(written: Path) -> None:
    os.mkfifo(written / "x.wav")


def directory(written: Path) -> None:
    (written / "x.wav").mkdir()


def hidden(written: Path) -> None:
    (written / ".profile").write_bytes(b"evil")


def many(written: Path) -> None:
    for number in range(1001):
        (written / f"{number}.wav").touch()


@pytest.mark.parametrize("write", [link, pipe, directory, hidden, many])
def test_what_is_no_plain_file_is_not_brought_out(tmp_path: Path, write: Callable[[Path], None]) -> None:
    written, output = tmp_path / "written", tmp_path / "output"
    written.mkdir()
    output.mkdir()
    write(written)
    with pytest.raises(OutputRefusedError):
        bring_out(written, output)
    assert list(output.iterdir()) == []


def test_what_was_written_replaces_its_kind_and_nothing_else(tmp_path: Path) -> None:
    from lifecycle.errors import OutputExistsError

    written, output = tmp_path / "written", tmp_path / "output"
    written.mkdir()
    plain(written)
    assert bring_out(written, output) == (output / "x.wav",)
    assert bring_out(written, output) == (output / "x.wav",)
    (output / "x.wav").write_bytes(b"my only key")
    with pytest.raises(OutputExistsError):
        bring_out(written, output)
    assert (output / "x.wav").read_bytes() == b"my only key"


def test_an_image_for_another_processor_is_not_loaded(found: Unpacked, bundle: Path, tmp_path: Path) -> None:
    """The engine's own word decides; this one is on another machine."""

    class Elsewhere:
        def version(self) -> dict[str, str]:
            return {"Arch": "riscv64"}

    with unpacked(bundle, (), Store(tmp_path / "home"), ANYBODY) as inside:
        image = inside.environment.image()
        with pytest.raises(OtherMachineError, match="the image is made for amd64, and this is riscv64"):
            Engine(Elsewhere(), (OSError,)).load(image, inside.environment.image_file)


def test_wheels_for_another_machine_or_python_are_not_installed(
    bundle: Path, found: Unpacked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(OtherMachineError, match=r"made for Linux on amd64, and this is linux on riscv64"):
        require_python(found.environment.told)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "version_info", (3, 99))
    monkeypatch.setattr("lifecycle.environment_installing.sys.version_info", type("V", (), {"major": 3, "minor": 99}))
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(InstallError, match=r"for Python 3\.11, and this machine has no python3\.11"):
        require_python(found.environment.told)


def test_a_venv_is_not_made_over_what_is_there(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "venv").symlink_to("nowhere")
    with pytest.raises(EnvironmentExistsError):
        install(bundle, tmp_path / "venv", (), Store(tmp_path / "home"), trust=ANYBODY)


def test_a_venv_that_could_not_be_finished_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pip among the wheels, and with one that fails."""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr("lifecycle.environment_installing.require_python", lambda told: sys.executable)
    without = write_bundle(tmp_path / "without.voice", built(tmp_path / "made").environment)
    with pytest.raises(InstallError, match="carries no pip"):
        install(without, tmp_path / "venv", (), Store(tmp_path / "home"), trust=ANYBODY)
    wheels = tmp_path / "wheels"
    failing = write_wheel_file(wheels, "pip", {"pip/__main__.py": b"raise SystemExit('the disk is full')\n"})
    base = write_base(tmp_path / "base.tar")
    environment = build(tmp_path / "failing", tiny_profile([failing]), wheels=wheels, base=base).environment
    with pytest.raises(InstallError, match="python could not install the environment: the disk is full"):
        install(
            write_bundle(tmp_path / "failing.voice", environment),
            tmp_path / "venv",
            (),
            Store(tmp_path / "home"),
            trust=ANYBODY,
        )
    assert not (tmp_path / "venv").exists()

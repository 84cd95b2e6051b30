"""An environment is the same bytes whenever it is made of the same inputs; what is wrong with them is one sentence."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archive.errors import DestinationExistsError
from containers.errors import ContainersError, ImageError, MissingWheelsError, WheelError, WrongArchitectureError
from containers.locks import parse_lock
from containers.profiles import Profile
from lifecycle.cli import main
from lifecycle.environment_building import build
from lifecycle.environment_directory import LOCK, RECORD, Environment
from lifecycle.environment_fetching import fetch
from lifecycle.errors import BrokenEnvironmentError, FetchError, NoEnvironmentError
from tests.containers.tiny import AARCH64, elf, pin_of, tiny_profile, write_base, write_wheel_file
from tests.lifecycle.tiny_environment import built, inputs

PACKAGES = "opt/lifecycle/packages"

pytestmark = pytest.mark.usefixtures("small_toolkit")


def files_below(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_the_same_inputs_give_the_same_environment_anywhere(tmp_path: Path) -> None:
    """Another directory, another umask, another day, another order of files on the disk."""
    profile, wheels, base = inputs(tmp_path / "a")
    first = build(tmp_path / "a" / "environment", profile, wheels=wheels, base=base)
    (tmp_path / "b" / "wheels").mkdir(parents=True)
    for path in sorted(wheels.iterdir(), reverse=True):
        shutil.copyfile(path, tmp_path / "b" / "wheels" / path.name)
        os.utime(tmp_path / "b" / "wheels" / path.name, (1_900_000_000, 1_900_000_000))
    shutil.copyfile(base, tmp_path / "b" / "other_name.tar")
    previous = os.umask(0o077)
    try:
        elsewhere = tmp_path / "b" / "deep" / "er"
        second = build(elsewhere, profile, wheels=tmp_path / "b" / "wheels", base=tmp_path / "b" / "other_name.tar")
    finally:
        os.umask(previous)
    assert first.image == second.image
    assert files_below(tmp_path / "a" / "environment") == files_below(elsewhere)


def test_only_the_base_s_digest_tells_of_another_day(tmp_path: Path) -> None:
    """The image is made of the base's files, so their dates do not matter; what the base was is written down."""
    one, other = inputs(tmp_path / "a"), inputs(tmp_path / "b", mtime=1_700_000_000)
    first, second = (
        build(tmp_path / name / "environment", profile, wheels=wheels, base=base)
        for name, (profile, wheels, base) in (("a", one), ("b", other))
    )
    assert first.image.manifest == second.image.manifest
    assert first.environment.told.base_sha256 != second.environment.told.base_sha256


def test_the_image_holds_the_system_the_libraries_and_the_toolkit(tmp_path: Path) -> None:
    environment = built(tmp_path).environment
    found = []
    with tarfile.open(environment.image_file) as tar:
        for blob in environment.image().layers:
            layer = tar.extractfile(f"blobs/sha256/{blob.sha256}")
            with tarfile.open(fileobj=layer) as inside:
                found.append({info.name for info in inside if info.isfile()})
    system, libraries, toolkit = found
    assert system == {"etc/x", "usr/bin/python3.11"}  # and not the name of this machine
    assert {f"{PACKAGES}/tomato/__init__.py", f"{PACKAGES}/onion.py"} <= libraries
    assert f"{PACKAGES}/tomato/tests/test_red.py" not in libraries
    assert {f"{PACKAGES}/containers/image.py", "opt/lifecycle/bin/lifecycle"} <= toolkit
    assert f"{PACKAGES}/containers/rootfs.sh" not in toolkit  # as the tiny profile wants it


def test_the_lock_names_exactly_the_wheels_and_the_dockerfile_the_base(tmp_path: Path) -> None:
    made = built(tmp_path)
    pins = parse_lock((made.environment.directory / LOCK).read_text(), LOCK)
    assert [pin.name for pin in pins] == ["lifecycle", "onion", "tomato"]
    carried = {path: digest for path, (digest, _) in made.environment.told.files.items() if path.startswith("wheels/")}
    assert sorted(carried.values()) == sorted(pin.sha256[0] for pin in pins)
    dockerfile = (made.environment.directory / "Dockerfile").read_text()
    assert f"ARG BASE=blobs/sha256/{made.image.layers[0].sha256}\n" in dockerfile


def refused(tmp_path: Path, profile: Profile, wheels: Path, base: Path) -> pytest.ExceptionInfo[ContainersError]:
    with pytest.raises(ContainersError) as told:
        build(tmp_path / "environment", profile, wheels=wheels, base=base)
    assert [path.name for path in tmp_path.iterdir() if "environment" in path.name] == []
    return told


def test_a_missing_wheel_leaves_nothing_behind(tmp_path: Path) -> None:
    profile, wheels, base = inputs(tmp_path)
    next(wheels.glob("onion*")).unlink()
    told = refused(tmp_path, profile, wheels, base)
    assert told.type is MissingWheelsError
    assert "there is no wheel of onion 1.0 for Python 3.11 on Linux amd64" in str(told.value)


def test_a_base_for_another_processor_has_no_wheels(tmp_path: Path) -> None:
    profile, wheels, _ = inputs(tmp_path)
    base = write_base(tmp_path / "arm.tar", machine=AARCH64)
    told = refused(tmp_path, profile, wheels, base)
    assert told.type is MissingWheelsError
    assert "tomato-1.0-cp311-cp311-manylinux_2_28_x86_64.whl is for another" in str(told.value)


def test_machine_code_that_a_wheel_s_name_hides_is_refused(tmp_path: Path) -> None:
    _, _, base = inputs(tmp_path)
    lying = write_wheel_file(tmp_path / "lying", "tomato", {"tomato/skin.so": elf(AARCH64)})
    told = refused(tmp_path, tiny_profile([lying]), tmp_path / "lying", base)
    assert told.type is WrongArchitectureError


def test_a_wheel_whose_needs_are_not_locked_is_refused(tmp_path: Path) -> None:
    _, _, base = inputs(tmp_path)
    hungry = write_wheel_file(tmp_path / "hungry", "torch", {"torch.py": b""}, needs=["nvidia-cublas==13.1.1.3"])
    told = refused(tmp_path, tiny_profile([hungry]), tmp_path / "hungry", base)
    assert told.type is WheelError
    assert "nvidia-cublas==13.1.1.3, which the lock does not have" in str(told.value)


def test_two_wheels_with_one_file_are_refused(tmp_path: Path) -> None:
    _, _, base = inputs(tmp_path)
    both = [write_wheel_file(tmp_path / "both", name, {"same.py": name.encode()}) for name in ("a", "b")]
    assert refused(tmp_path, tiny_profile(both), tmp_path / "both", base).type is ImageError


def test_nothing_is_built_over_what_is_there(tmp_path: Path) -> None:
    profile, wheels, base = inputs(tmp_path)
    (tmp_path / "environment").mkdir()
    with pytest.raises(DestinationExistsError):
        build(tmp_path / "environment", profile, wheels=wheels, base=base)


def edit_record(directory: Path, **changes: object) -> None:
    told = json.loads((directory / RECORD).read_text())
    (directory / RECORD).write_text(json.dumps(told | changes))


def test_an_environment_that_is_not_what_it_says_is_refused(tmp_path: Path) -> None:
    made = built(tmp_path).environment
    whole = made.directory
    assert Environment.open(whole) == made

    def broken(name: str) -> Path:
        shutil.copytree(whole, tmp_path / name)
        return tmp_path / name

    with (broken("changed") / "Dockerfile").open("r+b") as file:
        file.write(b"#!")
    (broken("longer") / "README.txt").write_bytes(b"more")
    (broken("more") / "wheels" / "evil-1.0-py3-none-any.whl").write_bytes(b"")
    next((broken("less") / "wheels").glob("onion*")).unlink()
    linked = broken("linked") / "README.txt"
    linked.unlink()
    linked.symlink_to(whole / "README.txt")
    edit_record(broken("later"), version=2)
    edit_record(broken("climbing"), files={"../../x": {"sha256": "0" * 64, "size": 1}})
    edit_record(broken("empty"), files={})
    edit_record(broken("number"), python=3.11)
    (broken("no_json") / RECORD).write_text("[" * 100_000)
    for name in ("changed", "longer", "more", "less", "linked", "later", "climbing", "empty", "number", "no_json"):
        with pytest.raises(BrokenEnvironmentError):
            Environment.open(tmp_path / name)
    with pytest.raises(NoEnvironmentError):
        Environment.open(tmp_path)


def test_an_image_that_the_record_does_not_mean_is_refused(tmp_path: Path) -> None:
    environment = built(tmp_path).environment
    edit_record(environment.directory, architecture="arm64")
    with pytest.raises(BrokenEnvironmentError, match=r"image\.tar is not the image that environment\.json names"):
        Environment.open(environment.directory).image()


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["environment", *map(str, arguments)])


def test_the_command_says_what_it_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile, wheels, base = inputs(tmp_path)
    monkeypatch.setattr("containers.profiles.Profile.read", lambda name: profile)
    result = call("build", tmp_path / "e", "--wheels", wheels, "--base", base, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    record = json.loads((tmp_path / "e" / RECORD).read_text())
    assert told["manifest"] == record["image"]["manifest"]
    assert (told["wheels"], told["architecture"]) == (3, "amd64")


def test_the_command_refuses_in_one_sentence_and_one_hint(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base.tar")
    (tmp_path / "empty").mkdir()
    result = call("build", tmp_path / "e", "--wheels", tmp_path / "empty", "--base", base)
    assert result.exit_code == 1
    assert result.stdout == ""
    sentence, hint = result.stderr.splitlines()
    assert sentence.startswith("lifecycle: there is no wheel of cffi ")
    assert sentence.endswith(" more.")
    assert hint.startswith("Hint: put them into --wheels")
    (tmp_path / "words.tar").write_text("no system")
    result = call("build", tmp_path / "e", "--wheels", tmp_path / "empty", "--base", tmp_path / "words.tar")
    assert result.exit_code == 1
    assert "rootfs.sh" in result.stderr


def test_what_pip_cannot_fetch_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PIP_CONFIG_FILE", os.devnull), ("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(tmp_path))):
        monkeypatch.setenv(name, value)
    with pytest.raises(FetchError, match="pip could not fetch the wheels: ERROR: Could not find a version"):
        fetch(Profile.read("player"), "amd64", tmp_path / "wheels")


def test_a_pin_is_a_pin_of_the_file(tmp_path: Path) -> None:
    """The fixtures themselves: a tiny profile's pins are what choose() hashes."""
    profile, wheels, _ = inputs(tmp_path)
    assert profile.pins == tuple(pin_of(path) for path in (next(wheels.glob("tomato*")), next(wheels.glob("onion*"))))

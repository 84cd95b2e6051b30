"""The real thing: a system, the locked wheels, an image twice, a voice that speaks and is verified in it and in a venv.

Needs a package index, a mirror of Debian, mmdebstrap, and for what runs in a container an engine, which is started
here where that is possible. `make environment` runs it; what could not be run says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from containers.base import Base
from containers.image import read_image
from containers.profiles import RECIPE, Profile
from containers.wheels import Wheel
from lifecycle.cli import main
from lifecycle.container_engine import Engine, Limits, Mounted, walls
from lifecycle.errors import MemoryLimitError, TimeLimitError
from tests.lifecycle.started_engine import started_engine
from tests.tiny_voice import TEXTS, make_tiny_voice

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.sockets("network")]  # an engine, and pip

MOST_bytes = 160_000_000  # of the player's image


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def answer(*words: object) -> dict[str, Any]:
    result = call(*words)
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


@dataclass(frozen=True)
class Made:
    """What the tests look at."""

    base: Path
    wheels: Path
    environment: Path
    again: Path  # built from copies, elsewhere, under another umask
    home: Path
    key: Path
    bundle: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    if shutil.which("mmdebstrap") is None:
        pytest.skip("not run: mmdebstrap is not installed")
    place = tmp_path_factory.mktemp("real")
    base, wheels = place / "base.tar", place / "wheels"
    subprocess.run(["sh", str(RECIPE), str(base)], check=True)
    answer("environment", "build", place / "first", "--base", base, "--wheels", wheels, "--fetch", "--json")
    copies = place / "else" / "where"
    shutil.copytree(wheels, copies / "wheels")
    shutil.copyfile(base, copies / "system.tar")
    previous = os.umask(0o077)
    try:
        paths = ("--base", copies / "system.tar", "--wheels", copies / "wheels")
        answer("environment", "build", copies / "second", *paths, "--json")
    finally:
        os.umask(previous)
    make_tiny_voice(place / "home" / "voices" / "ada")
    key, bundle = place / "key.txt", place / "ada.voice"
    recipient = answer("keygen", "-o", key, "--json")["recipient"]
    options = ("--to", recipient, "-o", bundle, "--with-environment", place / "first", "--rebuild-check")
    told = answer("archive", "ada", "--home", place / "home", *options, "--json")
    assert told["rebuilt"] is True
    return Made(base, wheels, place / "first", copies / "second", place / "home", key, bundle)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as monkeypatch, started_engine(monkeypatch) as engine:
        if engine is None:
            pytest.skip("not run: no engine")
        yield engine


def digests_below(directory: Path) -> dict[str, str]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_recipe_gives_the_same_base_twice(made: Made, tmp_path: Path) -> None:
    subprocess.run(["sh", str(RECIPE), str(tmp_path / "base.tar")], check=True)
    assert (
        hashlib.sha256((tmp_path / "base.tar").read_bytes()).digest() == hashlib.sha256(made.base.read_bytes()).digest()
    )


def test_the_image_is_the_same_twice_and_small_enough(made: Made) -> None:
    assert digests_below(made.environment) == digests_below(made.again)
    assert (made.environment / "image.tar").stat().st_size <= MOST_bytes


def test_every_pattern_of_what_is_left_out_leaves_something_out(made: Made) -> None:
    from fnmatch import fnmatchcase

    profile = Profile.read("player")
    with Base(made.base, python=profile.python) as base:
        there = [member.path for member in base.members()]
    assert [one for one in profile.left_out.base if not any(fnmatchcase(path, one) for path in there)] == []
    there = []
    for path in (made.environment / "wheels").iterdir():
        with Wheel(path) as wheel:
            there += [
                m.path.removeprefix("opt/") for m in wheel.members("opt", leave_out=(), architecture=base.architecture)
            ]
    assert [one for one in profile.left_out.wheels if not any(fnmatchcase(path, one) for path in there)] == []


def test_every_library_that_something_in_the_image_loads_is_in_it(made: Made, tmp_path: Path) -> None:
    """What was left out is not what is loaded: each NEEDED of each file of machine code is there."""
    if shutil.which("readelf") is None:
        pytest.skip("readelf is not installed")
    _unpack(made, tmp_path)
    names = {path.name for path in tmp_path.rglob("*.so*")} | {path.name for path in tmp_path.rglob("ld-linux*")}
    lacking = set()
    for path in tmp_path.rglob("*"):
        if path.is_file() and not path.is_symlink() and (".so" in path.name or path.parent.name == "bin"):
            told = subprocess.run(["readelf", "-d", str(path)], capture_output=True, text=True, check=False).stdout
            needed = {line.split("[")[1].rstrip("]") for line in told.splitlines() if "(NEEDED)" in line}
            lacking |= {(path.name, name) for name in needed - names}
    assert lacking == set()


def _unpack(made: Made, directory: Path) -> None:
    with tarfile.open(made.environment / "image.tar") as tar:
        for blob in read_image(made.environment / "image.tar").layers:
            command = ["tar", "-xf", "-", "-C", str(directory)]
            layer = tar.extractfile(f"blobs/sha256/{blob.sha256}")
            assert layer is not None
            subprocess.run(command, input=layer.read(), check=True)


def test_skopeo_and_umoci_take_the_image(made: Made, tmp_path: Path) -> None:
    if shutil.which("skopeo") is None or shutil.which("umoci") is None:
        pytest.skip("skopeo and umoci are not installed")
    image = read_image(made.environment / "image.tar")
    source = f"oci-archive:{made.environment / 'image.tar'}"
    subprocess.run(
        ["skopeo", "copy", "--quiet", "--preserve-digests", "--insecure-policy", source, f"oci:{tmp_path}/copy:x"],
        check=True,
    )
    index = json.loads((tmp_path / "copy" / "index.json").read_text())
    assert index["manifests"][0]["digest"] == image.manifest
    command = ["umoci", "raw", "unpack", "--rootless", "--image", f"{tmp_path}/copy:x", f"{tmp_path}/root"]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "root" / "opt" / "lifecycle" / "bin" / "lifecycle").is_file()
    assert not (tmp_path / "root" / "etc" / "hostname").exists()


def inside(made: Made, *arguments: str, output: Path) -> Result:
    options = ("-i", made.key, "--home", made.home, "--output", output)
    return call("environment", "run", made.bundle, *options, "--", *arguments)


def test_the_voice_speaks_in_the_container(made: Made, engine: Engine, tmp_path: Path) -> None:
    result = inside(made, "speak", TEXTS[0], output=tmp_path)
    assert result.exit_code == 0, result.output
    heard, rate = soundfile.read(tmp_path / "ada.wav")
    assert rate == 16000
    assert np.abs(heard).max() > 0.01
    assert engine._client.containers.list(all=True) == []


def test_the_voice_is_verified_in_the_container_against_its_goldens(made: Made, engine: Engine, tmp_path: Path) -> None:
    result = inside(made, "verify", "--json", output=tmp_path)
    assert result.exit_code == 0, result.output
    [found] = json.loads(result.stdout)["runtimes"].values()
    assert {layer["name"]: layer["verdict"] for layer in found["layers"]} == dict.fromkeys(
        ("fixity", "text", "tokens", "waveform", "identity"), "passed"
    )


def test_what_the_verb_inside_says_and_how_it_ends_is_passed_on(made: Made, engine: Engine, tmp_path: Path) -> None:
    result = inside(made, "speak", " ", output=tmp_path)
    assert result.exit_code == 1
    assert "nothing in the text can be spoken" in result.stderr
    assert inside(made, "speak", "--no-such-option", output=tmp_path).exit_code == 2
    assert list(tmp_path.iterdir()) == []


PROBE = """
import json, os, socket
def fails(what, *arguments):
    try:
        what(*arguments)
    except OSError:
        return True
    return False
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "user": (os.getuid(), os.getgid()),
    "capabilities": [status[name].strip() for name in ("CapPrm", "CapEff", "CapBnd")],
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "networks": [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line],
    "root_is_closed": fails(open, "/opt/x", "w"),
    "voice_is_closed": fails(open, "/lifecycle/x", "w"),
    "output_is_open": not fails(open, "/output/x", "w"),
    "nobody_answers": fails(socket.create_connection, ("1.1.1.1", 53), 5),
}))
"""


def test_the_walls_stand(made: Made, engine: Engine, tmp_path: Path) -> None:
    """Looked at from inside: a program of ours in place of the toolkit."""
    image = engine.load(read_image(made.environment / "image.tar"), made.environment / "image.tar")
    (tmp_path / "voice").mkdir()
    (tmp_path / "output").mkdir(mode=0o777)
    (tmp_path / "output").chmod(0o777)
    mounts = (Mounted(tmp_path / "voice", "/lifecycle"), Mounted(tmp_path / "output", "/output", writable=True))
    said = engine._client.containers.run(
        image, ["-c", PROBE], entrypoint="/usr/bin/python3.11", remove=True, **walls(mounts, Limits())
    )
    assert json.loads(said) == {
        "user": [65534, 65534],
        "capabilities": ["0000000000000000"] * 3,
        "no_new_privileges": "1",
        "networks": ["lo"],
        "root_is_closed": True,
        "voice_is_closed": True,
        "output_is_open": True,
        "nobody_answers": True,
    }


def test_limits_of_time_and_memory_end_it_and_leave_no_container(made: Made, engine: Engine) -> None:
    image = engine.load(read_image(made.environment / "image.tar"), made.environment / "image.tar")
    with pytest.raises(TimeLimitError, match=r"had not ended after 0\.05 s"):
        engine.run(image, ["speak", "--help"], (), Limits(time_s=0.05))
    with pytest.raises(MemoryLimitError):
        engine.run(image, ["speak", "--help"], (), Limits(memory_bytes=8 << 20))
    assert engine._client.containers.list(all=True) == []


def test_the_dockerfile_builds_the_same_by_hand(made: Made, engine: Engine, tmp_path: Path) -> None:
    """As its first lines tell it, with docker's own program."""
    program = next((path for path in ("/usr/bin/docker", "/usr/local/bin/docker") if Path(path).exists()), None)
    if program is None:
        pytest.skip("docker's own program is not installed")
    context = tmp_path / "context"
    shutil.copytree(made.environment, context)
    [blob] = [line[9:] for line in (context / "Dockerfile").read_text().splitlines() if line.startswith("ARG BASE=")]
    subprocess.run(["tar", "-xf", "image.tar", blob], cwd=context, check=True)
    settings = os.environ | {"DOCKER_BUILDKIT": "0"}
    build = [program, "build", "--quiet", "--network", "none", "."]
    done = subprocess.run(build, cwd=context, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = [
        program,
        "run",
        "--rm",
        "--network",
        "none",
        "--read-only",
        "--cap-drop",
        "ALL",
        done.stdout.strip(),
        "--version",
    ]
    told = subprocess.run(run, env=settings, capture_output=True, text=True, check=True)
    assert told.stdout.startswith("lifecycle ")


def test_without_an_engine_a_venv_speaks_without_a_network(made: Made, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    answer("environment", "venv", made.bundle, venv, "-i", made.key, "--home", made.home, "--json")
    alone = ["unshare", "--net"] if os.geteuid() == 0 and shutil.which("unshare") else []
    program = [*alone, str(venv / "bin" / "lifecycle")]
    settings = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LIFECYCLE_HOME": str(tmp_path / "home")}
    trust = ["--trust", str(made.home / "keys" / "signing.pub")]
    for arguments in (
        ["restore", str(made.bundle), "-i", str(made.key), *trust],
        ["speak", "ada", TEXTS[0], "--runtime", "onnx", "-o", str(tmp_path / "x.wav")],
        ["verify", "ada", "--runtime", "onnx"],
    ):
        done = subprocess.run([*program, *arguments], env=settings, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    heard, _ = soundfile.read(tmp_path / "x.wav")
    assert np.abs(heard).max() > 0.01
    assert not list(venv.glob("lib/*/site-packages/torch"))

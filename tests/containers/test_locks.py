"""A lock means exactly the files that it hashes, for one Python on one system; what lacks is told all at once."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.tags import parse_tag

from containers.errors import LockError, MissingWheelsError, WheelDigestError
from containers.locks import Chosen, Pin, choose, parse_lock, platform_tags, write_lock
from tests.containers.tiny import pin_of, sha256_of, write_wheel_file

HASH = "0" * 64


def chosen(pins: list[Pin], directory: Path, architecture: str = "amd64") -> list[Chosen]:
    return choose(pins, directory, python="3.11", architecture=architecture, glibc=(2, 36))


def test_a_lock_is_read_as_pip_reads_it() -> None:
    other = "f" * 64
    text = f"# by hand\nTo.Mato==1.0 \\\n    --hash=sha256:{HASH} \\\n    --hash=sha256:{other}\n"
    text += f"onion==2.1.0 --hash=sha256:{HASH}\n"
    assert parse_lock(text, "x.lock", unhashed=["torch==2.13.0"]) == (
        Pin("to-mato", "1.0", (HASH, other)),
        Pin("onion", "2.1.0", (HASH,)),
        Pin("torch", "2.13.0", ()),
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("tomato>=1.0", "is not NAME==VERSION"),
        ("tomato==1.0", "has no hash"),
        (f"tomato==1.0 ; python_version < '3' --hash=sha256:{HASH}", "is not NAME==VERSION"),
        (f"tomato==1.0 --hash=sha256:{HASH[1:]}", "is not NAME==VERSION"),
        (f"tomato==1.0 --hash=md5:{HASH}", "is not NAME==VERSION"),
        (f"tomato==one --hash=sha256:{HASH}", "has no version"),
        (f"tomato==1 --hash=sha256:{HASH}\nTomato==2 --hash=sha256:{HASH}", "locked twice"),
        ("--index-url https://example.org", "is not NAME==VERSION"),
        ("-r other.txt", "is not NAME==VERSION"),
        ("tomato @ https://example.org/tomato.whl", "is not NAME==VERSION"),
    ],
)
def test_what_would_open_a_lock_is_refused(line: str, told: str) -> None:
    with pytest.raises(LockError, match=told):
        parse_lock(line, "x.lock")


def test_the_wheel_of_the_right_digest_is_chosen_among_several(tmp_path: Path) -> None:
    right = write_wheel_file(tmp_path, "tomato", {"tomato.py": b"1"}, tag="cp311-cp311-manylinux_2_28_x86_64")
    write_wheel_file(tmp_path, "tomato", {"tomato.py": b"2"}, tag="cp311-abi3-manylinux_2_17_x86_64")
    write_wheel_file(tmp_path, "tomato", {"tomato.py": b"3"}, tag="cp312-cp312-manylinux_2_28_x86_64")
    write_wheel_file(tmp_path, "tomato", {"tomato.py": b"4"}, version="1.1")
    (tmp_path / "no_wheel.whl").write_bytes(b"")
    assert chosen([pin_of(right)], tmp_path) == [Chosen("tomato", "1.0", right, sha256_of(right))]


def test_a_wheel_with_another_digest_is_refused(tmp_path: Path) -> None:
    path = write_wheel_file(tmp_path, "tomato", {"tomato.py": b"1"})
    with pytest.raises(WheelDigestError, match=rf"tomato-1.0-py3-none-any.whl .* {sha256_of(path)}"):
        chosen([Pin("tomato", "1.0", (HASH,))], tmp_path)


def test_everything_that_lacks_is_told_at_once(tmp_path: Path) -> None:
    write_wheel_file(tmp_path, "onion", {}, tag="cp311-cp311-manylinux_2_28_aarch64")
    write_wheel_file(tmp_path, "salt", {}, tag="cp311-cp311-manylinux_2_39_x86_64")  # for a newer system
    write_wheel_file(tmp_path, "oil", {}, version="2.0")
    pins = [Pin(name, "1.0", (HASH,)) for name in ("onion", "salt", "oil")]
    with pytest.raises(
        MissingWheelsError, match=r"no wheel of onion 1\.0 for Python 3\.11 on Linux amd64 .*, and 2 more"
    ) as told:
        chosen(pins, tmp_path)
    assert list(told.value.missing.values()) == [
        "onion-1.0-cp311-cp311-manylinux_2_28_aarch64.whl is for another",
        "salt-1.0-cp311-cp311-manylinux_2_39_x86_64.whl is for another",
        "",
    ]


def test_what_no_lock_can_hash_is_taken_by_version_and_written_down(tmp_path: Path) -> None:
    """docs/decisions/0006-locks.md: 2.13.0+cpu is a 2.13.0; 2.13.1 is none."""
    path = write_wheel_file(tmp_path, "torch", {}, version="2.13.0+cpu", tag="cp311-cp311-manylinux_2_28_x86_64")
    write_wheel_file(tmp_path, "torch", {}, version="2.13.1")
    found = chosen([Pin("torch", "2.13.0", ())], tmp_path)
    assert found == [Chosen("torch", "2.13.0+cpu", path, sha256_of(path))]
    with pytest.raises(MissingWheelsError):
        chosen([Pin("torch", "2.13.0", (sha256_of(path),))], tmp_path)  # a lock with hashes means one version
    [again] = parse_lock(write_lock(found, "two\nlines"), "x.lock")
    assert again == Pin("torch", "2.13.0+cpu", (sha256_of(path),))


def test_the_platforms_are_the_ones_that_pip_would_take_here() -> None:
    """packaging's own answer for this machine is the slow, obvious one."""
    from packaging.tags import platform_tags as here

    if sys.platform != "linux":
        pytest.skip("wheels of other systems have other names")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
    found = list(here())
    newest = next(tag for tag in found if tag.startswith("manylinux_2_"))
    assert machine is not None
    ours = platform_tags(machine, (2, int(newest.split("_")[2])))
    assert sorted(ours) == sorted(tag for tag in found if "musl" not in tag)


def test_pip_takes_our_locks(tmp_path: Path) -> None:
    path = write_wheel_file(tmp_path, "tomato", {"tomato/__init__.py": b""})
    (tmp_path / "right.lock").write_text(write_lock([Chosen("tomato", "1.0", path, sha256_of(path))], "right"))
    (tmp_path / "wrong.lock").write_text(write_lock([Chosen("tomato", "1.0", path, HASH)], "wrong"))
    for name, code in (("right", 0), ("wrong", 1)):
        command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--require-hashes", "--quiet"]
        command += [
            "--find-links",
            str(tmp_path),
            "--target",
            str(tmp_path / name),
            "-r",
            str(tmp_path / f"{name}.lock"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
    assert (tmp_path / "right" / "tomato" / "__init__.py").is_file()


def test_tags_are_read_as_packaging_reads_them() -> None:
    assert len(parse_tag("py2.py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64")) == 4

"""A wheel is unpacked only if every file in it is the one in its RECORD, and nothing in it could reach outside."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from containers.errors import WheelError, WrongArchitectureError
from containers.wheels import Wheel
from tests.containers.tiny import AARCH64, elf, record_digest, write_wheel_file

FILES = {"tomato/__init__.py": b"red = True\n", "tomato/tests/test_red.py": b"assert True\n"}


def paths_in(path: Path, *leave_out: str) -> list[str]:
    with Wheel(path) as wheel:
        return [one.path for one in wheel.members("opt", leave_out=leave_out, architecture="amd64")]


def test_a_wheel_is_unpacked_below_its_directory(tmp_path: Path) -> None:
    path = write_wheel_file(tmp_path, "tomato", FILES)
    packages = ["opt/tomato/__init__.py", "opt/tomato/tests/test_red.py"]
    metadata = [f"opt/tomato-1.0.dist-info/{name}" for name in ("METADATA", "RECORD", "WHEEL")]
    assert paths_in(path) == sorted([*metadata, *packages])
    assert paths_in(path, "*/tests/*", "*.dist-info/*") == packages[:1]


def test_scripts_and_paths_files_stay_where_they_are(tmp_path: Path) -> None:
    files = {
        "tomato-1.0.data/scripts/rm": b"#!/bin/sh\n",
        "tomato-1.0.data/headers/tomato.h": b"int red;\n",
        "tomato-1.0.data/purelib/tomato/seed.py": b"",
        "evil.pth": b"import os\n",
    }
    assert [path for path in paths_in(write_wheel_file(tmp_path, "tomato", files)) if "dist-info" not in path] == [
        "opt/tomato/seed.py"
    ]


def test_a_file_that_belongs_outside_of_the_packages_is_refused(tmp_path: Path) -> None:
    path = write_wheel_file(tmp_path, "tomato", {"tomato-1.0.data/data/etc/passwd": b"root::0:0\n"})
    with pytest.raises(WheelError, match="outside of the directory for packages"):
        paths_in(path)
    assert not [one for one in paths_in(path, "tomato-*.data/data/*") if "passwd" in one]  # unless it is left out


def test_machine_code_of_another_processor_is_refused(tmp_path: Path) -> None:
    path = write_wheel_file(tmp_path, "tomato", {"tomato/red.so": elf(AARCH64)})
    with pytest.raises(WrongArchitectureError, match=r"tomato/red.so of tomato-1.0-.* is made for arm64, and amd64"):
        paths_in(path)
    assert paths_in(write_wheel_file(tmp_path / "right", "tomato", {"tomato/red.so": elf()}))


def replaced(files: dict[str, bytes]) -> None:
    files["tomato/__init__.py"] = b"red = None\n"


def added(files: dict[str, bytes]) -> None:
    files["tomato/more.py"] = b""


def removed(files: dict[str, bytes]) -> None:
    del files["tomato/__init__.py"]


def without_record(files: dict[str, bytes]) -> None:
    del files["tomato-1.0.dist-info/RECORD"]


def twice_metadata(files: dict[str, bytes]) -> None:
    files["potato-1.0.dist-info/RECORD"] = b""


def no_text(files: dict[str, bytes]) -> None:
    files["tomato-1.0.dist-info/RECORD"] = b"\xff\xfe"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (replaced, "another digest or size"),
        (added, "in no line of RECORD"),
        (removed, "in RECORD and not in the wheel"),
        (without_record, "no RECORD and METADATA"),
        (twice_metadata, "or several"),
        (no_text, "a RECORD that cannot be read"),
    ],
)
def test_what_is_not_as_recorded_is_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes]], None], told: str
) -> None:
    with pytest.raises(WheelError, match=told):
        paths_in(write_wheel_file(tmp_path, "tomato", FILES, change=change))


def named(name: str) -> Callable[[zipfile.ZipFile], None]:
    return lambda packed: packed.writestr(name, b"x")


def symlink(packed: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("tomato/link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    packed.writestr(info, b"/etc/passwd")


def squeezed(packed: zipfile.ZipFile) -> None:
    packed.writestr("tomato/b.py", b"x" * 100, zipfile.ZIP_BZIP2)


@pytest.mark.parametrize(
    ("put", "told"),
    [
        (named("../../etc/cron.d/x"), "leads out"),
        (named("/etc/passwd"), "no file of an image"),
        (named("tomato\\x"), "no file of an image"),
        (named("tomato/.wh.x"), "remove a file"),
        (symlink, "is a link or a device"),
        (squeezed, "compressed in a way that no wheel is"),
    ],
)
def test_a_hostile_zip_is_refused(tmp_path: Path, put: Callable[[zipfile.ZipFile], None], told: str) -> None:
    with pytest.raises(WheelError, match=told):
        paths_in(write_wheel_file(tmp_path, "tomato", FILES, put=put))


def test_a_name_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    def again(packed: zipfile.ZipFile) -> None:
        with pytest.warns(UserWarning, match="Duplicate name"):
            packed.writestr("tomato/__init__.py", b"red = True\n")

    with pytest.raises(WheelError, match="occurs twice"):
        paths_in(write_wheel_file(tmp_path, "tomato", FILES, put=again))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_wheel_file(tmp_path, "tomato", {"tomato/zeros": bytes(1 << 20)})
    monkeypatch.setattr("containers.wheels._MOST_bytes", 1 << 19)
    with pytest.raises(WheelError, match="holds more than"):
        paths_in(path)


def test_damage_is_refused_wherever_it_is(tmp_path: Path) -> None:
    whole = write_wheel_file(tmp_path, "tomato", FILES).read_bytes()
    broken = tmp_path / "broken.whl"
    noticed = 0
    for place in range(0, len(whole), 7):
        broken.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            paths_in(broken)
        except WheelError:
            noticed += 1
        else:  # a date or an attribute of the zip's own: what is unpacked is still what RECORD says
            with Wheel(broken) as wheel:
                for one in wheel.members("opt", leave_out=("*.dist-info/*",), architecture="amd64"):
                    assert one.open is not None
                    with one.open() as file:
                        content = file.read()
                    assert record_digest(content) == record_digest(FILES[one.path.removeprefix("opt/")])
    assert noticed > 10


def test_the_digest_is_the_file_s(tmp_path: Path) -> None:
    import hashlib

    path = write_wheel_file(tmp_path, "tomato", FILES, needs=["onion>=2", "salt; extra == 'spicy'"])
    with Wheel(path) as wheel:
        assert wheel.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert wheel.requirements() == ("onion>=2", "salt; extra == 'spicy'")

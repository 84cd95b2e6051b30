"""A base is taken over file by file: what no image needs stays where it is, and what is dangerous is refused."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from containers.base import Base
from containers.errors import BaseError
from tests.containers.tiny import AARCH64, PYTHON, entry, write_base


def members_of(path: Path, *leave_out: str) -> dict[str, tuple[str, int, str]]:
    with Base(path, python=PYTHON, leave_out=leave_out) as base:
        return {one.path: (one.kind, one.mode, one.target) for one in base.members()}


def test_files_directories_and_symlinks_are_taken_and_devices_are_not(tmp_path: Path) -> None:
    entries = [
        entry("./tmp", tarfile.DIRTYPE, mode=0o1777),
        entry("./bin", tarfile.SYMTYPE, "usr/bin"),
        entry("./dev/null", tarfile.CHRTYPE),
        entry("./run/pipe", tarfile.FIFOTYPE),
    ]
    path = write_base(tmp_path / "base.tar", files={"./usr/bin/su": b"su"}, entries=entries)
    assert members_of(path, "etc/*") == {
        "bin": ("symlink", 0o777, "usr/bin"),
        "tmp": ("directory", 0o1777, ""),
        f"usr/bin/python{PYTHON}": ("file", 0o755, ""),
        "usr/bin/su": ("file", 0o755, ""),
    }


def test_nobody_becomes_somebody_else_in_an_image(tmp_path: Path) -> None:
    path = tmp_path / "base.tar"
    with tarfile.open(write_base(path), "a") as tar:
        info = entry("./usr/bin/su", tarfile.REGTYPE, mode=0o6755)
        tar.addfile(info, io.BytesIO(b""))
    assert members_of(path)["usr/bin/su"] == ("file", 0o755, "")


def test_a_hard_link_becomes_a_file_with_the_same_content(tmp_path: Path) -> None:
    link = entry("./usr/bin/python3", tarfile.LNKTYPE, f"./usr/bin/python{PYTHON}")
    with Base(write_base(tmp_path / "base.tar", entries=[link]), python=PYTHON) as base:
        found = {one.path: one for one in base.members()}
        contents = []
        for name in ("usr/bin/python3", f"usr/bin/python{PYTHON}"):
            opened = found[name].open
            assert opened is not None
            with opened() as file:
                contents.append(file.read())
        assert contents[0] == contents[1] != b""
        assert found["usr/bin/python3"].size == len(contents[0])


def test_the_interpreter_tells_the_architecture(tmp_path: Path) -> None:
    for machine, called in ((62, "amd64"), (AARCH64, "arm64")):
        with Base(write_base(tmp_path / "base.tar", machine=machine), python=PYTHON) as base:
            assert base.architecture == called


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (entry("../../etc/cron.d/x", tarfile.REGTYPE), "leads out of its directory"),
        (entry("/etc/x", tarfile.REGTYPE), "no file of an image"),
        (entry("./opt/.wh.x", tarfile.REGTYPE), "remove a file"),
        (entry("./etc/hostname", tarfile.REGTYPE), "occurs twice"),
        (entry("./x", tarfile.LNKTYPE, "./nowhere"), "a link to what is not there"),
        (entry("./x", tarfile.LNKTYPE, "./x"), "a link to what is no file"),
    ],
)
def test_a_dangerous_entry_is_refused(tmp_path: Path, bad: tarfile.TarInfo, told: str) -> None:
    with pytest.raises(BaseError, match=told):
        members_of(write_base(tmp_path / "base.tar", entries=[bad]))


@pytest.mark.parametrize("machine", [3, 40])
def test_a_base_for_a_processor_that_is_none_of_ours_is_refused(tmp_path: Path, machine: int) -> None:
    with pytest.raises(BaseError, match="an unknown processor"):
        members_of(write_base(tmp_path / "base.tar", machine=machine))


def test_what_is_no_base_is_refused(tmp_path: Path) -> None:
    whole = write_base(tmp_path / "base.tar").read_bytes()
    (tmp_path / "packed").write_bytes(gzip.compress(whole))
    (tmp_path / "words").write_bytes(b"no tar at all" * 100)
    (tmp_path / "cut").write_bytes(whole[:700])
    (tmp_path / "script.tar").write_bytes(b"")
    with tarfile.open(tmp_path / "script.tar", "w") as tar:
        info = tarfile.TarInfo(f"./usr/bin/python{PYTHON}")
        info.size = 30
        tar.addfile(info, io.BytesIO(b"#!/bin/sh".ljust(30)))
    for name, told in (
        ("packed", "no tar"),
        ("words", "no tar"),
        ("cut", "no tar|interpreter"),
        ("script.tar", "no processor"),
    ):
        with pytest.raises(BaseError, match=told):
            members_of(tmp_path / name)
    with pytest.raises(BaseError, match=r"holds no usr/bin/python3\.12"), Base(tmp_path / "base.tar", python="3.12"):
        pass

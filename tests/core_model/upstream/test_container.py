"""The container: what torch wrote is read, its head put back in memory; anything torch would not write is refused."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model.errors import CheckpointError
from core_model.upstream import container
from core_model.upstream.container import HEADS, Container
from tests.core_model.upstream import crafted
from tests.core_model.upstream.crafted import rezipped, saved

VALUES = torch.arange(6, dtype=torch.float16)
FILE = saved({"weight": {"x": VALUES}})
HALF = np.dtype("<f2")


def opened(path: Path, content: bytes) -> Container:
    path.write_bytes(content)
    return Container(path)


def keep(name: str, data: bytes) -> tuple[str, bytes]:
    return name, data


@pytest.mark.parametrize("head", HEADS)
def test_every_head_is_read_and_the_file_stays_as_it_is(head: str, tmp_path: Path) -> None:
    path = tmp_path / "voice.pth"
    written = saved({"weight": {"x": VALUES}}, head.encode())
    with opened(path, written) as box:
        assert box.head == head
        assert box.pickle()[:2] == b"\x80\x02"
        assert box.storage_keys == {"0"}
        np.testing.assert_array_equal(box.storage("0", HALF, 6), VALUES.numpy())
    assert path.read_bytes() == written


def test_a_storage_is_memory_of_its_own(tmp_path: Path) -> None:
    with opened(tmp_path / "x", FILE) as box:
        first, second = box.storage("0", HALF, 6), box.storage("0", HALF, 6)
    first[0] = 9  # writable, as torch.from_numpy wants it
    assert second[0] == 0


def test_older_and_newer_entries(tmp_path: Path) -> None:
    """Old torch wrote no byteorder and roots of its own; both are read."""

    def old(name: str, data: bytes) -> tuple[str, bytes] | None:
        rest = name.partition("/")[2]
        return ("1795249191.74881/" + rest, data) if rest.startswith(("data.pkl", "data/", "version")) else None

    with opened(tmp_path / "x", rezipped(FILE, old)) as box:
        np.testing.assert_array_equal(box.storage("0", HALF, 6), VALUES.numpy())


def test_a_storage_of_another_size_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "x", FILE) as box:
        for dtype, count in ((HALF, 5), (HALF, 7), (np.dtype("<f4"), 6)):
            with pytest.raises(CheckpointError, match="storage 0 has 12 bytes"):
                box.storage("0", dtype, count)
        with pytest.raises(CheckpointError, match="storage 1 is missing"):
            box.storage("1", HALF, 6)


def with_flag(file: bytes, flag: int) -> bytes:
    """Set a flag of every entry, in both places where zip keeps it."""
    changed = bytearray(file)
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := file.find(magic, at + 1)) >= 0:
            changed[at + place] |= flag
    return bytes(changed)


def overlapping(file: bytes) -> bytes:
    """The central directory sends two names to one entry."""
    changed = bytearray(file)
    headers = [at for at in range(len(file)) if file[at : at + 4] == b"PK\x01\x02"]
    for at in headers[1:]:
        changed[at + 42 : at + 46] = struct.pack("<I", 0)
    return bytes(changed)


def legacy() -> bytes:
    buffer = io.BytesIO()
    torch.save({"weight": {"x": VALUES}}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def bomb() -> bytes:
    """Ten kilobytes that unpack to ten megabytes."""
    return rezipped(FILE, lambda name, data: (name, bytes(10 << 20)), compression=zipfile.ZIP_DEFLATED)


def twice() -> bytes:
    buffer = io.BytesIO()
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"N.")
        archive.writestr("archive/data.pkl", b"K\x01.")
    return buffer.getvalue()


def extra(name: str) -> bytes:
    buffer = io.BytesIO(FILE)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(name, b"x")
    return buffer.getvalue()


REFUSED = {
    "an empty file": (lambda: b"", "does not start"),
    "text": (lambda: b"PK is how a zip starts", "does not start"),
    "another head": (lambda: b"07" + FILE[2:], "does not start"),
    "the old format of torch": (legacy, "does not start"),
    "a zip without entries": (lambda: b"PK\x05\x06" + bytes(18), "does not start"),
    "a compressed entry": (lambda: rezipped(FILE, keep, compression=zipfile.ZIP_DEFLATED), "compressed"),
    "a bomb": (bomb, "compressed"),
    "an encrypted entry": (lambda: with_flag(FILE, 1), "encrypted"),
    "two entries in one place": (lambda: overlapping(FILE), "overlaps|damaged"),
    "a name twice": (twice, "there twice"),
    "two roots": (lambda: extra("other/data/1"), "outside the root"),
    "a path that climbs": (lambda: extra("archive/../x"), "no part of a checkpoint"),
    "code of TorchScript": (lambda: extra("archive/code/__torch__.py"), "no part of a checkpoint"),
    "a storage without a number": (lambda: extra("archive/data/x"), "no name of a storage"),
    "a storage with a number written otherwise": (lambda: extra("archive/data/01"), "no name of a storage"),
    "bytes behind": (lambda: FILE + b"x", "behind|damaged"),
    "bytes in front": (lambda: FILE[:4] + bytes(60) + FILE, "in front"),
    "another order of bytes": (
        lambda: rezipped(FILE, lambda name, data: (name, data.replace(b"little", b"big"))),
        "little-endian",
    ),
    "another version": (
        lambda: rezipped(FILE, lambda name, data: (name, b"4\n" if name.endswith("/version") else data)),
        "version is not 3",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_torch_would_not_write_is_refused(name: str, tmp_path: Path) -> None:
    make, sentence = REFUSED[name]
    with pytest.raises(CheckpointError, match=sentence):
        opened(tmp_path / "x", make())


def test_a_comment_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO(FILE)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"hello"
    with pytest.raises(CheckpointError, match="behind its archive"):
        opened(tmp_path / "x", buffer.getvalue())


def test_a_file_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.pth", tmp_path):
        with pytest.raises(CheckpointError, match="cannot be read"):
            Container(path)


def test_an_archive_without_a_pickle(tmp_path: Path) -> None:
    without = rezipped(FILE, lambda name, data: None if name.endswith("data.pkl") else (name, data))
    with opened(tmp_path / "x", without) as box, pytest.raises(CheckpointError, match=r"no data\.pkl"):
        box.pickle()


def test_a_pickle_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "LARGEST_PICKLE_bytes", 10)
    content = crafted.with_pickle(b"\x80\x02" + b"N" * 10 + b".")
    with opened(tmp_path / "x", content) as box, pytest.raises(CheckpointError, match="larger than"):
        box.pickle()


def test_damage_to_a_storage_is_noticed(tmp_path: Path) -> None:
    at = FILE.index(VALUES.numpy().tobytes())
    damaged = FILE[: at + 3] + bytes([FILE[at + 3] ^ 1]) + FILE[at + 4 :]
    with opened(tmp_path / "x", damaged) as box, pytest.raises(CheckpointError, match="data/0 is damaged"):
        box.storage("0", HALF, 6)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    for length in range(0, len(FILE), 7):
        with pytest.raises(CheckpointError):
            opened(tmp_path / "x", FILE[:length])

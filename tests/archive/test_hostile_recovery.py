"""Recovery data made to harm: a set that is right in all but the name of the file that par2 would write.

The par2 program writes the files that its packets name, wherever that is; so none but ours ever reach it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from archive import par2_program
from archive.bundle import check, pack
from archive.errors import NoRecoveryDataError, Par2MissingError
from archive.repairing import repair

MAGIC, NAME = b"PAR2\0PKT", b"bundle.tar"


def par2_is_here() -> bool:
    try:
        par2_program.find_program()
    except Par2MissingError:
        return False
    return True


def renamed(bundle: bytes, name: bytes) -> bytes:
    """The same bundle, its recovery data about a file of that name: ids and digests of all packets are right again."""
    data = bytearray(bundle)
    described = data.index(b"PAR 2.0\0FileDesc") + 16
    body = data[described : described + 56]
    old_id, new_id = bytes(body[:16]), hashlib.md5(bytes(body[32:56]) + name).digest()
    data = data.replace(old_id, new_id).replace(NAME + b"\0\0", name + b"\0\0")
    main = data.index(b"PAR 2.0\0Main\0\0\0\0") + 16
    old_set, new_set = bytes(data[main - 32 : main - 16]), hashlib.md5(data[main : main + 28]).digest()
    data = data.replace(old_set, new_set)
    at = data.find(MAGIC)
    while at >= 0:
        size = int.from_bytes(data[at + 8 : at + 16], "little")
        data[at + 16 : at + 32] = hashlib.md5(data[at + 32 : at + size]).digest()
        at = data.find(MAGIC, at + size)
    return bytes(data)


@pytest.mark.skipif(not par2_is_here(), reason="needs a par2 program")
@pytest.mark.parametrize("name", [NAME, b"../escaped", b"/tmp/escap", b"x.voice\0\0\0"], ids=str)
def test_par2_writes_no_file_of_another_name(name: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)) * 40)
    directory = tmp_path / "here"
    directory.mkdir()
    path = directory / "x.voice"
    pack(path, {"a.bin": tmp_path / "a"}, public=True, redundancy=20)
    data = bytearray(path.read_bytes())
    data[data.index(bytes(range(256))) + 5] ^= 1
    path.write_bytes(renamed(bytes(data), name))
    assert not check(path).whole
    if name != NAME:
        with pytest.raises(NoRecoveryDataError):
            repair(path, directory / "new.voice")
    else:
        assert check(repair(path, directory / "new.voice").path or path).whole
    expected = {"a", "here", "here/x.voice"} | ({"here/new.voice"} if name == NAME else set())
    assert {found.relative_to(tmp_path).as_posix() for found in tmp_path.rglob("*")} == expected

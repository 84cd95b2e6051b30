"""Tar headers and names: GNU tar and tarfile as oracles, and every way to be refused."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import container
from archive.container import MAX_ENTRY_BYTES, Region
from archive.errors import ArchiveError, DamagedError, FormatError, UnsafePathError
from tests.archive.crafting import drip, tar_header

PART = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9._+-]{0,38}[A-Za-z0-9_+-])?", fullmatch=True)
NAME = st.lists(PART, min_size=1, max_size=5).map("/".join)


def acceptable(name: str) -> bool:
    try:
        container.require_safe_name(name)
    except UnsafePathError:
        return False
    return True


@settings(deadline=None)
@given(NAME.filter(acceptable), st.integers(0, MAX_ENTRY_BYTES))
def test_a_header_says_what_tarfile_reads(name: str, size: int) -> None:
    block = container.header(name, size)
    info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    assert (info.name, info.size, info.mode, info.mtime, info.uid, info.gid) == (name, size, 0o644, 0, 0, 0)
    assert info.isreg()
    assert container.parse_header(block, 0, "it") == (name, size)


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs tar")
def test_gnu_tar_writes_the_same_bytes(tmp_path: Path) -> None:
    deep = "/".join(["d" * 40] * 5)  # both slashes after 82 and after 123 would do
    names = ["a.txt", "b/c.bin", f"{deep}/e.txt", "f" * 100, f"{'g' * 90}/{'h' * 90}"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(drip(name)(len(name) * 7))
    owner = ["--owner=0", "--group=0", "--numeric-owner"]
    call = ["tar", "--format=ustar", "-b", "1", "--mode=0644", "--mtime=@0", *owner, "-cf", "-"]
    theirs = subprocess.run([*call, *names], cwd=tmp_path, stdout=subprocess.PIPE, check=True).stdout
    contents = [(name, (tmp_path / name).read_bytes()) for name in names]
    parts = [container.header(name, len(data)) + data + container.padding(len(data)) for name, data in contents]
    assert b"".join(parts) + container.END == theirs


@pytest.mark.parametrize(
    "name",
    [
        "", "/etc/passwd", "..", "../x", "a/../b", "a/..", "./a", "a//b", "a/", ".hidden", "a/.hidden", "-rf", "a b",
        "a\\b", "a\nb", "a\0b", "C:x", "ä", "a.", "a/b.", "~", "a*", "con", "NUL", "Aux.txt", "a/com1", "lpt9.tar",
        "prn/x", "x" * 101, "y" * 156 + "/x", "p/" + "x" * 101, "/".join(["z" * 60] * 5),
    ],
)  # fmt: skip
def test_names_that_no_bundle_may_hold(name: str) -> None:
    with pytest.raises(UnsafePathError):
        container.require_safe_name(name)


@pytest.mark.parametrize("name", ["Dockerfile", "console.txt", "com10", "a/b/c.d", "torch-2.13.0+cpu.whl", "_x", "x-"])
def test_names_that_a_bundle_may_hold(name: str) -> None:
    container.require_safe_name(name)


CONFUSED = ["a a", "a A", "a/x A/y", "a a/x", "a/x a", "A a/x", "a/b/c a/B/d", "a/b a/b/c"]


@pytest.mark.parametrize("names", CONFUSED, ids=str)
def test_names_that_some_file_system_would_confuse(names: str) -> None:
    with pytest.raises(UnsafePathError):
        container.require_distinct(names.split())


def test_names_that_only_look_alike() -> None:
    container.require_distinct(["a/b", "a/bc", "ab", "a.b", "a-b"])


# What a hostile or foreign tar may hold instead of a canonical header, and the class of its refusal.
FOREIGN: dict[str, tuple[bytes, type[ArchiveError]]] = {
    "symbolic link": (tar_header(b"x", 0, typeflag=b"2", linkname=b"/etc/passwd"), UnsafePathError),
    "hard link": (tar_header(b"x", 0, typeflag=b"1", linkname=b"y"), UnsafePathError),
    "character device": (tar_header(b"x", 0, typeflag=b"3"), UnsafePathError),
    "block device": (tar_header(b"x", 0, typeflag=b"4"), UnsafePathError),
    "directory": (tar_header(b"x", 0, typeflag=b"5"), FormatError),
    "fifo": (tar_header(b"x", 0, typeflag=b"6"), UnsafePathError),
    "contiguous file": (tar_header(b"x", 0, typeflag=b"7"), FormatError),
    "old regular file": (tar_header(b"x", 0, typeflag=b"\0"), FormatError),
    "PAX header": (tar_header(b"x", 20, typeflag=b"x"), FormatError),
    "global PAX header": (tar_header(b"x", 20, typeflag=b"g"), FormatError),
    "GNU long name": (tar_header(b"././@LongLink", 20, typeflag=b"L"), FormatError),
    "GNU long link": (tar_header(b"././@LongLink", 20, typeflag=b"K"), FormatError),
    "GNU sparse file": (tar_header(b"x", 0, typeflag=b"S"), FormatError),
    "GNU magic": (tar_header(b"x", 0, magic=b"ustar  \0"), FormatError),
    "no magic": (tar_header(b"x", 0, magic=bytes(8)), FormatError),
    "absolute name": (tar_header(b"/etc/passwd", 0), UnsafePathError),
    "name above": (tar_header(b"../x", 0), UnsafePathError),
    "name above in prefix": (tar_header(b"x", 0, prefix=b".."), FormatError),
    "needless prefix": (tar_header(b"x", 0, prefix=b"a"), FormatError),
    "empty name": (tar_header(b"", 0), FormatError),
    "data after the name's NUL": (tar_header(b"x\0y", 0), FormatError),
    "not ASCII": (tar_header("ä".encode(), 0), FormatError),
    "base-256 size": (tar_header(b"x", 0, size_field=b"\x80" + bytes(10) + b"\x05"), FormatError),
    "negative size": (tar_header(b"x", 0, size_field=b"\xff" * 12), FormatError),
    "negative octal size": (tar_header(b"x", 0, size_field=b"-0000000001\0"), FormatError),
    "size with a sign": (tar_header(b"x", 0, size_field=b"+0000000001\0"), FormatError),
    "size with spaces": (tar_header(b"x", 0, size_field=b"         5 \0"), FormatError),
    "short size": (tar_header(b"x", 0, size_field=b"5\0" + bytes(10)), FormatError),
    "size of twelve digits": (tar_header(b"x", 0, size_field=b"777777777777"), FormatError),
    "size with an underscore": (tar_header(b"x", 0, size_field=b"0000000_005\0"), FormatError),
    "mode": (tar_header(b"x", 0, mode=b"0004755\0"), FormatError),
    "owner": (tar_header(b"x", 0, uid=b"0001750\0"), FormatError),
    "owner's name": (tar_header(b"x", 0, uname=b"root"), FormatError),
    "time": (tar_header(b"x", 0, mtime=b"14000000000\0"), FormatError),
    "link name on a file": (tar_header(b"x", 0, linkname=b"y"), FormatError),
    "checksum with a leading space": (tar_header(b"x", 0, checksum=b" 10000 \0"), DamagedError),
    "wrong checksum": (tar_header(b"x", 0, checksum=b"012345\0 "), DamagedError),
    "zeros": (bytes(512), DamagedError),
    "noise": (drip("noise")(512), DamagedError),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_headers_are_refused_each_with_its_class(case: str) -> None:
    block, kind = FOREIGN[case]
    with pytest.raises(ArchiveError) as caught:
        container.parse_header(block, 1024, "payload.tar/x")
    assert type(caught.value) is kind, caught.value


def test_another_entry_than_expected_is_told_so() -> None:
    assert (
        str(container.explain(tar_header(b"y", 7), 512, "x")) == "found 'y' of 7 bytes at byte 512, where x must stand"
    )


@settings(deadline=None)
@given(st.integers(0, 511), st.integers(1, 255))
def test_no_changed_byte_of_a_header_passes(position: int, change: int) -> None:
    block = bytearray(container.header("weights/gpt.safetensors", 1234))
    block[position] ^= change
    with pytest.raises(DamagedError):
        container.parse_header(bytes(block), 0, "it")


@pytest.mark.parametrize("size", [-1, MAX_ENTRY_BYTES + 1])
def test_sizes_that_ustar_cannot_say(size: int) -> None:
    with pytest.raises(FormatError, match="less than 8 GiB"):
        container.header("x", size)


def test_a_region_ends_where_it_ends() -> None:
    region = Region(io.BytesIO(b"0123456789"), 2, 6, "part")
    assert region.read_at(1, 3) == b"345"
    assert b"".join(bytes(piece) for piece in region.pieces(0, 6)) == b"234567"
    for offset, size in ((0, 7), (6, 1), (-1, 2)):
        with pytest.raises(DamagedError):
            region.read_at(offset, size)
    with pytest.raises(DamagedError, match="end of the file"):
        Region(io.BytesIO(b"01234"), 2, 6, "part").read_at(0, 6)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("/etc/passwd", "is an absolute path"), ("C:x", "names a drive"), ("../x", "leads out of the directory"),
        ("a\\b", "holds a backslash"), ("ä", "is not ASCII"), ("a//b", "has an empty part"), ("a\0b", "control"),
        (".x", "is hidden"), ("a.", "ends in a dot"), ("a b", "not a name that"), ("con", "a device on some systems"),
        ("/".join("a" * 33), "more than 32 parts"),
    ],
)  # fmt: skip
def test_each_name_is_refused_for_what_it_is(name: str, told: str) -> None:
    with pytest.raises(UnsafePathError, match=told):
        container.require_safe_name(name)


def test_a_path_may_have_32_parts() -> None:
    container.require_safe_name("/".join("a" * 32))

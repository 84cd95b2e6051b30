"""Payloads made to harm: each is refused with its class by the toolkit and refused by the stand-alone reader.

The outer file round each is right, digests included, and the manifest is right for what it lists: so nothing but the
harm itself can be the reason. Nothing is written: neither below the destination nor anywhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive import payload
from archive.bundle import check, open_bundle
from archive.errors import ArchiveError, DamagedError, FormatError, UnsafePathError
from tests.archive.crafting import END, IDENTITY, bundle_of, manifest_of, payload_of, stand_alone, tar_entry, tar_header

GOOD = [("a.txt", b"hello"), ("b/c.bin", bytes(600))]
MANIFEST = tar_entry(b"manifest.json", manifest_of(GOOD))
A, C = (tar_entry(name.encode(), data) for name, data in GOOD)
A_HEADER, A_DATA = A[:512], A[512:]
PAX = b"30 path=../../../tmp/escaped\n\n"


def with_a(header: bytes) -> bytes:
    """The good payload with another header for its first member."""
    return MANIFEST + header + A_DATA + C + END


HOSTILE: dict[str, tuple[bytes, type[ArchiveError]]] = {
    "symbolic link": (with_a(tar_header(b"a.txt", 5, typeflag=b"2", linkname=b"/etc/passwd")), UnsafePathError),
    "hard link": (with_a(tar_header(b"a.txt", 5, typeflag=b"1", linkname=b"b/c.bin")), UnsafePathError),
    "character device": (with_a(tar_header(b"a.txt", 5, typeflag=b"3")), UnsafePathError),
    "block device": (with_a(tar_header(b"a.txt", 5, typeflag=b"4")), UnsafePathError),
    "fifo": (with_a(tar_header(b"a.txt", 5, typeflag=b"6")), UnsafePathError),
    "directory": (with_a(tar_header(b"a.txt", 5, typeflag=b"5")), FormatError),
    "absolute name in the tar": (with_a(tar_header(b"/tmp/escaped", 5)), UnsafePathError),
    "name above in the tar": (with_a(tar_header(b"../escaped", 5)), UnsafePathError),
    "another name in the tar": (with_a(tar_header(b"b.txt", 5)), FormatError),
    "another size in the tar": (with_a(tar_header(b"a.txt", 6)), FormatError),
    "set-user-id": (with_a(tar_header(b"a.txt", 5, mode=b"0004755\0")), FormatError),
    "base-256 size": (with_a(tar_header(b"a.txt", 5, size_field=b"\x80" + bytes(10) + b"\x05")), FormatError),
    "negative size": (with_a(tar_header(b"a.txt", 5, size_field=b"\xff" * 11 + b"\xfb")), FormatError),
    "octal size with spaces": (with_a(tar_header(b"a.txt", 5, size_field=b"          5 ")), FormatError),
    "oversize field": (with_a(tar_header(b"a.txt", 5, size_field=b"777777777777")), FormatError),
    "wrong checksum": (with_a(tar_header(b"a.txt", 5, checksum=b"000000\0 ")), DamagedError),
    "GNU magic": (with_a(tar_header(b"a.txt", 5, magic=b"ustar  \0")), FormatError),
    "PAX header before a member": (MANIFEST + tar_entry(b"x", PAX, typeflag=b"x") + A + C + END, DamagedError),
    "PAX header in place of a member": (with_a(tar_header(b"a.txt", 5, typeflag=b"x")), FormatError),
    "global PAX header": (with_a(tar_header(b"a.txt", 5, typeflag=b"g")), FormatError),
    "GNU long name": (with_a(tar_header(b"././@LongLink", 5, typeflag=b"L")), FormatError),
    "GNU long link": (with_a(tar_header(b"././@LongLink", 5, typeflag=b"K")), FormatError),
    "a member that the manifest does not list": (MANIFEST + A + C + tar_entry(b"d", b"") + END, DamagedError),
    "a listed member that is missing": (MANIFEST + A + END, DamagedError),
    "members in another order": (MANIFEST + C + A + END, FormatError),
    "a member twice": (payload_of([GOOD[0], GOOD[0]]), UnsafePathError),
    "two names of one case": (payload_of([("A.txt", b"x"), ("a.txt", b"y")]), UnsafePathError),
    "two directories of one case": (payload_of([("D/a", b"x"), ("d/b", b"y")]), UnsafePathError),
    "a file that is a directory": (payload_of([("a", b"x"), ("a/b", b"y")]), UnsafePathError),
    "another manifest": (payload_of([("manifest.json", b"{}")]), UnsafePathError),
    "absolute path": (payload_of([("/tmp/escaped", b"x")]), UnsafePathError),
    "path above": (payload_of([("../escaped", b"x")]), UnsafePathError),
    "path above later": (payload_of([("a/../../escaped", b"x")]), UnsafePathError),
    "path with a backslash": (payload_of([("..\\escaped", b"x")]), UnsafePathError),
    "path with a drive": (payload_of([("C:escaped", b"x")]), UnsafePathError),
    "hidden path": (payload_of([(".ssh/authorized_keys", b"x")]), UnsafePathError),
    "device of Windows": (payload_of([("a/nul.txt", b"x")]), UnsafePathError),
    "empty path": (payload_of([("", b"x")]), UnsafePathError),
    "long path": (payload_of([("x" * 101, b"x")]), UnsafePathError),
    "unsorted": (payload_of([("b", b"x"), ("a", b"y")]), FormatError),
    "wrong offset": (MANIFEST.replace(b'"offset":1536', b'"offset":1024') + A + C + END, FormatError),
    "wrong data": (MANIFEST + A_HEADER + b"HELLO" + A_DATA[5:] + C + END, DamagedError),
    "padding that carries something": (MANIFEST + A_HEADER + b"hello" + b"\0" * 506 + b"!" + C + END, DamagedError),
    "trailing byte": (payload_of(GOOD) + b"\0", DamagedError),
    "trailing zeros": (payload_of(GOOD) + bytes(8192), DamagedError),
    "trailing archive": (payload_of(GOOD) + payload_of(GOOD), DamagedError),
    "one block of zeros": (payload_of(GOOD)[:-512], DamagedError),
    "no end": (payload_of(GOOD)[:-1024], DamagedError),
    "an end that is not zero": (payload_of(GOOD)[:-1] + b"!", DamagedError),
    "cut in a member": (payload_of(GOOD)[:-2048], DamagedError),
    "no manifest": (A + C + END, FormatError),
    "the manifest later": (A + MANIFEST + C + END, FormatError),
    "an oversize manifest": (tar_entry(b"manifest.json", b" " * (4 * 2**20 + 1)) + END, FormatError),
    "an empty payload": (b"", DamagedError),
    "only an end": (END, DamagedError),
}


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


def everything_below(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


@pytest.mark.parametrize("encrypted", [False, True], ids=["public", "encrypted"])
@pytest.mark.parametrize("case", HOSTILE)
def test_refused_by_the_toolkit(case: str, encrypted: bool, tmp_path: Path) -> None:
    payload, kind = HOSTILE[case]
    path = tmp_path / "inner" / "hostile.voice"
    path.parent.mkdir()
    path.write_bytes(bundle_of(payload, encrypted=encrypted))
    with pytest.raises(kind) as caught, open_bundle(path, [IDENTITY]) as bundle:
        bundle.extract(tmp_path / "inner" / "out")
    if not (encrypted and kind is DamagedError):  # there it may be the cipher that notices first, with its own subclass
        assert type(caught.value) is kind
    assert everything_below(tmp_path) == {"inner", "inner/hostile.voice"}
    report = check(path)
    assert report.whole == encrypted  # without the key the inside is not seen, and that is said
    assert bool(report.not_checked) or not report.whole


@pytest.mark.parametrize("encrypted", [False, True], ids=["public", "encrypted"])
@pytest.mark.parametrize("case", HOSTILE)
def test_refused_by_the_stand_alone_reader(case: str, encrypted: bool, tmp_path: Path) -> None:
    path = tmp_path / "inner" / "hostile.voice"
    path.parent.mkdir()
    path.write_bytes(bundle_of(HOSTILE[case][0], encrypted=encrypted))
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        stand_alone().open_bundle(path, tmp_path / "inner" / "out", [("X25519", IDENTITY.secret)])
    assert everything_below(tmp_path) == {"inner", "inner/hostile.voice"}


@pytest.mark.parametrize("encrypted", [False, True], ids=["public", "encrypted"])
def test_the_same_without_harm_is_accepted_by_both(encrypted: bool, tmp_path: Path) -> None:
    """Else every case above could pass for a reason of its own."""
    path = tmp_path / "good.voice"
    path.write_bytes(bundle_of(MANIFEST + A + C + END, encrypted=encrypted))
    with open_bundle(path, [IDENTITY]) as bundle:
        assert bundle.extract(tmp_path / "one") == hashlib.sha256(payload_of(GOOD)).hexdigest()
    stand_alone().open_bundle(path, tmp_path / "two", [("X25519", IDENTITY.secret)])
    for name in ("one", "two"):
        assert everything_below(tmp_path / name) == {"manifest.json", "a.txt", "b", "b/c.bin"}
        assert (tmp_path / name / "b" / "c.bin").read_bytes() == bytes(600)
    assert check(path).whole


def test_one_member_is_verified_when_it_is_read_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bundle_of(HOSTILE["wrong data"][0]))
    with open_bundle(tmp_path / "a") as bundle:
        assert bundle.read("b/c.bin") == bytes(600)
        with pytest.raises(DamagedError) as caught:
            bundle.read("a.txt")
    assert caught.value.damage[0].entry == "payload.tar/a.txt"


def test_a_huge_manifest_is_refused_before_it_is_read() -> None:
    class Sparse:
        """A payload that says that its manifest has 5 GiB."""

        size = 6 * 2**30

        def read_at(self, offset: int, size: int) -> bytes:
            assert (offset, size) == (0, 512)
            return tar_header(b"manifest.json", 5 * 2**30)

        def pieces(self, offset: int, size: int) -> Iterator[memoryview]:
            raise AssertionError("nothing should be read")

    with pytest.raises(FormatError, match="at most"):
        payload.read_manifest(Sparse())


OUTER: dict[str, Callable[[bytes], bytes]] = {
    "a member twice": lambda data: data[: data.index(b"SPEC.md\0")] * 2 + data[data.index(b"SPEC.md\0") :],
    "a link for a member": lambda data: data.replace(
        tar_header(b"SPEC.md", 4), tar_header(b"SPEC.md", 4, typeflag=b"2")
    ),
    "an owner": lambda data: data.replace(tar_header(b"SPEC.md", 4), tar_header(b"SPEC.md", 4, uid=b"0001750\0")),
    "a member above": lambda data: data[:-1024] + tar_entry(b"../x.par2", b"") + END,
    "a hidden reserved member": lambda data: data[:-1024] + tar_entry(b".par2", b"") + END,
    "a reserved member that is too long for the file": lambda data: data[:-1024] + tar_header(b"x.par2", 9999) + END,
    "another format": lambda data: bundle_of(payload_of(GOOD), readme=b"voice bundle, format 2\n"),
    "no format": lambda data: bundle_of(payload_of(GOOD), readme=b"hello"),
    "a dot directory": lambda data: tar_header(b"./", 0, typeflag=b"5") + data,
}


@pytest.mark.parametrize("case", OUTER)
def test_a_hostile_outer_file_is_refused_by_both(case: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.voice"
    data = bundle_of(payload_of(GOOD))
    path.write_bytes(OUTER[case](data))
    assert path.read_bytes() != data
    with pytest.raises(ArchiveError):
        open_bundle(path)
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        stand_alone().open_bundle(path, tmp_path / "out", [])
    try:
        assert not check(path).whole
    except FormatError:  # of another format, or of none
        assert case.endswith("format")
    assert everything_below(tmp_path) == {"hostile.voice"}

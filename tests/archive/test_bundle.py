"""Packing and opening: what goes in comes out, the same goes in as the same, and everything else is refused."""

from __future__ import annotations

import doctest
import hashlib
import importlib
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.age.scrypt import ScryptIdentity, ScryptRecipient
from archive.age.stream import CHUNK_BYTES
from archive.bundle import check, open_bundle, pack, payload_digest
from archive.container import MAX_ENTRY_BYTES
from archive.errors import (
    DamagedError,
    DestinationExistsError,
    FormatError,
    NoMatchingKeyError,
    UnsafePathError,
    UnsupportedVersionError,
)
from tests.archive.conftest import Small
from tests.archive.crafting import (
    FIRST_LINE,
    IDENTITY,
    PASSPHRASE,
    STRANGER,
    WORK_FACTOR,
    bundle_of,
    drip,
    payload_of,
    tar_entry,
)

ROOT = Path(__file__).resolve().parents[2]


def files_below(directory: Path) -> dict[str, bytes]:
    found = directory.rglob("*")
    return {str(path.relative_to(directory)): path.read_bytes() for path in found if path.is_file()}


def test_what_went_in_comes_out(small: Small, tmp_path: Path) -> None:
    with open_bundle(small.path, small.identities) as bundle:
        assert bundle.extract(tmp_path / "out") == small.packed.bundle_id
        assert bundle.manifest.description == {"name": "anna"}
        assert {entry.path for entry in bundle.manifest.members} == set(small.members)
        for path, source in small.members.items():
            assert bundle.read(path) == source.read_bytes()
        with pytest.raises(KeyError):
            bundle.read("nothing")
        document = bundle.manifest.to_bytes()
    expected = {path: source.read_bytes() for path, source in small.members.items()}
    assert files_below(tmp_path / "out") == {"manifest.json": document, **expected}
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700


def test_what_is_told_about_the_file_is_so(small: Small) -> None:
    assert small.packed.size == len(small.data)
    assert small.packed.sha256 == hashlib.sha256(small.data).hexdigest()
    with tarfile.open(small.path) as tar:
        names = tar.getnames()
        assert [*names[:3], names[4]] == ["README.txt", "SPEC.md", "open_bundle.py", "SHA256SUMS"]
        for name in ("SPEC.md", "open_bundle.py"):
            member = tar.extractfile(name)
            assert member and member.read() == (ROOT / "archive" / name).read_bytes()
    assert small.data[512:].startswith(FIRST_LINE)


def test_the_bundle_id_is_that_of_the_payload_and_of_nothing_else(smalls: dict[str, Small]) -> None:
    assert len({small.packed.bundle_id for small in smalls.values()}) == 1
    assert len({small.packed.sha256 for small in smalls.values()}) == len(smalls)
    public = smalls["public"]
    with tarfile.open(public.path) as tar:
        payload = tar.extractfile("payload.tar")
        assert payload and hashlib.sha256(payload.read()).hexdigest() == public.packed.bundle_id
    assert payload_digest(public.members, {"name": "anna"}) == public.packed.bundle_id
    assert payload_digest(public.members, {"name": "bert"}) != public.packed.bundle_id
    assert payload_digest(public.members, {"name": "anna"}, formats={"voice.json": ("x", 2)}) != public.packed.bundle_id


def test_another_directory_order_time_and_hash_seed_give_the_same_bundle_id(small: Small, tmp_path: Path) -> None:
    moved = {}
    for path, source in reversed(small.members.items()):
        moved[path] = tmp_path / path.replace("/", "_")
        moved[path].write_bytes(source.read_bytes())
        os.utime(moved[path], (1, 1))
        moved[path].chmod(0o600)
    script = (
        "import sys, pathlib, archive.bundle as b\n"
        "pairs = zip(sys.argv[1::2], map(pathlib.Path, sys.argv[2::2]))\n"
        "print(b.payload_digest(dict(pairs), {'name': 'anna'}))"
    )
    arguments = [text for path, source in moved.items() for text in (path, str(source))]
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": str(ROOT), "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    call = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == small.packed.bundle_id


def test_encryption_is_new_every_time(members: dict[str, Path], tmp_path: Path) -> None:
    first = pack(tmp_path / "a", members, recipients=[IDENTITY.recipient])
    second = pack(tmp_path / "a", members, recipients=[IDENTITY.recipient])
    assert first.bundle_id == second.bundle_id
    assert first.sha256 != second.sha256


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,3}/[a-z]{1,3}", fullmatch=True), st.integers(0, 3000), max_size=5),
    st.sampled_from([0, 511, 512, CHUNK_BYTES - 2048, CHUNK_BYTES - 1536, CHUNK_BYTES, 3 * CHUNK_BYTES - 2048]),
    st.booleans(),
)
def test_any_sizes_come_back(tmp_path: Path, sizes: dict[str, int], big: int, public: bool) -> None:
    """*big* puts the payload's end on both sides of a chunk's."""
    contents = {**{path: drip(path)(size) for path, size in sizes.items()}, "big.bin": drip("big")(big)}
    sources = {}
    for number, (path, data) in enumerate(contents.items()):
        sources[path] = tmp_path / str(number)
        sources[path].write_bytes(data)
    target = tmp_path / "x.voice"
    pack(target, sources, recipients=[] if public else [IDENTITY.recipient], public=public)
    assert check(target).whole
    out = tmp_path / drip(str(sorted(sizes.items())) + str(big) + str(public))(8).hex()
    if not out.exists():
        with open_bundle(target, [IDENTITY]) as bundle:
            bundle.extract(out)
        found = files_below(out)
        del found["manifest.json"]
        assert found == contents


def test_readme_values_stand_in_readme(members: dict[str, Path], tmp_path: Path) -> None:
    pack(tmp_path / "a", members, public=True, readme={"Voice": "Anna", "Made by": "Åse"})
    with tarfile.open(tmp_path / "a") as tar:
        readme = tar.extractfile("README.txt")
        assert readme and readme.read().decode().splitlines()[:5] == [
            "voice bundle, format 1", "", "Voice: Anna", "Made by: Åse", "",
        ]  # fmt: skip
    with pytest.raises(FormatError, match="README"):
        pack(tmp_path / "b", members, public=True, readme={"Voice": "two\nlines"})
    assert not (tmp_path / "b").exists()


def test_formats_are_told_by_the_name_or_by_the_caller(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    names = ["a.JSON", "Dockerfile", "b.tar.gz", "c.x_y", "exports/onnx/gpt.onnx"]
    pack(
        tmp_path / "v",
        dict.fromkeys(names, tmp_path / "x"),
        public=True,
        formats={"exports/onnx/gpt.onnx": ("onnx", 17)},
    )
    with open_bundle(tmp_path / "v") as bundle:
        told = {entry.path: (entry.format, entry.version) for entry in bundle.manifest.members}
    assert told == {
        "a.JSON": ("json", 1), "Dockerfile": ("bytes", 1), "b.tar.gz": ("gz", 1), "c.x_y": ("bytes", 1),
        "exports/onnx/gpt.onnx": ("onnx", 17),
    }  # fmt: skip


# ---- refusals to pack


def test_neither_keys_nor_public_is_refused_and_so_are_both(members: dict[str, Path], tmp_path: Path) -> None:
    for arguments in ({}, {"recipients": [IDENTITY.recipient], "public": True}):
        with pytest.raises(FormatError, match="public"):
            pack(tmp_path / "a", members, **arguments)  # type: ignore[arg-type]
    mixed = [ScryptRecipient(PASSPHRASE, WORK_FACTOR), IDENTITY.recipient]
    with pytest.raises(FormatError, match="only recipient"):
        pack(tmp_path / "a", members, recipients=mixed)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["../a", "/a", "manifest.json", "MANIFEST.json", "a\\b", "con"])
def test_unsafe_names_are_not_packed(path: str, members: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UnsafePathError):
        pack(tmp_path / "a", {**members, path: members["voice.json"]}, public=True)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_is_not_packed(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        pack(tmp_path / "a", {"x": tmp_path / "missing"}, public=True)
    with pytest.raises(OSError):
        pack(tmp_path / "a", {"x": tmp_path}, public=True)
    with pytest.raises(FormatError, match="regular file"):
        pack(tmp_path / "a", {"x": Path("/dev/null")}, public=True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_8_gib_is_refused_plainly_and_at_once(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(MAX_ENTRY_BYTES + 1)
    with pytest.raises(FormatError, match="less than 8 GiB"):
        pack(tmp_path / "a", {"weights/huge.bin": tmp_path / "huge"}, public=True)


def test_files_that_together_pass_8_gib_are_refused_too(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_ENTRY_BYTES // 2)
    paths = {f"{number}.bin": tmp_path / "large" for number in range(3)}
    for arguments in ({"public": True}, {"recipients": [IDENTITY.recipient]}):
        with pytest.raises(FormatError, match="payload"):
            pack(tmp_path / "a", paths, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [b"longer than it was", b"", b"{'name':'ann4'}"])
def test_a_file_that_changes_meanwhile_is_noticed(change: bytes, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"{'name':'anna'}")

    def meanwhile(size: int) -> bytes:
        source.write_bytes(change)
        return os.urandom(size)

    with pytest.raises(FormatError, match="changed while"):
        pack(tmp_path / "a", {"voice.json": source}, recipients=[IDENTITY.recipient], rng=meanwhile)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


# ---- refusals to open


def test_the_wrong_key_the_wrong_passphrase_and_no_key(smalls: dict[str, Small]) -> None:
    for kind in ("x25519", "scrypt"):
        for keys in ([], [STRANGER], [ScryptIdentity("Correct horse")], [STRANGER, ScryptIdentity("")]):
            with pytest.raises(NoMatchingKeyError):
                open_bundle(smalls[kind].path, keys)
    with open_bundle(smalls["x25519"].path, [STRANGER, ScryptIdentity("x"), IDENTITY]) as bundle:
        assert bundle.read("voice.json")


def test_a_public_bundle_opens_with_any_keys(smalls: dict[str, Small]) -> None:
    for keys in ((), (STRANGER,)):
        with open_bundle(smalls["public"].path, keys) as bundle:
            assert bundle.read("records/empty.txt") == b""


@pytest.mark.parametrize("version", [2, 17, 999999999])
def test_a_bundle_from_the_future_says_its_format(version: int, tmp_path: Path) -> None:
    readme = b"voice bundle, format %d\n" % version
    for data in (
        bundle_of(payload_of([]), readme=readme),
        bundle_of(payload_of([]), readme=readme)[:2048] + b"anything else",
    ):
        (tmp_path / "a").write_bytes(data)
        for refuse in (open_bundle, check):
            with pytest.raises(UnsupportedVersionError) as caught:
                refuse(tmp_path / "a")
            assert caught.value.version == version


@pytest.mark.parametrize(
    "readme", [b"", b"voice bundle, format 0\n", b"voice bundle, format 1", b"hello", b"voice bundle, format 01\n"]
)
def test_a_readme_that_names_no_format(readme: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bundle_of(payload_of([]), readme=readme))
    with pytest.raises(FormatError) as caught:
        open_bundle(tmp_path / "a")
    assert type(caught.value) is FormatError


@pytest.mark.parametrize("data", [b"", b"hello", os.urandom(3000), b"PK\x03\x04" + bytes(2000), bytes(10_240)])
def test_what_is_no_bundle(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(data)
    for refuse in (open_bundle, check):
        with pytest.raises(FormatError, match="not a bundle"):
            refuse(tmp_path / "a")


def test_a_manifest_from_the_future(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bundle_of(payload_of([], version=2)))
    with pytest.raises(UnsupportedVersionError):
        open_bundle(tmp_path / "a")


def test_reserved_members_are_passed_over_and_reported(smalls: dict[str, Small], tmp_path: Path) -> None:
    whole = smalls["public"].data
    extra = tar_entry(b"SHA256SUMS.sig", b"s" * 700) + tar_entry(b"anna.vol0+1.par2", b"")
    (tmp_path / "a").write_bytes(whole[:-1024] + extra + bytes(1024))
    with open_bundle(tmp_path / "a") as bundle:
        assert bundle.extract(tmp_path / "out") == smalls["public"].packed.bundle_id
    report = check(tmp_path / "a")
    assert report.whole
    assert [text.split(":")[0] for text in report.not_checked] == ["SHA256SUMS.sig", "anna.vol0+1.par2"]


def test_the_destination_is_never_written_into(small: Small, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with open_bundle(small.path, small.identities) as bundle:
        for name in ("full", "empty", "file", "link"):
            with pytest.raises(DestinationExistsError):
                bundle.extract(tmp_path / name)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_bundle_that_changes_after_it_was_opened_restores_nothing(smalls: dict[str, Small], tmp_path: Path) -> None:
    for kind in ("x25519", "public"):
        path = tmp_path / kind
        path.write_bytes(smalls[kind].data)
        with open_bundle(path, [IDENTITY]) as bundle:
            data = bytearray(smalls[kind].data)
            data[data.rindex(b"SHA256SUMS") - 20_000] ^= 1
            path.write_bytes(data)
            with pytest.raises(DamagedError):
                bundle.extract(tmp_path / "out")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("module", ["archive.bundle", "archive.age.envelope"])
def test_the_examples_in_the_docstrings_run(module: str) -> None:
    results = doctest.testmod(importlib.import_module(module))
    assert results.attempted and not results.failed

"""Damage: `check` names the entry, `open_bundle` and `extract` refuse, so does the stand-alone reader, nothing appears.

A byte is flipped, or the file is cut, in a whole bundle. What must be named is known from tarfile's reading of the
whole file, not from the code under test.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from archive import outside, parity
from archive.age import header
from archive.age.header import Stanza
from archive.age.primitives import encode_base64
from archive.bundle import check, open_bundle
from archive.checking import CheckReport
from archive.errors import ArchiveError, DamagedError, FormatError
from archive.repairing import repair
from tests.archive.conftest import Small
from tests.archive.crafting import IDENTITY, bundle_of, layout, payload_of, stand_alone, tar_entry

END = "the end of the file"
KINDS = ("x25519", "public")
flips = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def alone() -> ModuleType:
    return stand_alone()


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written here is thrown away at once; test_files.py looks after durability."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


def entry_at(data: bytes, position: int) -> str:
    """The member whose header, data or padding holds the byte at *position*."""
    return next((name for name, start, end in layout(data) if start <= position < end), END)


def in_recovery_data(data: bytes, position: int) -> bool:
    """Whether the byte is inside a recovery packet: neither in its tar header nor in the padding."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        member = tar.getmember(parity.MEMBER)
    return member.offset_data <= position < member.offset_data + member.size


def stand_alone_refuses(alone: ModuleType, path: Path, destination: Path) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        alone.open_bundle(path, destination, [IDENTITY.secret])
    assert not destination.exists()


def open_and_extract(path: Path, destination: Path) -> None:
    with open_bundle(path, [IDENTITY]) as bundle:
        bundle.extract(destination)


def test_a_whole_bundle_is_whole(small: Small) -> None:
    report = check(small.path)
    assert report.whole and report.damage == ()
    names = ["README.txt", "SPEC.md", "open_bundle.py"]
    for name in [*names, "payload.tar" if not small.identities else "payload.tar.age"]:
        assert f"{name}: SHA-256 against SHA256SUMS" in report.checked
    if small.identities:
        assert report.not_checked == ("the inside of payload.tar.age: that takes a key",)
    else:
        assert report.not_checked == ()
        assert "payload.tar: 4 members against their manifest" in report.checked


@pytest.mark.parametrize("kind", KINDS)
@flips
@given(where=st.floats(0, 1, exclude_max=True), small_file_first=st.booleans(), change=st.integers(1, 255))
@example(where=0.0, small_file_first=True, change=1)
def test_a_flipped_byte_anywhere(
    kind: str,
    where: float,
    small_file_first: bool,
    change: int,
    smalls: dict[str, Small],
    alone: ModuleType,
    tmp_path: Path,
) -> None:
    """*small_file_first*: choose the entry, then the byte; else every byte alike, which is mostly the payload."""
    data = bytearray(smalls[kind].data)
    if small_file_first:
        entries = [*layout(data), (END, len(data) - 1024, len(data))]
        _, start, end = entries[int(where * len(entries))]
        end = start + 512 if change % 2 else end  # every other time its header
        position = start + int((where * len(entries)) % 1 * (end - start))
    else:
        position = int(where * len(data))
    data[position] ^= change
    flipped(data, position, smalls[kind].data, alone, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_byte_in_every_header_and_record(
    kind: str, smalls: dict[str, Small], alone: ModuleType, tmp_path: Path
) -> None:
    """Where meaning is dense: the first header's fields, the first line of README.txt, SHA256SUMS."""
    whole = smalls[kind].data
    start = next(start for name, start, _ in layout(whole) if name == "SHA256SUMS")
    dense = [0, 9, 127, 134, 135, 150, 155, 156, 157]
    for position in [*dense, *range(512, 536, 3), *range(start + 512, start + 840, 13)]:
        data = bytearray(whole)
        data[position] ^= 1
        flipped(data, position, whole, alone, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_that_fill_up_the_last_recovery_packet_are_recovery_data(
    kind: str, smalls: dict[str, Small], alone: ModuleType, tmp_path: Path
) -> None:
    """Up to three zeros after the text of the last packet: hit once in some thousands of random places."""
    whole = smalls[kind].data
    end = whole.rindex(b"it writes bundle.tar") + 20
    for position in range(end, end + 8):
        data = bytearray(whole)
        data[position] ^= 120
        flipped(data, position, whole, alone, tmp_path)


def flipped(data: bytearray, position: int, whole: bytes, alone: ModuleType, directory: Path) -> None:
    """See that everybody refuses *data*, and that check names what was hit."""
    path = directory / "flipped.voice"
    path.write_bytes(data)
    report = check(path)
    named = {item.entry for item in report.damage}
    hit = entry_at(whole, position)
    assert hit in named, (position, report)
    assert all(name == hit or (name.startswith("payload.tar/") and hit == "payload.tar") for name in named), report
    if in_recovery_data(whole, position):  # it opens all the same: what it carries is whole
        open_and_extract(path, directory / "out")
        alone.open_bundle(path, directory / "out too", [("X25519", IDENTITY.secret)])
        for name in ("out", "out too"):
            shutil.rmtree(directory / name)
        return
    with pytest.raises(DamagedError) as caught:
        open_and_extract(path, directory / "out")
    assert caught.value.damage
    stand_alone_refuses(alone, path, directory / "out")
    assert sorted(item.name for item in directory.iterdir()) == ["flipped.voice"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_at_any_block(kind: str, smalls: dict[str, Small], alone: ModuleType, tmp_path: Path) -> None:
    whole = smalls[kind].data
    path = tmp_path / "cut.voice"
    for size in [*range(512, len(whole), 512), len(whole) - 1, len(whole) - 1023]:
        path.write_bytes(whole[:size])
        report = check(path)
        assert not report.whole
        named, hit = report.damage[0].entry, entry_at(whole, size)
        alike = ({"payload.tar", "payload.tar.age"}, {END, parity.MEMBER})
        assert named == hit or {named, hit} in alike, (size, report)
        with pytest.raises(DamagedError):
            open_and_extract(path, tmp_path / "out")
    for size in range(512, len(whole), 20 * 512):
        path.write_bytes(whole[:size])
        stand_alone_refuses(alone, path, tmp_path / "out")
    assert [item.name for item in tmp_path.iterdir()] == ["cut.voice"]


@pytest.mark.parametrize("tail", [b"\0", bytes(512), bytes(10_240), b"x", b"x" * 512])
def test_something_after_the_end(tail: bytes, small: Small, alone: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "long.voice"
    path.write_bytes(small.data + tail)
    assert {item.entry for item in check(path).damage} == {END}
    with pytest.raises(DamagedError):
        open_bundle(path, small.identities)
    if not small.identities:
        stand_alone_refuses(alone, path, tmp_path / "out")


def damaged(path: Path, data: bytes) -> CheckReport:
    path.write_bytes(data)
    return check(path)


def test_check_goes_on_past_a_damaged_member(smalls: dict[str, Small], tmp_path: Path) -> None:
    data = bytearray(smalls["x25519"].data)
    for name, start, _ in layout(bytes(data)):
        if name in ("README.txt", "open_bundle.py", "payload.tar.age"):
            data[start + 512 + 100] ^= 1
    report = damaged(tmp_path / "a", data)
    assert [item.entry for item in report.damage] == ["README.txt", "open_bundle.py", "payload.tar.age"]


@pytest.mark.parametrize(("place", "name"), [(0, "README.txt"), (1, "SPEC.md"), (2, "open_bundle.py")])
def test_check_goes_on_past_a_destroyed_header(place: int, name: str, smalls: dict[str, Small], tmp_path: Path) -> None:
    data = bytearray(smalls["x25519"].data)
    _, start, _ = layout(bytes(data))[place]
    data[start : start + 512] = b"\xff" * 512
    report = damaged(tmp_path / "a", data)
    assert [item.entry for item in report.damage] == [name]
    assert f"{name}: its size is not known" in report.not_checked
    assert "payload.tar.age: SHA-256 against SHA256SUMS" in report.checked


def test_check_says_what_it_could_not_reach(smalls: dict[str, Small], tmp_path: Path) -> None:
    whole = smalls["x25519"].data
    report = damaged(tmp_path / "a", whole[: layout(whole)[2][1] + 700])
    assert report.damage[0].entry == "open_bundle.py"
    assert any("SHA256SUMS" in text for text in report.not_checked)
    assert not any("SHA-256" in text for text in report.checked)


def test_check_names_the_entry_inside_a_public_payload(smalls: dict[str, Small], tmp_path: Path) -> None:
    data = bytearray(smalls["public"].data)
    data[data.index(b'{"name":"anna"}', data.index(b"voice.json\0"))] ^= 1
    report = damaged(tmp_path / "a", data)
    assert {item.entry for item in report.damage} == {"payload.tar", "payload.tar/voice.json"}
    inside = next(item for item in report.damage if item.entry == "payload.tar/voice.json")
    assert inside.expected == "SHA-256 " + hashlib.sha256(b'{"name":"anna"}').hexdigest()


def test_a_damaged_record_is_told_from_a_damaged_member(smalls: dict[str, Small], tmp_path: Path) -> None:
    """One wrong digit in SHA256SUMS is not a wrong payload: two digests of different data differ in most digits."""
    data = bytearray(smalls["x25519"].data)
    digest = data.rindex(b"  payload.tar.age\n") - 10
    data[digest : digest + 1] = b"0" if data[digest : digest + 1] != b"0" else b"1"
    report = damaged(tmp_path / "a", data)
    assert [item.entry for item in report.damage] == ["SHA256SUMS"]
    with pytest.raises(DamagedError) as caught:
        open_and_extract(tmp_path / "a", tmp_path / "out")
    assert caught.value.damage[0].entry == "SHA256SUMS"


def test_a_damaged_recipient_is_not_taken_for_a_wrong_key(smalls: dict[str, Small], tmp_path: Path) -> None:
    data = bytearray(smalls["x25519"].data)
    payload = next(start for name, start, _ in layout(bytes(data)) if name == "payload.tar.age")
    body = data.index(b"\n", data.index(b"-> X25519 ", payload)) + 5
    data[body : body + 1] = b"A" if data[body : body + 1] != b"A" else b"B"
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(DamagedError) as caught:
        open_bundle(tmp_path / "a", [IDENTITY])
    assert caught.value.damage[0].entry == "payload.tar.age"


def test_members_in_another_order(tmp_path: Path) -> None:
    data = bundle_of(payload_of([]))
    readme, spec = layout(data)[0], layout(data)[1]
    swapped = data[spec[1] : spec[2]] + data[readme[1] : readme[2]] + data[spec[2] :]
    assert {item.entry for item in damaged(tmp_path / "a", swapped).damage} >= {"README.txt"}
    with pytest.raises(FormatError, match=r"README.txt must stand"):
        open_bundle(tmp_path / "a")


def test_an_unknown_member(tmp_path: Path) -> None:
    data = bundle_of(payload_of([]))
    report = damaged(tmp_path / "a", data[:-1024] + tar_entry(b"evil.sh", b"rm") + bytes(1024))
    assert [item.entry for item in report.damage] == [END]
    with pytest.raises(FormatError, match=r"evil\.sh"):
        open_bundle(tmp_path / "a")


def test_an_encrypted_payload_that_cannot_be_one(tmp_path: Path) -> None:
    data = bundle_of(payload_of([]), encrypted=True)
    start = next(start for name, start, _ in layout(data) if name == "payload.tar.age")
    end = header.parse(data[start + 512 :]).size + start + 512
    for payload in (b"", b"age-encryption.org/v1\n", data[start + 512 : end], data[start + 512 : end + 31]):
        report = damaged(tmp_path / "a", rebuilt(payload))
        assert [item.entry for item in report.damage] == ["payload.tar.age"]
        with pytest.raises(ArchiveError):
            open_bundle(tmp_path / "a", [IDENTITY])


def test_an_encryption_header_that_breaks_its_rules_is_seen_without_a_key(tmp_path: Path) -> None:
    """Each parses as a header, with a right MAC even; only the rules of its stanzas' types are broken."""
    share, salt = encode_base64(bytes(range(32))), encode_base64(bytes(16))
    broken = [
        [Stanza(("X25519", share), bytes(31))],
        [Stanza(("X25519", share, "more"), bytes(32))],
        [Stanza(("scrypt", salt, "018"), bytes(32))],
        [Stanza(("scrypt", salt, "18"), bytes(32)), Stanza(("X25519", share), bytes(32))],
        [Stanza(("mlkem768x25519", share), bytes(32))],
        [Stanza(("mlkem768x25519", encode_base64(bytes(1120)), "more"), bytes(32))],
        [Stanza(("mlkem768x25519", encode_base64(bytes(1120))), bytes(31))],
    ]
    for stanzas in broken:
        report = damaged(tmp_path / "a", rebuilt(header.marshal(stanzas, bytes(16)) + bytes(32)))
        assert [item.entry for item in report.damage] == ["payload.tar.age"]
    unknown = [Stanza(("mlkem1024p384", share), bytes(32)), Stanza(("X25519", share), bytes(32))]
    assert damaged(tmp_path / "a", rebuilt(header.marshal(unknown, bytes(16)) + bytes(32))).whole


def rebuilt(payload: bytes) -> bytes:
    """A bundle whose encrypted payload is *payload* as it stands, with right digests."""
    members = [(b"README.txt", b"voice bundle, format 1\n"), (b"SPEC.md", b"spec"), (b"open_bundle.py", b"pass")]
    members.append((b"payload.tar.age", payload))
    sums = b"".join(hashlib.sha256(data).hexdigest().encode() + b"  " + name + b"\n" for name, data in members)
    return b"".join(tar_entry(name, data) for name, data in [*members, (b"SHA256SUMS", sums)]) + bytes(1024)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("verb", ["check", "open", "look", "repair"])
def test_a_pipe_or_a_device_is_not_waited_for(verb: str, tmp_path: Path) -> None:
    act: dict[str, Callable[[Path], object]] = {
        "check": check,
        "open": open_bundle,
        "look": lambda path: outside.look(path).__enter__(),
        "repair": lambda path: repair(path, tmp_path / "new"),
    }
    os.mkfifo(tmp_path / "pipe.voice")
    for path in (tmp_path / "pipe.voice", Path("/dev/zero")):
        with pytest.raises(FormatError, match="is not a regular file"):
            act[verb](path)

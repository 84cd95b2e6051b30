"""Recovery data: how much of it there is, where each packet stands, and what is taken for one."""

from __future__ import annotations

import hashlib
import io
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import parity
from archive.bundle import check, open_bundle, pack
from archive.container import Region
from archive.errors import FormatError
from archive.parity import HEAD_BYTES, MAGIC, MAX_DATA_BLOCKS, Plan, plan
from tests.archive.conftest import Small
from tests.archive.crafting import write_members


@given(st.integers(30_000, 2**33), st.integers(1, 30))
def test_any_gap_of_so_many_percent_can_be_filled(data_bytes: int, percent: int) -> None:
    made = plan(data_bytes, percent)
    assert made.data_blocks <= MAX_DATA_BLOCKS
    length = made.bundle_bytes * percent // 100
    in_data = min(made.data_blocks, -(-length // made.block_bytes) + 1)
    assert in_data <= made.recovery_blocks  # all of it in the data
    # across the border: what is lost of the recovery blocks and of the data together
    for share in range(0, 101, 5):
        before = length * share // 100
        blocks = min(made.data_blocks, -(-before // made.block_bytes) + 1)
        after = max(0, length - before - 512 - made.records_bytes)
        packets = -(-after // made.packet_bytes) + (after > 0)
        assert blocks + packets <= made.recovery_blocks, share


@given(st.integers(1, 10**6), st.integers(1, 300))
def test_the_pieces_fill_the_recovery_data(data_bytes: int, blocks: int) -> None:
    made = Plan(data_bytes, 512, blocks)
    position, numbers = 0, []
    for offset, number in made.places():
        assert offset == position
        position += made.records_bytes if number is None else made.packet_bytes
        numbers += [] if number is None else [number]
    assert position == made.member_bytes
    assert numbers == list(range(blocks))


def test_what_is_no_percentage() -> None:
    for percent in (0, -1, 101):
        with pytest.raises(FormatError):
            plan(10_000, percent)


def test_a_bundle_without_recovery_data(tmp_path: Path) -> None:
    members = write_members(tmp_path / "source")
    none = pack(tmp_path / "none.voice", members, public=True, redundancy=0)
    assert check(tmp_path / "none.voice").whole
    sizes = {0: none.size}
    for percent in (5, 10, 30):
        sizes[percent] = pack(tmp_path / f"{percent}.voice", members, public=True, redundancy=percent).size
    assert sorted(sizes.values()) == list(sizes.values())
    assert b"PAR2\0PKT" not in (tmp_path / "none.voice").read_bytes()
    with open_bundle(tmp_path / "none.voice") as bundle:
        assert bundle.read("voice.json") == b'{"name":"anna"}'


def test_the_packets_are_those_of_the_specification(smalls: dict[str, Small]) -> None:
    """Read here a second time, from the specification's table."""
    data = smalls["x25519"].data
    start = data.index(MAGIC)
    kinds, protected = [], data[: start - 512]
    while data.startswith(MAGIC, start):
        size = struct.unpack_from("<Q", data, start + 8)[0]
        packet = data[start : start + size]
        assert hashlib.md5(packet[32:]).digest() == packet[16:32]
        kinds.append(packet[48:64].rstrip(b"\0"))
        if kinds[-1] == b"PAR 2.0\0FileDesc":
            file_id, md5, head_md5, length = struct.unpack_from("<16s16s16sQ", packet, HEAD_BYTES)
            assert (md5, length) == (hashlib.md5(protected).digest(), len(protected))
            assert head_md5 == hashlib.md5(protected[:16384]).digest()
            assert file_id == hashlib.md5(head_md5 + struct.pack("<Q", length) + b"bundle.tar").digest()
            assert packet[HEAD_BYTES + 56 :] == b"bundle.tar\0\0"
        start += size
    assert len(kinds) == 4 * 4 + kinds.count(b"PAR 2.0\0RecvSlic")


def test_a_file_made_of_false_beginnings_is_soon_done_with() -> None:
    head = MAGIC + struct.pack("<Q", 60_000) + bytes(32) + b"PAR 2.0\0RecvSlic"
    data = head * 150_000
    started = time.monotonic()
    assert parity.find(Region(io.BytesIO(data), 0, len(data), "x")) is None
    assert time.monotonic() - started < 5


def test_packets_that_name_another_file_are_passed_over(smalls: dict[str, Small]) -> None:
    """Nothing that a stranger wrote may make par2 write elsewhere."""
    data = smalls["x25519"].data
    whole = Region(io.BytesIO(data), 0, len(data), "x")
    found = parity.find(whole)
    assert found
    kind = b"PAR 2.0\0FileDesc"
    body = bytes(56) + b"../../etc/x\0"
    forged = parity.packet(found.records.set_id, kind, body)
    only = forged + found.records.marshal()
    again = parity.find(Region(io.BytesIO(only), 0, len(only), "x"))
    assert again is None or again.records == found.records

"""Recovery data made to take for ever, or all memory: what is read, and how often, depends on the file's size alone."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import assessing, container, par2_program, parity
from archive.bundle import check
from archive.container import Region
from archive.parity import MAGIC, Plan, Records
from tests.archive.conftest import Small
from tests.archive.crafting import FIRST_LINE, tar_entry


class Counting(Region):
    """Counts what is read."""

    calls = read_bytes = 0

    def read_at(self, offset: int, size: int) -> bytes:
        self.calls += 1
        self.read_bytes += size
        return super().read_at(offset, size)


def window(data: bytes) -> Counting:
    return Counting(io.BytesIO(data), 0, len(data), "it")


def packet(kind: bytes, size: int) -> bytes:
    """The beginning of one, with a wrong digest."""
    return MAGIC + struct.pack("<Q", size) + bytes(32) + b"PAR 2.0\0" + kind.ljust(8, b"\0")


FALSE = {
    "nothing but beginnings": MAGIC * 2**15,
    "packets of a kind that nobody knows": packet(b"x", 64) * 2**12,
    "small packets with a wrong digest": (packet(b"Main", 68) + bytes(4)) * 2**12,
    "large packets inside each other": packet(b"RecvSlic", 200_000) * 2**12,
    "packets as long as the file": b"".join(packet(b"IFSC", 2**18 - 64 * n) for n in range(2**12)),
}


@pytest.mark.parametrize("case", FALSE)
def test_false_beginnings_cost_no_more_than_the_file_is_long(case: str) -> None:
    whole = window(FALSE[case])
    assert parity.find(whole) is None
    assert whole.read_bytes < 5 * whole.size
    assert whole.calls < 2 * whole.size / 64


def test_true_packets_behind_false_ones_are_found(smalls: dict[str, Small]) -> None:
    """As long as they are no more than what a bundle may lose; whoever adds more could as well write zeros."""
    whole = smalls["public"].data
    for false in list(FALSE.values())[:3]:
        found = parity.find(window(false[:2000] + whole))
        assert found and len(found.blocks) == found.records.plan.recovery_blocks


def test_of_thousands_of_sets_the_last_ones_are_kept(smalls: dict[str, Small]) -> None:
    sets = b"".join(
        parity.packet(struct.pack("<QQ", number, 0), b"PAR 2.0\0Main\0\0\0\0", bytes(28)) for number in range(3000)
    )
    whole = smalls["public"].data
    found = parity.find(window(sets + whole))
    assert found and found.records == getattr(parity.find(window(whole)), "records", None)
    assert parity.find(window(whole + sets)) is None  # only who made a bundle so could miss it


def records(data_bytes: int, block_bytes: int, checksum: bytes) -> Records:
    made = Plan(data_bytes, block_bytes, 10)
    return Records(made, bytes(16), bytes(16), checksum * made.data_blocks)


def test_how_long_a_bundle_was_is_hearsay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """16 GiB, it says, in a file of 12 KB: nobody looks for headers where nothing stands."""
    looked = []
    header = assessing._header
    monkeypatch.setattr(assessing, "_header", lambda *words: looked.append(1) or header(*words))
    beginning = tar_entry(b"README.txt", FIRST_LINE)
    told = records(2**34, 2**26, bytes(20))
    (tmp_path / "a").write_bytes(beginning + told.marshal())
    report = check(tmp_path / "a")
    assert report.outlook and report.outlook.missing_blocks
    assert len(looked) < 50


@given(st.integers(1, 40), st.integers(-60, 60), st.integers(0, 100))
def test_the_next_place_of_a_header_is_the_next_one_in_the_file(blocks: int, moved: int, position: int) -> None:
    size, shift, position = 512 * blocks - 100, 512 * moved + 7 * (moved % 3), 512 * position
    whole = Region(io.BytesIO(), 0, size, "it")

    def possible(place: int) -> bool:
        return any(0 <= place + by <= size - 512 for by in (0, shift))

    expected = next((place for place in range(position + 512, 512 * 400, 512) if possible(place)), None)
    found = position
    while (found := assessing._following(whole, found, shift)) < 512 * 400 and not possible(found):
        pass
    assert (found if found < 512 * 400 else None) == expected


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc")), max_size=12), st.integers(0, 40), st.integers(0, 9)
)
def test_the_members_of_a_range_are_those_of_the_obvious_search(
    starts: list[tuple[int, str]], start: int, size: int
) -> None:
    members = object.__new__(assessing._Members)
    members._starts, members._data_bytes = sorted(starts), 35
    members._places = [place for place, _ in members._starts]
    end = start + size
    expected = []
    for place, name in members._starts:
        stop = min((later for later in members._places if later > place), default=35)
        if place < end and stop > start:
            expected.append(name)
    expected += [parity.MEMBER] if end > 35 else []
    assert members.between(start, end) == (tuple(dict.fromkeys(expected)) or ("the end of the file",))


def test_a_program_that_looks_at_every_byte_for_ever_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block has the CRC-32 of every place in the file, and another MD5: par2 would take hours for 2 MiB."""
    try:
        par2_program.find_program()
    except par2_program.Par2MissingError:
        pytest.skip("needs a par2 program")
    monkeypatch.setattr(par2_program, "_LOOK_SECONDS", 1)
    monkeypatch.setattr(par2_program, "_LOOK_SECONDS_PER_MIB", 0)
    told = records(200 * 2**18, 2**18, bytes(16) + struct.pack("<I", zlib.crc32(bytes(2**18))))
    beginning = tar_entry(b"README.txt", FIRST_LINE)
    (tmp_path / "a").write_bytes(beginning + bytes(2**21) + told.marshal() + container.END)
    report = check(tmp_path / "a")
    assert report.outlook and report.outlook.damaged_blocks == 200

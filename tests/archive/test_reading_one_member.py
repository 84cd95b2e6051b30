"""One member of a large bundle is read without the rest of it being read, let alone decrypted."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.age import stream
from archive.bundle import open_bundle, pack
from archive.container import Region
from archive.errors import AgePayloadError
from tests.archive.crafting import HYBRID

LARGE_BYTES = 24 * 2**20


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("large")
    (directory / "voice.json").write_text("{}")
    with (directory / "huge").open("wb") as file:
        file.truncate(LARGE_BYTES)
    members = {"a/huge.bin": directory / "huge", "voice.json": directory / "voice.json"}
    pack(directory / "x.voice", members, recipients=[HYBRID.recipient])
    return directory / "x.voice"


def test_opening_and_reading_touch_a_few_batches_only(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_bytes = 0
    read_at, read_into = Region.read_at, Region.read_into

    def counted_at(self: Region, offset: int, size: int) -> bytes:
        nonlocal read_bytes
        read_bytes += size
        return read_at(self, offset, size)

    def counted_into(self: Region, offset: int, room: memoryview) -> None:
        nonlocal read_bytes
        read_bytes += len(room)
        read_into(self, offset, room)

    monkeypatch.setattr(Region, "read_at", counted_at)
    monkeypatch.setattr(Region, "read_into", counted_into)
    with open_bundle(large, [HYBRID]) as bundle:
        assert bundle.read("voice.json") == b"{}"
    assert read_bytes < 3 * stream.BATCH_BYTES < LARGE_BYTES // 6


def test_a_payload_whose_last_chunk_is_not_right_opens_not_even_for_one_member(large: Path, tmp_path: Path) -> None:
    data = bytearray(large.read_bytes())
    with open_bundle(large, [HYBRID]) as bundle:
        payload = bundle._outer.payload
    data[payload.start + payload.size - 1] ^= 1
    (tmp_path / "x.voice").write_bytes(data)
    with pytest.raises(AgePayloadError):
        open_bundle(tmp_path / "x.voice", [HYBRID])

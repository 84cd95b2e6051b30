"""The CCTV test files for the age format: class of failure, digest of the payload, what was released before."""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from archive.age import envelope
from archive.age.envelope import Identity
from archive.age.keys import parse_identity
from archive.age.scrypt import ScryptIdentity
from archive.container import Region
from archive.errors import (
    AgeHeaderError,
    AgePayloadError,
    ArchiveError,
    ArmorError,
    HeaderMacError,
    NoMatchingKeyError,
)
from tests.archive.crafting import stand_alone

ROOT = Path(__file__).resolve().parents[3]
VECTORS = Path(os.environ.get("LIFECYCLE_AGE_VECTORS", ROOT.parent / "shared" / "vectors" / "age"))
FAILURES = {
    HeaderMacError: "HMAC failure",
    AgePayloadError: "payload failure",
    NoMatchingKeyError: "no match",
    AgeHeaderError: "header failure",
    ArmorError: "armor failure",
}
NAMES = sorted(path.name for path in VECTORS.iterdir()) if VECTORS.is_dir() else []

pytestmark = pytest.mark.skipif(not NAMES, reason=f"no age vectors at {VECTORS}; name them in LIFECYCLE_AGE_VECTORS")


@dataclass(frozen=True)
class Vector:
    """One test file."""

    expect: str
    payload: str | None
    identities: tuple[str, ...]
    passphrases: tuple[str, ...]
    armored: bool
    body: bytes

    @classmethod
    def read(cls, name: str) -> Vector:
        head, _, body = (VECTORS / name).read_bytes().partition(b"\n\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\n")]
        single = dict(fields)
        if "compressed" in single:
            assert single["compressed"] == "zlib"
            body = zlib.decompress(body)
        every = {key: tuple(value for found, value in fields if found == key) for key in ("identity", "passphrase")}
        keys = (every["identity"], every["passphrase"])
        return cls(single["expect"], single.get("payload"), *keys, "armored" in single, body)

    @property
    def whole(self) -> bool:
        return self.expect == "success"

    @property
    def keys(self) -> list[Identity]:
        return [*map(parse_identity, self.identities), *map(ScryptIdentity, self.passphrases)]

    @property
    def file(self) -> Region:
        return Region(io.BytesIO(self.body), 0, len(self.body), "x")


WHOLE = [name for name in NAMES if Vector.read(name).whole]
BINARY = [name for name in NAMES if not Vector.read(name).armored]


def test_the_vectors_are_all_there() -> None:
    assert len(NAMES) == 143
    assert {name.split("_")[0] for name in NAMES} == {
        "armor", "empty", "header", "hmac", "hybrid", "scrypt", "stanza", "stream", "version", "x25519",
    }  # fmt: skip
    assert {Vector.read(name).expect for name in NAMES} == {"success", *FAILURES.values()}


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("name", NAMES)
def test_vector(name: str, threads: int) -> None:
    vector = Vector.read(name)
    pool = ThreadPoolExecutor(threads) if threads else None
    released = hashlib.sha256()
    reader = None
    try:
        reader = envelope.decrypt_in_order(vector.file, vector.keys, pool)
        for piece in reader.everything():
            released.update(piece)
        outcome = "success"
    except tuple(FAILURES) as error:
        outcome = FAILURES[type(error)]  # type: ignore[index]
    finally:
        if pool:
            pool.shutdown()
    assert outcome == vector.expect
    assert (reader is None) == (vector.payload is None)
    if reader is not None:
        assert released.hexdigest() == vector.payload


@pytest.mark.parametrize("name", NAMES)
def test_a_seekable_reader_opens_what_is_whole_and_nothing_that_was_cut(name: str) -> None:
    vector = Vector.read(name)
    if vector.whole:
        reader = envelope.decrypt(vector.file, vector.keys)
        assert hashlib.sha256(reader.read_at(0, reader.size)).hexdigest() == vector.payload
        return
    with pytest.raises(tuple(FAILURES)) as refused:
        reader = envelope.decrypt(vector.file, vector.keys)
        reader.read_at(0, reader.size)
    assert FAILURES[refused.type] == vector.expect


@pytest.mark.parametrize("name", [name for name in WHOLE if name.startswith(("stream_", "armor_"))])
def test_reading_at_random_gives_what_reading_in_order_gives(name: str) -> None:
    vector = Vector.read(name)
    reader = envelope.decrypt(vector.file, vector.keys)
    in_order = envelope.decrypt_in_order(vector.file, vector.keys)
    whole = b"".join(bytes(piece) for piece in in_order.everything())
    assert len(whole) == reader.size
    for offset in (0, 1, 65535, 65536, reader.size // 2, reader.size - 1):
        if 0 <= offset < reader.size:
            size = min(70_000, reader.size - offset)
            assert reader.read_at(offset, size) == whole[offset : offset + size]
    with pytest.raises(ArchiveError):
        reader.read_at(reader.size, 1)


@pytest.mark.parametrize("name", BINARY)
def test_the_stand_alone_reader_agrees(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows one kind of failure; success and its payload must be the same. Passphrases are asked for, so: one."""
    vector = Vector.read(name)
    module = stand_alone()
    monkeypatch.setattr("getpass.getpass", lambda: vector.passphrases[0] if vector.passphrases else "")
    keys = [module.parse_identity(text) for text in vector.identities]
    try:
        plain = module.decrypt(module.Source([vector.body]), len(vector.body), keys)
        found = hashlib.sha256(b"".join(plain)).hexdigest()
    except (ValueError, AttributeError):
        assert vector.expect != "success" or name == "stream_empty_payload"  # no bundle has an empty payload
    else:
        assert (vector.expect, vector.payload) == ("success", found)

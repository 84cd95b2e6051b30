"""The CCTV test files for the age format: class of failure, digest of the payload, what was released before.

Armor and hybrid recipients are a later issue; their files are left out by name, and counted.
"""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from archive.age import envelope, header
from archive.age.envelope import Identity
from archive.age.scrypt import ScryptIdentity
from archive.age.stream import DecryptingReader
from archive.age.x25519 import X25519Identity
from archive.container import Region
from archive.errors import AgeHeaderError, AgePayloadError, ArchiveError, HeaderMacError, NoMatchingKeyError
from tests.archive.crafting import stand_alone

ROOT = Path(__file__).resolve().parents[3]
VECTORS = Path(os.environ.get("LIFECYCLE_AGE_VECTORS", ROOT.parent / "shared" / "vectors" / "age"))
LATER = ("armor_", "hybrid")
FAILURES = {
    HeaderMacError: "HMAC failure",
    AgePayloadError: "payload failure",
    NoMatchingKeyError: "no match",
    AgeHeaderError: "header failure",
}
NAMES = sorted(path.name for path in VECTORS.iterdir()) if VECTORS.is_dir() else []
SELECTED = [name for name in NAMES if not name.startswith(LATER)]

pytestmark = pytest.mark.skipif(not NAMES, reason=f"no age vectors at {VECTORS}; name them in LIFECYCLE_AGE_VECTORS")


@dataclass(frozen=True)
class Vector:
    """One test file."""

    expect: str
    payload: str | None
    identities: tuple[str, ...]
    passphrases: tuple[str, ...]
    body: bytes

    @classmethod
    def read(cls, name: str) -> Vector:
        head, _, body = (VECTORS / name).read_bytes().partition(b"\n\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\n")]
        single = dict(fields)
        assert "armored" not in single
        if "compressed" in single:
            assert single["compressed"] == "zlib"
            body = zlib.decompress(body)
        every = {key: tuple(value for found, value in fields if found == key) for key in ("identity", "passphrase")}
        return cls(single["expect"], single.get("payload"), every["identity"], every["passphrase"], body)

    @property
    def whole(self) -> bool:
        return self.expect == "success"

    @property
    def keys(self) -> list[Identity]:
        x25519 = [X25519Identity.parse(text) for text in self.identities]
        return [*x25519, *(ScryptIdentity(text) for text in self.passphrases)]


def test_the_vectors_are_all_there() -> None:
    assert len(NAMES) == 143
    assert len(SELECTED) == 92
    assert {name.split("_")[0] for name in SELECTED} == {
        "empty", "header", "hmac", "scrypt", "stanza", "stream", "version", "x25519",
    }  # fmt: skip


@pytest.mark.parametrize("name", SELECTED)
def test_vector(name: str) -> None:
    vector = Vector.read(name)
    released = hashlib.sha256()
    reader = None
    try:
        parsed = header.parse(vector.body[: header.LIMIT_BYTES])
        file_key = envelope.unseal(parsed, vector.keys)
        body = Region(io.BytesIO(vector.body), parsed.size, len(vector.body) - parsed.size, name)
        reader = DecryptingReader(file_key, body)
        for piece in reader.everything():
            released.update(piece)
        outcome = "success"
    except tuple(FAILURES) as error:
        outcome = FAILURES[type(error)]  # type: ignore[index]
    assert outcome == vector.expect
    assert (reader is None) == (vector.payload is None)
    if reader is not None:
        assert released.hexdigest() == vector.payload


@pytest.mark.parametrize("name", [name for name in SELECTED if name.startswith("stream_") and Vector.read(name).whole])
def test_reading_at_random_gives_what_reading_in_order_gives(name: str) -> None:
    vector = Vector.read(name)
    parsed = header.parse(vector.body)
    body = Region(io.BytesIO(vector.body), parsed.size, len(vector.body) - parsed.size, name)
    reader = DecryptingReader(envelope.unseal(parsed, vector.keys), body)
    whole = b"".join(bytes(piece) for piece in reader.everything())
    assert len(whole) == reader.size
    for offset in (0, 1, 65535, 65536, reader.size // 2, reader.size - 1):
        if 0 <= offset < reader.size:
            size = min(70_000, reader.size - offset)
            assert reader.read_at(offset, size) == whole[offset : offset + size]
    with pytest.raises(ArchiveError):
        reader.read_at(reader.size, 1)


@pytest.mark.parametrize("name", SELECTED)
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

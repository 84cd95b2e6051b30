"""Bundles for the tests: small whole ones, and ones that were put together by hand to be refused.

The headers here are written without the room's own code, so that a mistake in it cannot hide itself.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import itertools
import json
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from archive.age import envelope, stream
from archive.age.envelope import Recipient
from archive.age.hybrid import HybridIdentity
from archive.age.scrypt import ScryptRecipient
from archive.age.x25519 import X25519Identity
from archive.bundle import Packed, pack

STAND_ALONE = Path(__file__).resolve().parents[2] / "archive" / "open_bundle.py"
FIRST_LINE = b"voice bundle, format 1\n"
END = bytes(1024)


def drip(seed: str) -> Callable[[int], bytes]:
    """Bytes that look random and are the same in every run: each call hashes the next number."""
    calls = itertools.count()
    return lambda size: hashlib.shake_256(f"{seed} {next(calls)}".encode()).digest(size)


IDENTITY = X25519Identity.generate(drip("identity"))
HYBRID = HybridIdentity.generate(drip("hybrid"))
STRANGER = X25519Identity.generate(drip("stranger"))
PASSPHRASE = "correct horse"
WORK_FACTOR = 10  # 1 MiB instead of 256


def write_members(directory: Path) -> dict[str, Path]:
    """Four files: text, nothing, exactly one block, and more than one chunk."""
    contents = {
        "voice.json": b'{"name":"anna"}',
        "records/empty.txt": b"",
        "weights/block.bin": bytes(range(256)) * 2,
        "weights/gpt.safetensors": drip("weights")(70_000),
    }
    for path, data in contents.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return {path: directory / path for path in contents}


def pack_small(path: Path, members: dict[str, Path], kind: str) -> Packed:
    """A bundle of the given kind: 'hybrid', 'x25519', 'scrypt' or 'public'."""
    recipients: list[Recipient] = []
    if kind == "x25519":
        recipients = [IDENTITY.recipient]
    elif kind == "hybrid":
        recipients = [HYBRID.recipient]
    elif kind == "scrypt":
        recipients = [ScryptRecipient(PASSPHRASE, WORK_FACTOR)]
    return pack(
        path, members, description={"name": "anna"}, recipients=recipients, public=kind == "public", rng=drip(kind)
    )


def tar_header(name: bytes, size: int, **fields: bytes) -> bytes:
    """A ustar header, its fields as a hostile writer would like them: typeflag, linkname, size_field, magic..."""
    parts = [
        name[:100].ljust(100, b"\0"),
        fields.get("mode", b"0000644\0"),
        fields.get("uid", b"0000000\0"),
        fields.get("gid", b"0000000\0"),
        fields.get("size_field", b"%011o\0" % size),
        fields.get("mtime", b"00000000000\0"),
        b" " * 8,
        fields.get("typeflag", b"0"),
        fields.get("linkname", b"").ljust(100, b"\0"),
        fields.get("magic", b"ustar\x0000"),
        fields.get("uname", b"").ljust(32, b"\0"),
        bytes(32),
        b"0000000\0" * 2,
        fields.get("prefix", b"").ljust(155, b"\0"),
        bytes(12),
    ]
    block = b"".join(parts)
    assert len(block) == 512
    checksum = fields.get("checksum", b"%06o\0 " % sum(block))
    return block[:148] + checksum + block[156:]


def tar_entry(name: bytes, data: bytes, **fields: bytes) -> bytes:
    """Header, data and padding."""
    return tar_header(name, len(data), **fields) + data + bytes(-len(data) % 512)


def manifest_of(members: Sequence[tuple[str, bytes]], **extra: object) -> bytes:
    """The manifest that fits these members, placed by repeating until the offsets agree: the slow way round."""
    size = 0
    while True:
        offset, listed = 512 + size + -size % 512, []
        for path, data in members:
            offset += 512
            entry = {"format": "bytes", "offset": offset, "path": path, "size": len(data), "version": 1}
            listed.append({**entry, "sha256": hashlib.sha256(data).hexdigest()})
            offset += len(data) + -len(data) % 512
        document = {"description": {}, "format": "lifecycle-bundle", "members": listed, "version": 1, **extra}
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) == size:
            return text
        size = len(text)


def payload_of(members: Sequence[tuple[str, bytes]], **extra: object) -> bytes:
    """A payload.tar that holds *members* in this order, right or wrong."""
    entries = [("manifest.json", manifest_of(members, **extra)), *members]
    return b"".join(tar_entry(name.encode(), data) for name, data in entries) + END


def bundle_of(payload: bytes, *, encrypted: bool = False, readme: bytes = FIRST_LINE) -> bytes:
    """An outer file with right digests round any payload, so that only the payload can be what is refused."""
    name = b"payload.tar"
    if encrypted:
        name, payload = b"payload.tar.age", encrypt(payload)
    members = [(b"README.txt", readme), (b"SPEC.md", b"spec"), (b"open_bundle.py", b"pass"), (name, payload)]
    sums = b"".join(hashlib.sha256(data).hexdigest().encode() + b"  " + name + b"\n" for name, data in members)
    return b"".join(tar_entry(name, data) for name, data in [*members, (b"SHA256SUMS", sums)]) + END


def encrypt(plaintext: bytes, recipients: Sequence[Recipient] = (IDENTITY.recipient,)) -> bytes:
    """An age file."""
    rng = drip("encrypt")
    head, file_key = envelope.seal(recipients, rng)
    nonce = rng(stream.NONCE_BYTES)
    sealed = bytearray()
    writer = stream.EncryptingWriter(stream.payload_key(file_key, nonce), sealed.extend)
    writer.write(plaintext)
    writer.finish()
    return head + nonce + bytes(sealed)


def layout(bundle: bytes) -> list[tuple[str, int, int]]:
    """(name, first byte of its header, first after its padding) of every entry of a tar, as tarfile sees it."""
    with tarfile.open(fileobj=io.BytesIO(bundle)) as tar:
        return [(item.name, item.offset, item.offset_data + item.size + -item.size % 512) for item in tar.getmembers()]


def stand_alone() -> ModuleType:
    """open_bundle.py, loaded from its file: who opens a bundle with it does not have the package."""
    spec = importlib.util.spec_from_file_location("stand_alone_open_bundle", STAND_ALONE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module

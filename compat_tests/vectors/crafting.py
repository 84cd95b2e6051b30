"""What the generators beside this file are written with: bytes of bundles, and of files in them, put together by hand.

Imports nothing of the toolkit, and neither safetensors, onnx nor torch: a mistake of theirs or ours cannot hide here.
Deterministic: the same bytes on every machine.

    vector(__file__, "unsafe", "is a symbolic link", bundle(with_a(tar_header(b"a.txt", 5, typeflag=b"2"))))
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

HERE = Path(__file__).resolve().parent
END = bytes(1024)
GOOD = [("a.txt", b"hello"), ("b/c.bin", bytes(600))]  # what most bundles hold, but for the one thing that is wrong


def vector(generator: str, expect: str, says: str, body: bytes, *, reads: str = "bundle") -> None:
    """Write the vector of *generator* beside it, or into $VECTORS: what is expected, an empty line, the bytes."""
    path = Path(generator)
    why = (path.read_text("utf-8").split('"""')[1]).strip().splitlines()[0]
    made_by = f"compat_tests/vectors/{path.name}"
    head = f"expect: {expect}\nsays: {says}\nreads: {reads}\nwhy: {why}\nmade-by: {made_by}\n\n"
    directory = Path(os.environ.get("VECTORS", HERE))
    (directory / f"{path.stem}.vector").write_bytes(head.encode() + body)


def tar_header(name: bytes, size: int, **fields: bytes) -> bytes:
    """A ustar header, its fields as a hostile writer would like them: typeflag, linkname, size_field, magic..."""
    block = b"".join(
        (
            name[:100].ljust(100, b"\0"),
            fields.get("mode", b"0000644\0"),
            b"0000000\0" * 2,
            fields.get("size_field", b"%011o\0" % size),
            b"00000000000\0",
            b" " * 8,
            fields.get("typeflag", b"0"),
            fields.get("linkname", b"").ljust(100, b"\0"),
            fields.get("magic", b"ustar\x0000"),
            bytes(64),
            b"0000000\0" * 2,
            fields.get("prefix", b"").ljust(155, b"\0"),
            bytes(12),
        )
    )
    return block[:148] + fields.get("checksum", b"%06o\0 " % sum(block)) + block[156:]


def tar_entry(name: bytes, data: bytes, **fields: bytes) -> bytes:
    """Header, data and padding."""
    return tar_header(name, len(data), **fields) + data + bytes(-len(data) % 512)


def compact(document: object) -> bytes:
    """JSON without spaces, keys sorted: canonical where all keys are ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def manifest(members: Sequence[tuple[str, bytes]], **extra: object) -> bytes:
    """The manifest that fits these members; *extra* adds or replaces fields of it."""
    size = 0
    while True:
        offset, listed = 512 + size + -size % 512, []
        for path, data in members:
            offset += 512
            entry = {"format": "bytes", "offset": offset, "path": path, "size": len(data), "version": 1}
            listed.append({**entry, "sha256": hashlib.sha256(data).hexdigest()})
            offset += len(data) + -len(data) % 512
        document = {"description": {}, "format": "lifecycle-bundle", "members": listed, "version": 1, **extra}
        if len(compact(document)) == size:
            return compact(document)
        size = len(compact(document))


def payload(members: Sequence[tuple[str, bytes]], **extra: object) -> bytes:
    """A payload.tar that holds *members* in this order, right or wrong."""
    entries = [("manifest.json", manifest(members, **extra)), *members]
    return b"".join(tar_entry(name.encode(), data) for name, data in entries) + END


def with_manifest(data: bytes) -> bytes:
    """A payload.tar with these bytes for a manifest, and nothing else."""
    return tar_entry(b"manifest.json", data) + END


def with_a(header: bytes) -> bytes:
    """The good payload with another header for its first member."""
    entries = [
        tar_entry(b"manifest.json", manifest(GOOD)),
        header,
        b"hello" + bytes(507),
        tar_entry(b"b/c.bin", bytes(600)),
    ]
    return b"".join(entries) + END


def bundle(inside: bytes, *, name: bytes = b"payload.tar", readme: bytes = b"voice bundle, format 1\n") -> bytes:
    """An outer file with right digests round any payload, so that only the payload can be what is refused."""
    members = [(b"README.txt", readme), (b"SPEC.md", b"spec"), (b"open_bundle.py", b"pass"), (name, inside)]
    return outer(members)


def outer(members: Sequence[tuple[bytes, bytes]], end: bytes = END) -> bytes:
    """An outer file of any members, with right digests."""
    sums = b"".join(hashlib.sha256(data).hexdigest().encode() + b"  " + name + b"\n" for name, data in members)
    return b"".join(tar_entry(name, data) for name, data in [*members, (b"SHA256SUMS", sums)]) + end


def signed(name: bytes, data: bytes, *, twice: bool = False) -> bytes:
    """A good public bundle with one of the members that vouch for it: custody.jsonl, manifest.dsse.json."""
    members = [(b"README.txt", b"voice bundle, format 1\n"), (b"SPEC.md", b"spec"), (b"open_bundle.py", b"pass")]
    return outer([*members, (b"payload.tar", payload(GOOD)), *[(name, data)] * (1 + twice)])


PIECES = [{"path": "a.txt", "pieces": [{"base": "a.txt", "offset": 0, "size": 5}]}]  # of the whole that a delta makes


def delta(
    *, told: object = None, whole: bytes | None = None, pieces: object = None, data: bytes = b"new", version: int = 1
) -> bytes:
    """A public bundle that is a delta since `bundle(payload(GOOD))`, and makes of it a payload of a.txt alone."""
    full = manifest([("a.txt", b"hello")]) if whole is None else whole
    made = payload([("a.txt", b"hello")]) if whole is None else with_manifest(full)
    ids = {"base": hashlib.sha256(payload(GOOD)).hexdigest(), "full": hashlib.sha256(made).hexdigest()}
    listed = {"entries": PIECES if pieces is None else pieces, "version": version}
    members = [("delta/data", data), ("delta/full.json", full), ("delta/pieces.json", compact(listed))]
    return bundle(payload(members, delta=ids if told is None else told(ids) if callable(told) else told))


def age_bundle(header: bytes, body: bytes = bytes(16 + 32)) -> bytes:
    """A bundle whose payload is an age file with this header."""
    return bundle(b"age-encryption.org/v1\n" + header + body, name=b"payload.tar.age")


MAC = b"--- " + b"A" * 43 + b"\n"
X25519 = b"-> X25519 " + b"A" * 43 + b"\n" + b"A" * 43 + b"\n"


def safetensors(head: object, values: bytes = b"") -> bytes:
    """A head, given as a document or as its bytes, and the values behind it."""
    data = head if isinstance(head, bytes) else compact(head)
    return struct.pack("<Q", len(data)) + data + values


def tensor(start: int, end: int, shape: Sequence[int] | None = None, dtype: str = "U8") -> dict[str, object]:
    """One entry of a safetensors head."""
    return {"dtype": dtype, "shape": list([end - start] if shape is None else shape), "data_offsets": [start, end]}


def field(number: int, value: int | bytes) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def node(operator: bytes, *more: bytes) -> bytes:
    """A NodeProto: x -> y."""
    return field(1, b"x") + field(2, b"y") + field(4, operator) + b"".join(more)


def weight(*more: bytes, dims: Sequence[int] = (1,), kind: int = 1) -> bytes:
    """A TensorProto called w."""
    return b"".join(field(1, n) for n in dims) + field(2, kind) + field(8, b"w") + b"".join(more)


def onnx(*graph: bytes, model: bytes = b"", opsets: Sequence[bytes] = (b"",)) -> bytes:
    """A ModelProto of IR 8 with these fields in its graph."""
    sets = b"".join(field(8, field(1, domain) + field(2, 17)) for domain in opsets)
    return field(1, 8) + field(7, b"".join(graph) + field(2, b"g")) + sets + model


def torchscript(code: bytes, pickle: bytes = b"\x80\x02}.") -> bytes:
    """A .pt as torch.jit.save writes it."""
    files = {"data.pkl": pickle, "code/__torch__/voice.py": code, "constants.pkl": b"\x80\x02).", "version": b"3\n"}
    return stored_zip({f"gpt/{name}": data for name, data in files.items()})


def stored_zip(files: dict[str, bytes]) -> bytes:
    """A zip of these files, all of the year 1980."""
    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return written.getvalue()


def zip_with_a_name_twice() -> bytes:
    """A .pt with two entries called gpt/version."""
    data = stored_zip({"gpt/data.pkl": b"\x80\x02}.", "gpt/version": b"3\n", "gpt/versi0n": b"4\n"})
    return data.replace(b"gpt/versi0n", b"gpt/version")


def script(body: str) -> bytes:
    """TorchScript code: one module whose forward does *body*."""
    lines = [
        "class Voice(Module):",
        "  __parameters__ = []",
        "  __buffers__ = []",
        "  def forward(self: __torch__.voice.Voice,",
        "    x: Tensor) -> Tensor:",
        *(f"    {line}" for line in body.splitlines()),
        "    return x",
    ]
    return "\n".join(lines).encode() + b"\n"


# A pickle that, if anything ran it, would leave a file EXECUTED in the working directory: GLOBAL, one argument, REDUCE.
HARMFUL_PICKLE = b"\x80\x02cposix\nsystem\nX\x0e\x00\x00\x00touch EXECUTED\x85R."


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])

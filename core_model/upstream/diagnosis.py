"""What a file is that somebody has, and what is wrong with it: the doctor's first room.

Executes nothing, changes nothing, and goes by evidence: first bytes, entries, names and shapes, configurations; never
by a file's size or name. Knows neither our own voices nor bundles (lifecycle does), nor what to do next. Whatever the
file holds, there is an answer: no file of anybody's may end the doctor. Reference: one module beside this one for each
format.

    diagnose(Path("voice_e8_s400.pth")).kind         sovits
"""

from __future__ import annotations

import stat
import tarfile
from dataclasses import replace
from pathlib import Path

from core_model.errors import CheckpointError
from core_model.upstream import families, folders
from core_model.upstream.container import HEADS
from core_model.upstream.findings import Diagnosis, Sign
from core_model.upstream.first_bytes import BEGINNING_bytes, sign_of
from core_model.upstream.messages import CUT, EMPTY, PAGE, POINTER, explain
from core_model.upstream.onnx_head import onnx_sign
from core_model.upstream.pickle_scan import LARGEST_bytes
from core_model.upstream.safetensors_head import looks_like_safetensors, read_head
from core_model.upstream.strangers import stranger
from core_model.upstream.torch_files import diagnose_stream, diagnose_zip, names_in_zip


def diagnose(path: Path) -> Diagnosis:
    """What lies at *path*: a file, or a folder."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return folders.diagnose_folder(path, diagnose)
        if not stat.S_ISREG(status.st_mode):
            return _unreadable(path, "it is neither a file nor a folder, and was not opened")
        return _with_tar(_diagnose_file(path, status.st_size))
    except OSError as error:
        return _unreadable(path, f"it cannot be read: {(error.strerror or str(error)).lower()}")


def _diagnose_file(path: Path, length: int) -> Diagnosis:
    if length == 0:
        sign = Sign("empty", None, ("it has no bytes at all",), (EMPTY.said_of("nothing is in it"),), usable=False)
        return sign.of(path)
    with path.open("rb") as file:
        beginning = file.read(BEGINNING_bytes)
    if beginning[2:4] == b"\x03\x04":
        return diagnose_zip(path)
    if beginning[:4] == b"PK\x05\x06":
        return Sign("zip", None, ("it is a zip without entries",), ("nothing is in it",), usable=False).of(path)
    told = None if beginning[:1] == b"\x80" else sign_of(beginning, length)
    if told is not None and told.kind != "text":
        return _with_what_follows(path, told.of(path, *_said(told, beginning)), length)
    if looks_like_safetensors(beginning):
        return _with_what_follows(path, _safetensors(path, length), length)
    with path.open("rb") as file:
        onnx = onnx_sign(file, length) if beginning[:1] == b"\x08" else None
    if onnx is not None:
        return _with_what_follows(path, onnx.of(path), length)
    found = _stream(path, length)  # the first protocol of pickle is plain text, too
    if found is None and told is not None:
        return _with_what_follows(path, told.of(path, *_said(told, beginning)), length)
    return found or _unknown(path, beginning, length)


def _stream(path: Path, length: int) -> Diagnosis | None:
    """A pickle, as it is or behind one of GPT-SoVITS's heads."""
    with path.open("rb") as file:
        data = file.read(LARGEST_bytes)
    found = diagnose_stream(path, data, length)
    if found is None and data[:2].decode("latin-1") in HEADS and data[2:3] == b"\x80":
        found = diagnose_stream(path, data[2:], length - 2)
        if found is not None:
            problem = (
                f"unusual: the head {data[:2].decode()} stands in front of a pickle, which GPT-SoVITS never writes"
            )
            found = _worse(found, problem)
    return None if found is None else _with_what_follows(path, found, length)


def _with_what_follows(path: Path, found: Diagnosis, length: int) -> Diagnosis:
    """*found*, unless a zip stands behind what begins the file: some readers look at a file's end first."""
    with path.open("rb", buffering=0) as file:
        file.seek(max(0, length - (1 << 16) - 22))
        if b"PK\x05\x06" not in file.read():
            return found
        beyond = names_in_zip(file)
    if beyond:
        problem = f"unsafe: a zip stands in it, too, and a pickle in that asks for {', '.join(beyond)[:400]}"
        return _worse(replace(found, safe=False, names=tuple(sorted({*found.names, *beyond}))), problem)
    return _worse(found, "unusual: a zip's directory stands in it, too: other readers may see another file than this")


def _with_tar(found: Diagnosis) -> Diagnosis:
    """*found*, unless the file is a tar archive at once: torch.load, where it finds no zip, looks for a tar first."""
    if found.safe is not True:
        return found
    with found.path.open("rb") as file:
        block = file.read(tarfile.BLOCKSIZE)
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return found
    return _worse(found, "unusual: it is a tar archive, too: torch would see another file in it than this")


def _worse(found: Diagnosis, problem: str) -> Diagnosis:
    return replace(found, safe=False if found.safe is False else None, problems=(*found.problems, problem))


def _safetensors(path: Path, length: int) -> Diagnosis:
    evidence = ["it has the head of safetensors, which holds no code"]
    try:
        with path.open("rb") as file:
            head = read_head(file, length)
    except CheckpointError as error:
        return Sign("safetensors", None, tuple(evidence), (str(error),), usable=False).of(path)
    if head.missing_bytes:
        problem = f"{head.missing_bytes} bytes are missing at its end"
        return Sign("truncated", None, tuple(evidence), (problem,), usable=False).of(path)
    evidence.append(f"it lists {len(head.shapes)} tensors, all of them inside the file")
    known = stranger((), head.shapes)
    try:
        finding = families.identify("PK", head.shapes)
    except CheckpointError:
        kind, family = (known.kind, known.family) if known else ("safetensors", None)
        evidence += known.evidence if known else ()
        return Sign(kind, family, tuple(evidence), (), safe=True).of(path)
    evidence += finding.evidence
    problem = f"it is a {finding.kind} {finding.family} that somebody put into safetensors, without its configuration"
    return Sign("safetensors", finding.family, tuple(evidence), (problem,), safe=True).of(path)


def _said(sign: Sign, beginning: bytes) -> tuple[str, ...]:
    """What torch says of a file that begins so."""
    if sign.kind not in ("html", "lfs_pointer", "text"):
        return ()
    byte = beginning[0]
    known = explain(f"Unsupported operand {byte}")
    quote = known.quote if known in (PAGE, POINTER) else f"Unsupported operand {byte}"
    return (f"other tools say `{quote}`: {chr(byte)!r} is its first byte",) if 32 < byte < 127 else ()


def _unknown(path: Path, beginning: bytes, length: int) -> Diagnosis:
    shown = beginning[:8].hex(" ")
    problems = ["no format that is known here begins so", "nothing in it could be scanned"]
    cut = beginning[:2] in (b"PK", b"\x80\x02")
    if cut:
        problems.append(CUT.said_of("it begins as a checkpoint does and breaks off"))
    kind = "truncated" if cut else "unknown"
    return Sign(kind, None, (f"it begins with the bytes {shown}",), tuple(problems), usable=False).of(path)


def _unreadable(path: Path, problem: str) -> Diagnosis:
    return Sign("unreadable", None, (), (problem,), usable=False).of(path)

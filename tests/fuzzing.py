"""Fuzzing: what reads strangers' bytes refuses them by its own errors, or gives them back as they were.

    python -m tests.fuzzing 600                all targets, ten minutes in all: `make fuzz`
    python -m tests.fuzzing 60 manifest        one target, one minute

Inputs are the vectors, and files that are right, changed here and there by Hypothesis; where atheris is installed it
searches as well, led by coverage. What is found is written to fuzz-TARGET-SHA256 in the working directory and ends the
run with 1. A target is a function of bytes; anything it raises but a refusal is a finding.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FunctionType

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from archive import container, custody, dsse, outer, payload, ssh_signature
from archive.age import envelope, header
from archive.bundle import check
from archive.container import Region
from archive.errors import ArchiveError
from archive.manifest import Manifest, canonical_json
from core_model.errors import CoreModelError
from core_model.strict.json_files import read_json
from core_model.strict.onnx_graph import require_graph
from core_model.strict.tensor_files import require_tensors
from core_model.strict.torch_script import require_script
from tests.archive.crafting import bundle_of, encrypt, manifest_of, payload_of, tar_entry
from tests.fenced import head_and_body

VECTORS = Path(__file__).resolve().parent.parent / "compat_tests" / "vectors"
REFUSALS = (ArchiveError, CoreModelError)
GOOD = [("a.txt", b"hello"), ("b/c.bin", bytes(600))]
_LONGEST = 40_000


def fuzz_container(data: bytes) -> None:
    """A header that is accepted is the one that would be written."""
    block = data[:512].ljust(512, b"\0")
    name, size = container.parse_header(block, 0, "it")
    assert container.header(name, size) == block
    assert ".." not in name.split("/") and not name.startswith("/")


def fuzz_outer(data: bytes) -> None:
    """A bundle that is accepted is written again, byte for byte, from what was found in it."""
    found = outer.read(io.BytesIO(data))
    inside = found.payload
    if not found.encrypted:
        described = payload.read_manifest(inside)
        with ThreadPoolExecutor(1) as pool:
            payload.walk(inside, described, lambda entry, pieces: [None for _ in pieces] and None, pool)


def fuzz_payload(data: bytes) -> None:
    """A payload that is accepted follows from its manifest and its members."""
    region = Region(io.BytesIO(data), 0, len(data), "payload.tar")
    described = payload.read_manifest(region)
    members: list[bytes] = []
    with ThreadPoolExecutor(1) as pool:
        digest = payload.walk(region, described, lambda entry, pieces: members.append(b"".join(pieces)), pool)
    assert digest == hashlib.sha256(data).hexdigest()
    names = ["manifest.json", *(entry.path for entry in described.members)]
    again = b"".join(tar_entry(name.encode(), member) for name, member in zip(names, members, strict=True))
    assert again + bytes(1024) == data


def fuzz_manifest(data: bytes) -> None:
    """A manifest that is accepted has these bytes and no others."""
    assert Manifest.parse(data).to_bytes() == data


def fuzz_age_header(data: bytes) -> None:
    """An age header that is accepted is marshalled to the same stanzas."""
    parsed = header.parse(data)
    envelope.require_well_formed(parsed)
    again = header.marshal(parsed.stanzas, bytes(16))
    assert again.rpartition(b"---")[0] + b"---" == parsed.authenticated


def fuzz_check(data: bytes) -> None:
    """`check` never falls over: it lists, or says that this is no bundle."""
    report = check(_on_disk(data))
    assert report.whole or report.damage


def fuzz_signature(data: bytes) -> None:
    """An SSHSIG is refused, or parsed; so is a chain of custody."""
    ssh_signature.parse(data.decode("latin-1"))


def fuzz_custody(data: bytes) -> None:
    """A chain of custody is refused: nobody signs it anew here."""
    custody.read(data, "0" * 64)


def fuzz_attestation(data: bytes) -> None:
    """manifest.dsse.json is refused: nobody signs it anew here."""
    dsse.verify(data, Manifest.parse(manifest_of(GOOD)))


def fuzz_safetensors(data: bytes) -> None:
    """A head that is accepted, the library accepts as well, and finds the same bytes."""
    require_tensors(_on_disk(data), "it")
    if b"BF16" not in data:  # NumPy has no such type
        assert sum(array.nbytes for array in load(data).values()) == len(data) - 8 - int.from_bytes(data[:8], "little")


def fuzz_onnx(data: bytes) -> None:
    """A graph is refused, or its operators are listed."""
    require_graph(_on_disk(data), "it")


def fuzz_torchscript(data: bytes) -> None:
    """A script is refused, or its operators are listed."""
    require_script(_on_disk(data), "it")


def fuzz_json(data: bytes) -> None:
    """JSON is refused, or read."""
    read_json(_on_disk(data), "it")


TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[str, ...]]] = {  # and the vectors that it begins with
    "container": (fuzz_container, ("tar", "outer")),
    "outer": (fuzz_outer, ("tar", "outer", "name", "age")),
    "payload": (fuzz_payload, ("tar", "name", "manifest")),
    "manifest": (fuzz_manifest, ("manifest", "name")),
    "age_header": (fuzz_age_header, ("age",)),
    "check": (fuzz_check, ("tar", "outer", "name", "age")),
    "signature": (fuzz_signature, ("signature",)),
    "custody": (fuzz_custody, ("custody", "manifest")),
    "attestation": (fuzz_attestation, ("attestation", "manifest")),
    "safetensors": (fuzz_safetensors, ("safetensors", "pickle")),
    "onnx": (fuzz_onnx, ("onnx",)),
    "torchscript": (fuzz_torchscript, ("torchscript", "pickle")),
    "json": (fuzz_json, ("json", "manifest")),
}


def expect_refusal(target: Callable[[bytes], None], data: bytes) -> None:
    """Run *target*; a refusal is what it is for."""
    with suppress(*REFUSALS):
        target(data)


@cache
def seeds(name: str) -> tuple[bytes, ...]:
    """What to begin with: what is right, and the vectors of the target, cut to what it reads."""
    kinds = TARGETS[name][1]
    paths = (path for path in sorted(VECTORS.glob("*.vector")) if path.stem.split("_")[0] in kinds)
    found = [head_and_body(path.read_bytes())[1][:_LONGEST] for path in paths]
    age = encrypt(b"hello")
    signature = ssh_signature.sign(Ed25519PrivateKey.from_private_bytes(bytes(32)), "it", bytes(64)).encode()
    line = {"record": {"version": 1, "number": 1, "previous": None}, "signature": signature.decode()}
    right = {
        "container": [
            container.header("weights/gpt.safetensors", 1234),
            container.header("d" * 90 + "/" + "x" * 90, 5),
        ],
        "outer": [bundle_of(payload_of(GOOD)), bundle_of(payload_of(GOOD), encrypted=True)],
        "payload": [payload_of(GOOD), payload_of([])],
        "manifest": [manifest_of(GOOD), manifest_of([])],
        "age_header": [age],
        "check": [bundle_of(payload_of(GOOD)), bundle_of(payload_of(GOOD)) + b"PAR2\0PKT" + bytes(200)],
        "signature": [signature],
        "custody": [canonical_json(line) + b"\n"],
        "attestation": [dsse.sign(ec.derive_private_key(1, ec.SECP256R1()), Manifest.parse(manifest_of(GOOD)), "it")],
        "safetensors": [save({}), save(_arrays())],
        "json": [b'{"a": [1, 2.5, null, "x"]}'],
    }.get(name, [])
    inner = {"payload": b"payload.tar\0", "manifest": b'{"', "age_header": b"age-encryption"}.get(name)
    if inner is not None:  # where in a bundle that stands which the target reads
        found = [body[body.find(inner) if inner[-1:] != b"\0" else body.find(inner) + 512 :] for body in found]
    return (*right, *found)


def changed(name: str) -> st.SearchStrategy[bytes]:
    """A seed with a few bytes changed, put in, taken out or doubled; headers may get a right checksum again."""
    places = st.floats(0, 1, exclude_max=True)
    pieces = st.binary(min_size=1, max_size=8) | st.sampled_from(_TELLING)
    edits = st.lists(st.tuples(st.sampled_from("=+-*"), places, pieces), min_size=1, max_size=5)
    return st.builds(_edited, st.sampled_from(seeds(name)), edits, st.booleans()) | st.binary(max_size=600)


_TELLING = (
    b"\xff" * 8, bytes(8), b"\x80", b"9" * 20, b"-1", b"..", b"/", b"\\", b'"', b"[" * 40, b"{", b"\xc3\xa4", b"\n",
    b"1e999", b"2", b"S", b"x", b'{"a":1,"a":2}', b"[0,8]", b"torch.load", b"ops.a.b", b"->", b"---",
)  # fmt: skip


def _edited(seed: bytes, edits: list[tuple[str, float, bytes]], repaired: bool) -> bytes:
    data = bytearray(seed)
    for kind, place, piece in edits:
        at = int(place * (len(data) + 1))
        if kind == "=":
            data[at : at + len(piece)] = piece
        elif kind == "+":
            data[at:at] = piece
        elif kind == "-":
            del data[at : at + len(piece) * 64]
        else:
            data[at:at] = data[at : at + 512]
    if repaired:
        for start in range(0, len(data) - 511, 512):
            if data[start + 257 : start + 262] == b"ustar":
                data[start + 148 : start + 156] = b" " * 8
                data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    return bytes(data[:_LONGEST])


def _arrays() -> dict[str, object]:
    return {"a": np.zeros((2, 3), np.float32), "b": np.ones(4, np.float16), "c": np.zeros(0, np.int64)}


@cache
def _scratch() -> Path:
    directory = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())
    return directory / f"fuzzing-{os.getpid()}"


def _on_disk(data: bytes) -> Path:
    _scratch().write_bytes(data)
    return _scratch()


def with_hypothesis(name: str, seconds: float) -> tuple[bytes | None, int]:
    """Search until the time is over; the smallest input that was a finding, or None, and how many were tried."""
    target, until, last, tried = TARGETS[name][0], time.monotonic() + seconds, b"", 0

    @settings(
        max_examples=1000,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(changed(name))
    def attempt(data: bytes) -> None:
        nonlocal last, tried
        last, tried = data, tried + 1
        expect_refusal(target, data)

    while time.monotonic() < until:
        try:
            attempt()
        except Exception as error:  # noqa: BLE001  whatever it is, it is a finding
            print(f"{name}: {type(error).__name__}: {error}")
            return last, tried
    return None, tried


def with_atheris(name: str, seconds: int) -> tuple[bool, int]:
    """Let atheris search in a process of its own, because it never returns; (found something, how many were tried)."""
    with tempfile.TemporaryDirectory() as corpus:
        for seed in seeds(name):
            (Path(corpus) / hashlib.sha256(seed).hexdigest()).write_bytes(seed)
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={_LONGEST}",
            f"-artifact_prefix=fuzz-{name}-",
            "-verbosity=0",
            "-timeout=30",  # s; five are allowed, but who knows how busy the machine is
            "-rss_limit_mb=512",
            "-print_final_stats=1",
        ]
        call = [sys.executable, "-m", "tests.fuzzing", "atheris", name, *options, corpus]
        done = subprocess.run(call, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
        if done.returncode:
            print(done.stderr, file=sys.stderr)
        told = re.search(r"number_of_executed_units: (\d+)", done.stderr)
        return done.returncode != 0, int(told[1]) if told else 0


def _inside_atheris(name: str, options: list[str]) -> None:
    import atheris

    for function in _functions():  # ours alone: all that is loaded would take a minute for each target
        atheris.instrument_func(function)
    atheris.Setup(["fuzzing", *options], lambda data: expect_refusal(TARGETS[name][0], data))
    atheris.Fuzz()


def _functions() -> Iterator[FunctionType]:
    """Every function and method of the rooms that is loaded."""
    for module in [m for name, m in sys.modules.items() if name.split(".")[0] in ("archive", "core_model")]:
        for thing in vars(module).values():
            inner = vars(thing).values() if isinstance(thing, type) else (thing,)
            yield from (f for f in inner if isinstance(f, FunctionType) and f.__module__ == module.__name__)


def main(arguments: list[str]) -> int:
    """See above; 1 if anything was found."""
    if arguments[:1] == ["atheris"]:
        _inside_atheris(arguments[1], arguments[2:])
    names = arguments[1:] or list(TARGETS)
    seconds = float(arguments[0] if arguments else 600) / len(names)
    led = importlib.util.find_spec("atheris") is not None
    findings = 0
    for name in names:
        found, tried = with_hypothesis(name, seconds / 2 if led else seconds)
        failed, told = found is not None, f"{tried} inputs of Hypothesis"
        if found is not None:
            path = Path(f"fuzz-{name}-{hashlib.sha256(found).hexdigest()[:16]}")
            path.write_bytes(found)
            print(f"{name}: written to {path}")
        elif led:
            failed, tried = with_atheris(name, max(1, int(seconds / 2)))
            told += f", {tried} of atheris"
        else:
            told += " (atheris is not installed)"
        findings += failed
        print(f"{name}: {'FOUND' if failed else 'nothing found'}; {told}", flush=True)
    _scratch().unlink(missing_ok=True)
    return min(findings, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

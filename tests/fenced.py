"""Open hostile files, each in a process of its own behind a fence: python -m tests.fenced VECTORS WORK

Prints a line of JSON for each: what refused it, how long that took, how much memory, and what was touched that must not
be. The fence: an audit hook sees every open, rename, process and socket; writing is allowed below the vector's own
directory alone; the address space is limited to what this process has plus 512 MiB; whoever passes it is ended at once.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from archive.age.scrypt import ScryptIdentity
from archive.age.x25519 import X25519Identity
from archive.bundle import open_bundle
from compat_tests.vectors import crafting
from core_model.strict.voice_files import require_harmless
from core_model.upstream.checkpoint import read_checkpoint

MEMORY_bytes = 512 << 20
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PATHS = {"os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.rename": 2, "os.truncate": 1, "os.chmod": 1, "os.utime": 1}
_NEVER = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.link", "os.symlink", "os.chown", "subprocess.Popen")
_NEVER_EITHER = ("socket.", "pickle.find_class", "ctypes.", "webbrowser.", "ftplib.", "urllib.Request", "os.startfile")
PLACES = {
    "weights": "weights/gpt.safetensors",
    "onnx": "exports/onnx/gpt.onnx",
    "torchscript": "exports/torchscript/gpt.pt",
    "json": "voice.json",
    "other": "text/en.words.txt",
    "packed": "text/zh.words.xz",
}
IDENTITIES = (X25519Identity(bytes(range(32))), ScryptIdentity("correct horse"))


def head_and_body(vector: bytes) -> tuple[dict[str, str], bytes]:
    """What a vector says about itself, and its bytes."""
    head, _, body = vector.partition(b"\n\n")
    return dict(
        line.split(": ", 1) if ": " in line else (line.rstrip(":"), "") for line in head.decode().splitlines()
    ), body


def open_it(reads: str, subject: Path) -> None:
    """Do with a hostile file what a person would who was given it."""
    if reads in ("bundle", "signed"):
        with open_bundle(subject, IDENTITIES) as bundle:
            if reads == "signed":
                bundle.outside.custody()
                bundle.attestation()
            bundle.extract(subject.parent / "destination")
    elif reads == "delta":
        with open_bundle(subject) as bundle, open_bundle(subject.parent.parent / "base.voice") as base:
            bundle.extract(subject.parent / "destination", base)
    elif reads == "checkpoint":
        read_checkpoint(subject)
    else:
        require_harmless(subject.parent)


def lay_out(head: dict[str, str], body: bytes, directory: Path) -> Path:
    """Write the bytes where whoever reads them would find them, alone in *directory*."""
    name = PLACES.get(head["reads"], "hostile.voice")
    subject = directory / (Path(name).name if head["reads"] != "bundle" else name)
    subject.write_bytes(body)
    return subject


def behind_the_fence(task: Callable[[], None], directory: Path) -> dict[str, object]:
    """Run *task* in a child; what it raised, its time, its memory, and what it touched outside of *directory*."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _child(task, directory, writer)
    os.close(writer)
    with open(reader, "rb") as pipe:  # noqa: PTH123  a descriptor
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(told) if told else {"raised": "nothing was told", "says": f"ended with {status}"}


def _child(task: Callable[[], None], directory: Path, writer: int) -> None:
    os.chdir(directory)
    touched: list[str] = []
    base = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (base + MEMORY_bytes, base + MEMORY_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
    sys.addaudithook(lambda event, arguments: _watch(event, arguments, directory, touched))
    started = time.process_time()
    told: dict[str, object] = {"raised": "", "says": "", "kinds": []}
    try:
        task()
    except Exception as error:  # noqa: BLE001  whatever it is, it is what the test wants to know
        told |= {"raised": type(error).__name__, "says": str(error)[:2000]}
        told["kinds"] = [kind.__name__ for kind in type(error).__mro__]
        told["trace"] = traceback.format_exc(limit=-4)[:4000]
    told["cpu_s"] = time.process_time() - started
    told["touched"] = touched
    status = Path("/proc/self/status").read_text().splitlines()
    told["peak_bytes"] = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    os.write(writer, json.dumps(told).encode())
    os._exit(0)


def _watch(event: str, arguments: tuple[object, ...], directory: Path, touched: list[str]) -> None:
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITING and not isinstance(path, int):
            _require_inside(event, path, directory, touched)
    elif event in _PATHS:
        for path in arguments[: _PATHS[event]]:
            _require_inside(event, path, directory, touched)
    elif event in _NEVER or event.startswith(_NEVER_EITHER):
        touched.append(f"{event} {arguments!r}"[:200])
        raise PermissionError(f"behind the fence: {event}")


def _require_inside(event: str, path: object, directory: Path, touched: list[str]) -> None:
    if isinstance(path, int):
        return
    absolute = Path(os.path.normpath(directory / os.fsdecode(path)))  # type: ignore[arg-type]
    if directory != absolute and directory not in absolute.parents:
        touched.append(f"{event} {absolute}")
        raise PermissionError(f"behind the fence: {event} {absolute}")


def main() -> None:
    """Every vector of a directory, or those that are named."""
    sys.dont_write_bytecode = True
    vectors, work = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    for path in sorted(vectors.glob("*.vector")):
        head, body = head_and_body(path.read_bytes())
        directory = work / path.stem / "inner"
        directory.mkdir(parents=True)
        subject = lay_out(head, body, directory)
        if head["reads"] == "delta":
            (directory.parent / "base.voice").write_bytes(crafting.bundle(crafting.payload(crafting.GOOD)))
        del body
        found = behind_the_fence(lambda reads=head["reads"], subject=subject: open_it(reads, subject), directory)
        left = sorted(p.relative_to(work / path.stem).as_posix() for p in (work / path.stem).rglob("*"))
        found["left"] = [name for name in left if name not in ("inner", f"inner/{subject.name}", "base.voice")]
        print(json.dumps({"name": path.stem, "stated": head, "found": found}), flush=True)


if __name__ == "__main__":
    main()

"""Runs an action in forked children and kills each at another call into the system. A program: `python killing.py ...`.

Nothing in the product knows of it: `sys.setprofile` sees every call of a built-in function, before and after, so a
child can count those that change the disk and kill itself at the n-th. Prints one JSON line per child.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from io import BufferedRandom, BufferedWriter, FileIO
from pathlib import Path
from types import FrameType

from archive.bundle import open_bundle, pack
from archive.repairing import repair
from tests.archive.crafting import IDENTITY, STRANGER, drip
from tests.archive.signers import ACT

CHANGING = {
    "write", "flush", "fsync", "open", "replace", "rename", "link", "mkdir", "unlink", "rmdir", "close", "fork_exec",
}  # fmt: skip
SYSTEM = {"posix", "_posixsubprocess"}
FILES = (FileIO, BufferedWriter, BufferedRandom)
NEVER = 1 << 60


def main() -> None:
    verb, directory, points = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    members = {path.name: path for path in sorted((directory / "source").iterdir())}
    actions: dict[str, Callable[[Path], object]] = {
        "repair": lambda place: repair(directory / "damaged.voice", place / "x.voice"),
        "pack": lambda place: pack(place / "x.voice", members, recipients=[IDENTITY.recipient], rng=drip("killing")),
        "reseal": lambda place: open_bundle(directory / "whole.voice", [IDENTITY]).reseal(
            place / "x.voice", ACT, recipients=[STRANGER.recipient], rng=drip("killing")
        ),
        "extract": lambda place: open_bundle(directory / "whole.voice", [IDENTITY]).extract(place / "out"),
    }
    calls = run(actions[verb], directory / "whole", NEVER)["calls"]
    assert isinstance(calls, list)
    print(json.dumps({"calls": calls}))
    for point in range(points):
        count = 1 + point * (len(calls) - 1) // (points - 1)
        print(json.dumps({"point": point, **run(actions[verb], directory / str(point), count)}))


def run(action: Callable[[Path], object], place: Path, last: int) -> dict[str, object]:
    """Do the action in a child that dies at its *last*-th changing call; what it did until then."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        calls: list[str] = []

        def count(frame: FrameType, event: str, argument: object) -> None:
            name = getattr(argument, "__name__", "")
            ours = getattr(argument, "__module__", "") in SYSTEM or isinstance(
                getattr(argument, "__self__", None), FILES
            )
            if event in ("c_call", "c_return") and ours and name in CHANGING:
                calls.append(f"{name} {'begins' if event == 'c_call' else 'ended'}")
                if len(calls) >= last:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count)
        try:
            action(place)
        finally:
            sys.setprofile(None)
            os.write(writer, json.dumps(calls).encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    return {"killed": os.WIFSIGNALED(status), "calls": json.loads(told) if told else []}


if __name__ == "__main__":
    main()

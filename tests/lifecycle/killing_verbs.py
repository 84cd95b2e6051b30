"""The five verbs that write, so that each can be killed anywhere. A program: `python killing_verbs.py VERB ...`.

Each verb works in a directory of its own, a copy of DIRECTORY/template; the system's temporary directory is in it too,
so that nothing that is left anywhere is overlooked. Prints one JSON line per child, as tests/archive/killing.py does.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from archive.repairing import repair
from archive.ssh_keys import parse_trusted
from lifecycle.preserving import preserve
from lifecycle.refreshing import refresh
from lifecycle.restoring import restore
from lifecycle.scrubbing import scrub
from lifecycle.store import Store
from lifecycle.trusting import Trust
from tests.archive.crafting import IDENTITY, STRANGER
from tests.archive.killing import NEVER, run
from tests.archive.signers import ACT, ANNA, NOW

TRUST = Trust(tuple(parse_trusted(ANNA.public_file())), NOW, named=True)

VERBS: dict[str, Callable[[Path], object]] = {
    "archive": lambda place: preserve(
        Store(place / "home"), "ada", place / "ada.voice", recipients=[IDENTITY.recipient], act=ACT
    ),
    "refresh": lambda place: refresh(
        place / "old.voice",
        place / "new.voice",
        [IDENTITY],
        ACT,
        trust=TRUST,
        permit=lambda bundle: "",
        recipients=[STRANGER.recipient],
    ),
    "repair": lambda place: repair(place / "old.voice", place / "new.voice"),
    "scrub": lambda place: scrub(place / "shelf", now=lambda: NOW + timedelta(days=1)),
    "restore": lambda place: restore(place / "old.voice", [IDENTITY], Store(place / "home"), trust=TRUST),
}


def act(verb: str, place: Path) -> None:
    """Do it in *place*, with its own directory for temporary files."""
    tempfile.tempdir = str(place / "tmp")
    try:
        VERBS[verb](place)
    finally:
        tempfile.tempdir = None


def main() -> None:
    verb, directory, points = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])

    def killed(name: str, count: int) -> dict[str, object]:
        shutil.copytree(directory / "template", directory / name)
        return run(lambda place: act(verb, place), directory / name, count)

    calls = killed("whole", NEVER)["calls"]
    assert isinstance(calls, list)
    print(json.dumps({"calls": calls}))
    for count in sorted({1 + point * (len(calls) - 1) // (points - 1) for point in range(points)}):
        print(json.dumps({"point": count, **killed(str(count), count)}))


if __name__ == "__main__":
    main()

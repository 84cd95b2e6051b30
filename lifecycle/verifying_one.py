"""Verify one bundle in a process of its own: a program, so that what crashes or hangs in there takes nothing with it.

Knows one task and one outcome, both JSON without a secret: keys are named by the path of their file and read here.
Standard input holds the task on its first line and then stays open: when it ends, whoever asked is gone, and this ends.

    python -m lifecycle.verifying_one OUTCOME      # {"path": ..., "identities": [...], ...} on standard input
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.errors import ArchiveError
from core_model.errors import CoreModelError
from lifecycle.errors import LifecycleError
from lifecycle.examining import Examination, examine
from lifecycle.printable import printable
from lifecycle.secret_files import read_identities
from lifecycle.store import Store, default_home
from lifecycle.trusting import read_trust
from lifecycle.verifying_many import DAMAGED, DRIFTED, NOT_RUN, PASSED, REFUSED


def outcome_of(task: Mapping[str, Any]) -> dict[str, object]:
    """Verify as *task* says, and tell what came of it; a refusal is an outcome here."""
    try:
        store = Store(Path(task["home"]) if task["home"] else default_home())
        passphrase = Path(task["passphrase_file"]) if task["passphrase_file"] else None
        keys = read_identities([Path(path) for path in task["identities"]], passphrase)
        now = datetime.fromisoformat(task["now"])
        trust = read_trust(task["trusted"], store, now, accept_unsigned=task["accept_unsigned"])
        return _told(examine(task["path"], keys, store, task["runtimes"], trust=trust))
    except (ArchiveError, CoreModelError, LifecycleError) as error:
        return {"verdict": REFUSED, "told": f"{type(error).__name__}: {printable(str(error))}"}
    except (OSError, MemoryError) as error:
        return {"verdict": NOT_RUN, "told": f"{type(error).__name__}: {printable(str(error))}"}


def _told(found: Examination) -> dict[str, object]:
    drifted = {name: v.diagnosis for name, v in found.by_runtime.items() if v.diagnosis}
    first = next(iter(drifted.values()), None)
    if first is not None:
        verdict, told = (DAMAGED if first.name == "fixity" else DRIFTED), first.told
    elif found.ledger is not None and found.ledger_is_false:
        verdict, told, first = DAMAGED, found.ledger.told, found.ledger
    elif found.passed:
        verdict, told = PASSED, ""
    else:
        verdict, told = NOT_RUN, "no runtime ran all the layers that prove its speech"
    return {
        "verdict": verdict,
        "told": printable(told),
        "voice": None if found.voice is None else printable(found.voice),
        "bundle_id": found.bundle_id,
        "trusted": None if found.judgement is None else not found.judgement.doubt,
        "layer": first and first.name,
        "ledger": found.ledger and found.ledger.verdict,
        "cause": next((printable(v.cause.told) for v in found.by_runtime.values() if v.cause), None),
        "runtimes": {
            name: {"version": v.runtime, "passed": v.passed, "diagnosis": v.diagnosis and v.diagnosis.name}
            for name, v in found.by_runtime.items()
        },
    }


def main() -> None:
    """Read the task, and write the outcome whole into the file that the one argument names."""
    task = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_asker, daemon=True).start()
    outcome = json.dumps(outcome_of(task)).encode("ascii")
    target = Path(sys.argv[1])
    unfinished = target.with_suffix(".unfinished")
    unfinished.write_bytes(outcome)
    unfinished.replace(target)
    sys.stdout.flush()
    os._exit(0)  # the thread above may wait in a read for ever


def _end_with_the_asker() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()

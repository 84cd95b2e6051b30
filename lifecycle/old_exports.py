"""TorchScript of a voice, run against its golden outputs in a process that may die of it.

Knows which files are the graphs and how a process ends. A libtorch that meets a file of another time does not always
raise: torch 1.9 aborts on newer traces. So this is run as a program (`python -m lifecycle.old_exports VOICE DIRECTORY`,
DIRECTORY with gpt.pt and sovits.pt) which prints one JSON object, and a signal becomes a sentence. One thread.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

from compat_tests.findings import LAYERS, Finding
from compat_tests.suite import Assessment
from core_model.voice import Voice
from lifecycle.verifying import verify

_ROOT = Path(__file__).resolve().parent.parent
_LONGEST_S = 1800  # golden sentences of a voice of full size take a minute or two
NOT_READ = "not read"  # the runtime of a verification in which the file ended the process


def verify_script(voice: Voice, directory: Path, *, longest_s: float = _LONGEST_S) -> Assessment:
    """Compare the TorchScript in *directory* with the golden outputs of *voice*, layer by layer.

    A process that died, or went on beyond *longest_s*, leaves every layer not run, with the reason.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(_ROOT), *filter(None, [environment.get("PYTHONPATH")])])
    command = [sys.executable, "-W", "ignore", "-m", "lifecycle.old_exports", str(voice.directory), str(directory)]
    try:
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=longest_s)
    except subprocess.TimeoutExpired:
        return _not_read(f"It had not ended after {longest_s:.0f} s.")
    if run.returncode < 0:
        return _not_read(f"libtorch ended the process while it was read or run ({_signal(-run.returncode)}).")
    try:
        told = json.loads(run.stdout.strip().rpartition("\n")[2])
        layers = tuple(Finding(**layer) for layer in told["layers"])
        return Assessment(told["runtime"], told["recorded"], layers)
    except (ValueError, KeyError, TypeError):
        said = run.stderr.strip().rpartition("\n")[2] or f"exit code {run.returncode}"
        return _not_read(f"The process that was to run it ended without an answer: {said[:300]}.")


def _not_read(why: str) -> Assessment:
    return Assessment(NOT_READ, "", tuple(Finding(name, "not run", why) for name in LAYERS))


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _run(directory: Path, exports: Path) -> dict[str, object]:
    from core_model.torchscript_player import TorchScriptPlayer  # here: whoever asks for this may live without torch

    voice = Voice.open(directory)
    found = verify(voice, partial(TorchScriptPlayer, threads=1, directory=exports))
    return {
        "runtime": found.runtime,
        "recorded": found.recorded,
        "layers": [{**asdict(layer), "details": ()} for layer in found.findings],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_run(Path(sys.argv[1]), Path(sys.argv[2]))) + "\n")

"""Below Python: a voice's whole life in a process that has no network, with every call of the system about one counted.

An audit hook sees what Python does. ONNX Runtime's reports are C++ and begin ten seconds after it was loaded, so the
slow test waits for them; its other half switches them on, to show that they would have been seen.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core_model.silence import SWITCHES
from tests import silent
from tests.lifecycle.old_voices.stored import BUNDLE, MAKER

ROOT = Path(__file__).resolve().parents[1]
STRACE = shutil.which("strace")
# An internet socket, or anything done to an internet address. AF_UNIX is this machine talking to itself.
INTERNET = re.compile(r"socket\(AF_(?!UNIX)|sa_family=AF_(?!UNIX)")
_LONGER_THAN_IT_WAITS_S = 20

LIFE = """
import sys, time
from pathlib import Path
from lifecycle.cli import main

def call(*words):
    try:
        main([str(word) for word in words], prog_name="lifecycle")
    except SystemExit as ended:
        assert not ended.code, words

place, longer, recordings, bundle, maker = map(Path, sys.argv[1:])
home, second = place / "home", place / "second"
if recordings.name:
    call("keygen", "-o", place / "key.txt")
    call("train", "ada", "--config", recordings, "--home", home)
    call("consent", "ada", "--i-am-the-speaker", "--home", home)
    call("archive", "ada", "--home", home, "--public", "-o", bundle)
call("verify", bundle, "--home", second, "--runtime", "onnx", "--trust", maker)
call("restore", bundle, "--home", second, "--trust", maker)
call("speak", "ada", "Good morning.", "-o", place / "out.wav", "--home", second, "--runtime", "onnx")
time.sleep(float(longer.name))
"""
REPORTING = """
import time
import numpy as np
import onnx
import onnxruntime
from onnx import helper

graph = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "g",
    [helper.make_tensor_value_info("a", 1, [1])], [helper.make_tensor_value_info("b", 1, [1])])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
session.run(None, {"a": np.ones(1, np.float32)})
time.sleep(20)
"""


def without_network() -> list[str]:
    """What starts a program in a namespace that has no interface but its own, switched off."""
    for command in (["unshare", "-n"], ["unshare", "-rn"]) if shutil.which("unshare") else ():
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    pytest.skip("this system gives no network namespace (unshare -n)")


def watched(tmp_path: Path, *command: str, environment: dict[str, str]) -> list[str]:
    """Run *command* without a network, under strace; the calls that had to do with the internet."""
    if STRACE is None:
        pytest.skip("strace is not installed (Debian: apt-get install strace)")
    log = tmp_path / "strace.txt"
    trace = [STRACE, "-f", "-qq", "-e", "trace=network", "-o", str(log)]
    done = subprocess.run(
        [*without_network(), *trace, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode and "ptrace" in done.stderr:
        pytest.skip(f"this system lets nobody be traced: {done.stderr.strip()[:100]}")
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in log.read_text(errors="replace").splitlines() if INTERNET.search(line)]


def silent_environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of ours in it: what keeps silent has to come from the program itself."""
    kept = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    return kept | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "OMP_NUM_THREADS": "2"}


def test_verify_restore_and_speak(tmp_path: Path) -> None:
    command = (sys.executable, "-c", LIFE, str(tmp_path), "0", "", str(BUNDLE), str(MAKER))
    assert watched(tmp_path, *command, environment=silent_environment(tmp_path)) == []
    assert (tmp_path / "out.wav").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_from_recordings_to_speech_and_longer_than_reports_wait(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(f'recordings = "{ROOT / "examples"}"\ngpt_steps = 2\nsovits_steps = 2\n')
    bundle, maker = tmp_path / "ada.voice", tmp_path / "home" / "keys" / "signing.pub"
    told = (str(_LONGER_THAN_IT_WAITS_S), str(tmp_path / "run.toml"), str(bundle), str(maker))
    command = (sys.executable, "-c", LIFE, str(tmp_path), *told)
    assert watched(tmp_path, *command, environment=silent_environment(tmp_path)) == []
    assert (tmp_path / "out.wav").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_is_looked_for_would_be_seen(tmp_path: Path) -> None:
    """A knock of Python's own; and ONNX Runtime with its reports on, where it has any (1.29 and later)."""
    import onnxruntime

    environment = silent_environment(tmp_path)
    knock = "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 443), 1)\nexcept OSError:\n    pass"
    with silent.allowing("network"):  # else the trap would stop it before the system is asked
        assert watched(tmp_path, sys.executable, "-c", knock, environment=environment)
        if tuple(map(int, onnxruntime.__version__.split(".")[:2])) >= (1, 29):
            assert watched(tmp_path, sys.executable, "-c", REPORTING, environment=environment)
            quiet = environment | dict(SWITCHES)
            assert watched(tmp_path, sys.executable, "-c", REPORTING, environment=quiet) == []

"""What a migration writes is read and spoken by ONNX Runtime 1.15.1 of 2023, which refuses what it replaced.

An environment of its own, made from the index that pip is configured for; the migration exports for real.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core_model.golden import Golden
from core_model.voice import Voice
from lifecycle.migrating import Terms, migrate_voice
from tests.lifecycle.old_voices.stored import NOW, put_ir_10, restore_stored

pytestmark = [pytest.mark.slow, pytest.mark.sockets("network")]  # pip fetches it

DECODE = """
import json, sys
from pathlib import Path
import numpy as np
import onnxruntime
from safetensors.numpy import load_file

voice = Path(sys.argv[1])
said, prompt = load_file(voice / "golden/golden.safetensors"), load_file(voice / "prompts/default.safetensors")
scale = json.loads((voice / "golden/golden.json").read_text())["noise_scale"]
onnxruntime.InferenceSession(str(voice / "exports/onnx/gpt.onnx"), providers=["CPUExecutionProvider"])
sovits = onnxruntime.InferenceSession(str(voice / "exports/onnx/sovits.onnx"), providers=["CPUExecutionProvider"])
inputs = {name: said["0." + name][None] for name in ("tokens", "phonemes")}
inputs |= {"style": prompt["style"], "noise": said["0.noise"], "noise_scale": np.array(scale, np.float32)}
waveform, recorded = sovits.run(None, inputs)[0].reshape(-1), said["0.waveform"]
print(json.dumps([onnxruntime.__version__, float(abs(waveform - recorded).max() / abs(recorded).max())]))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("2023") / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    wanted = ["onnxruntime==1.15.1", "numpy<2", "safetensors"]
    command = [place / "bin" / "python", "-m", "pip", "-q", "install", "--only-binary", ":all:", *wanted]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        pytest.skip(f"not run: onnxruntime 1.15.1 cannot be installed here: {run.stderr.strip().splitlines()[-1]}")
    return place / "bin" / "python"


def decode(python: Path, voice: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-c", DECODE, str(voice)], capture_output=True, text=True, check=False)


def test_an_old_runtime_reads_what_a_migration_wrote(python: Path, tmp_path: Path) -> None:
    store = restore_stored(tmp_path / "home")
    put_ir_10(store.path("ada"))
    refused = decode(python, store.path("ada"))
    assert refused.returncode != 0 and "Unsupported model IR version: 10" in refused.stderr
    assert migrate_voice(store, "ada", Terms(NOW)).entry is not None
    run = decode(python, store.path("ada"))
    assert run.returncode == 0, run.stderr
    version, share = json.loads(run.stdout)
    assert version == "1.15.1"
    assert share <= Golden.read(Voice.open(store.path("ada")).golden_directory).tolerances.waveform

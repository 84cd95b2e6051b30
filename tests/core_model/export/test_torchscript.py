"""TorchScript exports: loaded in a process that knows nothing of ours, they say what the networks say."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from core_model.continuation import prefix_mask
from core_model.export.process import FILES
from core_model.speaking import sovits_dims
from core_model.synthesis import TorchRuntime
from core_model.voice import Voice

pytestmark = pytest.mark.usefixtures("one_thread")

# Names of ours must not be needed: a reader of 2045 has libtorch and the file.
STRANGER = """
import sys, warnings
warnings.simplefilter("ignore")
import torch
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
directory, arrays, out = sys.argv[1:]
held = load_file(arrays)
with torch.inference_mode():
    gpt, sovits = torch.jit.load(f"{directory}/gpt.pt"), torch.jit.load(f"{directory}/sovits.pt")
    features = [held["features"]] if "features" in held else []
    logits, new = gpt(held["phonemes"], held["tokens"], *features, torch.tensor(0), held["mask"], held["past"])
    nothing = held["phonemes"][:, :0]
    mask = torch.ones(1, 1, 1, len(new) + 1, dtype=torch.bool)
    features = [feature[:, :0] for feature in features]
    position = torch.tensor(held["tokens"].shape[1])
    after, _ = gpt(nothing, torch.tensor([[7]]), *features, position, mask, new)
    waveform = sovits(held["tokens"], held["phonemes"], held["style"], held["noise"], torch.tensor(0.5))
assert "core_model" not in sys.modules
save_file({"logits": logits[0].clone(), "after": after[0].clone(), "waveform": waveform.flatten()}, out)
"""


@pytest.fixture(params=["tiny_voice", "tiny_quantizer_voice"])
def voice(request: pytest.FixtureRequest) -> Voice:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def test_a_stranger_gets_what_the_networks_say(voice: Voice, tmp_path: Path) -> None:
    rng = np.random.Generator(np.random.Philox(key=5))
    dims = {name: int(str(value)) for name, value in voice.description.gpt.items()}
    phonemes, tokens = rng.integers(0, 700, 11), rng.integers(0, 60, 6)
    features = rng.standard_normal((11, dims["word_features"])).astype(np.float32) if dims["word_features"] else None
    noise = rng.standard_normal((1, sovits_dims(voice).noise_channels, 12)).astype(np.float32)
    arrays = {
        "phonemes": phonemes[None],
        "tokens": tokens[None],
        "mask": prefix_mask(11, 6),
        "past": np.zeros((0, dims["layers"], 2, dims["heads"], dims["width"] // dims["heads"]), np.float32),
        "style": voice.prompt().style,
        "noise": noise,
    } | ({} if features is None else {"features": features[None]})
    save_file(arrays, tmp_path / "in.safetensors")
    directory = voice.exports_directory / "torchscript"
    command = [sys.executable, "-c", STRANGER, str(directory), "in.safetensors", "out.safetensors"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    said = load_file(tmp_path / "out.safetensors")
    runtime = TorchRuntime(voice)
    continuation = runtime.begin(phonemes, tokens, features, 1)
    np.testing.assert_allclose(said["logits"], continuation.logits, atol=1e-5)
    np.testing.assert_allclose(said["after"], continuation.step(7, 6), atol=1e-5)
    waveform = runtime.decode(tokens, phonemes, voice.prompt(), noise, 0.5, 1.0)
    np.testing.assert_allclose(said["waveform"], waveform, atol=1e-6 * max(1.0, float(np.abs(waveform).max())))


def test_it_tells_nothing_of_the_machine_that_made_it(voice: Voice) -> None:
    for name in FILES["torchscript"]:
        path = voice.exports_directory / "torchscript" / name
        with zipfile.ZipFile(path) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert not [entry for entry in archive.namelist() if "debug" in entry]
        assert b"/work/" not in path.read_bytes()

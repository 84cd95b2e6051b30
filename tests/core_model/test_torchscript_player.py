"""The TorchScript runtime: says what torch says, reads a file before it loads it, and refuses in a sentence."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core_model.errors import ExportMissingError, RuntimeMissingError, UnsafeFileError, VoiceError
from core_model.player import Player
from core_model.runtimes import RUNTIMES, load_runtime, version_of
from core_model.sampling import SamplingOptions
from core_model.speaking import SpeakingOptions, speak
from core_model.synthesis import TorchRuntime
from core_model.torchscript_player import TorchScriptPlayer
from core_model.utterances import utterances
from core_model.voice import Voice
from tests.tiny_voice import make_tiny_voice

pytestmark = pytest.mark.usefixtures("one_thread")
TEXT = "Tea is hot, they say. On 3 May, Dr. Lee drank it cold!"


@pytest.fixture(params=["tiny_voice", "tiny_quantizer_voice"])
def voice(request: pytest.FixtureRequest) -> Voice:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.mark.parametrize("speed", [1.0, 1.3])
def test_same_text_and_seed_same_tokens_and_nearly_the_same_samples(voice: Voice, speed: float) -> None:
    options = SpeakingOptions(seed=7, speed=speed, sampling=SamplingOptions(limit=150))
    said = utterances(voice, TEXT)
    expected = speak(voice, TorchRuntime(voice), said, options)
    found = speak(voice, TorchScriptPlayer(voice), said, options)
    for one, other in zip(expected.sentences, found.sentences, strict=True):
        assert len(set(one.tokens.tolist())) > 10
        np.testing.assert_array_equal(one.tokens, other.tokens)
    noise = np.square(expected.waveform - found.waveform, dtype=np.float64).sum()
    signal = np.square(expected.waveform, dtype=np.float64).sum()
    assert signal > 1e-6 and 10 * np.log10(signal / max(noise, 1e-30)) > 90


def test_every_runtime_is_loaded_by_its_name_and_says_what_it_is(tiny_voice: Voice) -> None:
    kinds = {"torch": TorchRuntime, "torchscript": TorchScriptPlayer, "onnx": Player}
    assert set(kinds) == set(RUNTIMES)
    for name, kind in kinds.items():
        runtime = load_runtime(tiny_voice, name, threads=1)
        assert type(runtime) is kind and runtime.name == name and runtime.version == version_of(name)
    import torch

    assert version_of("torchscript") == f"torchscript {torch.__version__} {torch.backends.cpu.get_cpu_capability()}"


def test_the_graphs_may_lie_elsewhere(tiny_voice: Voice, tmp_path: Path) -> None:
    shutil.copytree(tiny_voice.exports_directory / "torchscript", tmp_path / "old")
    TorchScriptPlayer(tiny_voice, directory=tmp_path / "old")
    (tmp_path / "old" / "gpt.pt").unlink()
    with pytest.raises(ExportMissingError, match=r"no torchscript export: gpt\.pt is missing"):
        TorchScriptPlayer(tiny_voice, directory=tmp_path / "old")


def test_a_file_that_would_do_harm_is_never_loaded(
    tiny_voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = shutil.copytree(tiny_voice.exports_directory / "torchscript", tmp_path / "old")
    with zipfile.ZipFile(directory / "gpt.pt") as source:
        held = {entry: source.read(entry) for entry in source.infolist()}
    with zipfile.ZipFile(directory / "gpt.pt", "w", zipfile.ZIP_STORED) as target:
        for entry, content in held.items():
            if entry.filename.endswith("__torch__.py") or entry.filename.endswith(".py"):
                content += b"\ndef more(self, x: Tensor) -> Tensor:\n  return torch.from_file('/etc/passwd')\n"
            target.writestr(zipfile.ZipInfo(entry.filename, (1980, 1, 1, 0, 0, 0)), content)
    monkeypatch.setattr("torch.jit.load", lambda *given, **named: pytest.fail("it was loaded"))
    with pytest.raises(UnsafeFileError, match=r"exports/torchscript/gpt\.pt"):
        TorchScriptPlayer(tiny_voice, directory=directory)


def test_what_libtorch_cannot_read_is_told_in_a_line(
    tiny_voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise RuntimeError("Unknown builtin op: aten::new_thing.\nHere are some suggestions: ...")

    monkeypatch.setattr("torch.jit.load", refuse)
    with pytest.raises(VoiceError, match=r"cannot read it: Unknown builtin op: aten::new_thing\.$"):
        TorchScriptPlayer(tiny_voice)


def test_flow_matching_runs_on_torch_alone(tmp_path: Path) -> None:
    flowing = make_tiny_voice(tmp_path / "flo", flowing=True, golden=False)
    with pytest.raises(RuntimeMissingError, match="runs on torch alone"):
        TorchScriptPlayer(flowing)


def test_exports_name_no_operator_that_torch_1_13_lacks(tiny_voice: Voice, tiny_quantizer_voice: Voice) -> None:
    """Found by running them there (docs/LOG.md, 2026-11-28): one unknown operator, and the whole file is refused."""
    from core_model.strict.torch_script import require_script

    for voice in (tiny_voice, tiny_quantizer_voice):
        for name in ("gpt.pt", "sovits.pt"):
            operators = require_script(voice.exports_directory / "torchscript" / name, name)
            assert "torch.scaled_dot_product_attention" not in operators

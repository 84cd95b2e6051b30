"""ONNX exports: readable by old runtimes, free in every length, small where that costs nothing, ever the same bytes."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from core_model.errors import ExportError
from core_model.export.onnx import NEWEST_IR, OPSET, tidy
from core_model.export.process import FILES, export, write_exports
from core_model.player import Player
from core_model.speaking import sovits_dims
from core_model.synthesis import TorchRuntime, load_gpt
from core_model.voice import Voice

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=["tiny_voice", "tiny_quantizer_voice"])
def voice(request: pytest.FixtureRequest) -> Voice:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def test_old_runtimes_can_read_it(voice: Voice) -> None:
    for name in FILES["onnx"]:
        path = voice.exports_directory / "onnx" / name
        model = onnx.load(str(path), load_external_data=False)
        onnx.checker.check_model(model, full_check=True)
        assert model.ir_version <= NEWEST_IR == 9
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
        assert {node.domain for node in model.graph.node} <= {""}
        assert not any(tensor.external_data for tensor in model.graph.initializer)
        assert b"/work/" not in path.read_bytes() and b".py" not in path.read_bytes()  # nothing of the maker's machine


@pytest.mark.parametrize(("phonemes", "tokens", "steps"), [(1, 0, 3), (7, 0, 2), (1, 1, 2), (30, 12, 40)])
def test_the_gpt_graph_is_the_gpt_at_any_length(voice: Voice, phonemes: int, tokens: int, steps: int) -> None:
    rng = np.random.Generator(np.random.Philox(key=phonemes))
    width = int(str(voice.description.gpt["word_features"]))
    features = rng.standard_normal((phonemes, width)).astype(np.float32) if width else None
    inputs = (rng.integers(0, 700, phonemes), rng.integers(0, 60, tokens), features, steps)
    ours, theirs = TorchRuntime(voice).begin(*inputs), Player(voice, threads=1).begin(*inputs)
    np.testing.assert_allclose(ours.logits, theirs.logits, atol=1e-5)
    assert ours.logits.std() > 0.1
    for position, token in enumerate(rng.integers(0, 60, steps), start=tokens):
        one, other = ours.step(int(token), position), theirs.step(int(token), position)
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_steps_give_what_the_whole_sequence_gives(voice: Voice) -> None:
    """The graph against the plain forward: teacher forcing in one go."""
    width = int(str(voice.description.gpt["word_features"]))
    phonemes, path = np.arange(3, 12), np.arange(5, 25)
    features = np.ones((9, width), np.float32) if width else None
    continuation = Player(voice, threads=1).begin(phonemes, path[:1], features, 30)
    rows = [continuation.logits] + [continuation.step(int(t), i) for i, t in enumerate(path[1:], start=1)]
    with torch.inference_mode():
        word_features = None if features is None else torch.from_numpy(features)[None]
        whole = load_gpt(voice)(torch.from_numpy(phonemes)[None], torch.from_numpy(path)[None], word_features)
    np.testing.assert_allclose(np.stack(rows), whole[0].numpy(), atol=1e-5)


@pytest.mark.parametrize(("tokens", "phonemes", "speed"), [(1, 1, 1.0), (40, 2, 1.0), (3, 50, 2.5), (33, 9, 0.4)])
def test_the_sovits_graph_is_sovits_at_any_length(voice: Voice, tokens: int, phonemes: int, speed: float) -> None:
    rng = np.random.Generator(np.random.Philox(key=tokens))
    frames = 2 * tokens if speed == 1 else int(2 * tokens / speed) + 1
    noise = rng.standard_normal((1, sovits_dims(voice).noise_channels, frames)).astype(np.float32)
    inputs = (rng.integers(0, 60, tokens), rng.integers(0, 700, phonemes), voice.prompt(), noise, 0.7, speed)
    ours, theirs = TorchRuntime(voice).decode(*inputs), Player(voice, threads=1).decode(*inputs)
    assert ours.size == frames * 320
    np.testing.assert_allclose(ours, theirs, atol=2e-6 * max(1, np.abs(ours).max()))


def test_weights_that_rest_in_half_precision_are_stored_in_it_exactly(tiny_voice: Voice) -> None:
    path = tiny_voice.exports_directory / "onnx" / "gpt.onnx"
    halves = [
        tensor for tensor in onnx.load(str(path)).graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16
    ]
    stored = {numpy_helper.to_array(tensor).tobytes() for tensor in halves}
    weights = tiny_voice.weights("gpt")
    assert weights["phoneme_embedding.weight"].dtype == np.float16
    assert weights["phoneme_embedding.weight"].tobytes() in stored
    assert path.stat().st_size < 0.7 * sum(4 * array.size for array in weights.values())


def one_weight(values: np.ndarray) -> onnx.ModelProto:
    info = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, list(values.shape))
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, list(values.shape))
    node = onnx.helper.make_node("Add", ["x", "w"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [info], [out], [numpy_helper.from_array(values, "w")])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=8)


@pytest.mark.parametrize(
    ("value", "half"), [(0.5, True), (1 / 3, False), (1e6, False), (1e-9, False), (0.0, True), (float("nan"), False)]
)
def test_one_inexact_value_keeps_all_in_single_precision(value: float, half: bool) -> None:
    values = np.ones(2048, np.float32)
    values[77] = value
    model = one_weight(values)
    tidy(model)
    (tensor,) = model.graph.initializer
    assert (tensor.data_type == onnx.TensorProto.FLOAT16) is half
    np.testing.assert_array_equal(numpy_helper.to_array(tensor).astype(np.float32), values)


def test_another_ir_or_opset_is_refused() -> None:
    newer = one_weight(np.ones(3, np.float32))
    newer.ir_version = 10
    with pytest.raises(ValueError, match="IR 10"):
        tidy(newer)
    strange = one_weight(np.ones(3, np.float32))
    strange.opset_import.append(onnx.helper.make_opsetid("com.example", 1))
    with pytest.raises(ValueError, match=r"com\.example"):
        tidy(strange)


@pytest.mark.parametrize("kind", ["onnx", "torchscript"])
def test_another_day_another_place_the_same_bytes(
    tiny_voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """From another directory, under another PYTHONHASHSEED, thread count and working directory."""
    copy = shutil.copytree(tiny_voice.directory, tmp_path / "a longer name" / "elsewhere")
    monkeypatch.setenv("PYTHONHASHSEED", "4711")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    again = export(Voice.open(copy), kind, Path("out"))
    assert [path.name for path in again] == list(FILES[kind])
    for path in again:
        before = tiny_voice.exports_directory / kind / path.name
        assert digest(path) == digest(before), path.name


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_voice_that_cannot_be_exported_says_why_and_keeps_its_exports(tiny_voice: Voice, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_voice.directory, tmp_path / "ada")
    before = {path: digest(path) for path in (copy / "exports").rglob("*.*")}
    (copy / "weights" / "sovits.safetensors").write_bytes(b"")
    with pytest.raises(ExportError, match=r"weights/sovits\.safetensors"):
        write_exports(Voice.open(copy))
    assert {path: digest(path) for path in (copy / "exports").rglob("*.*")} == before
    assert not [path for path in copy.iterdir() if path.name.startswith(".")]

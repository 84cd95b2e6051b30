"""Verify: nothing wrong is passed, and the first layer that drifted is the one that was touched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from compat_tests.findings import LAYERS, fixity
from compat_tests.suite import Assessment
from core_model.errors import RuntimeMissingError
from core_model.export.process import write_exports
from core_model.golden import Golden
from core_model.player import Player
from core_model.speaking import Runtime
from core_model.synthesis import TorchRuntime
from core_model.text.front_end import FrontEnd
from core_model.voice import Array, Voice
from lifecycle.verifying import verify
from tests.tiny_voice import tiny_weights

pytestmark = pytest.mark.usefixtures("one_thread")
Load = Callable[[Voice], Runtime]


@pytest.fixture
def directory(tiny_voice: Voice, tmp_path: Path) -> Path:
    """A copy of the tiny voice that may be damaged."""
    return shutil.copytree(tiny_voice.directory, tmp_path / "ada")


def verdicts(verification: Assessment) -> dict[str, str]:
    return {layer.name: layer.verdict for layer in verification.findings}


def change_weights(directory: Path, part: str, change: Callable[[str, Array], Array]) -> None:
    path = directory / "weights" / f"{part}.safetensors"
    changed = {name: change(name, array) for name, array in load_file(path).items()}
    save_file({name: np.ascontiguousarray(array) for name, array in changed.items()}, path)


def moved(scale: float) -> Callable[[str, Array], Array]:
    """Every weight by *scale* times a normal draw."""

    def change(name: str, array: Array) -> Array:
        rng = np.random.Generator(np.random.Philox(key=len(name)))
        return np.asarray(array, np.float32) + np.float32(scale) * rng.standard_normal(array.shape, dtype=np.float32)

    return change


@pytest.mark.parametrize("load", [TorchRuntime, Player])
@pytest.mark.parametrize("name", ["tiny_voice", "tiny_quantizer_voice"])
def test_an_untouched_voice_passes_on_both_runtimes(request: pytest.FixtureRequest, name: str, load: Load) -> None:
    verification = verify(request.getfixturevalue(name), load, fixity=fixity(9, ()))
    assert verdicts(verification) == dict.fromkeys(LAYERS, "passed")
    assert verification.passed and verification.diagnosis is None
    assert verification.recorded.startswith("2026-11-21T12:00:00+00:00, torch 2.")
    for layer in verification.findings:
        assert layer.figure is not None and layer.tolerance is not None and layer.figure <= layer.tolerance
    figures = {layer.name: layer.figure for layer in verification.findings}
    assert figures["tokens"] < 2e-5 and figures["waveform"] < 2e-5  # type: ignore[operator]  # far inside the tolerances


def test_the_goldens_are_no_trivial_ones(tiny_voice: Voice) -> None:
    """DESIGN §12: measuring on zeros, or on tokens that repeat one value, proves nothing."""
    for sentence in Golden.read(tiny_voice.golden_directory).sentences:
        assert len(set(sentence.tokens.tolist())) > 20
        assert len(set(sentence.logits.argmax(axis=1).tolist())) > 10
        assert sentence.waveform.std() > 0.01 and sentence.noise.std() > 0.9


@pytest.mark.parametrize("load", [TorchRuntime, Player])
def test_weights_of_another_voice_in_the_right_shape_fail(directory: Path, load: Load) -> None:
    """Whoever swaps them can rebuild every manifest too: fixity passes here, the voice does not."""
    for part, tensors in tiny_weights(seed=55).items():
        change_weights(directory, part, lambda name, _, tensors=tensors: tensors[name])  # type: ignore[misc]
    voice = Voice.open(directory)
    write_exports(voice)
    verification = verify(voice, load, fixity=fixity(9, ()))
    told = verdicts(verification)
    assert told == {
        "fixity": "passed",
        "text": "passed",
        "tokens": "failed",
        "waveform": "failed",
        "identity": "failed",
    }
    assert verification.diagnosis is not None and verification.diagnosis.name == "tokens"
    assert verification.cause is not None and verification.cause.kind == "wrong voice"


@pytest.mark.parametrize("seed", [101, pytest.param(102, marks=pytest.mark.slow), 103])
def test_a_stock_voice_fails_by_identity_alone(directory: Path, seed: int) -> None:
    """Even if its waveforms had been recorded as golden: 101 and 102 are known stock voices, 103 is a new one."""
    change_weights(directory, "sovits", lambda name, _: tiny_weights(seed=seed)["sovits"][name])
    voice = Voice.open(directory)
    golden = Golden.read(voice.golden_directory)
    runtime = TorchRuntime(voice)
    prompt = voice.prompt()
    rerecorded = tuple(
        replace(s, waveform=runtime.decode(s.tokens, s.phonemes, prompt, s.noise, golden.noise_scale, 1.0))
        for s in golden.sentences
    )
    replace(golden, sentences=rerecorded).write(voice.golden_directory)
    verification = verify(voice, TorchRuntime)
    assert verdicts(verification) == {
        "fixity": "not run",
        "text": "passed",
        "tokens": "passed",
        "waveform": "passed",
        "identity": "failed",
    }
    assert not verification.passed


@pytest.mark.parametrize("part", ["gpt", "sovits"])
def test_weights_moved_by_a_ten_millionth_pass(directory: Path, part: str) -> None:
    """As far as another machine's rounding would move the outputs. A pitch is rounded in float64: a ten-millionth of
    it is another pitch, whose phases are heard to run away within seconds."""
    farther = moved(1e-7)
    change_weights(directory, part, lambda name, a: a if name.startswith("pitch_contour.") else farther(name, a))
    assert verify(Voice.open(directory), TorchRuntime).passed


def test_one_moved_bias_fails(directory: Path) -> None:
    change_weights(
        directory,
        "sovits",
        lambda name, a: a + a.dtype.type(0.01) if name == "decoder.head.bias" else a,  # type: ignore[operator]
    )
    verification = verify(Voice.open(directory), TorchRuntime)
    assert verification.diagnosis is not None and verification.diagnosis.name == "waveform"


def test_a_weight_that_is_no_number_fails_without_an_infinite_figure(directory: Path) -> None:
    change_weights(directory, "gpt", lambda name, a: np.full_like(a, np.nan) if name == "head.weight" else a)
    change_weights(directory, "sovits", lambda name, a: np.full_like(a, np.nan) if name == "decoder.head.bias" else a)
    verification = verify(Voice.open(directory), TorchRuntime)
    told = verdicts(verification)
    assert told["tokens"] == told["waveform"] == told["identity"] == "failed"
    json.dumps([layer.figure for layer in verification.findings], allow_nan=False)


def test_another_prompts_style_fails(directory: Path) -> None:
    path = directory / "prompts" / "default.safetensors"
    held = load_file(path)
    save_file(held | {"style": held["style"] + 0.05}, path)
    verification = verify(Voice.open(directory), TorchRuntime)
    assert verification.diagnosis is not None and verification.diagnosis.name == "waveform"


def test_an_analyser_that_is_missing_leaves_the_text_not_run(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*given: object, **named: object) -> object:
        raise RuntimeMissingError("pyopenjtalk-plus is not installed")

    monkeypatch.setattr("lifecycle.verifying.read_text", missing)
    verification = verify(Voice.open(directory), TorchRuntime)
    assert verdicts(verification)["text"] == "not run" and not verification.passed
    assert "pyopenjtalk-plus" in verification.findings[1].told


def test_an_analyser_of_another_version_is_named_where_the_text_is_read_differently(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrontEnd, "changed_packages", lambda self: {"jieba": ("0.42", "1.0")})
    assert "jieba" not in verify(Voice.open(directory), TorchRuntime).findings[1].told
    golden = Golden.read(directory / "golden")
    other = replace(golden.sentences[0], phonemes=golden.sentences[0].phonemes[::-1].copy())
    replace(golden, sentences=(other,)).write(directory / "golden")
    layer = verify(Voice.open(directory), TorchRuntime).findings[1]
    assert layer.verdict == "failed" and layer.told.endswith("jieba is 1.0 here and was 0.42.")


def test_old_exports_beside_new_weights_fail_on_onnx_only(directory: Path) -> None:
    change_weights(directory, "gpt", moved(0.05))
    assert verify(Voice.open(directory), Player).passed  # the exports are still the old voice
    assert not verify(Voice.open(directory), TorchRuntime).passed


def test_damage_to_files_is_diagnosed_first() -> None:
    layer = fixity(12, ("weights/gpt.safetensors",))
    assert (layer.verdict, layer.figure, layer.tolerance) == ("failed", 1, 0)
    assert "weights/gpt.safetensors" in layer.told


def test_what_cannot_run_is_not_run(directory: Path) -> None:
    def missing(voice: Voice) -> Runtime:
        raise RuntimeMissingError("no such thing here")

    verification = verify(Voice.open(directory), missing)
    assert verdicts(verification) == {
        "fixity": "not run",
        "text": "passed",
        "tokens": "not run",
        "waveform": "not run",
        "identity": "not run",
    }
    assert not verification.passed and verification.diagnosis is None


def test_weights_that_do_not_load_are_a_finding_not_a_crash(directory: Path) -> None:
    (directory / "weights" / "sovits.safetensors").write_bytes(b"x" * 100)
    verification = verify(Voice.open(directory), TorchRuntime)
    assert verdicts(verification)["tokens"] == "failed" and verdicts(verification)["waveform"] == "not run"
    assert verification.diagnosis is not None and "sovits" in verification.diagnosis.told


@pytest.mark.parametrize("damage", ["missing", "cut", "schema", "array"])
def test_a_voice_without_its_goldens_is_never_passed(directory: Path, damage: str) -> None:
    record = directory / "golden" / "golden.json"
    if damage == "missing":
        record.unlink()
    elif damage == "cut":
        record.write_bytes(record.read_bytes()[:200])
    elif damage == "schema":
        record.write_text(record.read_text().replace('"schema": 2', '"schema": 3'))
    else:
        path = directory / "golden" / "golden.safetensors"
        save_file({name: array for name, array in load_file(path).items() if name != "1.logits"}, path)
    verification = verify(Voice.open(directory), TorchRuntime)
    assert set(verdicts(verification).values()) == {"not run"}
    assert not verification.passed


@pytest.mark.parametrize(("stock", "why"), [((), "No stock voice"), ((0.2,), "cannot be told")])
def test_identity_is_not_run_where_it_could_not_tell(directory: Path, stock: tuple[float, ...], why: str) -> None:
    golden = Golden.read(directory / "golden")
    nearest = min(stock) if stock else None
    identity = replace(golden.identity, nearest_stock=nearest, stock_voices=len(stock))
    replace(golden, identity=identity).write(directory / "golden")
    verification = verify(Voice.open(directory), TorchRuntime)
    layer = verification.findings[-1]
    assert (layer.name, layer.verdict) == ("identity", "not run")
    assert why in layer.told
    assert verification.passed  # the layers that prove the speech all ran

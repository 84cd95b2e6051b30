"""What the suite makes of a voice and of what computes it: broken voices, each with its layer and its likely cause."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from compat_tests import goldens, speaker_distance
from compat_tests.diagnosing import Today, likely_cause
from compat_tests.findings import LAYERS, Detail, Finding, fixity
from compat_tests.suite import Assessment
from core_model.features import speaker_statistics
from core_model.golden import Golden, decode_sentences
from core_model.player import Player
from core_model.speaking import Runtime
from core_model.synthesis import TorchRuntime
from core_model.voice import Array, Voice
from lifecycle.verifying import verify
from tests.tiny_voice import tiny_weights

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def directory(tiny_voice: Voice, tmp_path: Path) -> Path:
    """A copy of the tiny voice that may be broken."""
    return shutil.copytree(tiny_voice.directory, tmp_path / "ada")


def judged(
    directory: Path, load: Callable[[Voice], Runtime] = TorchRuntime, fixity: Finding | None = None
) -> Assessment:
    """The voice in *directory*, and that whatever drifted has a cause."""
    assessment = verify(Voice.open(directory), load, fixity=fixity)
    assert (assessment.diagnosis is None) == (assessment.cause is None)
    return assessment


def diagnosis(assessment: Assessment) -> tuple[str, str]:
    assert assessment.diagnosis is not None and assessment.cause is not None
    assert "\n" not in assessment.cause.told and assessment.cause.told.endswith(".")
    return assessment.diagnosis.name, assessment.cause.kind


def change_weights(directory: Path, part: str, change: Callable[[str, Array], Array]) -> None:
    path = directory / "weights" / f"{part}.safetensors"
    changed = {name: np.ascontiguousarray(change(name, array)) for name, array in load_file(path).items()}
    save_file(changed, path)


def moved(name: str, array: Array) -> Array:
    """By a thousandth: a normal draw times 1e-3 of the tensor's own spread (of its size, where all values are one)."""
    wide = np.asarray(array, np.float32)
    spread = float(wide.std()) or float(np.abs(wide).max())
    rng = np.random.Generator(np.random.Philox(key=len(name)))
    return wide + np.float32(1e-3 * spread) * rng.standard_normal(wide.shape, dtype=np.float32)


def stock_style(directory: Path) -> None:
    """A stock voice in the right shape: another's style and decoder, and a golden record that was made to agree."""
    change_weights(directory, "sovits", lambda name, _: tiny_weights(seed=101)["sovits"][name])
    voice = Voice.open(directory)
    golden = Golden.read(voice.golden_directory)
    spoken = decode_sentences(voice, TorchRuntime(voice), golden)
    again = tuple(replace(s, waveform=waveform) for s, waveform in zip(golden.sentences, spoken, strict=True))
    replace(golden, sentences=again).write(voice.golden_directory)


def test_a_stock_voice_in_the_right_shape_is_a_wrong_voice(directory: Path) -> None:
    stock_style(directory)
    assessment = judged(directory, fixity=fixity(9, ()))
    assert diagnosis(assessment) == ("identity", "wrong voice")
    assert [finding.verdict for finding in assessment.findings] == ["passed"] * 4 + ["failed"]
    assert "somebody else who speaks" in str(assessment.cause)


@pytest.mark.parametrize("rebuilt", [False, True], ids=["as it is", "with its index rebuilt"])
def test_a_changed_dictionary_is_front_end_data(directory: Path, rebuilt: bool) -> None:
    path = directory / "text" / "en.cmudict.dict"
    changed = path.read_bytes().replace(b"\nwhales W EY1 L Z", b"\nwhales F IH1 SH")
    path.write_bytes(changed)
    if rebuilt:
        index = json.loads((directory / "text" / "index.json").read_text())
        index["files"][path.name]["sha256"] = hashlib.sha256(changed).hexdigest()
        (directory / "text" / "index.json").write_text(json.dumps(index))
    assessment = judged(directory)
    assert diagnosis(assessment) == ("text", "front-end data")
    assert [finding.verdict for finding in assessment.findings] == ["not run", "failed", "passed", "passed", "passed"]
    told = str(assessment.cause)
    assert ("text/en.cmudict.dict (cmudict " in told) != rebuilt
    assert ("changed together with the index" in told) == rebuilt


@pytest.mark.parametrize(("part", "layer"), [("gpt", "tokens"), ("sovits", "waveform")])
def test_weights_moved_by_a_thousandth_of_their_spread_are_weights(directory: Path, part: str, layer: str) -> None:
    change_weights(directory, part, moved)
    assessment = judged(directory)
    assert diagnosis(assessment) == (layer, "weights")
    failed = assessment.diagnosis
    assert failed is not None and failed.figure is not None and failed.tolerance is not None
    assert failed.figure > 10 * failed.tolerance  # no rounding on any machine comes near
    assert [f.name for f in assessment.findings if f.verdict == "failed"] == [layer]


def test_exports_of_old_weights_on_another_runtime_are_no_drift(directory: Path) -> None:
    """The player reads the exports: touched weights show where they are read."""
    change_weights(directory, "gpt", moved)
    assert judged(directory, Player).passed


def test_weights_that_do_not_load_are_weights(directory: Path) -> None:
    (directory / "weights" / "gpt.safetensors").write_bytes(b"no")
    assert diagnosis(judged(directory)) == ("tokens", "weights")


def rerecorded(directory: Path, runtime: str, shift: float, **machine: str) -> None:
    """As if the voice had been recorded elsewhere, where logits came out *shift* higher."""
    path = directory / "golden" / "golden.safetensors"
    arrays = load_file(path)
    save_file({n: a + np.float32(shift) if n.endswith(".logits") else a for n, a in arrays.items()}, path)
    record = json.loads((directory / "golden" / "golden.json").read_text())
    record |= {"runtime": runtime, "machine": machine}
    (directory / "golden" / "golden.json").write_text(json.dumps(record))


def test_a_small_drift_on_another_release_is_the_runtime(directory: Path) -> None:
    rerecorded(directory, "torch 2.4.1 AVX512", 2e-3)
    assessment = judged(directory)
    assert diagnosis(assessment) == ("tokens", "runtime")
    assert "recorded on torch 2.4.1 AVX512" in str(assessment.cause) and TorchRuntime.version in str(assessment.cause)


def test_a_small_drift_on_another_instruction_set_is_that(directory: Path) -> None:
    release = " ".join(TorchRuntime.version.split()[:2])
    rerecorded(directory, f"{release} SVE256", 2e-3)
    assessment = judged(directory)
    assert diagnosis(assessment) == ("tokens", "instruction set")
    assert "recorded with SVE256" in str(assessment.cause)


def test_a_large_drift_on_another_release_is_the_weights_unless_every_file_is_the_archived_one(directory: Path) -> None:
    rerecorded(directory, "torch 2.4.1 AVX512", 1.0)
    assert diagnosis(judged(directory)) == ("tokens", "weights")
    assert diagnosis(judged(directory, fixity=fixity(9, ()))) == ("tokens", "runtime")


TOLD = Finding("tokens", "failed", "Far.", 0.5, 1e-3, "logits")
BROKEN = replace(TOLD, figure=None, tolerance=None, broken="timeout")
PASSED = {name: Finding(name, "passed", "Well.") for name in LAYERS}


def with_(*changed: Finding) -> tuple[Finding, ...]:
    return tuple((PASSED | {finding.name: finding for finding in changed}).values())


@pytest.mark.parametrize(
    ("findings", "kind"),
    [
        (with_(), None),
        (with_(fixity(9, ("weights/gpt.safetensors", "text/en.words.dict"))), "weights"),
        (with_(fixity(9, ("text/en.words.dict",)), TOLD), "front-end data"),
        (with_(fixity(9, ("golden/golden.safetensors",))), "golden outputs"),
        (with_(fixity(9, ("records/card.md",))), "unknown"),
        (with_(BROKEN), "runner"),
        (with_(replace(BROKEN, broken="refused")), "runtime"),
        (with_(Finding("fixity", "not run", "-"), replace(BROKEN, broken="refused")), "weights"),
        (with_(TOLD), "weights"),
        (with_(replace(TOLD, figure=None)), "weights"),
    ],
)
def test_the_cause_follows(tiny_voice: Voice, findings: tuple[Finding, ...], kind: str | None) -> None:
    golden = goldens.read_golden(tiny_voice.directory)
    cause = likely_cause(tiny_voice.directory, findings, golden, Today(golden.runtime, golden.machine), {})
    assert (cause and cause.kind) == kind


def test_an_analyser_of_another_version_is_named(tiny_voice: Voice) -> None:
    golden = goldens.read_golden(tiny_voice.directory)
    findings = with_(Finding("text", "failed", "Other.", 1, 0, "sentences"))
    today = Today(golden.runtime, golden.machine)
    cause = likely_cause(tiny_voice.directory, findings, golden, today, {"jieba": ("0.42", "1.0")})
    assert cause is not None and "jieba is 1.0 here and was 0.42" in cause.told


def test_the_record_is_the_one_that_was_written(tiny_voice: Voice) -> None:
    """Two readers of one format: the recorder's and the suite's, which may not ask each other."""
    written = Golden.read(tiny_voice.golden_directory)
    read = goldens.read_golden(tiny_voice.directory)
    for one, other in zip(written.sentences, read.sentences, strict=True):
        assert (one.text, one.language) == (other.text, other.language)
        for name in ("phonemes", "tokens", "logits", "noise", "waveform"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (written.made, written.runtime, written.noise_scale) == (read.made, read.runtime, read.noise_scale)
    assert (written.steps, dict(written.machine)) == (read.steps, dict(read.machine))
    assert written.identity.threshold == pytest.approx(read.identity.threshold)
    assert written.identity.statistics == read.identity.statistics
    for name in ("logits", "waveform", "waveform_db", "found"):
        assert getattr(written.tolerances, name) == getattr(read.tolerances, name)


@pytest.mark.parametrize("value", ["Infinity", "NaN", "1e999", "true", '"1"'])
def test_a_tolerance_that_is_no_number_is_no_record(directory: Path, value: str) -> None:
    """One of infinity would pass everything."""
    path = directory / "golden" / "golden.json"
    record = json.loads(path.read_text())
    record["tolerances"]["logits"] = "TOLERANCE"
    path.write_text(json.dumps(record).replace('"TOLERANCE"', value))
    assessment = verify(Voice.open(directory), TorchRuntime)
    assert not assessment.passed and assessment.findings[2].verdict != "passed"


def test_distances_are_those_of_the_room_that_listens() -> None:
    np.testing.assert_array_equal(speaker_distance.SCALES, speaker_statistics.WITHIN_SPEAKER)
    rng = np.random.Generator(np.random.Philox(key=1))
    for scale in (0.1, 1.0, 100.0):
        one, other = rng.standard_normal((2, speaker_distance.LENGTH)) * scale
        assert speaker_distance.distance(one, other) == speaker_statistics.distance(one, other)


def test_every_golden_sentence_has_its_own_verdict(directory: Path) -> None:
    path = directory / "golden" / "golden.safetensors"
    arrays = load_file(path)
    save_file({n: a + np.float32(0.5) if n == "1.logits" else a for n, a in arrays.items()}, path)
    tokens = judged(directory).findings[2]
    assert [(d.golden, d.verdict) for d in tokens.details] == [("en-0", "passed"), ("en-1", "failed")]
    assert isinstance(tokens.details[0], Detail) and tokens.details[1].figure == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("0.tokens", lambda a: a + 10**6),
        ("0.tokens", lambda a: a - 10**6),
        ("0.phonemes", lambda a: -a - 1),
        ("0.logits", lambda a: a[:, :1]),
        ("0.logits", lambda a: a[:-9]),
        ("0.noise", lambda a: np.concatenate([a, a])),
        ("1.waveform", lambda a: a[:0]),
        ("1.waveform", lambda a: a[None]),
    ],
)
def test_a_record_that_no_network_could_have_left_is_no_record(
    directory: Path, name: str, change: Callable[[Array], Array]
) -> None:
    """Whoever made the bundle wrote it: it is refused before a network meets it."""
    path = directory / "golden" / "golden.safetensors"
    arrays = load_file(path)
    save_file(arrays | {name: np.ascontiguousarray(change(arrays[name]))}, path)
    assessment = verify(Voice.open(directory), TorchRuntime)
    assert {finding.verdict for finding in assessment.findings} == {"not run"} and not assessment.passed
    assert "golden outputs cannot be read" in assessment.findings[1].told

"""Golden records: what is written is read, no audio of a person is in them, the threshold is honest."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from core_model import machine
from core_model.errors import AudioError, GoldenError
from core_model.features.speaker_statistics import LENGTH, WITHIN_SPEAKER
from core_model.golden import (
    FLOW_MATCHING,
    TEXTS,
    Golden,
    Identity,
    decode_sentences,
    golden_texts,
    judge,
    record_golden,
)
from core_model.replaying import teacher_forced
from core_model.synthesis import TorchRuntime
from core_model.text.front_end import FrontEnd, write_data
from core_model.text.phonemes import symbols_of
from core_model.voice import Floats, Voice
from tests.tiny_voice import CODES, make_tiny_voice

pytestmark = pytest.mark.usefixtures("one_thread")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    return make_tiny_voice(tmp_path_factory.mktemp("v") / "ada", golden=False)


@pytest.fixture(scope="module")
def golden(voice: Voice) -> Golden:
    return record_golden(
        voice, TorchRuntime(voice), now=NOW, machine=machine.describe(), texts={"en": ("Tea is hot.", "Why?")}
    )


def at(units: float) -> Floats:
    """Statistics so many within-speaker units from zero."""
    return (WITHIN_SPEAKER * units).astype(np.float32)


def test_what_is_written_is_read(voice: Voice, golden: Golden, tmp_path: Path) -> None:
    read = Golden.read(voice.golden_directory)
    for name in ("made", "runtime", "machine", "noise_scale", "tolerances", "identity"):
        assert getattr(read, name) == getattr(golden, name), name
    assert read.made == "2026-01-02T03:04:05+00:00"
    assert [sentence.text for sentence in read.sentences] == ["Tea is hot.", "Why?"]
    for one, other in zip(read.sentences, golden.sentences, strict=True):
        for name in ("phonemes", "tokens", "logits", "noise", "waveform"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert getattr(one, name).dtype == getattr(other, name).dtype
    read.write(tmp_path / "golden")
    for name in ("golden.json", "golden.safetensors"):
        assert (tmp_path / "golden" / name).read_bytes() == (voice.golden_directory / name).read_bytes()


def test_the_same_voice_records_the_same(voice: Voice, golden: Golden, tmp_path: Path) -> None:
    before = (voice.golden_directory / "golden.safetensors").read_bytes()
    copy = Voice.open(shutil.copytree(voice.directory, tmp_path / "elsewhere"))
    record_golden(copy, TorchRuntime(copy), now=NOW, machine=machine.describe(), texts={"en": ("Tea is hot.", "Why?")})
    assert (copy.golden_directory / "golden.safetensors").read_bytes() == before


def test_logits_lead_to_the_recorded_tokens(golden: Golden) -> None:
    """Row i is what follows token i: each token is among the best 15 that the grammar allows there."""
    for sentence in golden.sentences:
        assert sentence.logits.shape == (sentence.tokens.size, 961)  # one row is the opening's, one follows the last
        grammar = CODES.grammar(symbols_of(sentence.phonemes.tolist()))
        for row, token in zip(sentence.logits, sentence.tokens[1:].tolist(), strict=False):
            legal = np.where(grammar.legal(), row, -np.inf)
            assert (legal > legal[token]).sum() < 15
            grammar.accept(token)


def test_teacher_forcing_follows_the_given_path(voice: Voice, golden: Golden) -> None:
    sentence = golden.sentences[0]
    other = sentence.tokens.copy()
    other[5] = (other[5] + 1) % 960
    changed = teacher_forced(voice, TorchRuntime(voice), sentence.phonemes, other)
    differs = np.abs(changed - sentence.logits).max(axis=1) > 0
    assert not differs[:5].any() and differs[5]  # row i is what follows token i


def test_of_the_recordings_only_numbers_are_kept(voice: Voice, tmp_path: Path) -> None:
    copy = Voice.open(shutil.copytree(voice.directory, tmp_path / "ada"))
    recordings = at(3.0)
    kept = record_golden(copy, TorchRuntime(copy), now=NOW, machine={}, texts={"en": ("Tea.",)}, recordings=recordings)
    assert kept.identity.reference == "recordings"
    np.testing.assert_allclose(kept.identity.statistics, recordings, atol=1e-5)
    arrays = load_file(copy.golden_directory / "golden.safetensors")
    assert {name.partition(".")[2] for name in arrays} == {"phonemes", "tokens", "logits", "noise", "waveform"}
    document = json.loads((copy.golden_directory / "golden.json").read_text())
    assert len(document["identity"]["statistics"]) == LENGTH


def test_the_machine_is_described_but_not_named() -> None:
    import getpass
    import platform

    told = machine.describe()
    assert {"system", "architecture", "instruction_sets", "python", "numpy"} == told.keys() and all(told.values())
    for private in (platform.node(), getpass.getuser(), str(Path.home())):
        assert not any(private in value.split() for value in told.values())


@pytest.mark.parametrize(
    ("speech", "recordings", "stock", "threshold"),
    [
        (0.0, None, [], None),  # nobody to compare with
        (5.0, None, [9.0, 8.0], 1.5),  # its own speech is the reference: 0 and 3
        (2.0, 0.0, [6.0, 10.0], 4.0),
        (6.0, 0.0, [6.5, 9.0], None),  # a stock voice is as near as the voice itself
        (6.0, 0.0, [7.2, 9.0], None),  # farther, but not clearly
        (6.0, 0.0, [8.0, 9.0], 7.0),
        (0.5, 0.0, [1.2], None),  # many times as far, but within what one speaker wanders
        (4.0, 0.0, [1.0], None),  # worse than a stock voice
    ],
)
def test_the_threshold_is_midway_where_the_voice_can_be_told(
    speech: float, recordings: float | None, stock: list[float], threshold: float | None
) -> None:
    identity = judge(at(speech), None if recordings is None else at(recordings), [at(units) for units in stock])
    assert identity.threshold == (None if threshold is None else pytest.approx(threshold, abs=1e-3))
    assert identity.stock_voices == len(stock)


def test_a_golden_text_is_one_sentence(voice: Voice, tmp_path: Path) -> None:
    copy = Voice.open(shutil.copytree(voice.directory, tmp_path / "ada"))
    with pytest.raises(GoldenError, match="one sentence"):
        record_golden(copy, TorchRuntime(copy), now=NOW, machine={}, texts={"en": ("Tea. Ice.",)})


def test_texts_are_in_the_first_of_the_voices_languages(voice: Voice) -> None:
    def texts(*languages: str) -> dict[str, tuple[str, ...]]:
        return golden_texts(Voice(voice.directory, replace(voice.description, languages=languages)))

    assert texts("en") == {"en": TEXTS["en"]} and len(TEXTS["en"]) == 3
    assert {language: len(several) for language, several in texts("zh", "en", "ja").items()} == {"zh": 2, "en": 2}
    assert list(texts("fr", "yue")) == ["yue"]
    with pytest.raises(GoldenError, match="fr"):
        texts("fr")


@pytest.mark.parametrize("language", [language for language in TEXTS if language not in ("ja", "ko")])
def test_golden_texts_are_one_utterance_each_and_lose_nothing(tmp_path: Path, language: str) -> None:
    """In upstream's reading, which cuts at commas unless it is told not to. ja and ko need packages: see below."""
    _require_one_utterance_each(tmp_path, language)


@pytest.mark.parametrize(("language", "package"), [("ja", "pyopenjtalk"), ("ko", "mecab")])
def test_golden_texts_of_languages_with_analysers(tmp_path: Path, language: str, package: str) -> None:
    pytest.importorskip(package)
    _require_one_utterance_each(tmp_path, language)


def _require_one_utterance_each(directory: Path, language: str) -> None:
    write_data(directory, (language,) if language == "en" else ("en", language), "upstream")
    front_end = FrontEnd(directory)
    for text in TEXTS[language]:
        (said,) = front_end.read(text, language, "cut0")
        assert len(said) > 10 and said.dropped == (), text


def test_flow_matching_is_recorded_in_few_steps(tmp_path: Path) -> None:
    voice = make_tiny_voice(tmp_path / "flora", flowing=True, stock_seeds=())
    golden = Golden.read(voice.golden_directory)
    assert golden.steps == 4 and golden.tolerances == FLOW_MATCHING
    again = decode_sentences(voice, TorchRuntime(voice), golden)
    for waveform, sentence in zip(again, golden.sentences, strict=True):
        np.testing.assert_array_equal(waveform, sentence.waveform)
    document = json.loads((voice.golden_directory / "golden.json").read_text())
    for wrong in (0, "4", True, 10**9):
        (voice.golden_directory / "golden.json").write_text(json.dumps(document | {"steps": wrong}))
        with pytest.raises(GoldenError, match="steps"):
            Golden.read(voice.golden_directory)
    del document["steps"]
    (voice.golden_directory / "golden.json").write_text(json.dumps(document))
    with pytest.raises(GoldenError, match="steps"):  # schema 2 says them
        Golden.read(voice.golden_directory)
    (voice.golden_directory / "golden.json").write_text(json.dumps(document | {"schema": 1}))
    assert Golden.read(voice.golden_directory).steps is None  # schema 1 had none


@pytest.mark.parametrize("document", [[], {}, {"schema": 3}, {"schema": "2"}])
def test_a_record_of_no_known_schema_is_refused(tiny_voice: Voice, tmp_path: Path, document: object) -> None:
    shutil.copytree(tiny_voice.golden_directory, tmp_path / "golden")
    (tmp_path / "golden" / "golden.json").write_text(json.dumps(document))
    with pytest.raises(GoldenError, match="cannot be read"):
        Golden.read(tmp_path / "golden")


def test_speech_without_a_voiced_sound_has_no_statistics(
    voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Voice.open(shutil.copytree(voice.directory, tmp_path / "ada"))
    runtime = TorchRuntime(copy)
    monkeypatch.setattr(runtime, "decode", lambda *given: np.ones(1000, np.float32))  # 60 ms
    kept = record_golden(copy, runtime, now=NOW, machine={}, texts={"en": ("Tea.",)})
    assert (kept.identity.statistics, kept.identity.threshold) == ((), None)
    assert Golden.read(copy.golden_directory).identity == kept.identity
    with pytest.raises(AudioError):  # of a person whose recordings are there, that is no voice
        record_golden(copy, runtime, now=NOW, machine={}, texts={"en": ("Tea.",)}, recordings=at(1.0))


@pytest.mark.parametrize("field", ["made", "tolerances", "identity", "sentences", "machine", "noise_scale"])
def test_a_record_without_a_field_is_refused(golden: Golden, tmp_path: Path, field: str) -> None:
    golden.write(tmp_path)
    document = json.loads((tmp_path / "golden.json").read_text())
    del document[field]
    (tmp_path / "golden.json").write_text(json.dumps(document))
    with pytest.raises(GoldenError):
        Golden.read(tmp_path)


def test_a_record_with_too_few_statistics_is_refused(golden: Golden, tmp_path: Path) -> None:
    short = Identity("speech", (1.0,) * 5, 0.0, None, 0)
    replace(golden, identity=short).write(tmp_path)
    with pytest.raises(GoldenError, match="5"):
        Golden.read(tmp_path)

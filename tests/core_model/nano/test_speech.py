"""Engines, where they are installed, give speech at one rate and level, with phones whose times increase."""

from __future__ import annotations

import ctypes.util
import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core_model.alignment_codes import SILENCE, AlignmentCodes
from core_model.nano import speech
from core_model.nano.speech import Speaker, Utterance, warp
from core_model.training.dataset import semitones

PHONES = set(AlignmentCodes().phones)
TEXT = "She sold the red boat, and nobody knew why."


def needs(program: str, there: bool) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not there, reason=f"{program} is not installed; only `make base` needs it")


FLITE = needs("flite", bool(shutil.which("flite")))
FESTIVAL = needs("festival with kal_diphone", Path("/usr/share/festival/voices/english/kal_diphone").exists()
                 and bool(shutil.which("festival")))  # fmt: skip
ESPEAK = needs("espeak-ng", bool(ctypes.util.find_library("espeak-ng")))


@pytest.mark.parametrize(
    "speaker",
    [
        pytest.param(Speaker("flite", "rms"), marks=FLITE),
        pytest.param(Speaker("flite", "kal16", 1.27), marks=FLITE),
        pytest.param(Speaker("festival", "kal_diphone", 0.9), marks=FESTIVAL),
        pytest.param(Speaker("espeak", "en-us+f2"), marks=ESPEAK),
    ],
    ids=lambda speaker: speaker.name,
)
def test_an_engine_says_a_sentence_and_when(speaker: Speaker) -> None:
    (utterance,) = speech._ENGINES[speaker.engine](speaker, [TEXT])
    waveform, phones = utterance.waveform, utterance.phones
    seconds = len(waveform) / speech.SAMPLE_RATE
    assert utterance.text == TEXT
    assert waveform.dtype == np.float32 and waveform.ndim == 1
    assert np.abs(waveform).max() == pytest.approx(0.7, abs=1e-3)
    assert 1.2 < seconds < 5
    ends = [end for _, end in phones]
    assert ends == sorted(ends) and ends[0] > 0
    assert ends[-1] == pytest.approx(seconds, abs=0.15)
    said = [phone for phone, _ in phones]
    assert set(said) <= PHONES
    assert said[0] == SILENCE or speaker.engine == "espeak"  # which begins at once; the recipe puts a pause there
    assert [p for p in said if p in {"SH", "B", "R", "W"}] == ["SH", "R", "B", "B", "W"]
    assert 20 < len(said) < 40
    assert not any(a == b == SILENCE for a, b in itertools.pairwise(said))
    assert rms(utterance, said.index("OW")) > 1.5 * rms(utterance, said.index("SH")) > 0  # the times fit the sound


@pytest.mark.parametrize(
    "speaker",
    [
        pytest.param(Speaker("flite", "awb", 1.2, 200.0), marks=FLITE),
        pytest.param(Speaker("flite", "kal16", 0.94, 95.0), marks=FLITE),
        pytest.param(Speaker("festival", "ked_diphone", 1.13, 190.0), marks=FESTIVAL),
    ],
    ids=lambda speaker: speaker.name,
)
def test_a_pitch_that_was_asked_for_is_heard_after_the_warp(speaker: Speaker) -> None:
    (utterance,) = speech._ENGINES[speaker.engine](speaker, [TEXT])
    heard = 2 ** (np.nanmedian(semitones(utterance.waveform)) / 12)
    assert heard == pytest.approx(speaker.pitch, rel=0.1)
    assert 1.2 < len(utterance.waveform) / speech.SAMPLE_RATE < 5  # as slow as ever


def test_names_say_what_was_asked_for() -> None:
    assert Speaker("flite", "awb", 1.2, 200.0).name == "flite-awb-120-200hz"
    assert Speaker("flite", "awb", 1.2).name == "flite-awb-120"


def rms(utterance: Utterance, index: int) -> float:
    begin = utterance.phones[index - 1][1] if index else 0.0
    stretch = utterance.waveform[int(begin * 16_000) : int(utterance.phones[index][1] * 16_000)]
    return float(np.sqrt(np.mean(stretch**2))) if stretch.size else 0.0


def test_a_warp_raises_the_pitch_and_shortens() -> None:
    t = np.arange(16_000) / 16_000
    tone = np.sin(2 * np.pi * 200 * t).astype(np.float32)
    warped = warp(tone, 16_000, 1.25)
    assert len(warped) == pytest.approx(12_800, abs=2)
    spectrum = np.abs(np.fft.rfft(warped * np.hanning(len(warped))))
    assert np.argmax(spectrum) * 16_000 / len(warped) == pytest.approx(250, abs=2)


def test_names_become_arpabet_pauses_one_and_margins_are_kept() -> None:
    waveform = np.zeros(32_000, np.float32)
    waveform[16_000:24_000] = 0.1
    phones = [("pau", 0.5), ("pau", 1.0), ("ax", 1.2), ("dx", 1.5), ("pau", 2.0)]
    done = speech._finish("a t", waveform, phones)
    assert [(p, pytest.approx(t)) for p, t in done.phones] == [
        (SILENCE, 0.12),
        ("AH", 0.32),
        ("T", 0.62),
        (SILENCE, 0.74),
    ]
    assert len(done.waveform) == pytest.approx(0.74 * 16_000, abs=1)
    assert np.abs(done.waveform).max() == pytest.approx(0.7)


def wordnet(directory: Path) -> Path:
    for part in ("noun", "verb", "adj", "adv"):
        (directory / f"data.{part}").write_text("")
    lines = [
        'a | glossed; "the Boat sailed away at noon"; "too short"',
        'b | "where did the old ship go"; "numbers like 42 are not plain words"; "the Boat sailed away at noon"',
    ]
    (directory / "data.noun").write_text("\n".join(lines), encoding="latin-1")
    return directory


def test_sentences_are_plain_whole_and_in_a_stable_order(tmp_path: Path) -> None:
    assert speech.sentences(wordnet(tmp_path)) == ["The Boat sailed away at noon.", "Where did the old ship go?"]


def fake_engine(said: list[str]) -> object:
    def engine(speaker: Speaker, texts: list[str]) -> object:
        for text in texts:
            said.append(text)
            yield Utterance(text, np.full(16_000, 0.5, np.float32), ((SILENCE, 0.1), ("AA", 0.9), (SILENCE, 1.0)))

    return engine


def test_a_speaker_stops_when_there_is_enough_and_is_not_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setitem(speech._ENGINES, "fake", fake_engine(said))
    speaker = Speaker("fake", "one")
    texts = [f"sentence {i}" for i in range(100)]
    speech.generate(tmp_path, speaker, texts, 30.0)
    assert len(said) == 40  # in twenties
    home = tmp_path / speaker.name
    entries = [json.loads(line) for line in (home / "segments.jsonl").read_text().splitlines()]
    assert [entry["text"] for entry in entries] == said
    assert soundfile.info(home / entries[-1]["file"]).samplerate == 16_000
    speech.generate(tmp_path, speaker, texts, 30.0)
    assert len(said) == 40


def test_a_speaker_that_was_interrupted_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setitem(speech._ENGINES, "fake", fake_engine(said))
    home = tmp_path / "fake-one-100"
    home.mkdir()
    (home / "0000.flac").write_bytes(b"cut sh")
    (home / "segments.jsonl.partial").write_text("{")
    speech.generate(tmp_path, Speaker("fake", "one"), ["a b"], 1.0)
    assert len(said) == 1
    assert sorted(path.name for path in home.iterdir()) == ["0000.flac", "segments.jsonl"]
    assert soundfile.info(home / "0000.flac").frames == 16_000

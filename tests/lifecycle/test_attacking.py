"""The verb as a whole, on a tiny voice with a made-up ear: what is said, what is refused, and what goes nowhere."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import Result

from core_model.voice import Voice
from lifecycle import attack_membership, attack_seed, attack_speech, attacking, retention, speaker_ear
from lifecycle.attacking import RECORD
from lifecycle.ledgers import RECORD as LEDGER
from lifecycle.released_voice import RECORD as RELEASE
from lifecycle.store import Store
from tests.lifecycle.calling import answer, call
from tests.lifecycle.clean_search import files_below, found_in, needles
from tests.lifecycle.test_releasing import tiny_ground
from tests.tiny_voice import make_tiny_voice

PERSON, OTHERS, EACH = 6, 3, 2
SECRET = "anna-private"  # in the name of every file


class Spectrum:
    """An ear that hears how loud a sound is in each of sixteen bands."""

    name = "a made-up ear"

    def hear(self, waveform: np.ndarray, sample_rate: int) -> np.ndarray | None:
        bands = np.array([band.sum() for band in np.array_split(np.abs(np.fft.rfft(waveform)), 16)])
        return bands / np.linalg.norm(bands)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    make_tiny_voice(home / "voices" / "ada", golden=False)
    return home


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """person/, held-out/ and others/NAME/: buzzes at a pitch for each recording."""
    directory = tmp_path_factory.mktemp("sounds")
    for index in range(PERSON):
        _buzz(directory / "person" / f"{SECRET}-{index}.wav", 110 + index)
        _buzz(directory / "held-out" / f"{SECRET}-{index}.wav", 140 + index)
    for speaker in range(OTHERS):
        for index in range(EACH):
            _buzz(directory / "others" / f"{SECRET}-{speaker}" / f"{index}.wav", 200 + 30 * speaker + index)
    return directory


def _buzz(path: Path, pitch_hz: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.Generator(np.random.Philox(key=int(pitch_hz)))
    time = np.arange(16_000) / 16_000
    buzz = sum(np.sin(2 * np.pi * pitch_hz * k * time) / k for k in range(1, 12))
    loud = np.repeat(np.where(np.arange(10) % 5 == 4, 0.0, 1.0), 1600)
    soundfile.write(path, 0.2 * buzz * loud + 1e-5 * rng.standard_normal(16_000), 16_000)
    path.with_suffix(".txt").write_text("Tea for two.\n")


@pytest.fixture
def tiny(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, few sentences, few seeds."""
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    ground = tiny_ground(Voice.open(copy / "voices" / "ada"))
    monkeypatch.setattr(attacking, "ground_of", lambda voice: ground)
    monkeypatch.setattr(speaker_ear, "Ear", Spectrum)
    monkeypatch.setattr(attack_speech, "TRIALS", ("Tea for two.", "Two for tea."))
    monkeypatch.setattr(attack_speech, "ENROLMENT", ("For two.",))
    monkeypatch.setattr(attack_seed, "SMALL", 8)
    monkeypatch.chdir(tmp_path)
    return copy


def attack(home: Path, sounds: Path, *words: object) -> Result:
    return call("attack", "ada", "--recordings", sounds / "person", *words, "--home", home)


def released(home: Path, mode: str, sigma: float) -> None:
    """Let the tiny voice say of itself that it was released."""
    records = home / "voices" / "ada" / "records"
    records.mkdir(exist_ok=True)
    facts = {"mode": mode, "sigma": sigma, "made": "2026-11-28T12:00:00+00:00"}
    (records / RELEASE).write_text(json.dumps(facts))


def test_every_attack_is_named_with_figures_or_with_a_reason(
    tiny: Path, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attack_membership, "LEAST", 2)  # of six buzzes the aligner takes two for the transcript
    monkeypatch.setattr(attack_membership, "DRAWS", 1)
    words = ("--held-out", sounds / "held-out", "--others", sounds / "others")
    told = answer("attack", "ada", "--recordings", sounds / "person", *words, "--home", tiny)
    by_attack = {(finding["attack"], finding["attacker"]): finding for finding in told["findings"]}
    assert {attack for attack, _ in by_attack} == {
        "style",
        "speech",
        "membership by style",
        "membership by networks",
        "seed",
    }
    for finding in told["findings"]:
        assert finding["tested"] == bool(finding["meaning"]) != bool(finding["why_not"])
        assert finding["knows"]
        if finding["tested"]:
            assert finding["data"]
            assert all(figure["low"] <= figure["high"] for figure in finding["figures"] if figure["low"] is not None)
    assert by_attack["speech", "naive"]["data"]["other_speakers"] == OTHERS
    assert by_attack["style", "naive"]["data"]["recordings"] == PERSON
    assert by_attack["speech", "naive"]["leak"] is None  # of four candidates no place shows anything
    assert by_attack["membership by style", "raw"]["data"]["non_members"] == PERSON
    assert "no noise was added" in by_attack["seed", "with recordings"]["why_not"]
    for attacker in ("raw", "calibrated", "control"):
        for loss in ("waveform", "tokens"):
            assert by_attack["membership by networks", f"{attacker}, {loss}"]["tested"]


def test_recordings_that_cannot_be_aligned_are_too_few(tiny: Path, sounds: Path) -> None:
    result = attack(tiny, sounds, "--held-out", sounds / "held-out")
    assert "2 recordings with words and 5 held out; 5 of each are the least" in result.output


def test_without_others_the_stock_speakers_stand_in_and_it_says_so(tiny: Path, sounds: Path) -> None:
    result = attack(tiny, sounds)
    assert result.exit_code == 0, result.output
    assert "stock speakers, who are synthetic, stand in" in result.output
    assert "Why not: nobody said which recordings of the person were not used (--held-out)." in result.output
    assert "not tested" in result.output


def test_nothing_of_the_person_is_on_the_page_or_in_the_record(tiny: Path, sounds: Path, tmp_path: Path) -> None:
    released(tiny, "local", 1.2)
    before = set(files_below(tiny))
    result = attack(tiny, sounds, "--others", sounds / "others", "-o", tmp_path / "page.html", "--record", "--json")
    assert result.exit_code == 0, result.output
    record = tiny / "voices" / "ada" / "records" / RECORD
    assert set(files_below(tiny)) - before == {record}
    written = [record, tmp_path / "page.html"]
    ground = tiny_ground(Voice.open(tiny / "voices" / "ada"))
    styles = [ground.listen(path) for path in sorted((sounds / "person").glob("*.wav"))]
    wanted = set().union(*(needles(style, ground.frame.centre) for style in [*styles, np.mean(styles, axis=0)]))
    assert found_in(written, {*wanted, SECRET.encode()}) == []
    assert SECRET not in result.output
    assert all(word not in path.read_bytes() for path in written for word in (b".wav", b"Tea"))
    page = (tmp_path / "page.html").read_text()
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page


def test_a_record_is_a_line_more_and_never_one_less(tiny: Path, sounds: Path) -> None:
    for _ in range(2):
        assert attack(tiny, sounds, "--record").exit_code == 0
    lines = (tiny / "voices" / "ada" / "records" / RECORD).read_text().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0])["voice"] == "ada"
    assert all("det" not in finding for finding in json.loads(lines[0])["findings"])


def test_what_a_release_says_of_its_noise_is_what_the_attackers_use(tiny: Path, sounds: Path) -> None:
    released(tiny, "local", 1.2)
    words = ("attack", "ada", "--recordings", sounds / "person", "--others", sounds / "others", "--record")
    told = answer(*words, "--home", tiny)
    assert (told["mode"], told["sigma"]) == ("local", 1.2)
    [kept] = (tiny / "voices" / "ada" / "records" / RECORD).read_text().splitlines()
    assert any("no epsilon covers them" in remark for remark in json.loads(kept)["remarks"])
    by_attack = {(finding["attack"], finding["attacker"]): finding for finding in told["findings"]}
    again = by_attack["style", "drawn again"]
    assert again["data"]["released_vectors"] == 8 * (1 + OTHERS)
    assert "By the claim nobody errs in less than 20.2 %" in again["meaning"]
    assert "wrong seeds would pass by chance" in by_attack["seed", "with recordings"]["why_not"]  # a style of 16 values


def test_networks_that_learnt_nothing_are_not_asked(tiny: Path, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacking.attack_membership, "learnt", lambda voice, ground: False)
    result = attack(tiny, sounds, "--held-out", sounds / "held-out")
    assert "its networks are the base's own, which no recording of the person reached" in result.output


def test_an_extra_that_is_not_installed_is_one_sentence(
    home: Path, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    result = attack(home, sounds)
    assert result.exit_code == 1
    assert "resemblyzer, which cannot be loaded" in result.output
    assert "make judges" in result.output


def refused(result: Result, told: str, hint: str) -> None:
    assert result.exit_code == 1, result.output
    assert told in result.output
    assert hint in result.output


def test_a_sound_that_is_said_to_be_learnt_from_and_not(tiny: Path, sounds: Path) -> None:
    refused(attack(tiny, sounds, "--held-out", sounds / "person"), "both among those that", "take it out")


def test_a_recording_that_this_home_knows_to_be_learnt_from(tiny: Path, sounds: Path) -> None:
    learnt = [sounds / "held-out" / f"{SECRET}-0.wav"]
    store = Store(tiny)
    retention.remember(store, retention.term_for("ada", sounds / "held-out", learnt, 30, date(2026, 11, 28)))
    refused(
        attack(tiny, sounds, "--held-out", sounds / "held-out"), "the voice learnt from it", "take it out of --held"
    )
    learnt = [sounds / "person" / f"{SECRET}-0.wav"]
    retention.remember(store, retention.term_for("ada", sounds / "person", learnt, 30, date(2026, 11, 28)))
    result = attack(tiny, sounds, "--held-out", sounds / "held-out")
    assert "5 of 6 recordings are none that this home wrote down" in result.output


def test_a_sound_of_the_person_among_the_others(tiny: Path, sounds: Path, tmp_path: Path) -> None:
    shutil.copytree(sounds / "others", tmp_path / "others")
    shutil.copytree(sounds / "person", tmp_path / "others" / "again")
    refused(attack(tiny, sounds, "--others", tmp_path / "others"), "lies among those of the others", "take it out")


def test_one_other_speaker_is_not_enough(tiny: Path, sounds: Path, tmp_path: Path) -> None:
    shutil.copytree(sounds / "held-out", tmp_path / "others" / "one")
    refused(attack(tiny, sounds, "--others", tmp_path / "others"), "1 other speaker can be heard", "one directory of")


def test_recordings_of_others_that_are_nobodys(tiny: Path, sounds: Path) -> None:
    refused(attack(tiny, sounds, "--others", sounds / "held-out"), "whose it is cannot be told", "one directory of")


@pytest.mark.parametrize("option", ["--recordings", "--held-out"])
def test_a_directory_without_recordings(tiny: Path, sounds: Path, tmp_path: Path, option: str) -> None:
    (tmp_path / "empty").mkdir()
    refused(attack(tiny, sounds, option, tmp_path / "empty"), "0.0 s", "record more")


def test_a_page_is_written_over_nothing_else(tiny: Path, sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.html").write_text("Dear Anna")
    refused(attack(tiny, sounds, "-o", tmp_path / "letter.html"), "letter.html", "")
    assert (tmp_path / "letter.html").read_text() == "Dear Anna"


def test_a_record_of_release_that_nobody_wrote(tiny: Path, sounds: Path) -> None:
    released(tiny, "local", 1.2)
    (tiny / "voices" / "ada" / "records" / RELEASE).write_text("[]")
    refused(attack(tiny, sounds), "release.json", "")


def test_an_edited_ledger(tiny: Path, sounds: Path) -> None:
    released(tiny, "local", 1.2)
    (tiny / "voices" / "ada" / "records" / LEDGER).write_text("{}\n")
    refused(attack(tiny, sounds), "line 1 of the ledger", "")

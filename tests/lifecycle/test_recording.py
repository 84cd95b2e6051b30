"""A directory of recordings is judged file by file: each reason, its limit on both sides, and nothing outside it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from core_model.errors import UnknownLanguageError
from core_model.features.audio import load, resample
from lifecycle.errors import NotADirectoryOfRecordingsError, NotEnoughRecordingsError
from lifecycle.recording import LeftOut, Survey, require_enough, survey, table

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
RATE = 16000


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    """A minute of clean speech in one piece."""
    return np.concatenate([load(path).waveform for path in sorted(EXAMPLES.glob("*.flac"))])


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "recordings"
    made.mkdir()
    return made


def put(
    directory: Path, name: str, waveform: NDArray[np.float32], rate: int = RATE, text: str | None = "Hello."
) -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, waveform, rate)
    if text is not None:
        path.with_suffix(".txt").write_text(text, encoding="utf-8")
    return path


def look(directory: Path, **options: str) -> Survey:
    return survey(directory, front_end_languages=("en",), **options)


def only(found: Survey) -> LeftOut:
    assert not found.used
    (left_out,) = found.left_out
    return left_out


def test_the_examples_are_all_used_and_enough() -> None:
    found = look(EXAMPLES)
    assert len(found.used) == 18
    assert found.left_out == ()
    assert 60.0 < found.total_s < 75.0
    require_enough(found)
    assert found.used[0].text.startswith("The old lighthouse keeper")
    assert found.used[0].path == EXAMPLES / "01.flac"
    assert (found.used[0].sample_rate, found.used[0].channels, found.used[0].source) == (16000, 1, "txt")


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
@pytest.mark.parametrize(("suffix", "channels"), [("wav", 1), ("flac", 6), ("ogg", 2), ("mp3", 2), ("MP3", 1)])
def test_every_format_is_taken(
    directory: Path, speech: NDArray[np.float32], suffix: str, channels: int, rate: int
) -> None:
    waveform = resample(speech[: 4 * RATE], RATE, rate)
    put(directory, f"a.{suffix}", np.stack([waveform] * channels, axis=1), rate)
    (recording,) = look(directory).used
    assert recording.sample_rate == rate
    assert recording.channels == channels
    assert recording.duration_s == pytest.approx(4.0, abs=0.01)
    assert recording.signal_to_noise_db > 20.0


@pytest.mark.parametrize("content", [b"", b"no sound at all", bytes(4000)])
def test_unreadable(directory: Path, content: bytes) -> None:
    (directory / "a.wav").write_bytes(content)
    (directory / "a.txt").write_text("Hello.", encoding="utf-8")
    left_out = only(look(directory))
    assert (left_out.path, left_out.reason) == (Path("a.wav"), "unreadable")


def test_cut_short_is_unreadable(directory: Path, speech: NDArray[np.float32]) -> None:
    whole = put(directory, "a.wav", speech[: 4 * RATE]).read_bytes()
    (directory / "a.wav").write_bytes(whole[: len(whole) // 2])
    assert only(look(directory)).reason == "unreadable"


@pytest.mark.parametrize(
    ("samples", "reason"),
    [(9599, "too_short"), (9600, None), (54 * RATE, None), (54 * RATE + 1, "too_long"), (60 * RATE, "too_long")],
)
def test_length(directory: Path, speech: NDArray[np.float32], samples: int, reason: str | None) -> None:
    put(directory, "a.wav", speech[4000 : 4000 + samples])
    found = look(directory)
    assert [left_out.reason for left_out in found.left_out] == ([reason] if reason else [])
    if reason:
        assert found.left_out[0].figure == found.left_out[0].duration_s == pytest.approx(samples / RATE)


def test_hours_are_refused_without_being_decoded(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(directory, "a.flac", np.zeros(RATE * 120, np.float32))

    def must_not(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("lifecycle.recording_checks.load_channels", must_not)
    assert only(look(directory)).reason == "too_long"


@pytest.mark.parametrize("level", [0.0, 0.0005, 0.002])
def test_silent(directory: Path, speech: NDArray[np.float32], level: float) -> None:
    put(directory, "a.wav", speech[: 4 * RATE] * level)
    left_out = only(look(directory))
    assert left_out.reason == "silent"
    assert left_out.figure is not None and left_out.figure < -50.0


@pytest.mark.parametrize(("gain", "used"), [(1.0, True), (1.5, False), (3.0, False)])
def test_clipped(directory: Path, speech: NDArray[np.float32], gain: float, used: bool) -> None:
    waveform = speech[: 4 * RATE]
    put(directory, "a.wav", np.clip(waveform / np.abs(waveform).max() * gain, -1.0, 1.0))
    found = look(directory)
    assert [left_out.reason for left_out in found.left_out] == ([] if used else ["clipped"])


@pytest.mark.parametrize(("snr_db", "used"), [(10, False), (16, False), (24, True), (30, True)])
def test_noisy(directory: Path, speech: NDArray[np.float32], snr_db: int, used: bool) -> None:
    waveform = speech[: 4 * RATE]
    scale = np.sqrt(np.mean(waveform**2) / 10 ** (snr_db / 10))
    noise = scale * np.random.default_rng(0).normal(size=len(waveform))
    put(directory, "a.wav", (waveform + noise).astype(np.float32))
    found = look(directory)
    if used:
        assert found.used[0].signal_to_noise_db == pytest.approx(snr_db, abs=2.5)
    else:
        assert only(found).reason == "noisy"
        assert found.left_out[0].figure == pytest.approx(snr_db, abs=2.5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "no_transcript"), ("", "transcript_empty"), (" \n", "transcript_empty"), ("... !", "transcript_empty")],
)
def test_without_words(directory: Path, speech: NDArray[np.float32], text: str | None, reason: str) -> None:
    put(directory, "a.wav", speech[: 4 * RATE], text=text)
    assert only(look(directory)).reason == reason


def test_words_in_another_encoding(directory: Path, speech: NDArray[np.float32]) -> None:
    put(directory, "a.wav", speech[: 4 * RATE])
    (directory / "a.txt").write_bytes("Übung".encode("latin-1"))
    assert only(look(directory)).reason == "transcript_unreadable"


def test_a_language_without_a_front_end(directory: Path, speech: NDArray[np.float32]) -> None:
    put(directory, "a.wav", speech[: 4 * RATE], text=None)
    (directory / "me.list").write_text("a.wav|me|zh|你好", encoding="utf-8")
    left_out = only(look(directory))
    assert left_out.reason == "unknown_language"
    assert "'zh'" in left_out.sentence
    assert "你" not in left_out.sentence
    with pytest.raises(UnknownLanguageError):
        look(directory, language="zh")


def test_the_same_sound_twice_is_used_once(directory: Path, speech: NDArray[np.float32]) -> None:
    put(directory, "b.wav", speech[: 4 * RATE])
    put(directory, "c.flac", load(directory / "b.wav").waveform)  # another file format, the same samples
    put(directory, "a.wav", speech[: 4 * RATE], text=None)  # is left out for another reason, so b is the first
    found = look(directory)
    assert [recording.path.name for recording in found.used] == ["b.wav"]
    assert [(left_out.path.name, left_out.reason) for left_out in found.left_out] == [
        ("a.wav", "no_transcript"),
        ("c.flac", "duplicate"),
    ]
    assert "b.wav" in found.left_out[1].sentence


def test_lists_that_lead_nowhere(directory: Path, speech: NDArray[np.float32]) -> None:
    put(directory, "a.wav", speech[: 4 * RATE])
    (directory / "1.list").write_text("z.wav|me|en|Z.", encoding="utf-8")
    (directory / "2.list").write_bytes(b"\xff\xfe")
    (directory / "metadata.csv").write_text("".join(f"LJ{n:03}|Words.\n" for n in range(500)), encoding="utf-8")
    found = look(directory)
    assert [(item.path.as_posix(), item.reason, item.figure) for item in found.left_out] == [
        ("2.list", "list_unreadable", None),
        ("metadata.csv", "missing", 500.0),
        ("z.wav", "missing", None),
    ]


def test_links_and_pipes_are_not_followed_out(directory: Path, speech: NDArray[np.float32]) -> None:
    outside = put(directory.parent / "private", "secret.wav", speech[: 4 * RATE])
    put(directory, "a.wav", speech[4 * RATE : 8 * RATE])
    (directory / "b.wav").symlink_to(outside)
    (directory / "b.txt").write_text("Hello.", encoding="utf-8")
    (directory / "c").symlink_to(outside.parent, target_is_directory=True)
    (directory / "d.wav").symlink_to("d.wav")
    os.mkfifo(directory / "e.wav")
    (directory / "f.wav").symlink_to("a.wav")
    (directory / "f.txt").write_text("Hello.", encoding="utf-8")
    found = look(directory)
    assert [recording.path.name for recording in found.used] == ["a.wav"]
    assert [(left_out.path.name, left_out.reason) for left_out in found.left_out] == [
        ("b.wav", "outside"),
        ("d.wav", "outside"),
        ("e.wav", "outside"),
        ("f.wav", "duplicate"),
    ]


def test_a_link_to_the_directory_itself_is_fine(directory: Path, speech: NDArray[np.float32]) -> None:
    put(directory, "a.wav", speech[: 4 * RATE])
    link = directory.parent / "link"
    link.symlink_to(directory, target_is_directory=True)
    assert len(look(link).used) == 1


def test_hidden_files_and_other_kinds_are_passed_over(directory: Path, speech: NDArray[np.float32]) -> None:
    put(directory, "._a.wav", speech[: 4 * RATE])
    put(directory, ".cache/a.wav", speech[: 4 * RATE])
    (directory / "notes.md").write_text("x", encoding="utf-8")
    found = look(directory)
    assert (found.used, found.left_out) == ((), ())


def test_too_little_in_all_is_refused_with_the_figures(directory: Path, speech: NDArray[np.float32]) -> None:
    put(directory, "a.wav", speech[: 10 * RATE])
    put(directory, "b.wav", speech[10 * RATE : 20 * RATE - 160])
    put(directory, "c.wav", speech[:4000])
    with pytest.raises(NotEnoughRecordingsError, match=r"20\.0 s .* 20 s are needed") as refused:
        require_enough(look(directory))
    assert refused.value.found_s == pytest.approx(19.99)
    assert (refused.value.needed_s, refused.value.left_out) == (20.0, 1)
    put(directory, "c.wav", speech[30 * RATE : 31 * RATE])
    require_enough(look(directory))


def test_an_empty_directory_and_none_at_all(directory: Path) -> None:
    with pytest.raises(NotEnoughRecordingsError):
        require_enough(look(directory))
    for path in (directory / "absent", EXAMPLES / "01.flac"):
        with pytest.raises(NotADirectoryOfRecordingsError):
            look(path)


def test_the_same_directory_gives_the_same_survey(directory: Path) -> None:
    for path in sorted(EXAMPLES.glob("*.*"), reverse=True):
        shutil.copy(path, directory)
    first, second = look(directory), look(EXAMPLES)
    assert [(r.path.name, r.sha256, r.text) for r in first.used] == [
        (r.path.name, r.sha256, r.text) for r in second.used
    ]
    assert [recording.path.name for recording in first.used] == sorted(recording.path.name for recording in first.used)


def test_the_table_shows_names_and_reasons_and_nothing_said(
    directory: Path, speech: NDArray[np.float32], caplog: pytest.LogCaptureFixture
) -> None:
    put(directory, "b/good.wav", speech[: 4 * RATE], text="my bank code is")
    put(directory, "a\x1b[31m.wav", speech[:4000], text="and my password")
    with caplog.at_level(logging.DEBUG):
        found = look(directory)
    rows = table(found)
    assert [(row.file, row.used, row.reason) for row in rows] == [
        ("a\N{REPLACEMENT CHARACTER}[31m.wav", False, "too_short"),
        ("b/good.wav", True, ""),
    ]
    assert rows[1].duration_s == 4.0
    for shown in (repr(found), repr(rows), caplog.text, json.dumps([asdict(row) for row in rows])):
        assert "bank" not in shown
        assert "password" not in shown


def test_progress_is_told(directory: Path, speech: NDArray[np.float32]) -> None:
    put(directory, "a.wav", speech[:4000])
    put(directory, "b.wav", speech[: 2 * RATE])
    told: list[tuple[int, int, str]] = []
    survey(directory, front_end_languages=("en",), progress=lambda *step: told.append(step))
    assert told == [(1, 2, "a.wav"), (2, 2, "b.wav")]


def test_a_minute_takes_under_a_second() -> None:
    started = time.process_time()  # not the wall clock: the machine may be busy with something else
    look(EXAMPLES)
    assert time.process_time() - started < 1.0


def test_no_torch_is_needed() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from lifecycle.recording import survey\n"
        f"print(len(survey(Path({str(EXAMPLES)!r}), front_end_languages=('en',)).used))"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "18"


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "PCM_U8", "ULAW"])
def test_every_kind_of_wav_that_people_have(directory: Path, speech: NDArray[np.float32], subtype: str) -> None:
    soundfile.write(directory / "a.wav", speech[: 4 * RATE], RATE, subtype=subtype)
    (directory / "a.txt").write_text("Hello.", encoding="utf-8")
    assert len(look(directory).used) == 1

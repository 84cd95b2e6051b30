"""From recordings to a voice, with the embedded base and in very few steps: whole, resumable, without the recordings.

The base and the networks are the real ones; what is learnt in two steps is nothing, which is not the point here.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from core_model.errors import AlignmentError
from core_model.features import acoustic, audio
from core_model.golden import Golden
from core_model.nano import base
from core_model.text.front_end import FrontEnd
from core_model.training.adaptation import Adaptation
from core_model.voice import Voice
from lifecycle.cli import main
from lifecycle.consenting import read_statements, weights_of
from lifecycle.errors import VoiceExistsError
from lifecycle.recording import Recording, survey
from lifecycle.retention import term_of
from lifecycle.store import Store
from lifecycle.training import Tell, train

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PLAN = Adaptation(gpt_steps=3, sovits_steps=3, batch_size=2, checkpoint_every=1)


def lay_out(directory: Path, *names: str, wrong: str | None = None) -> Path:
    """Copy examples to *directory*; *wrong* gets the words of another one."""
    directory.mkdir(parents=True)
    for name in names:
        shutil.copy(EXAMPLES / f"{name}.flac", directory)
        shutil.copy(EXAMPLES / f"{name}.txt", directory)
    if wrong:
        shutil.copy(EXAMPLES / f"{wrong}.flac", directory)
        shutil.copy(EXAMPLES / "16.txt", directory / f"{wrong}.txt")
    return directory


def recordings_in(directory: Path) -> tuple[Recording, ...]:
    return survey(directory, front_end_languages=("en",)).used


@dataclass(frozen=True)
class Made:
    home: Path
    recordings: Path
    told: dict[str, Any]
    stderr: str
    voice: Voice


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One run of the verb, as a person would call it, with steps few enough for a test."""
    place = tmp_path_factory.mktemp("training")
    recordings = lay_out(place / "recordings", "01", "02", "03", "06", "07", "08", wrong="04")
    (place / "run.toml").write_text(
        'recordings = "recordings"\ngpt_steps = 2\nsovits_steps = 2\nthreads = 1\nkeep_recordings = 9\n'
    )
    words = ["train", "anna", "--config", place / "run.toml", "--home", place / "home", "--seed", "7"]
    words += ["--synthetic", "--json"]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)  # one object, and nothing else
    return Made(place / "home", recordings, told, result.stderr, Voice.open(Store(place / "home").path("anna")))


def test_the_voice_is_whole(made: Made) -> None:
    found = {path.relative_to(made.voice.directory).as_posix() for path in made.voice.directory.rglob("*")}
    assert {
        "voice.json", "weights/gpt.safetensors", "weights/sovits.safetensors", "prompts/default.safetensors",
        "golden/golden.json", "records/training.json", "records/training.svg", "records/card.md",
        "exports/onnx/gpt.onnx", "exports/torchscript/sovits.pt", "text",
    } <= found  # fmt: skip
    description = made.voice.description
    told = (description.family, description.preview, description.licence)
    assert told == ("nano", base.PREVIEW, "all rights reserved")
    assert description.lineage["base_sha256"] == base.digest()
    for part in ("gpt", "sovits"):
        assert {array.dtype for array in made.voice.weights(part).values()} == {np.dtype(np.float16)}
    assert made.voice.prompt().style.shape == (1, description.sovits["style"], 1)


def test_its_golden_outputs_are_judged_against_the_bases_speakers(made: Made) -> None:
    identity = Golden.read(made.voice.golden_directory).identity
    assert identity.reference == "recordings"
    assert identity.stock_voices == len(base.load().stock_styles)


def test_the_answer_names_the_voice_and_what_was_left_out_after_all(made: Made) -> None:
    assert made.told["voice"] == "anna"
    assert made.told["preview"] is base.PREVIEW
    assert Path(made.told["path"]) == made.voice.directory
    (left_out,) = made.told["unaligned"]
    assert left_out["file"] == "04.flac"
    assert left_out["reason"] == "the recording does not seem to say its transcript"


def test_nothing_is_left_of_the_run_but_the_voice(made: Made) -> None:
    assert [path.name for path in (made.home / "voices").iterdir()] == ["anna"]
    assert list((made.home / "work").iterdir()) == []
    found = {path.relative_to(made.home).as_posix() for path in made.home.rglob("*")}
    outside = {name for name in found if not name.startswith("voices/")}
    keys = {"keys", "keys/signing", "keys/signing.pub", "keys/signing.p256.pub", "keys/work"}
    assert outside == {".lock", "voices", "work", "recordings", "recordings/anna.json"} | keys


def test_what_was_read_is_under_a_date_and_whose_it_is_stands_in_the_voice(made: Made) -> None:
    term = term_of(Store(made.home), "anna")
    assert term is not None
    assert (str(term.ends), term.directory) == (made.told["recordings_until"], made.recordings)
    assert set(term.files) == {path.name for path in made.recordings.iterdir()}
    [said] = read_statements(made.voice.directory)
    assert (said.statement.kind, said.statement.weights) == ("nobody", weights_of(made.voice.directory))


def test_the_records_tell_of_every_step(made: Made) -> None:
    records = made.voice.directory / "records"
    facts = json.loads((records / "training.json").read_text())
    assert [(p["stage"], p["step"]) for p in facts["curves"]] == [("gpt", 1), ("gpt", 2), ("sovits", 1), ("sovits", 2)]
    assert facts["plan"] | {"gpt_steps": 2, "sovits_steps": 2, "seed": 7} == facts["plan"]
    assert facts["left_out"] == 1
    assert "English only" in (records / "card.md").read_text()
    assert ElementTree.parse(records / "training.svg").getroot().tag.endswith("svg")


def windows(waveform: np.ndarray) -> list[bytes]:
    """Pieces of a recording, in every form that numbers are likely to rest in."""
    forms = [waveform, acoustic.level(waveform)]
    loud = sorted(range(800, len(waveform) - 800, 400), key=lambda i: -float(np.abs(waveform[i : i + 400]).sum()))[:3]
    found = []
    for form in forms:
        scaled = np.round(np.clip(form, -1, 1) * 32767).astype(np.int16), np.round(form * 32768).astype(np.int16)
        for array in (*scaled, form.astype(np.float16), form.astype(np.float32), form.astype(np.float64)):
            found += [array[start : start + 16].tobytes() for start in loud]
    return found


def test_nothing_in_the_voice_is_a_recording_or_what_was_said(made: Made) -> None:
    everything = [path.read_bytes() for path in made.voice.directory.rglob("*") if path.is_file()]
    lower = [content.lower() for content in everything]
    front_end = FrontEnd()
    for path in sorted(made.recordings.glob("*.flac")):
        waveform = audio.load(path, 16_000).waveform
        pieces = windows(waveform)
        assert pieces[0] in np.round(waveform * 32767).astype(np.int16).tobytes()  # this is how it would be found
        assert not [1 for piece in pieces for content in everything if piece in content]
        words = path.with_suffix(".txt").read_text().strip().lower().split()
        phrases = {" ".join(words[i : i + 3]).encode() for i in range(len(words) - 2)}
        assert not [phrase for phrase in phrases for content in lower if phrase in content]
        ids = front_end.phonemize(path.with_suffix(".txt").read_text(), "en").ids
        for dtype in (np.int64, np.int32, np.int16):
            rows = np.array(ids, dtype=dtype)
            assert not [1 for i in (0, len(ids) // 2) for c in everything if rows[i : i + 8].tobytes() in c]
        assert not [1 for content in everything if path.name.encode() in content]
        assert not [1 for content in everything if str(made.recordings).encode() in content]


def silent(_done: int, _of: int, _note: str) -> None:
    """Nobody watches."""


def run(store: Store, recordings: Path, plan: Adaptation = PLAN, tell: Tell = silent) -> None:
    train(store, "anna", recordings_in(recordings), plan, licence="CC0-1.0", now=NOW, tell=tell)


def test_a_name_that_is_taken_is_refused_before_anything_is_done(made: Made) -> None:
    with pytest.raises(VoiceExistsError):
        run(Store(made.home), made.recordings, tell=lambda *_: pytest.fail("it began"))
    assert list((made.home / "work").iterdir()) == []


def test_no_recording_that_says_its_words_ends_without_a_voice(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    with pytest.raises(AlignmentError, match="no recording could be aligned"):
        run(store, lay_out(tmp_path / "recordings", wrong="04"))
    assert store.names() == ()


def test_other_recordings_words_or_plans_are_another_run(tmp_path: Path) -> None:
    """What lies in the work directory belongs to one run; any other one throws it away."""
    store = Store(tmp_path / "home")
    recordings = lay_out(tmp_path / "recordings", "02", "04")

    class Enough(Exception):
        pass

    def stop(done: int, _of: int, _note: str) -> None:
        if done == 2:
            raise Enough

    def steps_done(plan: Adaptation) -> int:
        told: list[int] = []

        def tell(done: int, of: int, note: str) -> None:
            told.append(done)
            stop(done, of, note)

        with pytest.raises(Enough):
            run(store, recordings, plan, tell)
        return told[1]

    plan = Adaptation(gpt_steps=9, sovits_steps=1, batch_size=2, checkpoint_every=1)
    assert steps_done(plan) == 1  # from the start
    assert steps_done(plan) == 2  # gone on with: step 1 was kept
    assert steps_done(Adaptation(gpt_steps=9, sovits_steps=1, batch_size=2, checkpoint_every=1, seed=1)) == 1
    (recordings / "02.txt").write_text("Joy and pleasure are usually found where nobody thought of looking.")
    assert steps_done(plan) == 1


def test_work_on_a_voice_that_is_whole_goes_with_the_next_training(made: Made, tmp_path: Path) -> None:
    """Killed between the last rename and the tidying up."""
    home = tmp_path / "home"
    (home / "voices" / "bert").mkdir(parents=True)
    for name in ("bert", "carl"):
        (home / "work" / name).mkdir(parents=True)
    with pytest.raises(AlignmentError):
        run(Store(home), lay_out(tmp_path / "recordings", wrong="04"))
    assert sorted(path.name for path in (home / "work").iterdir()) == ["anna", "carl"]


# Kills itself where it is told to: at the n-th thing that is told ("tell"), in the middle of writing a checkpoint or a
# line of the curves, with half a voice written, before the exports, or just before the voice gets its name.
CHILD = """
import os, signal, sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
import torch
torch.set_num_threads(1)
from core_model.training import checkpoint
from lifecycle import store as store_module, training, training_report
from lifecycle.recording import survey
from lifecycle.store import Store
from tests.lifecycle.test_training import NOW, PLAN

home, recordings, where, count = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
seen = 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def at(place):
    global seen
    seen += place == where
    return place == where and seen == count

def patch(module, name, place, half=None):
    real = getattr(module, name)
    def patched(*arguments, **named):
        if at(place):
            if half:
                half(real, *arguments, **named)
            die()
        return real(*arguments, **named)
    setattr(module, name, patched)

def half_a_file(real, tensors):
    for count, piece in enumerate(real(tensors)):
        if count == 9 and at("checkpoint"):
            die()
        yield piece

def half_a_line(real, curves, progress):
    real(curves, progress)
    os.truncate(curves._path, os.path.getsize(curves._path) - 9)

checkpoint.pieces_of = partial(half_a_file, checkpoint.pieces_of)
patch(training_report.Curves, "add", "curve", half_a_line)
patch(training, "write_records", "records")
patch(training, "write_exports", "exports")
patch(store_module, "_rename_directory", "rename")

def tell(done, of, note):
    if at("tell"):
        die()

used = survey(recordings, front_end_languages=("en",)).used
training.train(Store(home), "anna", used, PLAN, licence="CC0-1.0", now=NOW, tell=tell)
"""


def child(home: Path, recordings: Path, where: str = "nowhere", count: int = 1) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CHILD, str(home), str(recordings), where, str(count)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def contents(home: Path) -> dict[str, bytes]:
    voice = home / "voices" / "anna"
    return {path.relative_to(voice).as_posix(): path.read_bytes() for path in voice.rglob("*") if path.is_file()}


FEW = [("checkpoint", 2), ("rename", 1)]
ALL = [
    ("tell", 1), ("checkpoint", 1), ("curve", 1), ("tell", 3), ("checkpoint", 1), ("curve", 2), ("checkpoint", 2),
    ("tell", 2), ("records", 1), ("exports", 1), ("rename", 1),
]  # fmt: skip


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("places", [FEW, pytest.param(ALL, marks=pytest.mark.slow)], ids=["few", "all"])
def test_killed_again_and_again_it_ends_as_if_it_had_not_been(tmp_path: Path, places: list[tuple[str, int]]) -> None:
    recordings = lay_out(tmp_path / "recordings", "02", "04", "06")
    finish(child(tmp_path / "undisturbed", recordings))
    home = tmp_path / "home"
    for where, count in places:
        process = child(home, recordings, where, count)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, (where, count)
        assert Store(home).names() == ()
    finish(child(home, recordings))
    expected, found = contents(tmp_path / "undisturbed"), contents(home)
    assert {name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)} == set()
    assert list((home / "work").iterdir()) == []
    assert [path.name for path in (home / "voices").iterdir()] == ["anna"]


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_killed_at_any_time_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """By the clock, from outside; the moments differ from machine to machine, what comes out does not."""
    recordings = lay_out(tmp_path / "recordings", "02", "04", "06")
    finish(child(tmp_path / "undisturbed", recordings))
    home = tmp_path / "home"
    moments = random.Random(2026)
    for _ in range(8):
        if Store(home).names():
            break  # killed after the voice had its name: the same command would be told that it is taken
        process = child(home, recordings)
        try:
            process.communicate(timeout=moments.uniform(1, 12))
            assert process.returncode == 0
            break  # it was faster
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    if not Store(home).names():
        finish(child(home, recordings))
    expected, found = contents(tmp_path / "undisturbed"), contents(home)
    assert {name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)} == set()

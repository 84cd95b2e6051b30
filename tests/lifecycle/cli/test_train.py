"""`train` looks at the recordings first, says what it found, and stops there if that is not enough."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
from click.testing import CliRunner, Result

from lifecycle.cli import main
from lifecycle.store import Store

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"


def train(home: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["train", "anna", "--home", str(home), *more])


def test_a_dry_run_shows_every_recording_and_makes_nothing(tmp_path: Path) -> None:
    result = train(tmp_path / "home", "--recordings", str(EXAMPLES), "--dry-run")
    assert result.exit_code == 0, result.output
    for path in EXAMPLES.glob("*.flac"):
        assert path.name in result.stdout
    assert not (tmp_path / "home").exists()


def test_the_table_never_shows_what_was_said(tmp_path: Path) -> None:
    result = train(tmp_path, "--recordings", str(EXAMPLES), "--dry-run", "--json")
    for transcript in EXAMPLES.glob("*.txt"):
        assert transcript.read_text().strip() not in result.output


def test_too_little_stops_before_training_and_says_why(tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    soundfile.write(recordings / "silence.wav", np.zeros(16_000), 16_000)
    (recordings / "silence.txt").write_text("Nothing is heard here.")
    (recordings / "broken.wav").write_bytes(b"RIFF")
    for more in ([], ["--dry-run"]):
        result = train(tmp_path / "home", "--recordings", str(recordings), "--json", *more)
        assert result.exit_code == 1
        told = json.loads(result.stdout)
        assert told["error"]["kind"] == "NotEnoughRecordingsError"
        assert {row["reason"] for row in told["left_out"]} == {"silent", "unreadable"}
    assert Store(tmp_path / "home").names() == ()


def test_an_unknown_language_and_a_missing_directory(tmp_path: Path) -> None:
    result = train(tmp_path, "--recordings", str(EXAMPLES), "--language", "tlh")
    assert result.exit_code == 1
    assert result.stderr.startswith("lifecycle: no front end for language 'tlh'.\nHint: known are en.")
    assert train(tmp_path, "--recordings", str(tmp_path / "nowhere")).exit_code == 1


def test_a_name_that_is_taken_is_refused_before_the_recordings_are_looked_at(tmp_path: Path) -> None:
    with Store(tmp_path).new_voice("anna"):
        pass
    result = train(tmp_path, "--recordings", str(EXAMPLES))
    assert result.exit_code == 1
    assert "a voice called 'anna' is there already" in result.stderr
    assert ".flac" not in result.stdout


def test_a_call_without_recordings_makes_no_sense(tmp_path: Path) -> None:
    assert train(tmp_path).exit_code == 2


def test_recordings_may_stand_in_run_toml(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(f'recordings = "{EXAMPLES}"\n')
    result = train(tmp_path, "--config", str(tmp_path / "run.toml"), "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["used"]) == len(list(EXAMPLES.glob("*.flac")))


def test_a_slip_in_run_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("sed = 3\n")
    result = train(tmp_path, "--config", str(tmp_path / "run.toml"))
    assert result.exit_code == 1
    assert result.stderr.startswith("lifecycle: sed: is not known; known are")


def test_good_recordings_of_less_than_twenty_seconds_are_too_little(tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    for name in ("01", "02", "03", "04"):
        for suffix in ("flac", "txt"):
            shutil.copy(EXAMPLES / f"{name}.{suffix}", recordings)
    result = train(tmp_path / "home", "--recordings", str(recordings), "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["error"]["kind"] == "NotEnoughRecordingsError"
    assert len(told["used"]) == 4 and 10 < told["total_s"] < 20
    assert not (tmp_path / "home").exists()


def test_the_table_sums_up_and_says_why(tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    shutil.copytree(EXAMPLES, recordings)
    (recordings / "05.txt").unlink()
    result = train(tmp_path / "home", "--recordings", str(recordings), "--dry-run")
    assert result.exit_code == 0, result.output
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("05.flac")]
    assert "left out: there is no transcript" in row
    assert result.stdout.rstrip().endswith("s in 17 recordings are used; 1 is left out.")


def test_help_names_what_the_base_cannot_do() -> None:
    result = CliRunner().invoke(main, ["train", "--help"])
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    for said in ("synthetic speech", "English only", "16 kHz", "will hear the difference"):
        assert said in words


def test_without_torch_it_says_so(tmp_path: Path) -> None:
    """A machine that only speaks through onnx has no torch: that is no bug of ours."""
    program = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, NoTorch())
from lifecycle.cli import main

main(sys.argv[1:])
"""
    command = [
        sys.executable,
        "-c",
        program,
        "train",
        "x",
        "--recordings",
        "examples",
        "--home",
        str(tmp_path),
        "--json",
    ]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "training needs torch" in json.loads(ended.stdout)["error"]["sentence"]

"""pytest compat_tests --voice FILE --runner CMD, run for real: which tests there are, and what the exit code is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archive.bundle import pack
from core_model.voice import Voice

ROOT = Path(__file__).resolve().parents[2]
REPLAYING = f"{sys.executable} -I {Path(__file__).with_name('replaying_runner.py')}"
PATIENCE_S = 280


def run(voice: Path, runner: str, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "compat_tests", "-v", "-p", "no:cacheprovider", "--voice", str(voice)]
    command += ["--runner", runner, "--runner-env", f"PYTHONPATH={ROOT}", *(str(option) for option in options)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Test id to PASSED, FAILED, SKIPPED, XFAIL."""
    return dict(re.findall(r"test_voice\.py::test_(\S+) ([A-Z]+)", done.stdout))


def unless(**others: str) -> dict[str, str]:
    """What an untouched directory gives, but for these."""
    layers = [f"{layer}[en-{index}]" for layer in ("text", "tokens", "waveform") for index in (0, 1)]
    passed = dict.fromkeys(["describe", *layers, "identity", "speak"], "PASSED")
    return passed | {"fixity": "SKIPPED"} | {name.replace("_en", "[en-") + "]": said for name, said in others.items()}


@pytest.mark.parametrize("name", ["torch", "torchscript", "onnx"])
def test_our_three_runners_pass_on_the_tiny_voice(tiny_voice: Voice, name: str) -> None:
    done = run(tiny_voice.directory, f"{sys.executable} -m core_model.runner {name}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcomes(done) == unless()
    assert "Nothing that ran has drifted." in done.stdout


def test_a_bundle_is_opened_only_for_whom_it_should_be(tiny_voice: Voice, tmp_path: Path) -> None:
    files = [path for path in tiny_voice.directory.rglob("*") if path.is_file()]
    members = {path.relative_to(tiny_voice.directory).as_posix(): path for path in files}
    pack(tmp_path / "ada.voice", members, public=True)
    runner = f"{REPLAYING} none@none"
    doubted = run(tmp_path / "ada.voice", runner)
    assert doubted.returncode == 4 and "--accept-unsigned takes anybody's" in doubted.stderr
    done = run(tmp_path / "ada.voice", runner, "--accept-unsigned")
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcomes(done) == unless() | {"fixity": "PASSED"}
    (tmp_path / "other.pub").write_text(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJDHl7ZcFJoTIDjF8YI6fhrAHbB3yn9YJUoe/4TV5Q2V x\n"
    )
    unsigned = run(tmp_path / "ada.voice", runner, "--trust", tmp_path / "other.pub")
    assert unsigned.returncode == 4 and "not signed" in unsigned.stderr


def test_a_lying_runner_fails_its_layer_and_the_rest_goes_on(tiny_voice: Voice, tmp_path: Path) -> None:
    runner = f"{REPLAYING} abort@tokens"
    done = run(tiny_voice.directory, runner)
    assert done.returncode == 1
    assert outcomes(done) == unless(tokens_en0="FAILED", tokens_en1="FAILED")
    assert "Likely cause: runner." in done.stdout and "SIGABRT" in done.stdout
    known = tmp_path / "known.xfails"
    known.write_text("tokens[en-0]: it aborts\ntokens[en-1]: it aborts\n")
    done = run(tiny_voice.directory, runner, "--xfails", known)
    assert done.returncode == 0, done.stdout
    assert outcomes(done) == unless(tokens_en0="XFAIL", tokens_en1="XFAIL")


def test_known_failures_are_strict(tiny_voice: Voice, tmp_path: Path) -> None:
    known = tmp_path / "known.xfails"
    known.write_text("waveform[en-1]: it used to fail\n")
    done = run(tiny_voice.directory, f"{REPLAYING} none@none", "--xfails", known)
    assert done.returncode == 1 and outcomes(done) == unless(waveform_en1="FAILED")
    assert "[XPASS(strict)] it used to fail" in done.stdout
    known.write_text("waveform[en-9]: no such sentence\n")
    done = run(tiny_voice.directory, f"{REPLAYING} none@none", "--xfails", known)
    assert done.returncode == 4 and "there is no test waveform[en-9]" in done.stderr


def test_a_verb_that_is_not_there_is_skipped_with_its_reason(tiny_voice: Voice) -> None:
    done = run(tiny_voice.directory, f"{REPLAYING} missing@phonemize")
    assert done.returncode == 0
    assert outcomes(done) == unless(text_en0="SKIPPED", text_en1="SKIPPED")
    assert "There is no paper" in done.stdout


def test_calls_that_make_no_sense_end_before_anything_is_asked(tiny_voice: Voice, tmp_path: Path) -> None:
    broken = shutil.copytree(tiny_voice.directory, tmp_path / "ada")
    (broken / "golden" / "golden.json").unlink()
    done = run(broken, f"{REPLAYING} none@none")
    assert done.returncode == 4 and "no golden outputs" in done.stderr
    done = run(tmp_path / "nowhere", f"{REPLAYING} none@none", "--accept-unsigned")
    assert done.returncode == 4 and "nowhere" in done.stderr

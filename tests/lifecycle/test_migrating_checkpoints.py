"""Migrating checkpoints: an import with a history, and with exports where the family has them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core_model.voice import Voice
from lifecycle import migrating_checkpoints
from lifecycle.cli import main
from lifecycle.store import Store
from tests.lifecycle import upstream_files as made
from tests.lifecycle.upstream_files import small_shapes

__all__ = ["small_shapes"]
pytestmark = pytest.mark.usefixtures("small_shapes")


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The two halves of a voice too small to be exported: what stands for its exports is one file."""

    def write(voice: Voice) -> None:
        (voice.directory / "exports" / "onnx").mkdir(parents=True)
        (voice.directory / "exports" / "onnx" / "gpt.onnx").write_bytes(b"\x08\x08")

    monkeypatch.setattr(migrating_checkpoints, "write_exports", write)
    return made.write(tmp_path / "anna_e8.pth", made.sovits()), made.write(tmp_path / "anna-e15.ckpt", made.gpt())


def test_both_halves_become_a_current_voice_with_a_history(files: tuple[Path, Path], tmp_path: Path) -> None:
    result = call("migrate", *files, "--name", "anna", "--home", tmp_path / "home", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    voice = Voice.open(Store(tmp_path / "home").path("anna"))
    assert voice.description.history == (told["history"],)
    entry = told["history"]
    assert (entry["what"], entry["proof"]) == ("imported", {})
    for part in ("gpt", "sovits"):
        digest = hashlib.sha256(voice.weights_file(part).read_bytes()).hexdigest()
        assert entry["files"][f"weights/{part}.safetensors"] == {"old": None, "new": digest}
    assert set(entry["exports"]["files"]) == {"exports/onnx/gpt.onnx"}
    lineage = voice.description.lineage["imported"]
    assert lineage["gpt"]["sha256"] == hashlib.sha256(files[1].read_bytes()).hexdigest()  # type: ignore[index]


def test_a_family_without_exports_gets_none(tmp_path: Path, files: tuple[Path, Path]) -> None:
    v4 = made.write(tmp_path / "flow.pth", made.sovits("v4"))
    vocoder = made.write(tmp_path / "vocoder.pth", made.vocoder("v4"))
    words = (v4, files[1], "--vocoder", vocoder, "--name", "flora", "--home", tmp_path / "home", "--json")
    result = call("migrate", *words)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["history"]["exports"]["files"] == {}


def test_the_plan_names_the_files_and_makes_nothing(files: tuple[Path, Path], tmp_path: Path) -> None:
    result = call("migrate", *files, "--name", "anna", "--home", tmp_path / "home", "--dry-run")
    assert result.exit_code == 0
    assert "anna_e8.pth" in result.stdout and "nothing: golden outputs are recorded with the first" in result.stdout
    assert not (tmp_path / "home").exists()


def test_checkpoints_need_a_name_and_both_halves(files: tuple[Path, Path], tmp_path: Path) -> None:
    assert call("migrate", *files, "--home", tmp_path / "home").exit_code == 2
    result = call("migrate", files[0], "--name", "anna", "--home", tmp_path / "home")
    assert result.exit_code == 1 and "name both" in result.stderr

"""How an engine's phones get the front end's stress and marks, and what the recipe's command line says of itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core_model.nano import recipe, speech
from core_model.text.front_end import FrontEnd
from core_model.text.symbols import V2

ROOT = Path(__file__).resolve().parents[3]


def test_where_both_agree_the_front_end_is_right() -> None:
    phones = ["SP", "HH", "AH", "L", "OW", "SP"]
    assert recipe.symbols_with_stress(phones, ["HH", "AH0", "L", "OW1", "."]) == ["SP", "HH", "AH0", "L", "OW1", "."]


def test_a_pause_where_a_mark_was_written_becomes_the_mark() -> None:
    phones = ["SP", "Y", "EH", "S", "SP", "AY", "D", "UW", "SP"]
    written = ["Y", "EH1", "S", ",", "AY1", "D", "UW1", "!"]
    assert recipe.symbols_with_stress(phones, written) == ["SP", "Y", "EH1", "S", ",", "AY1", "D", "UW1", "!"]


def test_where_they_differ_the_engine_is_right_and_stress_is_the_front_ends() -> None:
    """A reduced vowel: the engine said IH where the dictionary writes AH0."""
    assert recipe.symbols_with_stress(["R", "IH", "D"], ["R", "AH0", "D"]) == ["R", "IH0", "D"]
    assert recipe.symbols_with_stress(["AA", "T"], ["AE2", "T"]) == ["AA2", "T"]


def test_what_nobody_wrote_takes_its_usual_stress() -> None:
    assert recipe.symbols_with_stress(["AH", "K", "ER", "AO", "SP"], []) == ["AH0", "K", "ER0", "AO1", "SP"]
    assert recipe.symbols_with_stress(["B", "AH", "T"], ["B", "T"]) == ["B", "AH0", "T"]
    assert recipe.symbols_with_stress(["B", "T"], ["B", "AH0", "T", "."]) == ["B", "T"]  # what was not spoken is not


def test_every_symbol_that_comes_out_is_in_the_table() -> None:
    written = FrontEnd().phonemize("Did you move the azure vase, or has it vanished?", "en").symbols
    phones = ["SP", *(p for p in "D IH D Y UW M UW V DH AX Z ZH ER V EY Z".replace("AX", "AH").split()), "SP"]
    assert set(recipe.symbols_with_stress(phones, written)) <= set(V2)


def test_help_names_every_stage() -> None:
    """argparse formats the docstring: a per cent sign in it would be an error that only --help shows."""
    run = subprocess.run(
        [sys.executable, "-m", "core_model.nano.recipe", "--help"],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for stage in ("speech", "dataset", "aligner", "gpt", "sovits", "pack"):
        assert stage in run.stdout


def test_every_stage_has_what_comes_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    for stage in ("make_speech", "make_dataset", "train_aligner", "train_gpt"):
        monkeypatch.setattr(recipe, stage, lambda *_, stage=stage: done.append(stage))
    monkeypatch.setattr(recipe, "train_sovits", lambda *_: pytest.fail("too far"))
    monkeypatch.setattr(recipe, "missing_sources", lambda: ())  # stages are stubs here, and need no engine
    monkeypatch.setattr(recipe.torch, "set_num_threads", lambda _: None)
    ran = {}
    for only in ("speech", "dataset", "aligner", "gpt"):
        done.clear()
        monkeypatch.setattr(sys, "argv", ["recipe", "--work", str(tmp_path), "--only", only])
        recipe.main()
        ran[only] = list(done)
    assert ran == {
        "speech": ["make_speech"],
        "dataset": ["make_speech", "make_dataset"],
        "aligner": ["make_speech", "make_dataset", "train_aligner"],
        "gpt": ["make_speech", "make_dataset", "train_aligner", "train_gpt"],
    }


def test_the_person_it_is_judged_by_is_never_among_its_speakers() -> None:
    names = [speaker.name for speaker in speech.SPEAKERS]
    assert not [name for name in names if "slt" in name]
    assert len(set(names)) == len(names)


def test_named_persons_prompts_are_not_among_them_either() -> None:
    assert {speaker.engine for speaker in speech.SPEAKERS} == {"flite", "festival", "espeak"}

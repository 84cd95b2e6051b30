"""Speaking through the command line: other languages, prompts, cuts, steps; and nothing is left out in silence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from core_model.sampling import SamplingOptions
from core_model.text.front_end import write_data
from core_model.voice import Prompt, Voice, write_prompt
from lifecycle.cli import main
from lifecycle.store import Store
from tests.core_model.features import tiny_pretrained
from tests.tiny_voice import make_tiny_voice

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ada, whose tokens come from a quantizer, reads English and Chinese; Flora matches flows."""
    home = tmp_path_factory.mktemp("home")
    ada = make_tiny_voice(home / "voices" / "ada", quantizer=True, golden=False)
    write_data(ada.text_directory, ("en", "zh"), "upstream")
    held = ada.prompt()
    write_prompt(ada, "calm", replace(held, style=-held.style))
    write_prompt(ada, "wordless", Prompt(np.zeros(0, np.int64), np.zeros(0, np.int64), held.style))
    write_prompt(ada, "unlearned", replace(held, language="zh", word_features=None))
    make_tiny_voice(home / "voices" / "flora", flowing=True, stock_seeds=())
    return home


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights never stop by themselves."""
    monkeypatch.setattr("core_model.speaking.usual_sampling", lambda voice: SamplingOptions(limit=12))


def call(home: Path, *words: object) -> Result:
    return CliRunner().invoke(main, ["speak", *map(str, words), "--home", str(home)])


def answer(home: Path, *words: object) -> dict[str, Any]:
    result = call(home, *words, "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def refusal(home: Path, *words: object) -> dict[str, Any]:
    result = call(home, *words, "--json")
    assert result.exit_code == 1, result.output
    told: dict[str, Any] = json.loads(result.stdout)["error"]
    return told


def test_zeros_in_place_of_word_features_are_said_loudly(home: Path, tmp_path: Path) -> None:
    words = ("ada", "你好。", "--language", "zh", "-o", tmp_path / "a.wav")
    told = answer(home, *words)
    assert told["word_features"] == "zeros"
    assert any("--pretrained" in remark for remark in told["remarks"])
    result = call(home, *words)
    assert result.exit_code == 0 and "Zeros stand for the word features" in result.stderr


def test_word_features_are_computed_and_heard(home: Path, tmp_path: Path) -> None:
    tiny_pretrained.roberta(tmp_path / "pretrained" / "any-name")
    words = ("ada", "你好。", "--language", "zh", "-o", tmp_path / "a.wav")
    without, heard = answer(home, *words), answer(home, *words, "--pretrained", tmp_path / "pretrained")
    assert heard["word_features"] == "computed"
    assert not any("--pretrained" in remark for remark in heard["remarks"])
    assert heard["sentences"][0]["tokens"] != without["sentences"][0]["tokens"]


def test_a_roberta_of_another_width_is_refused(home: Path, tmp_path: Path) -> None:
    tiny_pretrained.roberta(tmp_path / "pretrained", width=8)
    words = ("ada", "你好。", "--language", "zh", "-o", tmp_path / "a.wav", "--pretrained", tmp_path / "pretrained")
    told = refusal(home, *words)
    assert told["kind"] == "PretrainedError" and "takes 12" in told["sentence"]
    assert not (tmp_path / "a.wav").exists()


def test_a_folder_without_a_roberta_is_refused_where_one_is_needed(home: Path, tmp_path: Path) -> None:
    words = ("-o", tmp_path / "a.wav", "--pretrained", tmp_path)
    told = refusal(home, "ada", "你好。", "--language", "zh", *words)
    assert told["kind"] == "PretrainedMissingError" and "RoBERTa" in told["sentence"]
    assert answer(home, "ada", "Tea.", *words)["word_features"] == "none needed"


def test_what_cannot_be_said_is_told(home: Path, tmp_path: Path) -> None:
    told = answer(home, "ada", "Tea 안녕 is very hot.", "--language", "auto", "-o", tmp_path / "a.wav")
    assert any("안녕" in piece for piece in told["dropped"])
    assert any(remark.startswith("Left out") and "안녕" in remark for remark in told["remarks"])


def test_a_language_that_the_voice_cannot_read_is_refused(home: Path, tmp_path: Path) -> None:
    told = refusal(home, "ada", "안녕하세요.", "--language", "ko", "-o", tmp_path / "a.wav")
    assert told["kind"] == "UnknownLanguageError" and "zh" in told["hint"]


def test_the_cut_decides_the_sentences(home: Path, tmp_path: Path) -> None:
    words = ("ada", "Tea is hot, they say. Ice is cold.", "-o", tmp_path / "a.wav", "--cut")
    assert [len(answer(home, *words, cut)["sentences"]) for cut in ("cut0", "cut4")] == [1, 2]
    assert call(home, *words, "cut6").exit_code == 2


def test_prompts_are_chosen_by_name(home: Path, tmp_path: Path) -> None:
    said = {}
    for prompt in ("default", "calm", "wordless"):
        words = ("ada", "Tea is hot.", "--prompt", prompt, "-o", tmp_path / f"{prompt}.wav")
        said[prompt] = answer(home, *words)["sentences"][0]["tokens"]
    assert said["default"] == said["calm"] != said["wordless"]  # a style is heard, not read
    default, calm = (soundfile.read(tmp_path / f"{name}.wav")[0] for name in ("default", "calm"))
    assert np.abs(default - calm).max() > 1e-3
    told = refusal(home, "ada", "Tea.", "--prompt", "angry", "-o", tmp_path / "a.wav")
    assert told["kind"] == "PromptMissingError" and "calm, default" in told["hint"]
    told = refusal(home, "ada", "Tea.", "--prompt", "../prompts/calm", "-o", tmp_path / "a.wav")
    assert told["kind"] == "PromptMissingError"


def test_a_chinese_prompt_without_word_features_says_so(home: Path, tmp_path: Path) -> None:
    told = answer(home, "ada", "Tea.", "--prompt", "unlearned", "-o", tmp_path / "a.wav")
    assert any("prompt's words are Chinese" in remark for remark in told["remarks"])


def test_a_voice_without_a_prompt_says_how_to_make_one(home: Path, tmp_path: Path) -> None:
    bare = make_tiny_voice(tmp_path / "voices" / "bare", quantizer=True, golden=False)
    for path in (bare.directory / "prompts").iterdir():
        path.unlink()
    told = refusal(tmp_path, "bare", "Tea.", "-o", tmp_path / "a.wav")
    assert told["sentence"] == "the voice has no prompt yet." and "lifecycle prompt" in told["hint"]


def test_steps_are_for_voices_that_have_some(home: Path, tmp_path: Path) -> None:
    words = ("-o", tmp_path / "a.wav", "--steps", 2)
    assert refusal(home, "ada", "Tea.", *words)["kind"] == "NoStepsError"
    one = answer(home, "flora", "Tea.", *words)
    two = answer(home, "flora", "Tea.", "-o", tmp_path / "b.wav", "--steps", 5)
    assert one["sentences"] == two["sentences"] and one["sample_rate"] == 1500
    assert (tmp_path / "a.wav").read_bytes() != (tmp_path / "b.wav").read_bytes()


def test_a_voice_that_matches_flows_is_archived_and_verified_on_torch_alone(home: Path, tmp_path: Path) -> None:
    def lifecycle(*words: object) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(CliRunner().invoke(main, [*map(str, words), "--json"]).stdout)
        return told

    bundle = tmp_path / "flora.voice"
    told = lifecycle("archive", "flora", "--public", "-o", bundle, "--home", home)
    assert told["exports"] == []
    again = CliRunner().invoke(main, ["archive", "flora", "--public", "-o", str(bundle), "--home", str(home)])
    assert "needs torch to speak" in again.stderr
    lifecycle("restore", bundle, "--home", tmp_path, "--accept-unsigned")
    found = lifecycle("verify", "flora", "--home", tmp_path)
    verdicts = {name: [layer["verdict"] for layer in found["runtimes"][name]["layers"]] for name in ("torch", "onnx")}
    assert verdicts["torch"] == ["passed", "passed", "passed", "passed", "not run"]
    assert verdicts["onnx"] == ["passed", "passed", "not run", "not run", "not run"]
    assert "runs on torch alone" in found["runtimes"]["onnx"]["layers"][2]["told"]
    assert found["passed"]  # torch proved it
    alone = lifecycle("verify", "flora", "--home", tmp_path, "--runtime", "onnx")
    assert not alone["passed"] and not (Store(tmp_path).path("flora") / "exports").exists()
    told = refusal(tmp_path, "flora", "Tea.", "-o", tmp_path / "a.wav", "--runtime", "onnx")
    assert told["kind"] == "RuntimeMissingError" and "torch alone" in told["sentence"]


def test_unfinished_files_are_not_archived(home: Path, tmp_path: Path) -> None:
    """A process killed while it wrote a prompt leaves one; the next writer removes it."""
    from lifecycle.preserving import payload_members

    voice = Voice.open(home / "voices" / "flora")
    leftover = voice.directory / "prompts" / ".calm.json.0123.unfinished"
    leftover.write_text("half")
    try:
        assert not any(".unfinished" in name for name in payload_members(voice, tmp_path)[0])
    finally:
        leftover.unlink()

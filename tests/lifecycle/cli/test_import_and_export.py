"""`import` and `export` as a person meets them: what is printed, what is refused and how, and the exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from core_model.voice import Prompt, Voice, write_prompt
from lifecycle import prompting
from lifecycle.cli import main
from lifecycle.prompting import Added, Given
from tests.lifecycle import upstream_files as made
from tests.lifecycle.upstream_files import small_shapes  # noqa: F401

pytestmark = pytest.mark.usefixtures("small_shapes")


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    sovits = made.write(tmp_path / "anna_e8_s400.pth", made.sovits())
    return [str(sovits), str(made.write(tmp_path / "anna-e15.ckpt", made.gpt()))]


def run(tmp_path: Path, verb: str, *arguments: object) -> Result:
    return CliRunner().invoke(main, [verb, *map(str, arguments), "--home", str(tmp_path / "home")])


def facts(result: Result) -> dict[str, Any]:
    (line,) = result.stdout.splitlines()
    return json.loads(line)


def test_there_and_back(pair: list[str], tmp_path: Path) -> None:
    result = run(tmp_path, "import", *pair, "--name", "anna", "--languages", "en, zh")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"The voice anna, v2, is in {tmp_path / 'home' / 'voices' / 'anna'}.",
        "It has no prompt yet: give it one with `lifecycle prompt anna --reference WAV ...`.",
    ]
    assert result.stderr == ""
    result = run(tmp_path, "export", "anna", "--to", "gpt-sovits", tmp_path / "out")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first.startswith(f"{tmp_path / 'out' / 'anna.ckpt'}  gpt, ") and "anna.pth  sovits, " in second


def test_json_is_one_object(pair: list[str], tmp_path: Path) -> None:
    told = facts(run(tmp_path, "import", *pair, "--name", "anna", "--languages", "en", "--json"))
    assert told["family"] == "v2" and told["languages"] == ["en"] and told["prompts"] == []
    assert told["parts"]["sovits"] == {"file": "anna_e8_s400.pth", "is": "a SoVITS v2", "stock": False}
    told = facts(run(tmp_path, "export", "anna", "--to", "gpt-sovits", tmp_path / "out", "--json"))
    assert told["files"] == {"gpt": str(tmp_path / "out" / "anna.ckpt"), "sovits": str(tmp_path / "out" / "anna.pth")}


def refused(result: Result) -> tuple[str, str]:
    assert result.exit_code == 1 and result.stdout == ""
    sentence, hint = result.stderr.splitlines()
    return sentence.removeprefix("lifecycle: "), hint.removeprefix("Hint: ")


def test_a_missing_half(pair: list[str], tmp_path: Path) -> None:
    sentence, hint = refused(run(tmp_path, "import", pair[0], "--name", "anna"))
    assert sentence == "a voice has two halves, and the GPT is missing: anna_e8_s400.pth is a SoVITS v2."
    assert "name both" in hint


def test_a_v4_voice_without_its_vocoder_is_told_what_is_missing_and_where_it_is(
    pair: list[str], tmp_path: Path
) -> None:
    v4 = made.write(tmp_path / "v4.pth", made.sovits("v4"))
    sentence, hint = refused(run(tmp_path, "import", v4, pair[1], "--name", "anna"))
    assert sentence == "a v4 voice speaks through the v4 vocoder, and none was named."
    assert "--vocoder" in hint and "--pretrained" in hint and "gsv-v4-pretrained/vocoder.pth" in hint


def test_the_vocoder_is_found_among_the_pretrained(pair: list[str], tmp_path: Path) -> None:
    (tmp_path / "pretrained" / "gsv-v4-pretrained").mkdir(parents=True)
    made.write(tmp_path / "pretrained" / "gsv-v4-pretrained" / "vocoder.pth", made.vocoder())
    v4 = made.write(tmp_path / "v4.pth", made.sovits("v4"))
    found = ("--pretrained", tmp_path / "pretrained", "--languages", "en", "--json")
    told = facts(run(tmp_path, "import", v4, pair[1], "--name", "anna", *found))
    assert told["parts"]["vocoder"] == {"file": "vocoder.pth", "is": "the vocoder of v4", "stock": False}


def test_a_base_that_is_no_released_one_is_remarked(pair: list[str], tmp_path: Path) -> None:
    lora, base = made.write(tmp_path / "l.pth", made.lora()), made.write(tmp_path / "b.pth", made.sovits("v4"))
    vocoder = made.write(tmp_path / "vocoder.pth", made.vocoder())
    options = ("--base", base, "--vocoder", vocoder, "--languages", "en", "--name", "anna")
    result = run(tmp_path, "import", lora, pair[1], *options)
    assert result.exit_code == 0
    assert result.stderr.startswith("b.pth does not begin as GPT-SoVITS's base files do")


def test_directories_that_were_cut_are_remarked(pair: list[str], tmp_path: Path) -> None:
    config = {"data": {"exp_dir": "/home/jane/anna"}}
    sovits = made.write(tmp_path / "a.pth", replace(made.sovits(), config=config))
    result = run(tmp_path, "import", sovits, pair[1], "--name", "anna", "--languages", "en")
    assert result.stderr == "Directories were cut from the configuration of sovits: data.exp_dir.\n"


def test_a_voice_of_another_family_is_not_exported(tiny_voice: Voice, tmp_path: Path) -> None:
    home = tmp_path / "home" / "voices"
    home.mkdir(parents=True)
    (home / "ada").symlink_to(tiny_voice.directory)
    sentence, hint = refused(run(tmp_path, "export", "ada", "--to", "gpt-sovits", tmp_path / "out"))
    assert sentence == "ada is a tiny voice, and GPT-SoVITS never knew that family."
    assert "archive" in hint


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--transcript", "a", "--transcript", "b"], "more --transcript than --reference"),
        (["--language", "en", "--language", "zh"], "more --language than --reference"),
    ],
)
def test_a_call_that_makes_no_sense(arguments: list[str], told: str, pair: list[str], tmp_path: Path) -> None:
    result = run(tmp_path, "import", *pair, "--name", "anna", *arguments)
    assert result.exit_code == 2 and told in result.output


def test_files_are_required_and_must_be_there(tmp_path: Path) -> None:
    assert run(tmp_path, "import", "--name", "anna").exit_code == 2
    assert run(tmp_path, "import", tmp_path / "nothing.pth", "--name", "anna").exit_code == 2
    assert run(tmp_path, "export", "anna", tmp_path).exit_code == 2


def test_references_become_the_first_prompt(pair: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two references: the first with its words, the second lends its sound. What makes the prompt has its own tests."""
    seen: list[tuple[str, Given, tuple[str, ...]]] = []

    def add(voice: Voice, name: str, given: Given, pretrained: object, **rest: object) -> Added:
        seen.append((name, given, voice.description.languages))
        prompt = Prompt(
            np.array([1]), np.array([2]), np.zeros((1, 512, 1), np.float32), language="all_zh", references=2
        )
        write_prompt(voice, name, prompt)
        return Added(name, prompt, (), True, False)

    monkeypatch.setattr(prompting, "add_prompt_to", add)
    recordings = [tmp_path / "a.wav", tmp_path / "b.wav"]
    for path in recordings:
        path.write_bytes(b"")
    first = ("--reference", recordings[0], "--transcript", "one", "--language", "all_zh")
    second = ("--reference", recordings[1], "--transcript", "two", "--language", "en")
    result = run(tmp_path, "import", *pair, "--name", "anna", *first, *second)
    assert result.exit_code == 0, result.output
    ((name, given, languages),) = seen
    assert name == "default" and languages[0] == "zh"
    assert [(r.audio, r.transcript, r.language) for r in given.references] == [
        (recordings[0], "one", "all_zh"),
        (recordings[1], None, None),
    ]
    assert result.stderr.splitlines() == [
        "Only the first reference's words are part of the prompt; the others lend their sound.",
        "No RoBERTa was given: the prompt lacks the word features with which the voice learnt Chinese.",
    ]
    assert "no prompt yet" not in result.stdout
    assert "one" not in result.output.replace("one with", ""), "nobody's words are shown"


def test_a_prompt_that_cannot_be_made_leaves_no_voice(pair: list[str], tmp_path: Path) -> None:
    wav = tmp_path / "a.wav"
    wav.write_bytes(b"no audio")
    result = run(tmp_path, "import", *pair, "--name", "anna", "--languages", "en", "--reference", wav)
    assert result.exit_code == 1
    assert run(tmp_path, "voices").stdout.startswith("No voices in")


def test_a_name_that_would_move_the_cursor_is_never_printed(pair: list[str], tmp_path: Path) -> None:
    odd = tmp_path / "anna\x1b[2J\n.pth"
    Path(pair[0]).rename(odd)
    told = "anna\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}.pth"
    sentence, _ = refused(run(tmp_path, "import", odd, "--name", "anna"))
    assert sentence == f"a voice has two halves, and the GPT is missing: {told} is a SoVITS v2."
    odd.with_name("odd\x1b[2J.pth").write_bytes(b"no checkpoint")
    sentence, _ = refused(run(tmp_path, "import", odd.with_name("odd\x1b[2J.pth"), "--name", "anna"))
    assert sentence.startswith("odd\N{REPLACEMENT CHARACTER}[2J.pth: it is no checkpoint")
    answer = facts(run(tmp_path, "import", odd, pair[1], "--languages", "en", "--name", "anna", "--json"))
    assert answer["parts"]["sovits"]["file"] == told

"""Every refusal is one sentence, one hint, one exit code; stdout is the answer's alone."""

from __future__ import annotations

import inspect
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from archive import errors as archive_errors
from core_model import errors as core_model_errors
from lifecycle import errors as hall_errors
from lifecycle.cli import VERBS, console, main
from lifecycle.cli.console import DEBUG_SAYS_MORE, Console, Verb, count
from lifecycle.cli.refusals import HINTS, refusal_of

BASES = {archive_errors.ArchiveError, core_model_errors.CoreModelError, hall_errors.LifecycleError}


def errors_of(module: ModuleType) -> list[type[Exception]]:
    members = vars(module).values()
    return [member for member in members if inspect.isclass(member) and issubclass(member, Exception)]


@pytest.mark.parametrize("module", [archive_errors, core_model_errors, hall_errors], ids=lambda module: module.__name__)
def test_every_error_of_every_room_has_a_hint_of_its_own_or_of_its_parent(module: ModuleType) -> None:
    without = [kind for kind in errors_of(module) if kind not in BASES and not (set(kind.__mro__) - BASES) & set(HINTS)]
    assert without == []


def verb_that(raises: Exception | None) -> click.Command:
    @click.command(cls=Verb)
    @click.pass_obj
    def command(console: Console) -> None:
        if raises is not None:
            raise raises
        console.answer({"fine": True}, "Fine.")

    return command


def test_yes_is_exit_0_and_the_answer_is_on_stdout() -> None:
    result = CliRunner().invoke(verb_that(None))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Fine.\n", "")
    result = CliRunner().invoke(verb_that(None), ["--json"])
    assert json.loads(result.stdout) == {"fine": True}


def test_a_no_is_exit_1_with_a_sentence_and_a_hint_on_stderr() -> None:
    result = CliRunner().invoke(verb_that(hall_errors.UnknownVoiceError("bert", ("anna",))))
    assert (result.exit_code, result.stdout) == (1, "")
    sentence, hint = result.stderr.splitlines()
    assert sentence == "lifecycle: there is no voice called 'bert'."
    assert hint.startswith("Hint: there is anna;")


def test_a_no_with_json_is_one_object_on_stdout() -> None:
    result = CliRunner().invoke(verb_that(hall_errors.VoiceNameError("B")), ["--json"])
    assert (result.exit_code, result.stderr) == (1, "")
    assert json.loads(result.stdout)["error"]["kind"] == "VoiceNameError"


def test_an_error_nobody_declared_is_a_bug_and_its_traceback_shows_under_debug_only() -> None:
    result = CliRunner().invoke(verb_that(ZeroDivisionError("by zero")))
    assert result.exit_code == 1
    sentence, hint = result.stderr.splitlines()
    assert sentence.startswith("lifecycle: a bug in this toolkit: ZeroDivisionError in tests/lifecycle/cli/test_")
    assert "by zero" not in sentence
    assert "--debug" in hint
    debugged = CliRunner().invoke(verb_that(ZeroDivisionError("by zero")), ["--debug"]).stderr
    assert debugged.startswith(DEBUG_SAYS_MORE) and "Traceback" in debugged and "by zero" in debugged


def test_an_error_raised_by_nobody_of_ours_has_no_place() -> None:
    assert refusal_of(KeyError("by zero")).sentence == "a bug in this toolkit: KeyError."


def test_errors_of_the_system_name_the_file() -> None:
    refusal = refusal_of(FileNotFoundError(2, "No such file or directory", "key.txt"))
    assert refusal.sentence == "no such file or directory: key.txt."


def test_a_call_that_makes_no_sense_is_exit_2() -> None:
    for call in (["sing"], ["voices", "--loud"], ["keygen"]):
        assert CliRunner().invoke(main, call).exit_code == 2


def test_an_answer_that_is_no_is_exit_1_and_still_the_answer() -> None:
    @click.command(cls=Verb)
    @click.pass_obj
    def command(console: Console) -> None:
        console.answer({"damaged": True}, "Damaged.", yes=False)

    result = CliRunner().invoke(command)
    assert (result.exit_code, result.stdout) == (1, "Damaged.\n")


def test_progress_is_silent_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with Console().progress("Working") as draw:
        draw(1, 2, "half")
    assert capfd.readouterr() == ("", "")


class Terminal(io.StringIO):
    """Somewhere that a bar can be drawn."""

    def isatty(self) -> bool:
        return True


def test_work_that_lasts_shows_a_bar_on_a_terminal_and_short_work_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for patience_s, shown in ((0.0, True), (60.0, False)):
        monkeypatch.setattr(sys, "stderr", terminal := Terminal())
        monkeypatch.setattr(console, "_PATIENCE_S", patience_s)
        with Console().progress("Working") as draw:
            draw(1, 2, "half")
        assert ("Working" in terminal.getvalue()) is shown


def test_long_work_in_a_log_tells_a_line_now_and_then(capfd: pytest.CaptureFixture[str]) -> None:
    with Console().progress("Training", plain_every_s=60) as tell:
        for step in range(1, 101):
            tell(step, 100, f"step {step}")
    lines = capfd.readouterr().err.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["Training: step 1", "Training: step 100"]


def test_counts_read_as_people_say_them() -> None:
    assert [count(number, "voice") for number in (0, 1, 2)] == ["no voices", "1 voice", "2 voices"]


HEAVY = {"torch", "numpy", "onnxruntime", "cryptography", "rich", "soundfile", "matplotlib", "onnx", "scipy"}
PROBE = """
import sys
from click.testing import CliRunner
from lifecycle.cli import main
result = CliRunner().invoke(main, sys.argv[1:])
assert result.exit_code == 0, result.output
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("verb", [None, *VERBS])
def test_help_imports_nothing_heavy(verb: str | None) -> None:
    """What --help costs is what it imports; tests/benchmarks/test_help_speed.py takes the time."""
    call = [sys.executable, "-c", PROBE, *([verb] if verb else []), "--help"]
    root = Path(__file__).resolve().parents[3]
    run = subprocess.run(call, cwd=root, capture_output=True, text=True, check=True)
    assert HEAVY & set(run.stdout.split()) == set()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["for a person", "json"])
def test_a_name_that_is_no_text_is_told_all_the_same(tmp_path: Path, encoding: str, options: list[str]) -> None:
    """A studio's old disks hold names in encodings of their time; one of them ended the doctor's whole answer."""
    name = os.fsdecode(b"anna\xff\x9b2J.pth")
    (tmp_path / name).write_bytes(b"")
    call = [
        sys.executable,
        "-c",
        "from lifecycle.cli import main; main()",
        "doctor",
        name,
        "\x1b[2J\nsafe yes.pth",
        *options,
    ]
    told = subprocess.run(
        call, cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": f"{encoding}:strict"}, capture_output=True
    )
    assert (told.returncode, told.stderr) == (1, b"")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", told.stdout.decode(encoding))
    if options:
        paths = [answer["path"] for answer in json.loads(told.stdout)["files"]]
        assert paths == [name, "\x1b[2J\nsafe yes.pth"]
    else:
        assert b"\nsafe yes" not in told.stdout


def test_what_moves_a_cursor_is_printed_by_no_verb() -> None:
    @click.command(cls=Verb)
    @click.pass_obj
    def command(console: Console) -> None:
        console.remark("one\x1b[2J\ntwo")
        console.answer({"path": "\x9b2J"}, "\x9b2J")

    result = CliRunner().invoke(command)
    assert (result.stdout, result.stderr) == ("\ufffd2J\n", "one\ufffd[2J\ntwo\n")
    told = CliRunner().invoke(command, ["--json"]).stdout
    assert told.isascii()
    assert json.loads(told) == {"path": "\x9b2J"}

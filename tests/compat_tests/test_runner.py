"""The client of RUNNER.md believes nothing: each lie is one kind of fault and one sentence, and what hangs is ended."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from compat_tests import runner as client
from compat_tests.errors import RunnerError
from compat_tests.goldens import read_golden
from compat_tests.runner import Decoding, Runner, Text, TokenPath
from compat_tests.suite import judge
from core_model.voice import Voice
from tests.compat_tests.replaying_runner import FILES
from tests.silent import trap

PROGRAM = str(Path(__file__).with_name("replaying_runner.py"))
PATIENCE_S = 60.0


def runner(lie: str = "none@none", time_limit_s: float = PATIENCE_S, **environment: str) -> Runner:
    command = [sys.executable, "-I", PROGRAM, lie]
    return Runner(command, time_limit_s=time_limit_s, environment={"PATH": os.defpath, **environment})


def decodings(directory: Path) -> list[Decoding]:
    golden = read_golden(directory)
    return [Decoding(s.tokens, s.phonemes, s.noise, golden.noise_scale, golden.steps) for s in golden.sentences]


def test_a_runner_written_from_the_protocol_alone_passes(tiny_voice: Voice, tmp_path: Path) -> None:
    findings = judge(tiny_voice.directory, runner(), work=tmp_path / "work")
    assert {finding.name: finding.verdict for finding in findings} == {
        "fixity": "not run",
        "text": "passed",
        "tokens": "passed",
        "waveform": "passed",
        "identity": "passed",
    }
    assert [detail.golden for detail in findings[2].details] == ["en-0", "en-1"]


def test_each_verb_gives_what_the_runner_wrote(tiny_voice: Voice, tmp_path: Path) -> None:
    directory, honest = tiny_voice.directory, runner()
    golden = read_golden(directory)
    one, other = golden.sentences
    rows = honest.phonemize(directory, [Text(s.text, s.language) for s in golden.sentences], work=tmp_path)
    np.testing.assert_array_equal(rows[1], other.phonemes)
    (logits,) = honest.tokens(directory, [TokenPath(one.phonemes, one.tokens)], work=tmp_path)
    np.testing.assert_array_equal(logits, one.logits)
    spoken = honest.speak(directory, one.text, "en", 7, work=tmp_path)
    np.testing.assert_array_equal(spoken.waveform, one.waveform)
    assert spoken.sample_rate == golden.sample_rate
    heard = honest.listen(directory, one.waveform, golden.sample_rate, work=tmp_path)
    np.testing.assert_allclose(heard, golden.identity.statistics, rtol=1e-6)


ENDINGS = {
    "abort": ("crashed", "SIGABRT"),
    "exit 3": ("crashed", "ended with 3: out of"),
    "exit 1": ("crashed", "ended with 1 and no sentence"),
    "refuse": ("refused", "refused: There is no paper"),
    "missing": ("missing", "refused: There is no paper"),
    "flood": ("too much", "wrote more than any voice needs"),
    "say 2": ("protocol", "keeps protocol 2, not 1"),
    "say true": ("protocol", "keeps protocol True, not 1"),
    "say nothing": ("json", "not one JSON object"),
    "chatter": ("json", "not one JSON object"),
    "list": ("json", "no object"),
    "not a number": ("json", "not one JSON object"),
    "deep": ("json", "not one JSON object"),
    "one less": ("items", "1 answers for 2 items"),
    "one more": ("items", "3 answers for 2 items"),
    "one twice": ("items", "one file as the answer for two items"),
    "another field": ("items", "waveform and nothing else"),
    "its input": ("path", "'in.0.npy', which is what it was given"),
    "above": ("path", "'../0.npy', which is no plain name"),
    "absolute": ("path", "which is no plain name"),
    "a number": ("path", "'7', which is no plain name"),
    "nowhere": ("path", "cannot be opened"),
    "a link": ("path", "cannot be opened"),
    "a pipe": ("path", "no plain file"),
    "a directory": ("path", "no plain file"),
}
ARRAYS = dict.fromkeys(FILES, "array") | {"not finite": "not finite", "infinite": "not finite"}
LIES = {**ENDINGS, **{lie: (kind, "wrote 0.npy") for lie, kind in ARRAYS.items()}}


@pytest.mark.parametrize("lie", LIES)
def test_every_lie_is_one_kind_and_one_sentence(tiny_voice: Voice, tmp_path: Path, lie: str) -> None:
    kind, says = LIES[lie]
    with pytest.raises(RunnerError) as caught:
        runner(f"{lie}@decode").decode(tiny_voice.directory, decodings(tiny_voice.directory), work=tmp_path)
    assert caught.value.kind == kind
    assert says in str(caught.value) and str(caught.value).startswith("the runner, asked for decode, ")
    assert str(caught.value).isprintable()


def test_what_it_says_moves_no_cursor(tiny_voice: Voice, tmp_path: Path) -> None:
    with pytest.raises(RunnerError) as caught:
        runner("refuse with colours@describe").describe(tiny_voice.directory, work=tmp_path)
    assert "\x1b" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_full_disk_is_prevented(tiny_voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flooding = runner("flood the disk@decode")
    flooding.limits = type(flooding.limits)(time_s=PATIENCE_S, written_bytes=8 << 20)
    with pytest.raises(RunnerError) as caught:
        flooding.decode(tiny_voice.directory, decodings(tiny_voice.directory), work=tmp_path)
    assert caught.value.kind == "too much"
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.npy")) < 16 << 20


def gone(pid: int) -> bool:
    """Whether a process is no more; one that nobody has waited for yet does not count as running."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.05)
                continue
        return True
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells here which processes live")
def test_what_hangs_is_ended_with_all_that_it_started(tiny_voice: Voice, tmp_path: Path) -> None:
    hanging = runner("hang@decode", 2.0, PIDS=str(tmp_path / "pids"))
    with pytest.raises(RunnerError) as caught:
        hanging.decode(tiny_voice.directory, decodings(tiny_voice.directory), work=tmp_path / "work")
    assert caught.value.kind == "timeout" and "did not end within 2 s" in str(caught.value)
    assert all(gone(int(pid)) for pid in (tmp_path / "pids").read_text().split())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells here which processes live")
def test_a_child_that_stays_is_ended_and_not_waited_for(tiny_voice: Voice, tmp_path: Path) -> None:
    leaving = runner("leave a child@decode", PIDS=str(tmp_path / "pids"))
    given = decodings(tiny_voice.directory)
    assert len(leaving.decode(tiny_voice.directory, given, work=tmp_path / "work")) == len(given)
    assert gone(int((tmp_path / "pids").read_text()))


def test_it_sees_no_more_of_the_environment_than_it_is_given(
    tiny_voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_SECRET", "x")
    seen = runner(GIVEN="1").describe(tiny_voice.directory, work=tmp_path).machine["sees"].split()
    ours = {trap.ALLOWED, trap.LOG, "PYTHONPATH"}  # what every child in these tests is given
    assert set(seen) - {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"} - ours == {"GIVEN", "HOME", "PATH", "TMPDIR"}


def test_a_program_that_is_not_there(tiny_voice: Voice, tmp_path: Path) -> None:
    (tmp_path / "no-program").write_text("#!/no/such/interpreter\n")
    (tmp_path / "no-program").chmod(0o755)
    for command in ("/no/such/program", str(tmp_path / "no-program")):
        with pytest.raises(RunnerError) as caught:
            Runner([command], time_limit_s=9).describe(tiny_voice.directory, work=tmp_path / "work")
        assert caught.value.kind == "not started"


@pytest.mark.parametrize(("verb", "layer"), [("phonemize", "text"), ("tokens", "tokens"), ("decode", "waveform")])
def test_a_lie_marks_its_layer_and_the_rest_goes_on(tiny_voice: Voice, tmp_path: Path, verb: str, layer: str) -> None:
    findings = {f.name: f for f in judge(tiny_voice.directory, runner(f"abort@{verb}"), work=tmp_path)}
    assert (findings[layer].verdict, findings[layer].broken) == ("failed", "crashed")
    assert "SIGABRT" in findings[layer].told
    others = {name: finding.verdict for name, finding in findings.items() if name not in (layer, "fixity", "identity")}
    assert set(others.values()) == {"passed"}
    assert findings["identity"].verdict == ("not run" if verb == "decode" else "passed")


def test_what_is_only_missing_leaves_its_layer_not_run(tiny_voice: Voice, tmp_path: Path) -> None:
    findings = {f.name: f for f in judge(tiny_voice.directory, runner("missing@phonemize"), work=tmp_path)}
    assert findings["text"].verdict == "not run" and "no paper" in findings["text"].told
    assert findings["tokens"].verdict == "passed"


def test_the_page_is_the_protocol() -> None:
    """RUNNER.md names each verb, its number, and the fields that the client asks for and accepts."""
    page = Path(client.__file__).with_name("RUNNER.md").read_text()
    assert page.count(f"Protocol {client.PROTOCOL}.") == 1
    assert re.findall(r"^### (\w+)", page, re.MULTILINE) == list(client.VERBS)
    examples = [json.loads(text) for text in re.findall(r'^    ({"protocol": 1.*?})\n(?!     )', page, re.M | re.S)]
    asked, told = examples
    assert set(asked) == {"protocol", "voice"}
    assert set(told) - {"protocol"} == {"runner", "runtime", "machine", "verbs", "reads", "packages"}
    assert tuple(told["verbs"]) == client.VERBS
    answers = [set(json.loads(text)) for text in re.findall(r"^    answer  ({.*?})", page, re.MULTILINE)]
    assert answers == [{"phonemes"}, {"logits"}, {"waveform"}, {"waveform", "sample_rate"}, {"statistics"}]

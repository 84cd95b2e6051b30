"""What `make quality` computes, without judges: errors, intervals, likeness, whom it may hear, and the bar."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks import quality
from tests.benchmarks.judges import Figure, mean, ratio, word_errors, words_of
from tests.benchmarks.quality import Clip, Judged, Row, meets_the_bar, row, table
from tests.benchmarks.quality_voices import Said, transcripts, unseen, up_to

WORDS = st.lists(st.sampled_from("abc"), max_size=6)


def said(name: str, text: str, seconds: float = 1.0) -> Said:
    return Said(name, text, np.zeros(round(seconds * 16_000), np.float32))


@given(WORDS, WORDS)
def test_word_errors_are_a_distance(a: list[str], b: list[str]) -> None:
    errors = word_errors(a, b)
    assert errors == word_errors(b, a)
    assert abs(len(a) - len(b)) <= errors <= max(len(a), len(b))
    assert (errors == 0) == (a == b)


@given(WORDS, WORDS, WORDS)
def test_no_way_round_is_shorter(a: list[str], b: list[str], c: list[str]) -> None:
    assert word_errors(a, c) <= word_errors(a, b) + word_errors(b, c)


def test_words_are_compared_without_marks_or_capitals() -> None:
    assert words_of("That agent's already logged on.  Please!") == [
        "that",
        "agent's",
        "already",
        "logged",
        "on",
        "please",
    ]
    assert word_errors(["press", "one", "to", "talk"], ["press", "to", "walk", "now"]) == 3


def test_a_ratio_is_of_sums_and_its_interval_holds_it() -> None:
    figure = ratio([1, 0, 4, 2, 0], [10, 2, 8, 5, 5])
    assert figure.value == pytest.approx(7 / 30)
    assert 0 <= figure.low < figure.value < figure.high <= 0.5
    assert figure == ratio([1, 0, 4, 2, 0], [10, 2, 8, 5, 5])
    assert mean([2.0, 2.0, 2.0]) == Figure(2.0, 2.0, 2.0)


def test_more_sentences_make_it_surer() -> None:
    few, many = ([0, 1] * n for n in (10, 250))
    assert mean(many).high - mean(many).low < 0.5 * (mean(few).high - mean(few).low)


def clip(errors: int, *speaker: float) -> Clip:
    vector = np.array(speaker) / np.linalg.norm(speaker)
    return Clip(4, errors, 3.0, tuple(vector.tolist()))


def test_likeness_is_to_other_sentences_of_the_source() -> None:
    """A clip that is its own source would be like itself whatever the others are."""
    source = [clip(0, 1, 0), clip(1, 0, 1)]
    assert row(source, source).cosine.value == pytest.approx(0, abs=1e-12)
    assert row([clip(2, 0, 1), clip(2, 1, 0)], source).cosine.value == pytest.approx(1)
    assert row(source, source).word_error.value == pytest.approx(1 / 8)


class FakeJudges:
    made = 0

    def __init__(self) -> None:
        FakeJudges.made += 1

    def recognized(self, waveform: np.ndarray) -> list[str]:
        return ["good", "evening"]

    def speaker(self, waveform: np.ndarray) -> np.ndarray:
        return np.array([0.6, 0.8])

    def sound(self, waveform: np.ndarray) -> float:
        return 2.75


def test_a_clip_is_judged_once_also_after_the_bench_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "Judges", FakeJudges)
    monkeypatch.setattr(FakeJudges, "made", 0)
    waveform = np.linspace(-1, 1, 100, dtype=np.float32)
    path = tmp_path / "judgements.jsonl"
    first = Judged(path).clip("Good morning.", waveform)
    assert first == Clip(2, 1, 2.75, (0.6, 0.8))
    with path.open("a", encoding="utf-8") as file:
        file.write('\n{"key": "cut sh')
    assert Judged(path).clip("Good morning.", waveform) == first
    assert FakeJudges.made == 1
    assert Judged(path).clip("Good night.", waveform) == first  # other words, another clip
    assert FakeJudges.made == 2
    assert Judged(path).clip("Good night.", waveform) == first  # and what followed the cut line was not lost with it
    assert FakeJudges.made == 2


ROW = Row(50, Figure(0.40, 0.3, 0.5), Figure(0.80, 0.7, 0.9), Figure(2.5, 2.4, 2.6))
SOURCE = replace(ROW, word_error=Figure(0.30, 0.2, 0.4))


def test_the_bar_needs_all_three() -> None:
    assert meets_the_bar({"source": SOURCE, "spoken": ROW})
    for worse in (
        replace(ROW, word_error=Figure(0.41, 0.3, 0.5)),
        replace(ROW, cosine=Figure(0.79, 0.7, 0.9)),
        replace(ROW, sound=Figure(2.49, 2.4, 2.6)),
    ):
        assert not meets_the_bar({"source": SOURCE, "spoken": worse})


def test_the_table_has_every_row_with_its_interval() -> None:
    lines = table({"slt": {"source": SOURCE, "spoken": ROW}}).splitlines()
    assert lines[2:] == [
        "| slt | source | 50 | 30.0 [20.0, 40.0] | 0.800 [0.700, 0.900] | 2.50 [2.40, 2.60] |",
        "| slt | spoken | 50 | 40.0 [30.0, 50.0] | 0.800 [0.700, 0.900] | 2.50 [2.40, 2.60] |",
    ]


def test_prompts_whose_words_are_not_plain_are_left_out(tmp_path: Path) -> None:
    lines = [
        "; Core sounds",
        "",
        "agent-pass: Please enter your  password, followed by the pound key.",
        "beep: [this is a simple beep tone]",
        "conf: Please press 1 to mute or unmute yourself.",
        "hello: Thank you.",
        f"long: {'word ' * 21}",
    ]
    (tmp_path / "core-sounds-en.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    assert transcripts(tmp_path) == {"agent-pass": "Please enter your password, followed by the pound key."}


@given(st.lists(st.floats(0.1, 30), max_size=12))
def test_what_is_adapted_to_is_never_longer_than_a_minute(lengths: list[float]) -> None:
    taken = up_to([said(str(i), "a b c", seconds) for i, seconds in enumerate(lengths)], 60.0)
    assert sum(recording.seconds for recording in taken) <= 60.0


def test_no_sentence_is_held_out_that_was_adapted_to_or_stands_there_twice() -> None:
    seen = [said("a", "Login incorrect. Please enter your number.")]
    others = [
        said("b", "Please enter your number!"),
        said("c", "Call waiting is off."),
        said("d", "The number is busy. Call waiting is off."),
        said("e", "The number is busy now."),
    ]
    assert [recording.name for recording in unseen(others, seen)] == ["c", "e"]

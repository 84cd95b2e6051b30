"""The quick path against the slow obvious one: every path scored, the best taken, ties to the last in order."""

from __future__ import annotations

import itertools
import lzma
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_model.text.chinese.hidden_states import HiddenStates, parse

START = {"B/n": -0.3, "S/n": -1.4, "M/n": -3.14e100, "E/n": -3.14e100}
NEXT = {
    ("B/n", "E/n"): -0.5,
    ("B/n", "M/n"): -0.9,
    ("M/n", "M/n"): -1.2,
    ("M/n", "E/n"): -0.3,
    ("E/n", "B/n"): -0.6,
    ("E/n", "S/n"): -0.8,
    ("S/n", "B/n"): -0.7,
    ("S/n", "S/n"): -0.6,
}
EMIT = {"B/n": "甲5 乙1", "E/n": "甲1 乙7", "M/n": "甲2 丙3", "S/n": "乙2 丙4"}


def facts() -> list[list[str]]:
    lines = [["start", state, str(value)] for state, value in START.items()]
    lines += [["next", first, second, str(value)] for (first, second), value in NEXT.items()]
    for state, emitted in EMIT.items():
        pairs = emitted.split(" ")
        lines.append(["emit", state, "-4.0", "".join(pair[0] for pair in pairs), *(pair[1:] for pair in pairs)])
    return lines


def score(states: tuple[str, ...], run: str) -> float:
    total = START[states[0]]
    for place, character in enumerate(run):
        if place:
            total += NEXT.get((states[place - 1], states[place]), -math.inf)
        count = next((int(pair[1:]) for pair in EMIT[states[place]].split(" ") if pair[0] == character), None)
        total += -3.14e100 if count is None else -4.0 + math.log(count)
    return total


@given(st.text("甲乙丙", min_size=1, max_size=5))
def test_the_best_path(run: str) -> None:
    model = HiddenStates(facts(), ends="ES", anywhere=True)
    paths = [states for states in itertools.product(START, repeat=len(run)) if states[-1][0] in "ES"]
    best = max(score(states, run) for states in paths)
    if best > -1e99:  # below, sums no longer tell paths apart
        assert score(tuple(model.path(run)), run) == pytest.approx(best)


def test_characters_may_be_allowed_in_fewer_states() -> None:
    model = HiddenStates([*facts(), ["few", "乙", "S/n"], ["any", "丙"]])
    assert model.path("乙") == ["S/n"]
    assert model.path("丁")[0] in ("B/n", "S/n")


def test_the_file_holds_two_models() -> None:
    lines = [f"{model}-{' '.join(fact)}" for model in ("tag", "cut") for fact in facts()]
    tagging, cutting = parse(lzma.compress("\n".join(lines).encode()))
    assert tagging.states == cutting.states == ["S/n", "M/n", "E/n", "B/n"]
    assert cutting.path("甲乙") == ["B/n", "E/n"]

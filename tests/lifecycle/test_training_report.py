"""The records of a run: curves survive a crash, the picture draws them, and nothing tells what was recorded."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from core_model.nano.base import PREVIEW
from core_model.training.adaptation import Adaptation
from core_model.training.preparation import Prepared, Unusable
from core_model.training.schedule import Progress
from lifecycle.training_report import Curves, Point, draw, write_records
from tests.core_model.training.tiny import utterance

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


def progress(stage: str, step: int, **losses: float) -> Progress:
    return Progress(stage, step, 10, losses)


def test_curves_come_back_in_order_and_a_repeated_step_counts_once(tmp_path: Path) -> None:
    curves = Curves(tmp_path / "curves.jsonl")
    assert curves.points() == []
    for step, loss in ((1, 3.0), (2, 2.0), (2, 2.5), (3, 1.0)):
        curves.add(progress("gpt", step, cross_entropy=loss))
    curves.add(progress("sovits", 1, mel=1.0))
    again = Curves(tmp_path / "curves.jsonl")
    assert [(p.stage, p.step) for p in again.points()] == [("gpt", 1), ("gpt", 2), ("gpt", 3), ("sovits", 1)]
    assert again.points()[1].losses == {"cross_entropy": 2.5}


@pytest.mark.parametrize("lost", [1, 10, 30])
def test_a_line_cut_short_by_a_crash_costs_itself_and_no_other(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "curves.jsonl"
    for step in (1, 2):
        Curves(path).add(progress("gpt", step, cross_entropy=1.0))
    path.write_bytes(path.read_bytes()[:-lost])
    Curves(path).add(progress("gpt", 2, cross_entropy=0.5))
    Curves(path).add(progress("gpt", 3, cross_entropy=0.25))
    assert [(p.step, p.losses["cross_entropy"]) for p in Curves(path).points()] == [(1, 1.0), (2, 0.5), (3, 0.25)]


def points(steps: int = 40) -> list[Point]:
    gpt = [Point("gpt", s, {"cross_entropy": 4 / s, "accuracy": s / steps}) for s in range(1, steps + 1)]
    early = [Point("sovits", s, {"mel": 2 / s, "kl": 3 / s}) for s in range(1, steps // 2)]
    late = [Point("sovits", s, {"mel": 2 / s, "kl": 3 / s, "judges": 4.0}) for s in range(steps // 2, steps + 1)]
    return [*gpt, *early, *late]


def lines_of(svg: Path) -> list[int]:
    """Of every curve in the picture: how many vertices it has. Grid lines, clipped to their panel too, have two."""
    found = []
    for element in ElementTree.parse(svg).iter(f"{SVG}path"):
        vertices = sum(step in {"L", "M"} for step in element.get("d", "").split())
        if element.get("clip-path") and vertices > 2:
            found.append(vertices)
    return sorted(found)


def test_the_picture_is_xml_with_a_line_for_every_loss(tmp_path: Path) -> None:
    draw(points(), tmp_path / "training.svg")
    root = ElementTree.parse(tmp_path / "training.svg").getroot()
    assert root.tag == f"{SVG}svg"
    assert lines_of(tmp_path / "training.svg") == [21, 40, 40, 40, 40]


def test_a_negative_divergence_is_a_gap_and_not_a_fall_to_the_floor(tmp_path: Path) -> None:
    falling = [Point("sovits", s, {"kl": -0.1 if s == 20 else 1.0 + s % 3}) for s in range(1, 41)]
    draw(falling, tmp_path / "training.svg")
    assert lines_of(tmp_path / "training.svg") == [39]


def test_the_same_curves_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw(points(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    draw(points()[:-1], tmp_path / "c")
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


@pytest.mark.parametrize(
    "odd",
    [
        [],
        [Point("gpt", 1, {"cross_entropy": 1.0, "accuracy": 0.0})],
        [Point("gpt", s, {"accuracy": 0.0}) for s in (1, 2)],
        [Point("sovits", s, {"kl": -1.0 * s}) for s in (1, 2)],
        [Point("sovits", s, {"mel": float("nan")}) for s in (1, 2)],
    ],
    ids=["nothing", "one step", "all zero", "all negative", "not a number"],
)
def test_odd_curves_are_drawn_without_a_warning(tmp_path: Path, odd: list[Point]) -> None:
    draw(odd, tmp_path / "training.svg")
    ElementTree.parse(tmp_path / "training.svg")


def test_records_say_what_was_done_and_not_from_what(tmp_path: Path) -> None:
    curves = Curves(tmp_path / "curves.jsonl")
    for step in (1, 2):
        curves.add(progress("gpt", step, cross_entropy=1.0 / step))
    examples = (utterance(1), utterance(2))
    prepared = Prepared(examples, (Unusable("anna-private-7.wav", "it is shorter than 0.8 s"),), 90.0)
    records = tmp_path / "records"
    write_records(records, curves, prepared, Adaptation(seed=7), NOW)
    assert sorted(path.name for path in records.iterdir()) == ["card.md", "training.json", "training.svg"]
    facts = json.loads((records / "training.json").read_text())
    assert facts["made"] == "2026-11-21T12:00:00+00:00"
    assert facts["plan"]["seed"] == 7
    assert (facts["examples"], facts["left_out"]) == (2, 1)
    assert facts["seconds"] == pytest.approx(sum(len(e.tokens) for e in examples) * 0.04, abs=0.01)
    assert facts["curves"] == [{"stage": "gpt", "step": s, "cross_entropy": 1.0 / s} for s in (1, 2)]
    card = (records / "card.md").read_text()
    assert "2026-11-21" in card and "will find partial" in card
    assert ("**preview**" in card) == PREVIEW
    everything = b"".join(path.read_bytes() for path in records.iterdir())
    assert b"anna-private" not in everything
    assert np.ascontiguousarray(examples[0].waveform[4000:4064]).tobytes() not in everything

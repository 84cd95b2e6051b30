"""What a training run leaves in the voice: its curves as data and as a picture, and a card in words.

Knows numbers and files; refuses to hold audio, transcripts or file names of recordings. The picture is an SVG with a
fixed salt and no date, so that the same curves are the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from core_model.nano.base import PREVIEW
from core_model.training.adaptation import Adaptation
from core_model.training.dataset import Dataset
from core_model.training.preparation import Prepared
from core_model.training.schedule import Progress


@dataclass(frozen=True, slots=True)
class Point:
    """The losses after one step of one stage."""

    stage: str
    step: int
    losses: Mapping[str, float]


class Curves:
    """Losses of a run, a JSON line a step, kept while it runs; a step that was done twice after a crash counts once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, progress: Progress) -> None:
        """Write one step's line, at once: a run may be killed at any moment."""
        line = json.dumps({"stage": progress.stage, "step": progress.step, "losses": dict(progress.losses)})
        with self._path.open("a", encoding="utf-8") as file:
            # The new line stands first: a line that a crash cut short must not swallow the one after it.
            file.write("\n" + line)

    def points(self) -> list[Point]:
        """In order, without the steps that a crash made the run do again. A line cut short by a crash is left out."""
        found: dict[tuple[str, int], Point] = {}
        for point in self._read():
            found[point.stage, point.step] = point
        return sorted(found.values(), key=lambda point: (point.stage, point.step))

    def _read(self) -> Iterator[Point]:
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
                yield Point(entry["stage"], entry["step"], entry["losses"])
            except (json.JSONDecodeError, KeyError):
                continue


def write_records(directory: Path, curves: Curves, prepared: Prepared, plan: Adaptation, now: datetime) -> None:
    """records/: training.json, training.svg, card.md."""
    directory.mkdir(parents=True, exist_ok=True)
    points = curves.points()
    seconds = Dataset(prepared.examples).seconds
    facts = {
        "made": now.isoformat(timespec="seconds"),
        "plan": asdict(plan),
        "examples": len(prepared.examples),
        "seconds": round(seconds, 2),
        "left_out": len(prepared.unusable),
        "curves": [{"stage": p.stage, "step": p.step, **dict(p.losses)} for p in points],
    }
    (directory / "training.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    draw(points, directory / "training.svg")
    (directory / "card.md").write_text(_card(seconds, len(prepared.examples), now, preview=PREVIEW), encoding="utf-8")


def draw(points: list[Point], path: Path) -> None:
    """One panel a stage; every loss in its own line, on a logarithmic scale."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "lifecycle"
    from matplotlib import pyplot

    stages = sorted({point.stage for point in points}) or ["nothing was trained"]
    figure, panels = pyplot.subplots(1, len(stages), figsize=(6.4 * len(stages), 4.2), squeeze=False)
    for panel, stage in zip(panels[0], stages, strict=True):
        of_stage = [point for point in points if point.stage == stage]
        for loss in sorted({name for point in of_stage for name in point.losses}):
            drawn = [(p.step, p.losses[loss]) for p in of_stage if loss in p.losses]
            panel.plot(*zip(*drawn, strict=True), label=loss, linewidth=1)
        panel.set(title=stage, xlabel="step")
        if any(value > 0 for point in of_stage for value in point.losses.values()):
            panel.set_yscale("log", nonpositive="mask")  # KL is a sample's and may be negative: a gap
        if of_stage:
            panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small")
            panel.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


_PREVIEW = "This is a **preview** voice: the base has not met its bar yet. "


def _card(seconds: float, examples: int, now: datetime, *, preview: bool) -> str:
    return f"""# A voice made with lifecycle

Made on {now.date().isoformat()} from {seconds:.0f} s of recordings ({examples} pieces) by tuning the embedded base,
whose card says what it was trained on and under which licences. No recording is in this voice.

{_PREVIEW if preview else ""}Expect speech that is plain and a little flat, some words that blur, and a likeness that
those who know the person will find partial. English only. It must not be used to make anybody believe that the person
said something.
"""

"""What came of one layer: a verdict, a sentence, the figure it rests on; and the same for each golden sentence.

Knows no arrays and no runner. A layer that did not run is "not run", never "passed".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Verdict = Literal["passed", "failed", "not run"]
LAYERS = ("fixity", "text", "tokens", "waveform", "identity")  # in the order in which a cause would show first
MUST_PASS = ("text", "tokens", "waveform")  # what proves that a voice speaks as it did


@dataclass(frozen=True, slots=True)
class Detail:
    """One golden sentence, or one damaged file, in a layer."""

    golden: str  # its id, such as "en-0"; of fixity a file's path
    verdict: Verdict
    told: str
    figure: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One layer's verdict. *figure* and *tolerance* are in *unit*; None where nothing was measured."""

    name: str
    verdict: Verdict
    told: str  # one sentence for a person
    figure: float | None = None
    tolerance: float | None = None
    unit: str = ""
    details: tuple[Detail, ...] = ()  # one for each golden sentence, where they were compared one by one
    broken: str = ""  # how the runner broke its protocol (errors.Fault), where that is why the layer failed


def first_failed(findings: tuple[Finding, ...]) -> Finding | None:
    """The first layer that drifted; None if none did."""
    return next((finding for finding in findings if finding.verdict == "failed"), None)


def proven(findings: tuple[Finding, ...]) -> bool:
    """Whether nothing drifted, and the layers that prove a voice's speech all ran."""
    ran = {finding.name for finding in findings if finding.verdict == "passed"}
    return first_failed(findings) is None and ran.issuperset(MUST_PASS)


def measured(
    name: str,
    told: str,
    figure: float,
    tolerance: float,
    unit: str,
    *,
    also: bool = True,
    details: tuple[Detail, ...] = (),
) -> Finding:
    """Passed if the figure is within the tolerance and *also* holds. JSON knows no infinite figure, so that is none."""
    verdict: Verdict = "passed" if figure <= tolerance and also else "failed"
    return Finding(name, verdict, told, finite(figure), tolerance, unit, details)


def not_run(name: str, why: str) -> Finding:
    """A layer that could not be looked at, and why."""
    return Finding(name, "not run", why)


def fixity(files: int, damaged: tuple[str, ...]) -> Finding:
    """The archive's finding as a layer: how many files were looked at, and the names of those that differ."""
    if damaged:
        told = f"{len(damaged)} of {files} files are not the ones that were archived: {', '.join(damaged[:3])}."
        details = tuple(Detail(path, "failed", "It is not the file that was archived.") for path in damaged)
        return Finding("fixity", "failed", told, len(damaged), 0, "files", details)
    return Finding("fixity", "passed", f"All {files} files are the ones that were archived.", 0, 0, "files")


def finite(figure: float) -> float | None:
    """*figure*, or None where it is no number."""
    return float(figure) if np.isfinite(figure) else None

"""What came of attacks as a page for people: one HTML file that asks nothing of the network and runs no script.

Knows findings and a template; judges nothing. No sound of anybody, no file's name and no style is in it: counts,
seconds and figures are. All text is escaped, and the page's own policy (CSP) forbids whatever slipped through. The same
findings are the same bytes. The curves are DET curves (Martin et al. 1997): misses over false alarms on probit axes.

    headline · what it was tried with · for each attack: attackers, figures with intervals, curves, what it means
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from statistics import NormalDist

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from lifecycle.attack_findings import LEVEL, NAMES, Attacked, Finding, percent
from lifecycle.printable import printable
from lifecycle.store import new_file, require_same_kind

_BEGINS = b'<!doctype html>\n<html lang="en" class="lifecycle-attack">'  # what may be replaced by a later one
_LEAST, _MOST = 0.005, 0.995  # of the rates on the curves' axes
_TICKS = (0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
_SIDE = 260.0  # of the square that curves are drawn in, in units of the picture
_LEFT, _TOP = 52.0, 12.0
_COUNTS = {
    "recordings": "recordings of the person",
    "seconds": "seconds of them",
    "other_speakers": "other speakers",
    "recordings_of_others": "recordings of others",
    "seconds_of_others": "seconds of them",
    "candidates": "candidates, the person included",
    "place": "place of the person",
    "released_vectors": "released styles",
    "sentences": "sentences spoken",
    "without_speech": "sentences without speech to the ear",
    "seconds_spoken": "seconds spoken",
    "members": "recordings that were used",
    "seconds_of_members": "seconds of them",
    "non_members": "recordings that were not",
    "seconds_of_non_members": "seconds of them",
    "seeds": "seeds",
    "generators": "generators",
}


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of the picture, and what it is called."""

    name: str
    points: str  # of an SVG polyline
    number: int  # 1.. within its picture: colour and dashes


@dataclass(frozen=True, slots=True)
class Tick:
    """A rate on an axis."""

    label: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Group:
    """All attackers of one attack."""

    attack: str
    findings: tuple[Finding, ...]
    curves: tuple[Curve, ...]


def require_page(path: Path) -> None:
    """Refuse to write over anything but an earlier page. OutputExistsError."""
    require_same_kind(path, _BEGINS)


def write_page(path: Path, found: Attacked) -> None:
    """Write the page, whole or not at all, readable by its owner alone. OutputExistsError, OSError."""
    require_page(path)
    with new_file(path, mode=0o600) as file:
        file.write(render(found).encode())


def render(found: Attacked) -> str:
    """Return the page."""
    house = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    house.filters["plain"] = lambda value: printable(str(value))
    house.filters["percent"] = percent
    house.filters["share"] = lambda value: f"{100 * value:.0f} %"
    style = _part("verification_report.css") + _part("attack_report.css")
    return house.from_string(_part("attack_report.html")).render(
        found=found,
        groups=[_group(attack, tuple(findings)) for attack, findings in groupby(found.findings, lambda f: f.attack)],
        names=NAMES,
        counts=_COUNTS,
        ticks=_ticks(),
        frame={"left": _LEFT, "top": _TOP, "side": _SIDE},
        level=f"{LEVEL:.0%}",
        leaks=sum(finding.leak is True for finding in found.findings),
        style=Markup(style),  # ours, from the package
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


def _part(name: str) -> str:
    return files("lifecycle").joinpath(name).read_text(encoding="utf-8")


def _group(attack: str, findings: Sequence[Finding]) -> Group:
    drawn = [finding for finding in findings if _crossed(finding)]
    curves = [Curve(finding.attacker, _points(finding), number) for number, finding in enumerate(drawn, 1)]
    return Group(attack, tuple(findings), tuple(curves))


def _crossed(finding: Finding) -> bool:
    """Whether anything was mixed up: else the curve lies beyond the picture, in its lower left corner."""
    return any(alarms > _LEAST and misses > _LEAST for alarms, misses in finding.det)


def _points(finding: Finding) -> str:
    return " ".join(f"{_x(alarms):.1f},{_y(misses):.1f}" for alarms, misses in finding.det)


def _ticks() -> tuple[Tick, ...]:
    return tuple(Tick(f"{100 * rate:.0f}", round(_x(rate), 1), round(_y(rate), 1)) for rate in _TICKS)


def _x(rate: float) -> float:
    return _LEFT + _SIDE * _along(rate)


def _y(rate: float) -> float:
    return _TOP + _SIDE * (1 - _along(rate))


def _along(rate: float) -> float:
    """Where a rate lies on an axis, 0 to 1."""
    probit = NormalDist().inv_cdf
    least, most = probit(_LEAST), probit(_MOST)
    return (probit(min(_MOST, max(_LEAST, rate))) - least) / (most - least)

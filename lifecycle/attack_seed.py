"""Did the noise come from a seed? Seeds that somebody might guess, tried against the released style.

Knows the released direction, how much noise there is, and the usual generators; of the person only what its attacker
has. Two attackers: one has no recording and looks whether a clean vector of norm 1 is left when a seed's noise is taken
off (privacy.inversion); one has recordings of the person, takes their usual direction off, and looks whether what is
left points along a seed's noise. A wrong seed does so by chance, for one of d values, with cosine c at most in
exp(-d c^2 / 2) of cases (a cap of the sphere: Ball 1997, *An Elementary Introduction to Modern Convex Geometry*).

Tried are small integers, every number called a seed in the voice's records, and the seconds round every time in them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core_model.voice import Voice
from lifecycle.attack_findings import Finding, not_tested
from lifecycle.attack_style import Release, Styles
from privacy.inversion import chance_of_one, recover

Vector = npt.NDArray[np.float64]
Draw = Callable[[int, int], Vector]
Tell = Callable[[int, int, str], None]
ATTACK = "seed"
SMALL = 1 << 16  # seeds from 0 on
_ROUND_s = 60  # seconds before and after a recorded time
_MOST_CHANCE = 1e-6  # that any of the wrong seeds passes
_TOLERANCE = 1e-3  # of a norm: noise was rounded to 2^-20 and the style to float32
KNOWS = {
    "without recordings": "has the voice, and guesses the seed and the generator of its noise",
    "with recordings": "does the same, and has recordings of the person",
}


def _torch(seed: int, count: int) -> Vector:
    drawn = torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return np.asarray(drawn.numpy(), dtype=np.float64)


def _torch_float32(seed: int, count: int) -> Vector:
    return np.asarray(torch.randn(count, generator=torch.Generator().manual_seed(seed)).numpy(), dtype=np.float64)


GENERATORS: dict[str, Draw] = {
    "NumPy PCG64": lambda seed, count: np.random.default_rng(seed).standard_normal(count),
    "NumPy Philox": lambda seed, count: np.random.Generator(np.random.Philox(key=seed)).standard_normal(count),
    "NumPy MT19937": lambda seed, count: np.random.RandomState(seed & 0xFFFFFFFF).standard_normal(count),
    "torch": _torch,
    "torch float32": _torch_float32,
}


def invert(voice: Voice, styles: Styles, release: Release, tell: Tell, *, small: int) -> list[Finding]:
    """Both attackers, on the same draws."""
    if not release.noisy or not release.sigma:
        why = release.why_no_noise
        return [not_tested(ATTACK, attacker, knows, why) for attacker, knows in KNOWS.items()]
    direction = styles.released / np.linalg.norm(styles.released)
    left = _less_the_person(direction, styles.person)
    seeds = sorted({*range(small), *_recorded(voice.directory)})
    trials = len(seeds) * len(GENERATORS)
    norm_chance = chance_of_one(direction.size, release.sigma, directions=True, tolerance=_TOLERANCE)
    # exp(-d c^2 / 2) of all the wrong ones together at most _MOST_CHANCE; the person's direction is one value less
    along = math.sqrt(2 * math.log(trials / _MOST_CHANCE) / (direction.size - 1))
    found: dict[str, list[tuple[int, str]]] = {attacker: [] for attacker in KNOWS}
    for index, (name, draw) in enumerate(GENERATORS.items()):
        for number, seed in enumerate(seeds):
            if number % 1024 == 0:
                tell(index * len(seeds) + number, trials, f"trying seeds of {name}")
            drawn = draw(seed, direction.size)
            if recover(direction, release.sigma * drawn, directions=True)[1] <= _TOLERANCE:
                found["without recordings"].append((seed, name))
            if float(left @ drawn) >= along * float(np.linalg.norm(drawn)):
                found["with recordings"].append((seed, name))
    data: dict[str, float] = {"seeds": len(seeds), "generators": len(GENERATORS)}
    chances = {"without recordings": trials * norm_chance, "with recordings": 0.0 if along < 1 else 1.0}
    return [_finding(attacker, found[attacker], chances[attacker], data) for attacker in KNOWS]


def _finding(attacker: str, found: list[tuple[int, str]], chance: float, data: dict[str, float]) -> Finding:
    if chance > _MOST_CHANCE:
        why = "with so little noise in so few values, wrong seeds would pass by chance"
        return not_tested(ATTACK, attacker, KNOWS[attacker], why)
    tried = f"{data['seeds']} seeds of {data['generators']} generators"
    if found:
        seed, name = found[0]
        told = f"The noise is that of seed {seed} ({name}): whoever tries it has the clean style. Destroy this voice."
    else:
        told = f"Not among {tried}. That is not safe, only not found there."
    return Finding(ATTACK, attacker, KNOWS[attacker], data, leak=bool(found), meaning=told)


def _less_the_person(direction: Vector, rows: Vector) -> Vector:
    """The part of *direction* that is across the usual direction of *rows*, as a direction."""
    mean = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).mean(axis=0)
    usual = mean / np.linalg.norm(mean)
    left = direction - (direction @ usual) * usual
    return np.asarray(left / max(float(np.linalg.norm(left)), 1e-12), dtype=np.float64)


def _recorded(directory: Path) -> set[int]:
    """What a voice's documents hold that may have been a seed."""
    found: set[int] = set()
    for path in (
        directory / "voice.json",
        *sorted(directory.glob("records/*.json*")),
        *directory.glob("golden/*.json"),
    ):
        for line in [path.read_bytes()] if path.suffix == ".json" else path.read_bytes().splitlines():
            try:
                document = json.loads(line)
            except (ValueError, RecursionError):
                continue  # what cannot be read cannot have been a seed either
            found.update(_in(document, ""))
    return found


def _in(value: object, name: str) -> Iterator[int]:
    """Seeds in JSON: integers that are called so, and the seconds round a time."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from _in(inner, str(key))
        case list() if len(value) <= 64:  # longer are arrays of figures
            for inner in value:
                yield from _in(inner, name)
        case bool():
            return
        case int() if "seed" in name and 0 <= value < 1 << 64:
            yield value
        case str() if name in ("made", "at", "said", "when"):
            try:
                second = int(datetime.fromisoformat(value).timestamp())
            except ValueError:
                return
            yield from range(max(0, second - _ROUND_s), second + _ROUND_s + 1)

"""`make attacks`: releases of seven real people's vectors, attacked; rows of docs/privacy.md beside earlier ones.

    python -m tests.benchmarks.attacks --work DIR [--quick]

Fetches telephone prompts (tests/benchmarks/prompt_speech.py) into DIR, releases what the product would release, with
the product's own noise, and writes DIR/results.json and tables in Markdown. Seven people are few: the intervals are
wide, and nothing here is evidence of anonymity. It tells when a figure moves. `--quick` is for the bench's own test.

The attacker has four prompts of each of the seven; what is tested is made of the others. Four draws of those prompts
share one set of releases. Released is a person's vector, or that of one prompt, which says less of the person.
Intervals are drawn by person. "Before" are trials that preceded this code, and did not say which of the two they
released.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from privacy import accountant, inversion
from privacy import reidentification as attackers
from privacy.budget import Budget
from privacy.mechanisms import STEPS, Mechanism, calibrate, claimed, release, sensitivity
from privacy.reidentification import Attacked
from tests.benchmarks.prompt_speech import MOST_PROMPTS, NoSpeechError, Person, people

Floats = npt.NDArray[np.float64]
DELTA = 1e-5
PROBES = 4
LEAST_TESTED_SECONDS = 1.6  # of voice: Resemblyzer's window
PERSON = "one person's vector: the direction of the mean of their prompts, with noise"
PROMPT = "one prompt's vector, with noise"

# Before: informed EER and top-1, naive EER, in %. From trials of other people's making; None: not told.
SINGLE_BEFORE: dict[float, tuple[float, float, float | None]] = {
    20852: (0.1, 100, None),
    970: (0.2, 100, None),
    50: (20, 67, 32),
    20: (33, 33, None),
    8: (40, 25, None),
    4: (44, 17, None),
    1: (49, 14, None),
}
MEAN_BEFORE = {20: (0.15, 0.47, 0.69), 60: (0.42, 0.85, 0.94), 200: (0.84, 0.98, 0.995), 1000: (0.99, 0.999, 1.0)}
TOGETHER_BEFORE = {1: 4.0, 2: 5.99, 5: 10.4, 10: 16.1}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much of it is run."""

    prompts: int  # of each person
    tested: int  # prompts of each person that are released
    draws: int  # of the attacker's four prompts
    releases: int  # of a mean
    times: int  # drawings of the bootstrap
    seeds: int  # of each generator
    epsilons: tuple[float, ...]


FULL = Effort(MOST_PROMPTS, 30, 4, 20, 1000, 100_000, tuple(SINGLE_BEFORE))
QUICK = Effort(20, 3, 2, 3, 50, 200, (50, 8))


@dataclass(frozen=True, slots=True, eq=False)
class Tests:
    """What is released, and what the attacker has: the same for all rows, so that rows differ by the noise alone."""

    unit: str
    clean: Floats  # (tests, 256)
    owners: npt.NDArray[np.int64]
    enrolments: tuple[attackers.Enrolment, ...]  # one to each draw


def main() -> None:
    """Run it; refusals are a sentence and exit 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="where prompts, vectors and results are kept")
    parser.add_argument("--quick", action="store_true", help="little of everything: a test of the bench, no figures")
    chosen = parser.parse_args()
    try:
        print(run(chosen.work.resolve(), QUICK if chosen.quick else FULL))
    except NoSpeechError as refusal:
        sys.exit(f"error: {refusal}")


def run(work: Path, effort: Effort) -> str:
    """All rows, written to *work*; the tables."""
    seven = people(work, effort.prompts)
    generator = np.random.Generator(np.random.Philox(key=20261128))  # of probes and bootstrap; never of noise
    delta_l2 = attackers.sensitivity_of_non_negative(np.concatenate([person.vectors for person in seven]))
    both = _tests(seven, effort, generator)
    told = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {platform.system()}, NumPy {np.__version__}",
        "data": _data(seven),
        "effort": asdict(effort),
        "people": [_about(person) for person in seven],
        "sensitivity of non-negative directions": delta_l2,
        "farthest apart": _farthest(seven),
        "single": [_single(tests, each, effort, generator, _data(seven)) for tests in both for each in effort.epsilons],
        "means": [_mean(seven, n, e, effort, generator) for n in MEAN_BEFORE for e in (1.0, 4.0, 8.0)],
        "together": _together(both[0], effort, generator, _data(seven)),
        "mixtures": _mixtures(seven, generator),
        "inversion": _inversions(seven[0].vectors[0], effort),
    }
    (work / "results.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    tables = _tables(told)
    (work / "results.md").write_text(tables)
    return tables


def _data(seven: list[Person]) -> str:
    count = sum(len(person.vectors) for person in seven)
    return f"{count} telephone prompts of {len(seven)} people in five languages, 8 kHz, Resemblyzer, 256 values"


def _about(person: Person) -> dict[str, object]:
    length = float(np.linalg.norm(person.vectors.mean(axis=0)))
    seconds = float(person.seconds.mean())
    return {"who": person.label, "prompts": len(person.vectors), "mean seconds": seconds, "length of mean": length}


def _farthest(seven: list[Person]) -> float:
    """Between vectors of two people: the real Delta of this data, where sqrt 2 and 2 are the bounds."""
    least = min(float((a.vectors @ b.vectors.T).min()) for a in seven for b in seven if a is not b)
    return math.sqrt(2 - 2 * least)


def _tests(seven: list[Person], effort: Effort, generator: np.random.Generator) -> tuple[Tests, Tests]:
    """Of people and of prompts."""
    whole, single, owners, probes = [], [], [], []
    for number, person in enumerate(seven):
        order = generator.permutation(np.flatnonzero(person.seconds >= LEAST_TESTED_SECONDS))
        tested = order[: effort.tested]
        single.append(person.vectors[tested])
        owners += [number] * len(tested)
        others = generator.permutation(np.setdiff1d(np.arange(len(person.vectors)), tested))
        known = others[: effort.draws * PROBES].reshape(effort.draws, PROBES)
        probes.append(person.vectors[known])
        mean = person.vectors[np.setdiff1d(np.arange(len(person.vectors)), known)].mean(axis=0)
        whole.append(np.repeat(mean[None] / np.linalg.norm(mean), len(tested), axis=0))
    enrolments = tuple(attackers.enrol([rows[draw] for rows in probes]) for draw in range(effort.draws))
    whose = np.array(owners)
    return (
        Tests(PERSON, np.concatenate(whole), whose, enrolments),
        Tests(PROMPT, np.concatenate(single), whose, enrolments),
    )


def mechanism(epsilon: float, dimension: int) -> Mechanism:
    """Mode local at *epsilon*, and the same noise for an epsilon over 8, which the product refuses to release with."""
    if epsilon <= 8:
        return calibrate("local", Budget(epsilon, DELTA), dimension, 1)
    delta_l2 = sensitivity(1, dimension)
    steps = math.ceil(delta_l2 / accountant.mu_of(Budget(epsilon, DELTA)) * STEPS)
    told = claimed(delta_l2, steps, dimension, DELTA)
    return Mechanism("local", "speaker", 1, dimension, delta_l2, steps, delta_l2 * STEPS / steps, told, DELTA)


def _attack(
    tests: Tests, scores: list[Floats], mu: float, attacker: str, data: str, times: int, generator: np.random.Generator
) -> Attacked:
    return attackers.attacked(
        np.concatenate(scores),
        np.tile(tests.owners, len(scores)),
        generator,
        attacker=attacker,
        data=data,
        unit=tests.unit,
        mu=mu,
        times=times,
    )


def _both(
    tests: Tests, released: Floats, made: Mechanism, effort: Effort, generator: np.random.Generator, data: str
) -> list[Attacked]:
    assert made.mu is not None
    naive = [attackers.naive(released, each) for each in tests.enrolments]
    informed = [attackers.informed(released, each, made.sigma, directions=True) for each in tests.enrolments]
    return [
        _attack(tests, informed, made.mu, attackers.INFORMED, data, effort.times, generator),
        _attack(tests, naive, made.mu, attackers.NAIVE, data, effort.times, generator),
    ]


def _single(
    tests: Tests, epsilon: float, effort: Effort, generator: np.random.Generator, data: str
) -> dict[str, object]:
    made = mechanism(epsilon, tests.clean.shape[1])
    released = np.array([release(row[None], made) for row in tests.clean])
    found = _both(tests, released, made, effort, generator, data)
    return {
        "unit": tests.unit,
        "epsilon": epsilon,
        "sigma": made.sigma,
        "cosine": float((released * tests.clean).sum(axis=1).mean()),
        "expected cosine": made.expected_cosine(),
        "floor": made.floor,
        "attacks": [each.as_dict() for each in found],
        "strongest": attackers.strongest(found).attacker,
    }


def _mean(
    seven: list[Person], n: int, epsilon: float, effort: Effort, generator: np.random.Generator
) -> dict[str, object]:
    """Mode utterance of *n* prompts: how much of the person is left, and whether the person is still recognised."""
    row: dict[str, object] = {"n": n, "epsilon": epsilon}
    able = [person for person in seven if len(person.vectors) >= n + PROBES]
    if len(able) < 2:
        return {**row, "not run": f"{len(able)} people have {n} prompts and {PROBES} more"}
    made = calibrate("utterance", Budget(epsilon, DELTA), able[0].vectors.shape[1], n)
    released, cosines, expected, owners, probes = [], [], [], [], []
    for number, person in enumerate(able):
        order = generator.permutation(len(person.vectors))
        rows = person.vectors[order[:n]]
        clean = rows.mean(axis=0)
        probes.append(person.vectors[order[n : n + PROBES]])
        expected.append(made.expected_cosine(float(np.linalg.norm(clean))))
        for _ in range(effort.releases):
            released.append(release(rows, made))
            cosines.append(float(released[-1] @ clean / np.linalg.norm(clean)))
            owners.append(number)
    enrolment = attackers.enrol(probes)
    found = attackers.attacked(
        attackers.informed(np.array(released), enrolment, made.sigma, directions=True),
        owners,
        generator,
        attacker=attackers.INFORMED,
        data=_data(able),
        unit=f"the direction of the noisy mean of {n} prompts",
        times=effort.times,
    )
    return {**row, "people": len(able), "cosine": float(np.mean(cosines)), "expected cosine": float(np.mean(expected)),
            "attack": found.as_dict()}  # fmt: skip


def _together(tests: Tests, effort: Effort, generator: np.random.Generator, data: str) -> list[dict[str, object]]:
    """Up to ten releases of the same vectors at epsilon 4, by an attacker who adds their likelihoods."""
    made = mechanism(4.0, tests.clean.shape[1])
    assert made.mu is not None
    sums = [np.zeros((len(tests.clean), len(each.means))) for each in tests.enrolments]
    rows: list[dict[str, object]] = []
    for count in range(1, max(TOGETHER_BEFORE) + 1):
        released = np.array([release(row[None], made) for row in tests.clean])
        for added, each in zip(sums, tests.enrolments, strict=True):
            added += attackers.log_likelihoods(released, each, made.sigma, directions=True)
        if count in TOGETHER_BEFORE:
            mu = accountant.composed([made.mu] * count)
            scores = [attackers.ratios(each) for each in sums]
            found = _attack(tests, scores, mu, attackers.INFORMED, data, effort.times, generator)
            rows.append({"count": count, "epsilon": accountant.epsilon_of(mu, DELTA), "attack": found.as_dict()})
    return rows


def _mixtures(seven: list[Person], generator: np.random.Generator) -> dict[str, float]:
    """Means of the seven with random weights (uniform on the simplex): how near to one of them they stay."""
    means = np.array([person.vectors.mean(axis=0) for person in seven])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    mixed = generator.dirichlet(np.ones(len(means)), 10_000) @ means
    nearest = (mixed / np.linalg.norm(mixed, axis=1, keepdims=True) @ means.T).max(axis=1)
    between = (means @ means.T)[~np.eye(len(means), dtype=bool)]
    return {
        "least": float(nearest.min()),
        "median": float(np.median(nearest)),
        "share over .8": float((nearest > 0.8).mean()),
        "two people, largest": float(between.max()),
        "two people, least": float(between.min()),
    }


def _inversions(clean: Floats, effort: Effort) -> list[dict[str, object]]:
    """Noise of a small seed, and the product's own, on a real vector."""
    made = mechanism(8.0, len(clean))
    found = []
    for kind in (np.random.Philox, np.random.PCG64, np.random.MT19937):

        def draw(seed: int, kind: type[np.random.BitGenerator] = kind) -> Floats:
            return made.sigma * np.random.Generator(kind(seed)).standard_normal(len(clean))

        noisy = clean + draw(effort.seeds // 2)
        for what, vector in (("noise of a small seed", noisy), ("the product's own", release(clean[None], made))):
            told = inversion.search(
                vector, range(effort.seeds), draw, sigma=made.sigma, directions=True, generator=kind.__name__
            )
            off = min((float(np.abs(each.nearest_to(clean) - clean).max()) for each in told.found), default=None)
            found.append({"noise": what, **told.as_dict(), "off by": off})
    return found


def _tables(told: dict) -> str:  # type: ignore[type-arg]
    lines = [f"{told['data']}; {told['date']}. In brackets: 95 %, drawn by person.", ""]
    heads = "ε|σ|cosine, expected|floor|informed EER|before|top-1|before|naive EER|before|D_sys|TPR at 1 % FPR"
    for place, row in enumerate(told["single"]):
        if not place or row["unit"] != told["single"][place - 1]["unit"]:
            lines += ["", f"Released: {row['unit']}.", "", f"| {heads.replace('|', ' | ')} |", "|---" * 12 + "|"]
        eer, top1, naive_eer = (_or_dash(value) for value in SINGLE_BEFORE[row["epsilon"]])
        informed, naive = row["attacks"]
        best = informed if row["strongest"] == informed["attacker"] else naive
        lines.append(
            f"| {row['epsilon']:g} | {row['sigma']:.4f} | {row['cosine']:.3f}, {row['expected cosine']:.3f} "
            f"| {100 * row['floor']:.1f} | {_range(informed['rates']['eer'])} | {eer} "
            f"| {_range(informed['top1'])} | {top1} "
            f"| {_range(naive['rates']['eer'])} | {naive_eer} | {best['rates']['d_sys']['value']:.2f} "
            f"| {_range(best['rates']['tpr'])} |{' BEATS THE FLOOR' if informed['beats_floor'] else ''}"
        )
    lines += ["", "| n | ε | cosine, expected | before | people | EER | top-1 |", "|---|---|---|---|---|---|---|"]
    for row in told["means"]:
        before = MEAN_BEFORE[row["n"]][(1.0, 4.0, 8.0).index(row["epsilon"])]
        if "not run" in row:
            lines.append(f"| {row['n']} | {row['epsilon']:g} | not run: {row['not run']} | {before} | | | |")
            continue
        attack = row["attack"]
        lines.append(
            f"| {row['n']} | {row['epsilon']:g} | {row['cosine']:.2f}, {row['expected cosine']:.2f} | {before} "
            f"| {row['people']} | {_range(attack['rates']['eer'])} | {_range(attack['top1'])} |"
        )
    lines += ["", "| releases | ε together | before | floor | informed EER | top-1 |", "|---|---|---|---|---|---|"]
    for row in told["together"]:
        attack = row["attack"]
        lines.append(
            f"| {row['count']} | {row['epsilon']:.2f} | {TOGETHER_BEFORE[row['count']]} | {100 * attack['floor']:.1f} "
            f"| {_range(attack['rates']['eer'])} | {_range(attack['top1'])} |"
        )
    lines += ["", *(f"* mixtures of the seven, {what}: {value:.3f}" for what, value in told["mixtures"].items())]
    lines += [f"* farthest apart of two people's vectors: {told['farthest apart']:.3f}"]
    lines += [
        f"* {row['noise']}, {row['tried']} seeds of {row['generator']}: {row['found'] or 'not found'}, {row['off by']}"
        for row in told["inversion"]
    ]
    return "\n".join(lines) + "\n"


def _range(figure: dict[str, float]) -> str:
    return f"{100 * figure['value']:.1f} [{100 * figure['low']:.0f}, {100 * figure['high']:.0f}]"


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


if __name__ == "__main__":
    main()

"""Each attack finds what is there to be found, and does not find what is not: a positive and a negative control."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model.nano.speaker_style import Frame
from core_model.sovits.dims import SoVITSDims
from core_model.training import gpt, sovits
from core_model.training.dataset import Dataset
from core_model.training.schedule import Options
from core_model.training.utterance_losses import token_loss, waveform_loss
from lifecycle.attack_drawings import draw_again
from lifecycle.attack_figures import of_a_control, of_members, of_one_person, place_of_the_person
from lifecycle.attack_findings import Attacked, Figure, Finding, not_tested
from lifecycle.attack_membership import KNOWS, ask_style
from lifecycle.attack_report import render
from lifecycle.attack_seed import GENERATORS, invert
from lifecycle.attack_style import Release, Styles, reidentify
from privacy import mechanisms
from privacy.membership import membership
from privacy.reidentification import attacked
from tests.core_model.training.tiny import tiny_gpt, tiny_sovits, utterance
from tests.tiny_voice import SOVITS, SPECTRAL_SOVITS

WIDTH, CANDIDATES, EACH = 64, 24, 6
FRAME = Frame(np.zeros(WIDTH), 1.0)
Vectors = np.ndarray


def rng(key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=key))


def people(key: int) -> tuple[Vectors, ...]:
    """Recordings of everybody: each near a direction of its person."""
    drawn = rng(key)
    centres = drawn.standard_normal((CANDIDATES, 1, WIDTH))
    return tuple(centre + 0.3 * drawn.standard_normal((EACH, WIDTH)) for centre in centres)


def styles(key: int, released: Vectors) -> Styles:
    person, *others = people(key)
    return Styles(FRAME, released, person, person[:0], tuple(others))


def noisy(rows: Vectors, sigma: float) -> Vectors:
    return mechanisms.release(rows.mean(axis=0)[None], mechanisms.jitter(sigma, WIDTH))


def by_attacker(found: list[Finding]) -> dict[str, Finding]:
    return {finding.attacker: finding for finding in found}


def test_a_jittered_style_is_identified() -> None:
    released = styles(1, noisy(people(1)[0], 0.01))
    found = by_attacker(reidentify(released, Release("jitter", 0.01), {}, rng(2)))
    assert [found[name].leak for name in ("naive", "informed", "drawn again")] == [True, True, True]
    assert found["informed"].data["place"] == 1
    eer = found["drawn again"].figure("eer")
    assert eer is not None
    assert eer.value == 0.0


def test_somebody_else_is_found_about_as_often_as_chance_has_it() -> None:
    """At 1 in 24, two of six voices that have nothing to do with the person would be found once in 45 times."""
    found = 0
    for key in range(6):
        nobody = rng(1000 + key).standard_normal(WIDTH)
        told = by_attacker(reidentify(styles(key, nobody), Release("anonymous", 0.0), {}, rng(key)))
        found += told["informed"].leak is True
        assert not told["drawn again"].tested
    assert found < 2


def test_noise_that_a_voice_does_not_survive_hides_its_owner_as_far_as_the_claim_says() -> None:
    sigma = 7.46  # epsilon 1
    found = by_attacker(reidentify(styles(3, noisy(people(3)[0], sigma)), Release("local", sigma), {}, rng(4)))
    again = found["drawn again"]
    eer = again.figure("eer")
    assert eer is not None
    assert eer.high is not None
    assert eer.high > 0.40
    assert "44.7 %" in again.meaning


def test_an_error_rate_under_the_floor_is_called_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases whose noise is not there."""

    def clean(rows: Vectors, mechanism: mechanisms.Mechanism) -> Vectors:
        return rows.mean(axis=0)

    monkeypatch.setattr("lifecycle.attack_drawings.release", clean)
    found = by_attacker(reidentify(styles(3, people(3)[0][0]), Release("local", 7.46), {}, rng(4)))
    assert "the noise or its account is wrong" in found["drawn again"].meaning


def test_fresh_releases_are_as_many_and_as_noisy_as_they_say() -> None:
    drawn = draw_again(people(5), "utterance", 0.05, 3)
    assert drawn.directions.shape == (3 * CANDIDATES, WIDTH)
    assert np.bincount(drawn.owners).tolist() == [3] * CANDIDATES
    assert drawn.mu == pytest.approx(2 / 0.05, rel=1e-3)
    first, second = drawn.directions[:2]
    assert 0.5 < first @ second < 0.999


def test_ties_do_not_look_like_a_find() -> None:
    assert place_of_the_person(np.zeros((3, 5))) == 5


def test_few_candidates_cannot_show_anything() -> None:
    scores = np.tile([1.0, 0.0, 0.0, 0.0], (6, 1)) + rng(1).normal(0, 0.01, (6, 4))
    told = attacked(scores, np.zeros(6, int), rng(2), attacker="naive", data="", unit="", drawn_by=np.arange(6))
    finding = of_one_person("speech", told, "", scores, {})
    assert finding.leak is None
    assert "fewer than 20 candidates" in finding.meaning


def over_fitted(steps: int) -> tuple[list[float], list[float]]:
    """Costs of members and of others, to a tiny GPT that learnt the members by heart."""
    members, others = ([utterance(seed) for seed in range(first, first + 8)] for first in (0, 100))
    network = tiny_gpt()
    gpt.train(network, Dataset(members), Options(steps=steps, batch_size=8, learning_rate=1e-2, warmup_steps=5))
    return [token_loss(network, each) for each in members], [token_loss(network, each) for each in others]


def test_a_network_that_learnt_by_heart_tells_what_it_learnt(one_thread: None) -> None:
    members, others = over_fitted(60)
    scores = (-np.array(members), -np.array(others))
    finding = of_members("", membership(*scores, rng(1), attacker="raw", data=""), "", *scores, {})
    assert finding.leak is True
    assert finding.figures[0].value > 0.9


def test_a_network_that_learnt_nothing_tells_nothing(one_thread: None) -> None:
    members, others = over_fitted(0)
    scores = (-np.array(members), -np.array(others))
    finding = of_members("", membership(*scores, rng(1), attacker="raw", data=""), "", *scores, {})
    assert finding.leak is False


def test_an_utterance_that_was_learnt_costs_less_in_the_waveform(one_thread: None) -> None:
    learnt = utterance(0)
    network = tiny_sovits()
    before = waveform_loss(network.eval(), learnt, seed=1, draws=2)
    sovits.train(network, None, Dataset([learnt]), Options(steps=25, batch_size=1, learning_rate=2e-3, warmup_steps=2))
    assert waveform_loss(network, learnt, seed=1, draws=2) < 0.8 * before


@pytest.mark.parametrize("dims", [SOVITS, SPECTRAL_SOVITS], ids=["hums", "does not"])
def test_the_same_noise_is_the_same_cost(one_thread: None, dims: SoVITSDims) -> None:
    network, other = tiny_sovits(dims=dims).eval(), copy.deepcopy(tiny_sovits(dims=dims)).eval()
    example = utterance(1)
    assert waveform_loss(network, example, seed=1, draws=2) == waveform_loss(other, example, seed=1, draws=2)
    assert waveform_loss(network, example, seed=1, draws=2) != waveform_loss(network, example, seed=2, draws=2)
    higher = replace(example, f0=1.5 * example.f0)  # hummed where there is a pitch, and else not looked at
    hears_it = waveform_loss(network, higher, seed=1, draws=2) != waveform_loss(network, example, seed=1, draws=2)
    assert hears_it is network.hums


def test_a_mean_of_few_recordings_tells_which_they_were_and_the_control_does_not() -> None:
    drawn = rng(7)
    rows = drawn.standard_normal(WIDTH) + 0.8 * drawn.standard_normal((40, WIDTH))
    members, held_out = rows[:8], rows[8:]
    found = by_attacker(ask_style(members.mean(axis=0), members, held_out, (8.0, 32.0), rng(8)))
    assert found["raw"].leak is True
    assert found["calibrated"].leak is True
    assert found["control"].control
    assert found["control"].leak is None
    assert "no other difference was seen" in found["control"].meaning


def test_heaps_that_differ_anyway_are_called_so() -> None:
    scores = (rng(1).normal(3, 1, 20), rng(2).normal(0, 1, 20))
    finding = of_members("", membership(*scores, rng(1), attacker="control", data=""), "", *scores, {})
    assert "THE TWO HEAPS DIFFER" in of_a_control(finding).meaning


class Said:
    """A voice of which only documents are read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("sigma", [0.1, 1.2])
def test_noise_of_a_seed_is_found(tmp_path: Path, name: str, sigma: float) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "voice.json").write_text(json.dumps({"lineage": {"plan": {"seed": 987654321}}}))
    person = people(9)[0]
    mean = (person / np.linalg.norm(person, axis=1, keepdims=True)).mean(axis=0)
    seeded = mean / np.linalg.norm(mean) + sigma * GENERATORS[name](987654321, WIDTH)
    found = by_attacker(invert(Said(tmp_path), styles(9, seeded), Release("local", sigma), quiet, small=16))  # type: ignore[arg-type]
    assert found["with recordings"].leak is True
    assert f"seed 987654321 ({name})" in found["with recordings"].meaning
    if sigma == 1.2:
        assert found["without recordings"].leak is True
    else:
        assert "wrong seeds would pass by chance" in found["without recordings"].why_not


def test_noise_of_the_system_is_not_found_and_that_is_not_called_safe(tmp_path: Path) -> None:
    (tmp_path / "voice.json").write_text(
        '{"seed": 3, "seeds": [true, -1, "x"], "at": "yesterday", "made": "2026-11-28T12:00:00"}'
    )
    released = styles(9, noisy(people(9)[0], 1.2))
    found = by_attacker(invert(Said(tmp_path), released, Release("local", 1.2), quiet, small=64))  # type: ignore[arg-type]
    assert [found[name].leak for name in ("with recordings", "without recordings")] == [False, False]
    assert "not safe, only not found" in found["with recordings"].meaning
    assert found["with recordings"].data["seeds"] == 64 + 2 * 60 + 1  # and the seconds round its making


@pytest.mark.parametrize(
    ("mode", "told"),
    [("", "no noise"), ("anonymous", "nothing of anybody"), ("sgd", "every step of a training"), ("x", "not known")],
)
def test_a_style_without_noise_on_it_is_not_inverted_and_it_says_why(tmp_path: Path, mode: str, told: str) -> None:
    released = styles(9, people(9)[0][0])
    found = by_attacker(invert(Said(tmp_path), released, Release(mode, 1.2), quiet, small=8))  # type: ignore[arg-type]
    assert all(told in finding.why_not for finding in found.values())
    assert told in by_attacker(reidentify(released, Release(mode, 1.2), {}, rng(1)))["drawn again"].why_not


def quiet(done: int, total: int, note: str) -> None:
    """Nobody reads it."""


def finding(attacker: str, leak: bool | None, **told: object) -> Finding:
    return Finding("style", attacker, "knows", {}, leak=leak, meaning="m", **told)  # type: ignore[arg-type]


def report(*findings: Finding) -> Attacked:
    return Attacked("ada", "2026-11-28T12:00:00+00:00", "local", 1.2, "lifecycle 1", {"recordings": 3}, (), findings)


def test_the_headline_never_says_that_all_is_well() -> None:
    assert "That is no proof" in report(finding("naive", False)).headline
    assert "1 was not tested" in report(finding("naive", False), not_tested("seed", "x", "", "why")).headline
    assert "better than a guess: style (naive)" in report(finding("naive", True), finding("informed", None)).headline
    assert "Of 1 it cannot be told" in report(finding("naive", True), finding("informed", None)).headline
    assert report(not_tested("seed", "x", "", "why")).headline.startswith("No attack was tested.")
    assert "None of 1 attacks" in report(finding("naive", False), finding("control", None, control=True)).headline


def test_the_page_says_what_was_not_tested_and_draws_what_was() -> None:
    det = tuple((x / 10, 1 - x / 10) for x in range(11))
    drawn = finding("<b>naive</b>", True, det=det, figures=(Figure("eer", 0.5, 0.4, 0.6, 0.5),))
    page = render(report(drawn, not_tested("seed", "x", "has nothing", "there was no noise")))
    assert "<b>Not tested:</b> there was no noise." in page
    assert "&lt;b&gt;naive" in page.lower()
    assert page.count("<polyline") == 1
    assert "50.0 % [40.0, 60.0]" in page
    assert page == render(report(drawn, not_tested("seed", "x", "has nothing", "there was no noise")))


def test_a_curve_beyond_the_picture_is_named_below_it() -> None:
    usual = finding("naive", False, det=tuple((x / 10, 1 - x / 10) for x in range(11)))
    perfect = finding("informed", True, det=((0.0, 1.0), (0.0, 0.0), (1.0, 0.0)))
    assert "not in the picture: informed." in render(report(usual, perfect))
    assert "not in the picture" not in render(report(usual))


def test_every_curve_of_the_longest_attack_has_a_colour() -> None:
    det = tuple((x / 10, 1 - x / 10) for x in range(11))
    page = render(
        report(*(finding(f"{name}, {loss}", True, det=det) for name in KNOWS for loss in ("waveform", "tokens")))
    )
    drawn = set(re.findall(r'<polyline class="(curve-\d)"', page))
    assert len(drawn) == 6
    assert all(f".{name} {{ stroke:" in page for name in drawn)


def test_torch_draws_what_it_drew() -> None:
    generator = torch.Generator().manual_seed(5)
    assert np.allclose(GENERATORS["torch float32"](5, 4), torch.randn(4, generator=generator).numpy())

"""What is said before a release follows from its mechanism, and the page's table is computed by the same code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lifecycle.release_terms import LENGTH_OF_A_MEAN, terms_of
from privacy.budget import Budget
from privacy.mechanisms import MODES, Mode, calibrate, jitter

PAGE = Path(__file__).resolve().parents[2] / "docs" / "release.md"
ROW = re.compile(r"^\| (\d+), `(\w+)` \| (\S+) \| (\S+) \| (\S+) \|$", re.MULTILINE)


def test_the_table_on_the_page_is_what_the_code_computes() -> None:
    rows = ROW.findall(PAGE.read_text())
    assert len(rows) == 4
    for n, mode, *told in rows:
        for epsilon, figure in zip((1, 4, 8), told, strict=True):
            made = calibrate(mode, Budget(epsilon), 128, int(n))
            cosine = made.expected_cosine(LENGTH_OF_A_MEAN if mode == "utterance" else 1.0)
            digits = len(figure) - 1
            assert abs(cosine - float(figure)) <= 0.5001 * 10**-digits, (n, mode, epsilon, cosine)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_says_what_it_does_not_protect(mode: Mode) -> None:
    made = (
        jitter(0.01, 128) if mode == "jitter" else calibrate(mode, Budget(4.0), 128, 60 if mode == "utterance" else 1)
    )
    terms = terms_of(made, tuned_weights=False)
    assert len(terms.not_protected) >= 2
    assert "the recordings, and whatever was made of them without noise" in terms.not_protected[-1]
    assert len(terms_of(made, tuned_weights=True).not_protected) == len(terms.not_protected) + 1
    if mode in ("utterance", "local"):
        assert f"epsilon {made.epsilon:.4g} at delta 1e-05" in terms.protects


@pytest.mark.parametrize("mode", ["local", "anonymous"])
def test_what_hides_the_speaker_says_that_the_licence_may_name_them(mode: Mode) -> None:
    assert any(
        "licence" in told for told in terms_of(calibrate(mode, Budget(4.0), 128, 1), tuned_weights=False).not_protected
    )


def test_figures_of_one_run_are_not_passed_off_as_those_of_all() -> None:
    made = calibrate("local", Budget(4.0), 128, 1)
    assert "9 runs were to give away" in terms_of(made, tuned_weights=False, tuning_runs=9).not_protected[0]
    public = calibrate("anonymous", Budget(4.0), 128, 1)  # reads nothing, however often
    assert terms_of(public, tuned_weights=False, tuning_runs=9) == terms_of(public, tuned_weights=False)


def test_few_recordings_at_a_small_epsilon_do_not_survive_either() -> None:
    warning = terms_of(calibrate("utterance", Budget(1.0), 128, 20), tuned_weights=False).warning
    assert "WILL NOT SURVIVE" in warning and "no protection of who speaks" in warning
    assert terms_of(calibrate("utterance", Budget(8.0), 128, 60), tuned_weights=False).warning == ""

"""Lines of DP-SGD in the ledger: what they add up to, under their own adjacency alone, and what is found out."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from privacy.entries import NOTHING_READ
from privacy.errors import BudgetError, CapExceededError, LedgerDamagedError, NotComposableError
from privacy.ledger import ADD_OR_REMOVE, REPLACE_ONE, Entry, Ledger, check, recomputed_epsilon
from privacy.sampled_gaussian import SampledGaussian, composed_epsilon, pld_epsilon
from tests.privacy.ledgers import DELTA, entry, ledger_of, rehashed, sampled, take_the_extra_away

OF_1_0_0 = Path(__file__).with_name("ledger-1.0.0.jsonl")


def told(one: Entry) -> dict[str, object]:
    """The fields of a ledger of this one line."""
    return json.loads(Ledger((one,)).marshal())


def test_a_ledger_of_1_0_0_is_read_and_comes_back_byte_for_byte() -> None:
    data = OF_1_0_0.read_bytes()
    ledger = Ledger.parse(data)
    assert [one.mode for one in ledger.entries] == ["utterance", "utterance", "anonymous", "jitter"]
    assert ledger.marshal() == data
    assert ledger.not_recomputed == ()
    assert check(data).verdict == "true"


def test_a_sampled_line_comes_back_as_it_was_and_says_what_its_epsilon_follows_from() -> None:
    ledger = ledger_of(sampled(), entry("utterance", 1.0), sampled(5.0, tuning_runs=1))
    data = ledger.marshal()
    assert Ledger.parse(data) == ledger
    assert Ledger.parse(data).marshal() == data
    assert check(data) == replace(check(data), verdict="true", told="", lines=3)
    line = json.loads(data.splitlines()[0])
    assert line["sampling"] == {"kind": "Poisson", "noise_multiplier": 4.0, "sample_rate": 0.1, "steps": 50}
    assert (line["unit"], line["adjacency"], line["mu"], line["cumulative_mu"]) == ("utterance", "add/remove", None, {})
    assert (line["sensitivity"], line["sigma"]) == (0.5, 2.0)
    assert line["accountant"] == "PRV, opacus 1.6.0"
    assert line["second_accountant"].startswith("PLD, dp-accounting 0.6.0; RDP, dp-accounting 0.6.0: ")
    assert recomputed_epsilon(ledger.entries[0]) == pytest.approx(line["epsilon"] / 1.001)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"epsilon": 0.1}, "second accountant has"),
        ({"epsilon": 0.1, "second_epsilon": 0.1}, "it claims epsilon 0.1, and its mechanism has"),
        ({"epsilon": 9.0, "second_epsilon": 9.0}, "it claims epsilon 9, and its mechanism has"),
        ({"second_epsilon": 0.1}, "second accountant has"),
        ({"epsilon": None}, "claims nothing"),
        ({"second_epsilon": None}, "claims nothing"),
        ({"floor": None}, "claims nothing"),
        ({"floor": 0.49}, "floor"),
        ({"delta": 1e-6}, "its mechanism has"),
        ({"delta": 1e-2}, "there are 300 units"),
        ({"n": 10**6}, "there are 1000000 units"),
        ({"n": 0}, "out of range"),
        ({"tuning_runs": -1}, "out of range"),
        ({"sigma_steps": 1}, "out of range"),
        ({"clip": 5.0}, "its sigma is not its noise multiplier times its clip"),
        ({"sigma": 20.0}, "its sigma is not its noise multiplier times its clip"),
        ({"mu": 0.1}, "a unit, an adjacency or a mu"),
        ({"adjacency": "replace-one"}, "a unit, an adjacency or a mu"),
        ({"unit": "speaker"}, "a unit, an adjacency or a mu"),
        ({"cumulative_mu": {"utterance": 0.1}}, "a unit, an adjacency or a mu"),
        ({"sampling": None}, "sampling is none"),
        ({"sampling": {}}, "sampling is none"),
    ],
)
def test_a_line_that_was_edited_with_its_digest_is_still_not_true(change: dict[str, object], problem: str) -> None:
    with pytest.raises(LedgerDamagedError, match=problem):
        Ledger.parse(rehashed(told(sampled()) | change))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"steps": 5}, "its mechanism has"),
        ({"sample_rate": 0.01}, "its mechanism has"),
        ({"noise_multiplier": 8.0}, "its sigma is not"),
        ({"kind": "shuffled"}, "sampling is none"),
        ({"also": 1}, "sampling is none"),
        ({"steps": 50.0}, "sampling is none"),
        ({"steps": True}, "sampling is none"),
        ({"sample_rate": 1}, "sampling is none"),
        ({"noise_multiplier": "much"}, "sampling is none"),
        ({"steps": 10**12}, "whole number of 1"),
        ({"noise_multiplier": 1e-9, "sample_rate": 1e-300, "steps": 10**12}, "noise multiplier is 1e-09"),
        ({"noise_multiplier": 0.1, "sample_rate": 1.0, "steps": 10**6}, "more than is counted here"),
        ({"sample_rate": -0.1}, "sample rate"),
    ],
)
def test_a_sampling_that_was_edited_shows_and_costs_no_time(change: dict[str, object], problem: str) -> None:
    document = told(sampled())
    edited = document | {"sampling": {**document["sampling"], **change}}  # type: ignore[dict-item]
    with pytest.raises(LedgerDamagedError, match=problem):
        Ledger.parse(rehashed(edited))


def test_a_ledger_that_would_take_for_ever_to_recompute_is_refused_before(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = ledger_of(sampled(), sampled())
    monkeypatch.setattr("privacy.ledger.MOST_TOGETHER", 2 * ledger.entries[0].run.points)
    assert check(ledger.marshal()).verdict == "true"
    with pytest.raises(NotComposableError, match="more or longer sampled runs"):
        ledger.with_entry(sampled())
    longer = Ledger((*ledger.entries, sampled())).marshal()
    assert "line 3 of the ledger: with it, the ledger has more or longer sampled runs" in check(longer).told


def test_sampled_runs_add_up_by_their_losses() -> None:
    ledger = ledger_of(sampled(), sampled(5.0, 80))
    runs = [SampledGaussian(4.0, 0.1, 50), SampledGaussian(5.0, 0.1, 80)]
    assert ledger.epsilon("utterance", DELTA, ADD_OR_REMOVE) == composed_epsilon(runs, DELTA)
    assert ledger.epsilon("utterance", 1e-6, ADD_OR_REMOVE) == composed_epsilon(runs, 1e-6)


def test_a_sum_is_no_less_than_what_one_of_its_lines_claims() -> None:
    one = sampled(prv=1.005)
    assert ledger_of(one).epsilon("utterance", DELTA, ADD_OR_REMOVE) == one.epsilon


def test_tuning_runs_are_runs_of_the_same_mechanism() -> None:
    tuned = ledger_of(sampled(tuning_runs=2, prv=1.0))
    assert tuned.epsilon("utterance", DELTA, ADD_OR_REMOVE) == pld_epsilon(SampledGaussian(4.0, 0.1, 150), DELTA)
    assert tuned == replace(tuned, entries=Ledger.parse(tuned.marshal()).entries)


def test_plain_gaussians_of_the_same_adjacency_are_added_to_them() -> None:
    """Nothing here writes such a line; a later toolkit may."""
    gaussian = replace(entry("utterance", 1.0), adjacency=ADD_OR_REMOVE)
    ledger = Ledger((sampled(prv=1.0), gaussian))
    runs = [SampledGaussian(4.0, 0.1, 50), SampledGaussian(1 / (gaussian.mu or 0), 1.0, 1)]
    assert ledger.epsilon("utterance", DELTA, ADD_OR_REMOVE) == composed_epsilon(runs, DELTA)
    assert ledger.mu("utterance") == 0.0


def test_nothing_is_added_across_adjacencies() -> None:
    exchanged, sampled_one = entry("utterance", 4.0), sampled()
    both, alone = ledger_of(exchanged, sampled_one), ledger_of(exchanged)
    assert both.mu("utterance") == alone.mu("utterance")
    assert both.epsilon("utterance", DELTA, ADD_OR_REMOVE) == ledger_of(sampled_one).epsilon(
        "utterance", DELTA, ADD_OR_REMOVE
    )
    assert ledger_of(sampled_one, exchanged).entries[1].cumulative_mu["utterance"] == alone.mu("utterance")
    assert both.promised == (("utterance", REPLACE_ONE), ("utterance", ADD_OR_REMOVE))


def test_the_cap_holds_in_each_sum() -> None:
    full = ledger_of(entry("utterance", 9.9), sampled(1.0, 150))
    assert 7 < (full.epsilon("utterance", DELTA, ADD_OR_REMOVE) or 0) < 10
    with pytest.raises(CapExceededError, match=r"of this utterance epsilon [\d.]+ is given away already.*cap is 10"):
        full.with_entry(sampled(1.0, 150))
    with pytest.raises(CapExceededError, match=r"of this utterance epsilon 9\.9 is given away already"):
        full.with_entry(entry("utterance", 4.0))
    assert len(full.with_entry(sampled(20.0, 5)).entries) == 3


def test_tuning_runs_count_towards_the_cap() -> None:
    with pytest.raises(CapExceededError):
        Ledger().with_entry(sampled(1.0, 150, tuning_runs=3))


def test_a_run_that_hides_an_utterance_promises_nothing_about_the_speaker() -> None:
    ledger = ledger_of(sampled())
    assert ledger.epsilon("speaker", DELTA, ADD_OR_REMOVE) is None
    assert ledger.epsilon("speaker", DELTA, REPLACE_ONE) is None
    assert ledger.epsilon("utterance", DELTA, REPLACE_ONE) == 0.0
    with pytest.raises(CapExceededError, match="promised nothing about the speaker"):
        ledger.with_entry(entry("local", 1.0))


def test_what_was_promised_about_the_speaker_is_not_voided_afterwards() -> None:
    with pytest.raises(CapExceededError, match="this release promises nothing about the speaker, and an earlier one"):
        ledger_of(entry("local", 1.0)).with_entry(sampled())
    with pytest.raises(CapExceededError, match="of this speaker epsilon 1 is given away already"):
        ledger_of(entry("local", 1.0)).with_entry(entry("utterance", 1.0))


def test_after_a_jitter_no_sampled_run_can_promise_anything() -> None:
    with pytest.raises(CapExceededError, match="promised nothing about the utterance"):
        ledger_of(entry("jitter")).with_entry(sampled())
    with pytest.raises(CapExceededError, match="this release promises nothing about the utterance, and an earlier one"):
        ledger_of(sampled()).with_entry(entry("jitter"))


def test_an_old_ledger_in_which_a_jitter_voided_a_promise_can_be_gone_on_with() -> None:
    old = Ledger.parse(OF_1_0_0.read_bytes())
    assert old.entries[-1].mode == "jitter"
    subject = {"subject": old.entries[0].subject}
    assert len(old.with_entry(entry("jitter", **subject)).entries) == 5
    with pytest.raises(CapExceededError, match="promised nothing about the utterance"):
        old.with_entry(entry("utterance", 1.0, **subject))


def test_who_reads_nothing_costs_nothing_under_either() -> None:
    ledger = ledger_of(sampled(), entry("anonymous"))
    assert ledger.entries[1].mechanism == NOTHING_READ
    assert ledger.epsilon("utterance", DELTA, ADD_OR_REMOVE) == ledger_of(sampled()).epsilon(
        "utterance", DELTA, ADD_OR_REMOVE
    )


def test_what_accounts_is_imported_by_nobody_who_does_not_ask() -> None:
    """A ledger without a sampled line is read where scipy and dp-accounting are not."""
    program = (
        "import sys; from pathlib import Path; from privacy.ledger import check;"
        f"assert check(Path({str(OF_1_0_0)!r}).read_bytes()).verdict == 'true';"
        "assert not {'absl', 'dp_accounting', 'scipy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=OF_1_0_0.parents[2])


def test_what_cannot_be_entered_is_refused() -> None:
    with pytest.raises(BudgetError, match="there are 100000 units"):
        sampled(n=100_000)
    with pytest.raises(BudgetError, match="out of range"):
        sampled(tuning_runs=-1)
    with pytest.raises(BudgetError, match="out of range"):
        sampled(clip=0.0)


def test_sums_that_are_not_counted_are_refused_and_not_guessed() -> None:
    with pytest.raises(NotComposableError, match="it has to be a whole number"):
        Ledger().with_entry(sampled(1.0, 10, tuning_runs=10**6))
    with pytest.raises(NotComposableError, match="more than is counted here"):
        Ledger().with_entry(sampled(1.0, 100, tuning_runs=999))
    with pytest.raises(NotComposableError, match="delta is 1e-12"):
        ledger_of(sampled()).epsilon("utterance", 1e-12, ADD_OR_REMOVE)


def test_without_the_extra_a_sampled_line_is_not_recomputed_and_never_called_true(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = ledger_of(entry("utterance", 1.0), sampled()).marshal()
    take_the_extra_away(monkeypatch)
    ledger = Ledger.parse(data)
    assert ledger.not_recomputed == ((2, "not recomputed: needs the extra [private]"),)
    assert check(data).verdict == "not recomputed"
    assert "line 2 of the ledger: not recomputed: needs the extra [private]" in check(data).told
    assert ledger.epsilon("utterance", DELTA) is not None
    with pytest.raises(NotComposableError, match=r"needs the extra \[private\]"):
        ledger.epsilon("utterance", DELTA, ADD_OR_REMOVE)
    assert len(ledger.with_entry(entry("utterance", 1.0)).entries) == 3
    edited = told(ledger.entries[1]) | {"sigma": 20.0}
    assert "its sigma is not" in check(rehashed(edited)).told  # what needs no accountant is found out anywhere


@pytest.mark.parametrize(
    "change",
    [
        {"mechanism": "of a later toolkit"},
        {"adjacency": "of a later toolkit"},
        {"sampling": {"kind": "of a later one"}},
    ],
)
def test_a_line_of_a_later_toolkit_is_kept_and_not_called_true(change: dict[str, object]) -> None:
    unknown = replace(entry("utterance", 2.0), cumulative_mu={}, **change)  # type: ignore[arg-type]
    data = Ledger((unknown, entry("utterance", 1.0))).marshal()
    assert check(data).verdict == "not recomputed"
    assert "its mechanism is not known here" in check(data).told
    assert Ledger.parse(data).marshal() == data
    for question in (recomputed_epsilon, lambda line: Ledger((line,)).epsilon("utterance", DELTA)):
        with pytest.raises(NotComposableError, match="is not added up here"):
            question(unknown)

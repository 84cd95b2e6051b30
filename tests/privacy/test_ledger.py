"""Lines that hold together, sums that are right, and everything that somebody might do to them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy import accountant
from privacy.errors import CapExceededError, LedgerDamagedError, NotComposableError
from privacy.ledger import Ledger, check, recomputed_epsilon
from tests.privacy.ledgers import entry, ledger_of, rehashed

THREE = ledger_of(entry("local", 1.0, cap=40.0), entry("local", 2.0, cap=40.0), entry("anonymous"))


@pytest.fixture(scope="module")
def small() -> Ledger:
    return ledger_of(*(entry("utterance", 2.0, cap=30.0) for _ in range(3)))


def test_it_comes_back_as_it_was(small: Ledger) -> None:
    data = small.marshal()
    assert Ledger.parse(data) == small
    assert Ledger.parse(data).marshal() == data
    assert check(data).verdict == "true"
    assert Ledger.parse(b"") == Ledger()


def test_one_line_has_every_field_that_an_account_needs(small: Ledger) -> None:
    told = json.loads(small.marshal().split(b"\n")[0])
    wanted = (
        "subject threat_model unit adjacency mechanism clip sensitivity sensitivity_why n sigma mu epsilon delta",
        "accountant second_accountant second_epsilon sampling randomness preprocessing tuning_runs cumulative_mu cap",
        "floor measured not_protected consent retention destruction",
    )
    assert set(" ".join(wanted).split()) <= set(told)


def test_a_removed_line_shows(small: Ledger) -> None:
    lines = small.marshal().splitlines(keepends=True)
    for gone in (0, 1):
        with pytest.raises(LedgerDamagedError, match=f"line {gone + 1} of the ledger: it does not follow"):
            Ledger.parse(b"".join(lines[:gone] + lines[gone + 1 :]))


def test_a_moved_line_shows(small: Ledger) -> None:
    lines = small.marshal().splitlines(keepends=True)
    with pytest.raises(LedgerDamagedError, match="does not follow"):
        Ledger.parse(b"".join([lines[0], lines[2], lines[1]]))


@settings(max_examples=60)
@given(st.data())
def test_any_changed_byte_shows(data: st.DataObject) -> None:
    whole = THREE_BYTES
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    assert check(whole[:place] + bytes([other]) + whole[place + 1 :]).verdict == "false"


def test_a_line_cut_short_shows(small: Ledger) -> None:
    assert "cut off" in check(small.marshal()[:-1]).told


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("epsilon", 0.5, "its mechanism has"),
        ("sigma_steps", 10**7, "sigmas differ"),
        ("mu", 0.01, "Delta / sigma"),
        ("sensitivity", 0.001, "vectors have"),
        ("n", 6000, "claims epsilon|Delta|mu|vectors"),
        ("floor", 0.5, "floor"),
        ("cumulative_mu", {"utterance": 0.1, "speaker": 0.1}, "its sum for the utterance"),
        ("tuning_runs", -1, "out of range"),
        ("sigma", "much", "sigma of it is no float"),
        ("n", True, "n of it is no int"),
        ("unit", "speaker", "it is about speaker, and 60 took part"),
        ("unit", "", "it is about nobody"),
        ("cap", {"epsilon": 1.0}, "cap"),
        ("cap", {"epsilon": 1.0, "delta": -1.0, "mu": 1.0}, "cap"),
        ("cap", {"epsilon": 1.0, "delta": 1e-5, "mu": 0.0}, "cap"),
        ("delta", 1e-60, "its delta is 1e-60"),  # below e^-128 a search for epsilon would not end
        ("delta", 0.0, "its delta is 0.0"),
        ("delta", 0.02, "its delta is 0.02"),
        ("delta", None, "its delta is None"),
        ("n", 10**400, "out of range"),
        ("dimension", 10**400, "out of range"),
        ("sigma_steps", 10**400, "out of range"),
        ("tuning_runs", 10**400, "out of range"),
    ],
)
def test_a_line_that_was_edited_with_its_digest_is_still_not_true(
    small: Ledger, field: str, value: object, problem: str
) -> None:
    document = json.loads(small.marshal().split(b"\n")[0])
    if field == "n" and value == 6000:
        document["sensitivity"] = 2 / 6000 + math.sqrt(128) * 2**-20
        document["mu"] = document["sensitivity"] / document["sigma"]
    with pytest.raises(LedgerDamagedError, match=problem):
        Ledger.parse(rehashed(document | {field: value}))


def test_a_field_too_many_or_too_few_shows(small: Ledger) -> None:
    document = json.loads(small.marshal().split(b"\n")[0])
    assert "not known here" in check(rehashed(document | {"also": 1})).told
    del document["delta"]
    assert "missing" in check(rehashed(document)).told


def test_epsilon_follows_from_the_recorded_mechanism(small: Ledger) -> None:
    for one in small.entries:
        assert recomputed_epsilon(one) == one.epsilon
    assert recomputed_epsilon(entry("jitter")) is None
    assert recomputed_epsilon(entry("anonymous")) == 0.0


def test_two_releases_of_one_person_add_up_as_the_table_says() -> None:
    twice = ledger_of(entry("local", 4.0, cap=6.0), entry("local", 4.0, cap=6.0))
    assert twice.epsilon("speaker", 1e-5) == pytest.approx(5.99, abs=0.01)
    assert twice.epsilon("utterance", 1e-5) == pytest.approx(5.99, abs=0.01)  # it holds for one recording all the more


def test_a_third_is_past_the_cap_and_nothing_is_written() -> None:
    twice = ledger_of(entry("local", 4.0, cap=6.0), entry("local", 4.0, cap=6.0))
    with pytest.raises(CapExceededError, match=r"epsilon 5.99. is given away already.*cap is 6"):
        twice.with_entry(entry("local", 4.0, cap=6.0))


def test_a_cap_is_never_raised_by_a_later_line() -> None:
    once = ledger_of(entry("local", 4.0, cap=5.0))
    with pytest.raises(CapExceededError):
        once.with_entry(entry("local", 4.0, cap=100.0))


def test_tuning_runs_count() -> None:
    tuned = ledger_of(entry("local", 4.0, cap=40.0, tuning_runs=4))
    five = ledger_of(*(entry("local", 4.0, cap=40.0) for _ in range(5)))
    assert tuned.mu("speaker") == pytest.approx(five.mu("speaker"))
    assert tuned.epsilon("speaker", 1e-5) == pytest.approx(10.4, abs=0.05)


def test_what_hides_a_recording_does_not_hide_the_speaker() -> None:
    """All n exchanged: mu is n times as large, but for the rounding, which comes once."""
    once = ledger_of(entry("utterance", 4.0, n=60))
    utterance, speaker = once.mu("utterance"), once.mu("speaker")
    assert utterance is not None
    assert speaker == pytest.approx(60 * utterance, rel=1e-3)
    with pytest.raises(CapExceededError):  # so a later promise about the speaker would be a false one
        once.with_entry(entry("local", 4.0))


def test_after_a_jitter_nothing_can_be_promised_any_more() -> None:
    spoilt = ledger_of(entry("jitter"))
    assert spoilt.mu("speaker") is None
    assert spoilt.epsilon("utterance", 1e-5) is None
    with pytest.raises(CapExceededError, match="promised nothing"):
        spoilt.with_entry(entry("utterance", 1.0))
    assert len(spoilt.with_entry(entry("anonymous")).entries) == 2
    assert Ledger.parse(spoilt.marshal()) == spoilt


def test_a_jitter_does_not_void_what_was_promised() -> None:
    with pytest.raises(CapExceededError, match="this release promises nothing about the utterance, and an earlier one"):
        ledger_of(entry("utterance", 1.0)).with_entry(entry("jitter"))


def test_somebody_else_has_a_ledger_of_their_own() -> None:
    with pytest.raises(LedgerDamagedError, match="about"):
        ledger_of(entry(), entry(subject="speaker-fedcba9876543210"))


def test_other_mechanisms_and_adjacencies_are_kept_and_never_added_up() -> None:
    dp_sgd = replace(entry("utterance", 2.0), adjacency="add-or-remove-one", mechanism="DP-SGD", sampling={"q": 0.1})
    with pytest.raises(NotComposableError, match="add-or-remove-one"):
        Ledger().with_entry(dp_sgd)
    kept = Ledger((replace(dp_sgd, cumulative_mu={}),))
    assert Ledger.parse(kept.marshal()) == kept
    with pytest.raises(NotComposableError):
        kept.with_entry(entry())


def test_sums_are_in_mu() -> None:
    mus = [entry("utterance", epsilon).mu or 0 for epsilon in (1.0, 2.0)]
    summed = ledger_of(entry("utterance", 1.0), entry("utterance", 2.0)).mu("utterance")
    assert summed == pytest.approx(accountant.composed(mus))


THREE_BYTES = THREE.marshal()

"""What statements allow, day by day."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from privacy.consent import Statement, require
from privacy.errors import (
    ConsentDamagedError,
    ConsentExpiredError,
    ConsentRevokedError,
    NoConsentError,
    OutOfScopeError,
)

WEIGHTS = {"gpt": "a" * 64, "sovits": "b" * 64}
OTHER = {"gpt": "c" * 64, "sovits": "d" * 64}
SAID = "2026-11-28T08:00:00+00:00"
DAY = date(2026, 11, 28)
ADA = Statement("consent", SAID, WEIGHTS, "speaker-0123456789abcdef", None, ("others",), "2026-12-31", "e" * 64)
BACK = Statement("revocation", SAID, WEIGHTS)


def test_a_consent_holds_for_its_scope_until_its_last_day() -> None:
    assert require([ADA], WEIGHTS, "others", DAY) is ADA
    assert require([ADA], WEIGHTS, None, DAY) is ADA
    assert require([ADA], WEIGHTS, "others", date(2026, 12, 31)) is ADA
    with pytest.raises(ConsentExpiredError, match="ended on 2026-12-31"):
        require([ADA], WEIGHTS, "others", date(2027, 1, 1))
    with pytest.raises(OutOfScopeError, match="is for others, not for public"):
        require([ADA], WEIGHTS, "public", DAY)


def test_without_one_nothing_may_be_done() -> None:
    with pytest.raises(NoConsentError, match="nobody has said whose voice"):
        require([], WEIGHTS, "public", DAY)


def test_other_weights_are_another_voice() -> None:
    with pytest.raises(NoConsentError, match="about other weights"):
        require([ADA], OTHER, "others", DAY)


def test_taken_back_is_taken_back_until_somebody_agrees_again() -> None:
    with pytest.raises(ConsentRevokedError, match="taken back on 2026-11-28"):
        require([ADA, BACK], WEIGHTS, None, DAY)
    assert require([ADA, BACK, ADA], WEIGHTS, "others", DAY) is ADA


@pytest.mark.parametrize("kind", ["own", "nobody"])
def test_where_nobody_else_is_to_be_asked(kind: str) -> None:
    statement = Statement(kind, SAID, WEIGHTS)
    assert require([statement], WEIGHTS, "public", date(2099, 1, 1)) is statement


def test_a_statement_comes_back_as_it_was() -> None:
    assert Statement.parse(ADA.marshal()) == ADA


def test_what_a_ledger_names_it_by_tells_nothing_of_the_weights() -> None:
    assert replace(ADA, weights=OTHER).agreement_sha256 == ADA.agreement_sha256
    assert replace(ADA, expires="2027-01-01").agreement_sha256 != ADA.agreement_sha256 != BACK.agreement_sha256


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "permission"},
        {"scope": ["everything"]},
        {"expires": "soon"},
        {"expires": None},
        {"weights": {"gpt": "short"}},
        {"weights": []},
        {"subject": 3},
        {"also": 1},
        {"said": None},
    ],
)
def test_what_is_no_statement_is_refused(wrong: dict[str, object]) -> None:
    document = json.loads(ADA.marshal()) | wrong
    with pytest.raises(ConsentDamagedError):
        Statement.parse(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


def test_another_spelling_is_refused() -> None:
    with pytest.raises(ConsentDamagedError):
        Statement.parse(ADA.marshal() + b" ")
    with pytest.raises(ConsentDamagedError):
        Statement.parse(b"[" * 5000)
    assert replace(ADA, name="Ada").marshal() != ADA.marshal()

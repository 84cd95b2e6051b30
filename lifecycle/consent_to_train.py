"""Who says that a voice may be learnt from recordings, before it is: the first of these that says anything.

    a record of the name     `consent NAME --before-training`, signed by this home:  HOME/consents/NAME.jsonl, 0600
    the same recordings      another voice of this home learnt from them, and somebody said whose that one is
    whoever trains           that the voice is their own, or that a machine spoke

Knows statements and digests of files; asks nobody. What ended or was taken back is a no, whatever else is said: also of
another voice that learnt from one of these recordings. What is found goes into the new voice, of its own weights
(consenting.carry_over), under the `agreement_sha256` that it had: a revocation finds both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core_model.features.audio import SUFFIXES
from lifecycle.consenting import Case, add_to_record, carry_over, case_of, counting_of, read_record
from lifecycle.errors import SpeakerUnknownError
from lifecycle.ledgers import remember_subject
from lifecycle.retention import Term, terms
from lifecycle.store import Store, require_name
from lifecycle.trusting import own_signer
from privacy import consent
from privacy.consent import Statement
from privacy.errors import ConsentDamagedError, ConsentExpiredError, ConsentRevokedError, NoConsentError

_ENDED = (ConsentExpiredError, ConsentRevokedError)


@dataclass(frozen=True, slots=True)
class Permission:
    """By what a voice may be learnt."""

    statement: Statement
    origin: str  # "recorded", "said", or the name of the voice that learnt from the same recordings


def record_path(store: Store, name: str) -> Path:
    """Where stands what was said about *name* before it is trained."""
    return store.home / "consents" / f"{require_name(name)}.jsonl"


def say_before(store: Store, name: str, statement: Statement, rng: Callable[[int], bytes]) -> None:
    """Record *statement*, of no weights yet, about the voice that *name* will be. VoiceExistsError, ConsentError."""
    store.require_free(name)
    path = record_path(store, name)
    store.private("consents")
    add_to_record(path, statement, own_signer(store, rng), mode=0o600)


def take_back_before(store: Store, name: str, rng: Callable[[int], bytes], now: datetime) -> None:
    """Revoke what was said about *name* before it is trained."""
    say_before(store, name, Statement("revocation", now.isoformat(timespec="seconds"), {}), rng)


def require_permission(
    store: Store, name: str, files: Mapping[str, str], now: datetime, said: Statement | None = None
) -> Permission:
    """By what *name* may learn from *files* (their names and SHA-256). *said*: what whoever trains says now.

    ConsentExpiredError, ConsentRevokedError, ConsentDamagedError; SpeakerUnknownError where nobody said anything.
    """
    recorded = _recorded(store, name, now)
    carried = _of_the_same_recordings(store, files, now)
    if recorded is not None:
        return Permission(recorded, "recorded")
    if said is not None:
        return Permission(said, "said")
    if carried is not None:
        return carried
    raise SpeakerUnknownError(name)


def write_into(store: Store, name: str, permission: Permission, rng: Callable[[int], bytes]) -> None:
    """Put *permission* into the voice *name*, which was trained by it."""
    if permission.statement.subject is not None:
        remember_subject(store, name, permission.statement.subject)
    carry_over(permission.statement, store.path(name), own_signer(store, rng))
    use_up(store, name, permission)


def use_up(store: Store, name: str, permission: Permission) -> None:
    """Remove the record by which *name* was trained, if there was one: what it says stands in the voice now."""
    if permission.origin == "recorded":
        record_path(store, name).unlink(missing_ok=True)


def _recorded(store: Store, name: str, now: datetime) -> Statement | None:
    said = read_record(record_path(store, name))
    if not said:
        return None
    consent.require([each.statement for each in said], {}, None, now.date())
    try:
        return consent.require(counting_of(store, said, now), {}, None, now.date())
    except NoConsentError:  # a stranger's key signed it
        raise ConsentDamagedError(f"what was recorded about {name} was not signed by this home") from None


def _of_the_same_recordings(store: Store, files: Mapping[str, str], now: datetime) -> Permission | None:
    """What was said about a voice that learnt from all these recordings. ConsentError where it ended, for any of them.

    Only sounds count: two people may have read the same words.
    """
    sounds = _sounds(files)
    found = None
    for term in terms(store):
        if term.voice not in store.names() or not sounds & _sounds(term.files):
            continue
        case = case_of(store.path(term.voice))
        _require_not_ended(term, case, now)
        try:
            statement = consent.require(counting_of(store, case.said, now), case.weights, None, now.date())
        except NoConsentError:
            continue
        if sounds <= _sounds(term.files):
            found = Permission(statement, term.voice)
    return found


def _require_not_ended(term: Term, case: Case, now: datetime) -> None:
    try:
        consent.require([each.statement for each in case.said], case.weights, None, now.date())
    except NoConsentError:
        return
    except _ENDED as error:
        raise type(error)(f"{error}; so it is of {term.voice}, which learnt from these recordings") from None


def _sounds(files: Mapping[str, str]) -> set[str]:
    return {digest for name, digest in files.items() if name.lower().endswith(SUFFIXES)}

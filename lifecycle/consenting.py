"""Consent on this machine: statements about a voice, signed by the maker, kept in the voice; and who asks for them.

Knows files and keys; what a statement means, privacy.consent knows. Each line of VOICE/records/consent.jsonl is one
statement with its SSHSIG (namespace lifecycle-consent@v1, so `ssh-keygen -Y verify` can check it) and the hash of the
line before it. They go into every bundle, and on into every voice that is released of this one.

A consent counts where this home's own key signed it: whoever gives a voice away must hold the consent themselves. A
revocation counts whoever signed it, and so does the end of a consent. What was agreed to is known again, wherever it
was carried, by its `agreement_sha256`: that is the lineage, and a revocation follows it through this home. Not found
out: lines cut off the end by who can write the voice; a bundle's signature covers them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from archive.errors import KeyFormatError
from archive.signing import Signer
from archive.ssh_signature import parse as parse_signature
from core_model.voice import Voice
from lifecycle.errors import DayError
from lifecycle.ledgers import pseudonym_of, remember_subject
from lifecycle.store import Store, new_file
from lifecycle.trusting import own_signer, read_trust
from privacy import consent
from privacy.consent import Statement
from privacy.errors import ConsentDamagedError, ConsentExpiredError, ConsentRevokedError, NoConsentError

RECORD = "consent.jsonl"  # in records/
RELEASED = "records/release.json"  # of a voice whose style was released
NAMESPACE = "lifecycle-consent@v1"
_FIRST = "0" * 64
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Said:
    """A statement and whose key signed it."""

    statement: Statement
    signer: str  # fingerprint


@dataclass(frozen=True, slots=True)
class Case:
    """A voice that somebody wants to use, as far as consent is about it."""

    said: tuple[Said, ...]
    weights: Mapping[str, str]
    of_somebody: bool


def case_of(directory: Path) -> Case:
    """The voice in *directory*. ConsentDamagedError, VoiceError."""
    of_somebody = is_of_somebody(Voice.open(directory).description.lineage)
    return Case(read_statements(directory), weights_of(directory), of_somebody)


def weights_of(directory: Path) -> dict[str, str]:
    """SHA-256 of every file of weights, by part: what a statement is about.

    A released voice has the base's weights, as others have; there the style is part of it, which nobody else has.
    """
    files = sorted((directory / "weights").glob("*.safetensors"))
    if (directory / RELEASED).is_file():
        files.append(directory / "prompts" / "default.safetensors")
    return {path.stem: _sha256(path) for path in files}


def read_statements(directory: Path) -> tuple[Said, ...]:
    """All that was said about the voice in *directory*, every signature verified. ConsentDamagedError."""
    return read_record(directory / "records" / RECORD)


def read_record(path: Path) -> tuple[Said, ...]:
    """All that was said in the file *path*, if it is there. ConsentDamagedError."""
    if not path.is_file():
        return ()
    if path.stat().st_size > _MOST_BYTES:
        raise ConsentDamagedError("the records of consent are far too long")
    return parse_statements(path.read_bytes())


def parse_statements(data: bytes) -> tuple[Said, ...]:
    """All that was said in *data*, every signature verified. ConsentDamagedError."""
    if len(data) > _MOST_BYTES:
        raise ConsentDamagedError("the records of consent are far too long")
    said, previous = [], _FIRST
    for line in data.splitlines(keepends=True):
        said.append(_verified(line, previous))
        previous = hashlib.sha256(line).hexdigest()
    return tuple(said)


def say(directory: Path, statement: Statement, signer: Signer) -> None:
    """Add *statement* to the voice in *directory*, signed: whole or not at all. ConsentDamagedError."""
    (directory / "records").mkdir(exist_ok=True)
    add_to_record(directory / "records" / RECORD, statement, signer)


def add_to_record(path: Path, statement: Statement, signer: Signer, *, mode: int = 0o666) -> None:
    """The same, in the file *path*."""
    read_record(path)
    before = path.read_bytes() if path.is_file() else b""
    lines = before.splitlines(keepends=True)
    document = {
        "previous": hashlib.sha256(lines[-1]).hexdigest() if lines else _FIRST,
        "statement": statement.marshal().decode("ascii"),
    }
    signature = signer.sign(hashlib.sha512(_canonical(document)).digest(), NAMESPACE).decode("ascii")
    with new_file(path, mode=mode) as file:
        file.write(before + _canonical(document | {"signature": signature}) + b"\n")


def disclaim(store: Store, name: str, kind: str, rng: Callable[[int], bytes], now: datetime) -> None:
    """Say that the maker is the speaker ("own"), or that there is none ("nobody")."""
    directory = store.path(name)
    say(directory, Statement(kind, _said(now), weights_of(directory)), own_signer(store, rng))


def agree(
    store: Store,
    name: str,
    speaker: str,
    scope: Sequence[str],
    expires: str,
    statement: Path | None,
    rng: Callable[[int], bytes],
    now: datetime,
    *,
    name_in_clear: bool,
) -> None:
    """Record that *speaker* agreed to *scope* until *expires*. ConsentExpiredError, DayError, SubjectError."""
    directory = store.path(name)
    agreed = agreement(store, speaker, scope, expires, statement, rng, now, name_in_clear=name_in_clear)
    remember_subject(store, name, str(agreed.subject))
    say(directory, replace(agreed, weights=weights_of(directory)), own_signer(store, rng))


def agreement(
    store: Store,
    speaker: str,
    scope: Sequence[str],
    expires: str,
    statement: Path | None,
    rng: Callable[[int], bytes],
    now: datetime,
    *,
    name_in_clear: bool,
) -> Statement:
    """What *speaker* agreed to, of no weights yet. ConsentExpiredError, DayError, SubjectError."""
    return Statement(
        "consent",
        _said(now),
        {},
        expires=last_day(expires, now.date()),
        subject=pseudonym_of(store, speaker, rng),
        name=speaker if name_in_clear else None,
        scope=tuple(sorted(set(scope))),
        statement_sha256=None if statement is None else _sha256(statement),
    )


def take_back(store: Store, name: str, rng: Callable[[int], bytes], now: datetime) -> tuple[str, ...]:
    """Revoke whatever was said about the voice as it is now, and about every voice that carries the same; those."""
    together = (name, *_of_one_agreement(store, name))
    for each in together:
        directory = store.path(each)
        say(directory, Statement("revocation", _said(now), weights_of(directory)), own_signer(store, rng))
    return together[1:]


def _of_one_agreement(store: Store, name: str) -> tuple[str, ...]:
    """The other voices of this home to which something was carried over that was said about *name*, or from it."""

    def agreements(directory: Path) -> set[str]:
        said = (each.statement for each in read_statements(directory))
        return {statement.agreement_sha256 for statement in said if statement.kind != "revocation"}

    mine, found = agreements(store.path(name)), []
    for other in store.names():
        with contextlib.suppress(ConsentDamagedError):  # it may be used for nothing already
            if other != name and mine & agreements(store.path(other)):
                found.append(other)
    return tuple(found)


def carry_over(agreed: Statement, directory: Path, signer: Signer) -> None:
    """Say the same about the voice that is being made in *directory*, of its own weights.

    The statements about the voice that it is made of stay behind: they hold the digests of weights that learnt from
    recordings, and who can train the same way could confirm a guess at them.
    """
    say(directory, replace(agreed, weights=weights_of(directory)), signer)


def require_consent(store: Store, name: str, scope: str | None, now: datetime) -> str:
    """See that the voice *name* may be archived: for its maker's own keys (None), for "others", for the "public".

    ConsentError says why not. Returns "" or what its maker should know. A voice that learnt from nobody's recordings
    needs none. For oneself none is needed either, but one that ended or was taken back is the end of that too.
    """
    return require(store, case_of(store.path(name)), scope, now)


def require(store: Store, case: Case, scope: str | None, now: datetime) -> str:
    """The same of any voice, wherever it is."""
    if not case.said and not case.of_somebody:
        return ""
    with contextlib.suppress(NoConsentError):  # the end of a consent is one, whoever signed it
        said = consent.require([each.statement for each in case.said], case.weights, None, now.date())
        _require_not_taken_back(store, said)
    counting = counting_of(store, case.said, now)
    try:
        consent.require(counting, case.weights, scope, now.date())
    except NoConsentError as error:
        if scope is None:
            return f"{str(error).capitalize()}: it is for yourself, and may be for nobody else."
        if case.said and not counting:
            signer = case.said[-1].signer
            raise NoConsentError(f"the consent in this voice is signed by {signer}, not by this home") from None
        raise
    return ""


def consent_of(store: Store, name: str, now: datetime) -> Statement | None:
    """The statement by which the voice *name* may be used, for a ledger to name; None: there is none. ConsentError."""
    directory = store.path(name)
    said = read_statements(directory)
    try:
        agreed = consent.require(counting_of(store, said, now), weights_of(directory), None, now.date())
    except NoConsentError:
        return None
    _require_not_taken_back(store, agreed)
    return agreed


def _require_not_taken_back(store: Store, agreed: Statement) -> None:
    """ConsentRevokedError where a voice of this home carries *agreed* and tells that it was taken back since.

    A bundle that was written before, and what is restored from it, do not know: this home does.
    """
    for name in store.names():
        with contextlib.suppress(ConsentDamagedError):  # it may be used for nothing already
            held = [each.statement for each in read_statements(store.path(name))]
            places = [n for n, each in enumerate(held) if each.agreement_sha256 == agreed.agreement_sha256]
            later = held[places[-1] + 1 :] if places else []
            if back := next((each for each in later if each.kind == "revocation"), None):
                told = f"the consent to use this voice was taken back on {back.said[:10]}"
                raise ConsentRevokedError(f"{told}, as the voice {name} of this home tells")


def counting_of(store: Store, said: Sequence[Said], now: datetime) -> list[Statement]:
    """What this home's key signed, and whatever takes something back."""
    own = {trusted.key.fingerprint for trusted in read_trust((), store, now).keys}
    return [each.statement for each in said if each.signer in own or each.statement.kind == "revocation"]


def is_of_somebody(lineage: Mapping[str, object]) -> bool:
    """Whether a voice of this lineage learnt from a person's recordings, as far as it says."""
    released = lineage.get("released")
    if isinstance(released, dict) and released.get("mode") == "anonymous":
        return False
    return lineage.get("base") == "nano" or "imported" in lineage or "fine_tuned" in lineage


def last_day(told: str, today: date) -> str:
    """*told* as a day that is not over. ConsentExpiredError; DayError if it is no day."""
    try:
        day = date.fromisoformat(told)
    except ValueError:
        raise DayError(f"{told!r} is no day") from None
    if day < today:
        raise ConsentExpiredError(f"a consent until {told} has ended already")
    return day.isoformat()


def _said(now: datetime) -> str:
    return now.isoformat(timespec="seconds")


def _verified(line: bytes, previous: str) -> Said:
    try:
        document = json.loads(line.decode("ascii"))
        text = document.pop("signature")
        signature = parse_signature(text)
        statement = Statement.parse(document["statement"].encode("ascii"))
        signed = hashlib.sha512(_canonical(document)).digest()
    except (ValueError, KeyError, TypeError, AttributeError, KeyFormatError, RecursionError):
        raise ConsentDamagedError("a record of consent cannot be read") from None
    if document.get("previous") != previous:
        raise ConsentDamagedError("records of consent were removed or reordered")
    if signature.namespace != NAMESPACE or not signature.verifies(signed) or set(document) != {"previous", "statement"}:
        raise ConsentDamagedError("a record of consent was changed after it was signed")
    return Said(statement, signature.key.fingerprint)


def _canonical(document: Mapping[str, str]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

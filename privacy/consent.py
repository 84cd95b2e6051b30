"""Consent: who said that a voice may be used for what and until when, and whether that covers what is to be done.

Knows statements and days, not files or keys: who signs and who verifies is given. A statement is about weights, by
their SHA-256: other weights are another voice. Statements are only ever added; what was said stays readable after it
was taken back.

    own        the maker is the speaker: nobody else needs to be asked
    nobody     synthetic speech: there is no speaker
    consent    a speaker, a scope, a last day, the hash of what they signed
    revocation all that was said before it is taken back
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from typing import Any

from privacy.errors import (
    ConsentDamagedError,
    ConsentExpiredError,
    ConsentRevokedError,
    NoConsentError,
    OutOfScopeError,
)

KINDS = ("own", "nobody", "consent", "revocation")
SCOPES = ("others", "public", "serving")  # archives for other people · anyone · speaking for others over a network
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Statement:
    """What one person said about one voice."""

    kind: str
    said: str  # ISO 8601, UTC
    weights: Mapping[str, str]  # part to SHA-256 of its file
    subject: str | None = None  # pseudonym
    name: str | None = None  # only where somebody asked for it in clear
    scope: tuple[str, ...] = ()
    expires: str | None = None  # the last day, ISO 8601
    statement_sha256: str | None = None  # of what the speaker signed; the text itself is nowhere

    def marshal(self) -> bytes:
        """What is signed: canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()

    @property
    def agreement_sha256(self) -> str:
        """What a ledger names it by: all but the weights, whose digest would let somebody confirm a guess at them."""
        return hashlib.sha256(replace(self, weights={}).marshal()).hexdigest()

    @classmethod
    def parse(cls, data: bytes) -> Statement:
        """The inverse of `marshal`. ConsentDamagedError for what it would not have written."""
        try:
            document = json.loads(data.decode("utf-8"))
            told = {field.name: document.pop(field.name) for field in fields(cls)}
            statement = cls(**told | {"scope": tuple(told["scope"])})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ConsentDamagedError("a record of consent is no statement") from None
        if document or not _sound(statement) or statement.marshal() != data:
            raise ConsentDamagedError("a record of consent is not as it was written")
        return statement


def require(statements: Sequence[Statement], weights: Mapping[str, str], scope: str | None, today: date) -> Statement:
    """The statement by which *weights* may be used for *scope* (None: by the maker alone). ConsentError says why not.

    *statements* in their order, each of them verified.
    """
    said = [statement for statement in statements if dict(statement.weights) == dict(weights)]
    if not said:
        if statements:
            raise NoConsentError("the consent in this voice is about other weights")
        raise NoConsentError("nobody has said whose voice this is, or what it may be used for")
    last = said[-1]
    if last.kind == "revocation":
        raise ConsentRevokedError(f"the consent to use this voice was taken back on {last.said[:10]}")
    if last.kind in ("own", "nobody"):
        return last
    if last.expires is not None and date.fromisoformat(last.expires) < today:
        raise ConsentExpiredError(f"the consent to use this voice ended on {last.expires}")
    if scope is not None and scope not in last.scope:
        given = ", ".join(last.scope) or "the maker's own use"
        raise OutOfScopeError(f"the consent to use this voice is for {given}, not for {scope}")
    return last


def _sound(statement: Statement) -> bool:
    texts: list[Any] = [statement.subject, statement.name, statement.expires, statement.statement_sha256]
    try:
        if statement.expires is not None:
            date.fromisoformat(statement.expires)
    except (ValueError, TypeError):
        return False
    return (
        statement.kind in KINDS
        and isinstance(statement.said, str)
        and all(text is None or isinstance(text, str) for text in texts)
        and all(scope in SCOPES for scope in statement.scope)
        and isinstance(statement.weights, dict)
        and all(_SHA256.fullmatch(str(value)) for value in statement.weights.values())
        and (statement.kind != "consent" or (statement.subject is not None and statement.expires is not None))
    )

"""What was said about a voice, as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lifecycle.consenting import Said
from privacy.consent import Statement


def facts_of(name: str, said: Sequence[Said]) -> dict[str, Any]:
    """The same as one object."""
    statements = [
        {**asdict(each.statement), "sha256": each.statement.agreement_sha256, "signer": each.signer} for each in said
    ]
    return {"voice": name, "statements": statements}


def lines_of(name: str, said: Sequence[Said]) -> list[str]:
    """The lines to print."""
    if not said:
        return [f"Nobody has said whose voice {name} is, or what it may be used for."]
    return [f"{each.statement.said[:10]}  {_told(each.statement)}  signed by {each.signer}" for each in said]


def _told(statement: Statement) -> str:
    match statement.kind:
        case "own":
            return "the maker is the speaker"
        case "nobody":
            return "synthetic speech: there is no speaker"
        case "revocation":
            return "TAKEN BACK, all of it"
    whom = f"{statement.subject} ({statement.name})" if statement.name else statement.subject
    scope = ", ".join(statement.scope) or "nothing but the maker's own use"
    signed = f", statement {statement.statement_sha256[:16]}…" if statement.statement_sha256 else ""
    return f"{whom} agrees to {scope}, until {statement.expires}{signed}"

"""A line of a ledger as bytes: canonical JSON, tied to the line before by SHA-256, its fields of the kinds they are.

Knows a dataclass's fields by their names and types; what a figure means and whether it is true, it does not know. A
line that was written by any earlier version comes back, and is written again, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import Field
from typing import Any

from privacy.errors import LedgerDamagedError

FIRST = "0" * 64  # what the first line follows


def line_of(document: Mapping[str, Any], previous: str, number: int) -> tuple[bytes, str]:
    """The line that holds *document* in place *number* after the line whose SHA-256 is *previous*; and its own."""
    told = {**document, "previous": previous, "number": number}
    own = _digest(told)
    return _canonical(told | {"sha256": own}) + b"\n", own


def read_line(line: bytes, previous: str, number: int) -> tuple[dict[str, Any], str]:
    """The inverse, without the stop: document and SHA-256. LedgerDamagedError for what `line_of` would not write."""
    try:
        document = json.loads(line.decode("utf-8"))
        if not isinstance(document, dict) or _canonical(document) != line:
            raise LedgerDamagedError(number, "it is not canonical JSON")
        own = document.pop("sha256")
        if own != _digest(document):
            raise LedgerDamagedError(number, "it was edited")
    except (ValueError, KeyError, RecursionError):
        raise LedgerDamagedError(number, "it is no entry") from None
    if document.pop("previous", None) != previous:
        raise LedgerDamagedError(number, "it does not follow the one before: lines were removed or reordered")
    if document.pop("number", None) != number:
        raise LedgerDamagedError(number, "it is not in its place")
    return document, str(own)


def require_fields(document: Mapping[str, Any], wanted: tuple[Field[Any], ...], number: int) -> None:
    """LedgerDamagedError unless *document* has the *wanted* fields, no others, and each is of its kind."""
    for field in wanted:
        if field.name not in document:
            raise LedgerDamagedError(number, "a field of it is missing")
        if not _of_kind(document[field.name], str(field.type)):
            raise LedgerDamagedError(number, f"{field.name} of it is no {field.type}")
    if unknown := set(document) - {field.name for field in wanted}:
        raise LedgerDamagedError(number, f"it has a field that is not known here: {min(unknown)}")


def is_float(value: object) -> bool:
    """Whether *value*, out of JSON, is a figure."""
    return isinstance(value, float) and math.isfinite(value)


def is_int(value: object) -> bool:
    """Whether *value*, out of JSON, is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _of_kind(value: object, kind: str) -> bool:
    """Whether *value*, out of JSON, may stand where the dataclass says *kind*."""
    if kind.endswith(" | None"):
        return value is None or _of_kind(value, kind.removesuffix(" | None"))
    match kind.partition("[")[0]:
        case "str":
            return isinstance(value, str)
        case "int":
            return is_int(value)
        case "float":
            return is_float(value)
        case "tuple":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case _:
            return isinstance(value, dict)


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(document)).hexdigest()


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()

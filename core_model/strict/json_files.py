"""JSON of a voice, read in the one way that readers agree on: no key twice, not deep, not huge.

Knows no schema. Python's own parser keeps the last of two equal keys, another keeps the first: a file that two programs
read differently is refused. Reference: RFC 8259, section 4.
"""

from __future__ import annotations

import json
from pathlib import Path

from core_model.errors import UnsafeFileError, VoiceError

LARGEST_bytes = 16 << 20  # the largest that a voice has is a record of training
_DEEPEST = 64


def read_json(path: Path, place: str) -> object:
    """The document at *path*. VoiceError(place, why) if it is none; UnsafeFileError if readers could disagree on it."""
    try:
        size = path.stat().st_size
        if size > LARGEST_bytes:
            raise UnsafeFileError(place, f"has {size} bytes of JSON; at most {LARGEST_bytes} are accepted")
        return parse_json(path.read_bytes(), place)
    except FileNotFoundError:
        raise VoiceError(place, "is missing") from None


def parse_json(data: bytes, place: str) -> object:
    """The same of bytes that were already read."""
    try:
        document: object = json.loads(data, object_pairs_hook=_object)
    except _TwiceError as twice:
        raise UnsafeFileError(place, f"has the key {str(twice)[:80]!r} twice in one object") from None
    except RecursionError:
        raise UnsafeFileError(place, f"is nested more than {_DEEPEST} deep") from None
    except ValueError as error:
        raise VoiceError(place, f"is not JSON: {error}") from error
    if _depth(document) > _DEEPEST:
        raise UnsafeFileError(place, f"is nested more than {_DEEPEST} deep")
    return document


class _TwiceError(Exception):
    """The key that stands there twice."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(key)
        found[key] = value
    return found


def _depth(document: object) -> int:
    """How many objects and lists stand in each other; one more than is allowed is enough to know."""
    level, depth = _containers([document]), 0
    while level and depth <= _DEEPEST:
        level = _containers(
            [item for value in level for item in (value.values() if isinstance(value, dict) else value)]
        )
        depth += 1
    return depth


def _containers(values: list[object]) -> list[dict[str, object] | list[object]]:
    return [value for value in values if isinstance(value, (dict, list))]

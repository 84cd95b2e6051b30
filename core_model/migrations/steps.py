"""Every step there is, and the way of a document through them: in memory for whoever reads, on the disk for `migrate`.

Knows the number of each document and in which order steps are taken; what a document means is its reader's. Each
document of a voice says its own schema, so that a prompt made today may lie in a voice of yesterday. A step is a pure
function of (place, document), n to n + 1, and is kept for ever: that is how a bundle of twenty years ago is opened.

    document = to_current("golden/golden.json", json.loads(text))      # whatever schema it was written in
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core_model.errors import LaterSchemaError, VoiceError
from core_model.migrations import step_0001_every_field_is_there as step_0001

Document = Mapping[str, object]

VOICE = "voice.json"
GOLDEN = "golden/golden.json"
TEXT = "text/index.json"


@dataclass(frozen=True, slots=True)
class Step:
    """From schema *number* to the next."""

    number: int
    told: str
    migrate: Callable[[str, Document], dict[str, object]]


STEPS = (Step(1, step_0001.TOLD, step_0001.migrate),)
SCHEMA = 1 + len(STEPS)  # what this toolkit writes


def is_governed(place: str) -> bool:
    """Whether the file at *place* in a voice is a document with a schema of its own."""
    in_prompts = place.startswith("prompts/") and place.count("/") == 1 and place.endswith(".json")
    return place in (VOICE, GOLDEN, TEXT) or in_prompts


def schema_of(place: str, document: Document) -> int:
    """The schema in which *document* is written. VoiceError; LaterSchemaError if it is from a later toolkit."""
    field = "schema" if place == VOICE else f"{place}: schema"
    if "schema" not in document:
        if place.startswith("prompts/"):  # of schema 1 had no number
            return 1
        raise VoiceError(field, "is missing")
    schema = document["schema"]
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise VoiceError(field, "must be a whole number, 1 or more")
    if schema > SCHEMA:
        raise LaterSchemaError(field, schema, SCHEMA)
    return schema


def to_current(place: str, document: Document) -> Document:
    """*document* as the current schema has it. VoiceError, LaterSchemaError."""
    for step in STEPS[schema_of(place, document) - 1 :]:
        document = step.migrate(place, document)
    return document

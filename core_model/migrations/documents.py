"""The documents of a voice directory that have a schema, as they rest and as the current schema has them.

Reads files and writes none; what a step does is the step's. Whoever brings a voice forward writes what this gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core_model.errors import VoiceError
from core_model.migrations.steps import SCHEMA, Document, is_governed, schema_of, to_current
from core_model.strict.json_files import read_json


@dataclass(frozen=True, slots=True)
class RestingDocument:
    """One document as it lies in the voice."""

    place: str
    schema: int
    sha256: str
    document: Document

    @property
    def current(self) -> Document:
        """What the current schema has in its place."""
        return to_current(self.place, self.document)


def resting_documents(directory: Path) -> tuple[RestingDocument, ...]:
    """Every document with a schema below *directory*, by place. VoiceError, LaterSchemaError."""
    places = (path.relative_to(directory).as_posix() for path in sorted(directory.rglob("*.json")) if path.is_file())
    return tuple(_read(directory / place, place) for place in places if is_governed(place))


def old_documents(directory: Path) -> tuple[RestingDocument, ...]:
    """Those of an older schema than this toolkit writes."""
    return tuple(document for document in resting_documents(directory) if document.schema < SCHEMA)


def _read(path: Path, place: str) -> RestingDocument:
    document = read_json(path, place)
    if not isinstance(document, Mapping):
        raise VoiceError(place, "must be an object")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return RestingDocument(place, schema_of(place, document), sha256, document)

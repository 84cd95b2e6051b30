"""Step 1 to 2: what readers of schema 1 took for granted stands in the documents, and the lineage has a history.

A pure function of one document and its place in the voice. Never changed once released: voices of its schema are read
through it for ever. Examples of before and after: tests/core_model/migrations/examples/0001.

    golden/golden.json   steps        null: a decoder that takes none; missing in the first voices
    prompts/NAME.json    references   1; missing before there were several.  schema: it had none
    text/index.json      table "v2", packages {}: missing before there were other tables and compiled analysers
    voice.json           lineage.history []: what later migrations did to this voice
"""

from __future__ import annotations

from collections.abc import Mapping

TOLD = "fields that were taken for granted are written down, and the lineage gets a history"


def migrate(place: str, document: Mapping[str, object]) -> dict[str, object]:
    """The document of schema 1 at *place* in a voice, as schema 2 has it. Fields it does not know stay as they are."""
    defaults: dict[str, object] = {}
    if place == "golden/golden.json":
        defaults = {"steps": None}
    elif place == "text/index.json":
        defaults = {"table": "v2", "packages": {}}
    elif place.startswith("prompts/"):
        defaults = {"references": 1}
    migrated = {**defaults, **document, "schema": 2}
    lineage = document.get("lineage")
    if place == "voice.json" and isinstance(lineage, Mapping):  # of another type: its reader refuses it by name
        migrated["lineage"] = {"history": [], **lineage}
    return migrated

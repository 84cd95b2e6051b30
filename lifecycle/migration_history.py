"""What the lineage says of one migration: which files became which, by which programs, and what proved the new voice.

Knows digests and names; decides nothing. One entry of voice.json's lineage.history, which is only ever added to:

    what, when, toolkit          "migrated", UTC, this program
    from, to                     the schema; from, of a bundle, its bundle_id and the SHA-256 of the file, too
    files                        {path: {old, new}}: SHA-256, null where there was or is no such file
    kept                         {path in history/: SHA-256}: the old voice's witnesses, as they were
    exports                      {torch, files: {path: SHA-256}}: by which torch the exports were made
    proof                        {runtime: {version, layers: {layer: verdict}}}

voice.json holds the entry and so cannot hold its own digest: its new one is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from compat_tests.suite import Assessment
from core_model.export import exported
from core_model.export.exported import sha256_of
from core_model.migrations.documents import old_documents
from core_model.migrations.steps import SCHEMA, VOICE
from core_model.voice import Json, Voice
from lifecycle import __version__
from lifecycle.migration_plan import Plan, torch_version


def entry_of(
    old: Voice, made: Voice, plan: Plan, proof: Mapping[str, Assessment], now: datetime, came_from: Json
) -> Json | None:
    """The entry for *made*, which was made of *old*; None if no document and no export is another one."""
    before, after = exported.digests(old), exported.digests(made)
    files: dict[str, dict[str, str | None]] = {
        path: {"old": before.get(path), "new": after.get(path)}
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    }
    if not files and not plan.documents:
        return None
    for document in old_documents(old.directory):
        files[document.place] = {"old": document.sha256, "new": sha256_of(made.directory / document.place)}
    files[VOICE] = {"old": sha256_of(old.directory / VOICE), "new": None}
    entry = {
        **_begun("migrated", now),
        "from": {"schema": plan.schema, **came_from},
        "files": files,
        "kept": {
            path.relative_to(made.directory).as_posix(): sha256_of(path)
            for path in sorted((made.directory / plan.aside).rglob("*"))
            if path.is_file()
        },
        "proof": {runtime: _proven(found) for runtime, found in proof.items()},
    }
    if plan.exports:
        entry["exports"] = exports_of(made)
    elif old.description.history:
        entry["exports"] = old.description.history[-1].get("exports")
    return entry


def entry_of_import(made: Voice, now: datetime) -> Json:
    """The entry for a voice that was imported a moment ago: its lineage already tells of which files."""
    weights = sorted(made.directory.glob("weights/*.safetensors"))
    files = {path.relative_to(made.directory).as_posix(): {"old": None, "new": sha256_of(path)} for path in weights}
    return {**_begun("imported", now), "from": {}, "files": files, "kept": {}, "proof": {}, "exports": exports_of(made)}


def exports_of(voice: Voice) -> dict[str, object]:
    """What an entry says of exports that were made just now."""
    return {"torch": torch_version(), "files": exported.digests(voice)}


def _begun(what: str, now: datetime) -> dict[str, object]:
    when = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"what": what, "when": when, "toolkit": f"lifecycle {__version__}", "to": {"schema": SCHEMA}}


def _proven(found: Assessment) -> dict[str, object]:
    layers = {layer.name: layer.verdict for layer in found.findings if layer.name != "fixity"}  # of a bundle: none here
    return {"version": found.runtime, "layers": layers}

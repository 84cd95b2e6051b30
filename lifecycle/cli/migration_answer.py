"""What `migrate` answers: the plan, or what was done, why nothing was, and what proved it.

Knows plans and migrations; decides nothing. --json has every path and digest; a person gets what they would ask about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from core_model.migrations.steps import SCHEMA

if TYPE_CHECKING:
    from compat_tests.suite import Assessment
    from lifecycle.checkpoint_files import CheckpointFile
    from lifecycle.importing import Imported
    from lifecycle.migrating import Migrated
    from lifecycle.migration_plan import Plan

_UNCHANGED = "weights, prompts, golden outputs and dictionaries, to the byte"


def plan_facts(plan: Plan) -> dict[str, object]:
    """A plan for --json."""
    return {**asdict(plan), "to_schema": SCHEMA, "nothing_to_do": plan.nothing_to_do}


def plan_lines(plan: Plan, what: str) -> list[str]:
    """A plan for a person; *what* it is about."""
    if plan.nothing_to_do:
        return [f"There is nothing to do: {what} is current (schema {plan.schema})."]
    rows = [
        ("schema", [f"{plan.schema} to {SCHEMA}" if plan.steps else f"{plan.schema}, which is current"]),
        ("step", plan.steps),
        ("written anew", plan.documents or ("voice.json",)),
        ("exported anew", plan.exports),
        ("because", plan.reasons),
        (f"kept in {plan.aside}", plan.kept),
        ("proven on", plan.proven_on or ("nothing: there are no golden outputs",)),
        ("left as it is", [_UNCHANGED]),
    ]
    return [f"Migrating {what} would do this:", *_table(rows)]


def facts_of(migrated: Migrated) -> dict[str, object]:
    """What was done, for --json."""
    return {
        "voice": migrated.plan.voice,
        "migrated": migrated.entry is not None,
        "plan": plan_facts(migrated.plan),
        "history": migrated.entry,
        "proof": {runtime: asdict_of(found) for runtime, found in migrated.proof.items()},
    }


def asdict_of(found: Assessment) -> dict[str, object]:
    """A verification, every layer with its figure."""
    return {"runtime": found.runtime, "layers": [asdict(layer) for layer in found.findings]}


def lines_of(migrated: Migrated, what: str) -> list[str]:
    """What was done, for a person."""
    plan, entry = migrated.plan, migrated.entry
    if plan.nothing_to_do:
        return plan_lines(plan, what)
    rows: list[tuple[str, Sequence[str]]] = [
        ("proven on", [_proof(name, found) for name, found in migrated.proof.items()])
    ]
    if not migrated.proof:
        rows = [("proven on", ["not run: there are no golden outputs"])]
    if entry is None:
        told = "the exports that this torch makes are the ones that are there"
        return [f"Nothing was changed: {told}.", *_table(rows)]
    files, kept = entry["files"], entry["kept"]
    assert isinstance(files, Mapping) and isinstance(kept, Mapping)  # migration_history wrote them
    rows = [
        ("schema", [f"{plan.schema} to {SCHEMA}" if plan.steps else str(plan.schema)]),
        ("changed", [f"{path}  {_change(each['old'], each['new'])}" for path, each in files.items()]),
        ("kept", list(kept)),
        *rows,
        ("left as it is", [_UNCHANGED]),
    ]
    return _table(rows)


def checkpoint_plan(parts: Mapping[str, CheckpointFile], name: str) -> tuple[dict[str, object], list[str]]:
    """What importing *parts* would make."""
    facts = {"voice": name, "to_schema": SCHEMA, "nothing_to_do": False}
    facts["parts"] = {part: {"file": file.name, "is": file.told} for part, file in parts.items()}
    rows = [
        ("imported", [f"{file.name}, {file.told}" for file in parts.values()]),
        ("schema", [str(SCHEMA)]),
        ("proven on", ["nothing: golden outputs are recorded with the first prompt"]),
    ]
    return facts, [f"The voice {name} would be made:", *_table(rows)]


def checkpoint_answer(imported: Imported) -> tuple[dict[str, object], list[str]]:
    """What importing made."""
    voice = imported.voice
    facts = {"voice": voice.name, "path": voice.directory, "migrated": True, "history": voice.description.history[-1]}
    rows = [
        ("imported", [f"{file.name}, {file.told}" for file in imported.parts.values()]),
        ("schema", [str(SCHEMA)]),
        ("proven on", ["not run: golden outputs are recorded with the first prompt"]),
    ]
    told = f"The voice {voice.name}, {voice.description.family}, is in {voice.directory}."
    return facts, [told, *_table(rows), f"`lifecycle prompt {voice.name} --reference WAV ...` lets it speak."]


def _table(rows: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [
        f"  {name if not index else '':{width}}  {line}" for name, lines in rows for index, line in enumerate(lines)
    ]


def _proof(name: str, found: Assessment) -> str:
    layers = ", ".join(f"{layer.name} {layer.verdict}" for layer in found.findings if layer.name != "fixity")
    missing = next(
        (layer.told for layer in found.findings if layer.verdict == "not run" and layer.name == "tokens"), ""
    )
    return f"{name} ({found.runtime}): {layers}{f'. {missing}' if missing else ''}"


def _change(old: str | None, new: str | None) -> str:
    if old is None:
        return f"new, {str(new)[:12]}"
    return f"{old[:12]} to {new[:12]}" if new else f"was {old[:12]}"  # gone, or voice.json, which holds this very line

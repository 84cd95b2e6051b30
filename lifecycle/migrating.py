"""Migrate: a voice of yesterday in today's form, put in the old one's place only once it is proven to speak the same.

Knows the order; what a document becomes, the steps know. A new directory is made beside the old one: documents through
the steps, exports made anew, and what bears witness of the old voice set aside in history/NNNN. Weights, prompts and
golden arrays are the same files to the byte. Then the *old* golden outputs must come out of the *new* exports on every
runtime, and out of the old TorchScript where it still runs. Any doubt: MigrationError, and the old voice is untouched.

    plan ─▶ new directory ─▶ documents ─▶ exports ─▶ proof ─▶ lineage.history ─▶ in the old one's place
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from compat_tests.suite import Assessment
from core_model.export.exported import sha256_of
from core_model.export.process import write_exports
from core_model.migrations.documents import old_documents
from core_model.migrations.steps import VOICE
from core_model.runtimes import load_runtime
from core_model.strict.voice_files import require_harmless
from core_model.voice import Json, Voice, json_bytes
from lifecycle.consenting import case_of, require
from lifecycle.errors import DriftedError, UnprovenError
from lifecycle.migration_history import entry_of
from lifecycle.migration_plan import Plan, plan_migration
from lifecycle.old_exports import NOT_READ, verify_script
from lifecycle.store import Store, state_of
from lifecycle.verifying import verify

Tell = Callable[[int, int, str], None]
_STAGES = 4
OLD_SCRIPT = "the old TorchScript"
_NEVER_RAN = ("none", NOT_READ)  # runtimes of a verification in which no network spoke


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of a voice. *entry* is None where nothing changed, and then nothing was replaced."""

    plan: Plan
    entry: Json | None = None
    proof: Mapping[str, Assessment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a migration is told from outside."""

    now: datetime
    accept_unproven: bool = False
    came_from: Json = field(default_factory=dict)  # of a bundle: bundle_id and file, for the history


def migrate_voice(store: Store, name: str, terms: Terms, tell: Tell = lambda done, total, note: None) -> Migrated:
    """Bring the voice *name* of this machine forward, in its place.

    ConsentError where a consent ended; StoreError, CoreModelError, MigrationError.
    """
    directory = store.path(name)
    state = state_of(directory)
    voice = Voice.open(directory)
    plan = plan_migration(voice)
    if plan.nothing_to_do:
        return Migrated(plan)
    require(store, case_of(directory), None, terms.now)
    with store.scratch(name) as work:
        migrated = carry_forward(voice, work / name, plan, terms, tell, place_file=link)
        if migrated.entry is not None:
            store.replace_voice(name, work / name, state)
    return migrated


def migrate_directory(
    store: Store, directory: Path, name: str | None, terms: Terms, tell: Tell = lambda done, total, note: None
) -> Migrated:
    """Make a voice of this machine of a voice *directory* from elsewhere, which is only read. As `migrate_voice`."""
    require_harmless(directory)
    voice = Voice.open(directory)
    plan = plan_migration(voice)
    if plan.nothing_to_do:
        return Migrated(plan)
    require(store, case_of(directory), None, terms.now)
    with store.new_voice(name or voice.name) as made:
        made.rmdir()
        return carry_forward(voice, made, plan, terms, tell, place_file=shutil.copyfile)


def carry_forward(
    old: Voice, made: Path, plan: Plan, terms: Terms, tell: Tell, *, place_file: Callable[[Path, Path], object]
) -> Migrated:
    """Make the new voice in *made*, which must not exist, and prove it. CoreModelError, MigrationError."""
    tell(0, _STAGES, "writing its documents anew")
    _lay_out(old.directory, made, plan, place_file)
    for document in old_documents(old.directory):
        _write(made / document.place, json_bytes(document.current))
    if plan.exports:
        tell(1, _STAGES, "exporting the networks")
        write_exports(Voice.open(made))
        _drop_what_is_no_other(made, plan)
    tell(2, _STAGES, "speaking the golden sentences")
    proof = _prove(Voice.open(made), plan, terms)
    entry = entry_of(old, Voice.open(made), plan, proof, terms.now, terms.came_from)
    if entry is None:
        return Migrated(plan, None, proof)
    description = Voice.open(made).description
    described = replace(description, history=(*description.history, entry))
    _write(made / VOICE, json_bytes(described.document()))
    tell(3, _STAGES, "looking at every file once more")
    require_harmless(made)
    Voice.open(made)
    return Migrated(plan, entry, proof)


def link(source: Path, target: Path) -> None:
    """Give the file a second name: nothing large is copied, and nobody writes into a voice's file in place."""
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EXDEV, errno.EMLINK):
            raise
        shutil.copyfile(source, target)


def _lay_out(old: Path, made: Path, plan: Plan, place_file: Callable[[Path, Path], object]) -> None:
    """The old voice's files under their names, but for those set aside and for exports that are made anew."""
    made.mkdir(mode=0o700)
    for path in sorted(old.rglob("*")):
        name = path.relative_to(old).as_posix()
        if not path.is_file() or path.name.startswith("."):
            continue
        if name in plan.kept:
            name = f"{plan.aside}/{name}"
        elif plan.exports and name.startswith("exports/"):
            continue
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        place_file(path, made / name)


def _drop_what_is_no_other(made: Path, plan: Plan) -> None:
    """Keep no old TorchScript that this torch writes to the byte."""
    old = made / plan.aside / "exports"
    paths = [path.relative_to(old) for path in old.rglob("*.pt")]
    if paths and all(sha256_of(old / path) == sha256_of(made / "exports" / path) for path in paths):
        shutil.rmtree(old)


def _write(path: Path, content: bytes) -> None:
    path.unlink()  # it may be the old voice's file under a second name
    path.write_bytes(content)


def _prove(made: Voice, plan: Plan, terms: Terms) -> dict[str, Assessment]:
    """The old golden outputs on each runtime of the new voice. DriftedError, UnprovenError."""
    if not plan.proven_on and not terms.accept_unproven:
        raise UnprovenError("it has no golden outputs")
    proof: dict[str, Assessment] = {}
    for runtime in plan.proven_on:
        if runtime == "torchscript":
            proof[runtime] = verify_script(made, made.exports_directory / runtime)
        else:
            proof[runtime] = verify(made, partial(load_runtime, name=runtime, threads=1))
        _require(runtime, proof[runtime], terms)
    script = made.directory / plan.aside / "exports" / "torchscript"
    if plan.proven_on and script.is_dir():
        proof[OLD_SCRIPT] = verify_script(made, script)
        if proof[OLD_SCRIPT].runtime not in _NEVER_RAN:  # that it cannot be read any more is no doubt about the new one
            _require(OLD_SCRIPT, proof[OLD_SCRIPT], terms)
    return proof


def _require(runtime: str, found: Assessment, terms: Terms) -> None:
    if found.diagnosis is not None:
        raise DriftedError(runtime, found.diagnosis.name, found.diagnosis.told)
    if not found.passed and not terms.accept_unproven:
        why = next(layer.told for layer in found.findings[1:] if layer.verdict == "not run")
        raise UnprovenError(f"on {runtime}: {why}")

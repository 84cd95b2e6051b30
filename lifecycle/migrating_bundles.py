"""Migrate a bundle: its voice in today's form in a new bundle, with everything that vouches for the old one inside.

Knows bundles from the outside and in which order; how a voice is brought forward, `migrating` knows. The payload is
another one, and so is the bundle id: the new bundle's chain of custody begins anew and names the old file, and the old
chain, manifest and attestation lie in history/NNNN of the payload, each as it was. docs/decisions/0013-migration.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from archive.age.envelope import Identity, Recipient
from archive.bundle import Bundle, Packed, open_bundle, pack
from archive.custody import Act, Origin
from archive.dsse import NAME as ATTESTATION
from archive.outer import CUSTODY
from archive.parity import DEFAULT_PERCENT
from core_model.export.exported import digests
from core_model.strict.voice_files import require_harmless
from core_model.voice import Voice
from lifecycle.errors import OutputExistsError
from lifecycle.migrating import Migrated, Tell, Terms, carry_forward, link
from lifecycle.migration_plan import Plan, plan_migration
from lifecycle.preserving import describe, voice_files
from lifecycle.store import Store
from lifecycle.trusting import Judgement, Trust, require_trusted


@dataclass(frozen=True, slots=True)
class Resealing:
    """For whom the new bundle is, and who signs it."""

    act: Act
    recipients: Sequence[Recipient] = ()
    public: bool = False
    redundancy: int = DEFAULT_PERCENT


@dataclass(frozen=True, slots=True)
class MigratedBundle:
    """What became of a bundle. *packed* is None where nothing changed, and then nothing was written."""

    migrated: Migrated
    judgement: Judgement
    old_bundle_id: str
    packed: Packed | None = None


def plan_bundle(path: Path, identities: Sequence[Identity], store: Store, *, trust: Trust) -> Plan:
    """What `migrate_bundle` would do. The bundle is unpacked into a directory that vanishes again."""
    with open_bundle(path, identities) as bundle, store.scratch("migrate") as work:
        require_trusted(bundle.outside, trust)
        _unpack(bundle, work / "old")
        return plan_migration(Voice.open(work / "old"))


def migrate_bundle(
    path: Path,
    destination: Path,
    identities: Sequence[Identity],
    store: Store,
    resealing: Resealing,
    terms: Terms,
    *,
    trust: Trust,
    tell: Tell = lambda done, total, note: None,
) -> MigratedBundle:
    """Write the voice of the bundle at *path*, brought forward, into *destination*, a new file.

    The old bundle is verified whole, its chain of custody and attestation too, and only read. NotTrustedError,
    OutputExistsError, ArchiveError, CoreModelError, MigrationError; then nothing is written.
    """
    if destination.exists():
        raise OutputExistsError(destination)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with open_bundle(path, identities) as bundle, store.scratch("migrate") as work:
        judgement = require_trusted(bundle.outside, trust)
        bundle_id = _unpack(bundle, work / "old")
        old = Voice.open(work / "old")
        plan = plan_migration(old)
        origin = bundle.origin()
        if plan.nothing_to_do:
            return MigratedBundle(Migrated(plan), judgement, bundle_id)
        terms = replace(terms, came_from={"bundle_id": bundle_id, "file": origin.file})
        migrated = carry_forward(old, work / "new", plan, terms, tell, place_file=link)
        if migrated.entry is None:
            return MigratedBundle(migrated, judgement, bundle_id)
        packed = _pack(Voice.open(work / "new"), destination, resealing, origin)
    return MigratedBundle(migrated, judgement, bundle_id, packed)


def _unpack(bundle: Bundle, directory: Path) -> str:
    """The voice in *directory*, with what vouches for it beside voice.json. Returns the bundle id."""
    bundle.outside.require_custody()
    attestation = bundle.attestation()
    bundle_id = bundle.extract(directory)
    require_harmless(directory)
    if attestation is not None:
        (directory / ATTESTATION).write_bytes(bundle.attestation_bytes())
    if chain := bundle.outside.chain():
        (directory / CUSTODY).write_bytes(chain)
    return bundle_id


def _pack(made: Voice, destination: Path, resealing: Resealing, origin: Origin) -> Packed:
    """The bundle of *made*, with the very exports that were proven."""
    members = voice_files(made) | {name: made.directory / name for name in digests(made)}
    readme = {"voice": made.name, "licence": made.description.licence} if resealing.public else {}
    return pack(
        destination,
        members,
        description=describe(made),
        recipients=resealing.recipients,
        public=resealing.public,
        readme=readme,
        redundancy=resealing.redundancy,
        act=resealing.act,
        migrated_from=origin,
    )

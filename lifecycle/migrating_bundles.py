"""Migrate a bundle: its voice in today's form in a new bundle, with everything that vouches for the old one inside.

Knows bundles from the outside and in which order; how a voice is brought forward, `migrating` knows. The payload is
another one, and so is the bundle id: the new bundle's chain of custody begins anew and names the old file, and the old
chain, manifest and attestation lie in history/NNNN of the payload, each as it was. docs/decisions/0013-migration.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from archive.age.envelope import Identity, Recipient
from archive.bundle import Bundle, Packed, open_bundle, pack
from archive.custody import Act, Origin
from archive.dsse import NAME as ATTESTATION
from archive.manifest import PATH, Manifest
from archive.outer import CUSTODY
from archive.parity import DEFAULT_PERCENT
from core_model.export.exported import digests
from core_model.strict.voice_files import require_harmless
from core_model.voice import Voice
from lifecycle.consent_in_bundles import said_too_late
from lifecycle.consenting import case_of, require
from lifecycle.errors import OutputExistsError
from lifecycle.migrating import Migrated, Tell, Terms, carry_forward, link
from lifecycle.migration_plan import Plan, plan_migration
from lifecycle.narrowed_weights import narrowed, widen_all
from lifecycle.preserving import describe, voice_files
from lifecycle.store import Store
from lifecycle.trusting import Judgement, Trust, require_trusted
from privacy.errors import NoConsentError


@dataclass(frozen=True, slots=True)
class Resealing:
    """For whom the new bundle is, and who signs it."""

    act: Act
    recipients: Sequence[Recipient] = ()
    public: bool = False
    redundancy: int = DEFAULT_PERCENT
    for_others: bool = False  # the recipients are somebody else

    @property
    def scope(self) -> str | None:
        """What the speaker must have agreed to."""
        return "public" if self.public else "others" if self.for_others else None


@dataclass(frozen=True, slots=True)
class MigratedBundle:
    """What became of a bundle. *packed* is None where nothing changed, and then nothing was written."""

    migrated: Migrated
    judgement: Judgement
    old_bundle_id: str
    packed: Packed | None = None
    doubt: str = ""  # about consent: what its maker should know


def plan_bundle(
    path: Path, identities: Sequence[Identity], store: Store, *, trust: Trust, base: Path | None = None
) -> Plan:
    """What `migrate_bundle` would do. The bundle is unpacked into a directory that vanishes again."""
    with _opened(path, base, identities) as (bundle, other), store.scratch("migrate") as work:
        require_trusted(bundle.outside, trust)
        _unpack(bundle, other, work / "old")
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
    base: Path | None = None,
    tell: Tell = lambda done, total, note: None,
) -> MigratedBundle:
    """Write the voice of the bundle at *path*, brought forward, into *destination*, a new file.

    The old bundle is verified whole, its chain of custody and attestation too, and only read. A delta takes the bundle
    *base* that it was made since, and becomes a whole one. NotTrustedError, ConsentError, OutputExistsError,
    ArchiveError, CoreModelError, MigrationError; then nothing is written.
    """
    if destination.exists():
        raise OutputExistsError(destination)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with _opened(path, base, identities) as (bundle, other), store.scratch("migrate") as work:
        judgement = require_trusted(bundle.outside, trust)
        bundle_id = _unpack(bundle, other, work / "old")
        old = Voice.open(work / "old")
        plan = plan_migration(old)
        origin = bundle.origin()
        if plan.nothing_to_do:
            return MigratedBundle(Migrated(plan), judgement, bundle_id)
        doubt = _permitted(store, work / "old", resealing, terms)
        terms = replace(terms, came_from={"bundle_id": bundle_id, "file": origin.file})
        migrated = carry_forward(old, work / "new", plan, terms, tell, place_file=link)
        if migrated.entry is None:
            return MigratedBundle(migrated, judgement, bundle_id)
        packed = _pack(Voice.open(work / "new"), work, destination, resealing, origin)
    return MigratedBundle(migrated, judgement, bundle_id, packed, doubt)


def _permitted(store: Store, directory: Path, resealing: Resealing, terms: Terms) -> str:
    """ "" or a doubt; ConsentError where the voice may not be given to those who are named."""
    try:
        return require(store, case_of(directory), resealing.scope, terms.now)
    except NoConsentError as error:
        raise said_too_late(error) from None


@contextmanager
def _opened(path: Path, base: Path | None, identities: Sequence[Identity]) -> Iterator[tuple[Bundle, Bundle | None]]:
    """The bundle, and the one that it is a delta since."""
    with ExitStack() as stack:
        bundle = stack.enter_context(open_bundle(path, identities))
        yield bundle, stack.enter_context(open_bundle(base, identities)) if base else None


def _unpack(bundle: Bundle, base: Bundle | None, directory: Path) -> str:
    """The voice in *directory*, with what vouches for it beside voice.json. Returns the bundle id."""
    bundle.outside.require_custody()
    attestation = bundle.attestation()
    bundle_id = bundle.extract(directory, base)
    require_harmless(directory)
    widen_all(directory, Manifest.parse((directory / PATH).read_bytes()))
    if attestation is not None:
        (directory / ATTESTATION).write_bytes(bundle.attestation_bytes())
    if chain := bundle.outside.chain():
        (directory / CUSTODY).write_bytes(chain)
    return bundle_id


def _pack(made: Voice, work: Path, destination: Path, resealing: Resealing, origin: Origin) -> Packed:
    """The bundle of *made*, with the very exports that were proven."""
    members, notes = narrowed(voice_files(made) | {name: made.directory / name for name in digests(made)}, work)
    readme = {"voice": made.name, "licence": made.description.licence} if resealing.public else {}
    return pack(
        destination,
        members,
        description=describe(made),
        recipients=resealing.recipients,
        public=resealing.public,
        readme=readme,
        notes=notes,
        redundancy=resealing.redundancy,
        act=resealing.act,
        migrated_from=origin,
    )

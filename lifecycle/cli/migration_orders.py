"""`lifecycle migrate`, for each kind of thing that may be named: done or only planned, and answered.

Decides nothing: what is done, `lifecycle.migrating` and its neighbours know; how it is told, `migration_answer`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from archive.custody import Act
from core_model.voice import Voice
from lifecycle import __version__, migrating, migrating_bundles, migrating_checkpoints
from lifecycle.checkpoint_files import find_parts
from lifecycle.cli.console import Console
from lifecycle.cli.migration_answer import (
    checkpoint_answer,
    checkpoint_plan,
    facts_of,
    lines_of,
    plan_facts,
    plan_lines,
)
from lifecycle.importing import ImportOptions
from lifecycle.migrating import Terms
from lifecycle.migration_plan import plan_migration
from lifecycle.secret_files import read_identities, read_recipients
from lifecycle.store import Store
from lifecycle.trusting import own_signer, read_signer, read_trust


def migrate_voice(console: Console, store: Store, name: str, terms: Terms, *, dry_run: bool) -> None:
    """A voice of this machine, in its place."""
    what = f"the voice {name}"
    if dry_run:
        plan = plan_migration(Voice.open(store.path(name)))
        console.answer(plan_facts(plan), *plan_lines(plan, what))
        return
    with console.progress(f"Migrating {name}") as tell:
        migrated = migrating.migrate_voice(store, name, terms, tell)
    done = [f"The voice {name} is current."] if migrated.entry else []
    console.answer({**facts_of(migrated), "path": store.path(name)}, *done, *lines_of(migrated, what))


def migrate_directory(
    console: Console, store: Store, path: Path, name: str | None, terms: Terms, *, dry_run: bool
) -> None:
    """A voice in a directory elsewhere, which is only read."""
    if dry_run:
        plan = plan_migration(Voice.open(path))
        console.answer(plan_facts(plan), *plan_lines(plan, str(path)))
        return
    with console.progress(f"Migrating {path.name}") as tell:
        migrated = migrating.migrate_directory(store, path, name, terms, tell)
    facts, done = facts_of(migrated), []
    if migrated.entry is not None:
        facts["path"] = store.path(name or migrated.plan.voice)
        done = [f"{path}, which is as it was, is a voice of this machine now, in {facts['path']}."]
    console.answer(facts, *done, *lines_of(migrated, str(path)))


def migrate_checkpoints(
    console: Console,
    store: Store,
    name: str,
    files: Sequence[Path],
    options: ImportOptions,
    terms: Terms,
    *,
    dry_run: bool,
) -> None:
    """Both halves of a voice of GPT-SoVITS."""
    if dry_run:
        store.require_free(name)
        facts, lines = checkpoint_plan(find_parts(files, base=options.base, vocoder=options.vocoder).named(), name)
    else:
        with console.progress(f"Migrating {name}") as tell:
            imported = migrating_checkpoints.migrate_checkpoints(store, name, files, options, terms.now, tell)
        facts, lines = checkpoint_answer(imported)
    console.answer(facts, *lines)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was said of a bundle: how it opens, whom to trust, and for whom the new one is."""

    path: Path
    base: Path | None  # what a delta was made since
    output: Path | None  # None: --dry-run
    identities: Sequence[Path]
    passphrase_file: Path | None
    trusted: Sequence[str]
    accept_unsigned: bool
    recipients: Sequence[str]
    to_passphrase_file: Path | None
    public: bool
    signing_key: Path | None
    for_others: bool = False


def migrate_bundle(console: Console, store: Store, asked: Bundle, terms: Terms, *, dry_run: bool) -> None:
    """A bundle, of which a new one is written."""
    keys = read_identities(asked.identities, asked.passphrase_file)
    trust = read_trust(asked.trusted, store, terms.now, accept_unsigned=asked.accept_unsigned)
    if dry_run or asked.output is None:
        plan = migrating_bundles.plan_bundle(asked.path, keys, store, trust=trust, base=asked.base)
        console.answer(plan_facts(plan), *plan_lines(plan, str(asked.path)))
        return
    recipients = read_recipients(asked.recipients, asked.to_passphrase_file)
    signer = read_signer(asked.signing_key) if asked.signing_key else own_signer(store, os.urandom)
    act = Act(signer, terms.now, f"lifecycle {__version__}")
    resealing = migrating_bundles.Resealing(act, recipients, asked.public, for_others=asked.for_others)
    with console.progress(f"Migrating {asked.path.name}") as tell:
        found = migrating_bundles.migrate_bundle(
            asked.path,
            asked.output,
            keys,
            store,
            resealing,
            terms,
            trust=trust,
            base=asked.base,
            tell=tell,
        )
    if found.judgement.doubt:
        console.remark(f"NOBODY YOU TRUST VOUCHED FOR THE OLD BUNDLE: {found.judgement.doubt}. From here on you do.")
    if found.doubt:
        console.remark(found.doubt)
    facts, done = {**facts_of(found.migrated), "old_bundle_id": found.old_bundle_id}, []
    if found.packed is not None:
        facts |= {"path": asked.output, **asdict(found.packed), "public": asked.public}
        facts["signed_by"] = signer.public.fingerprint
        done = [
            f"{asked.output} holds the voice in today's form, {found.packed.size / 1e6:.1f} MB.",
            f"{asked.path} is as it was.",
            f"bundle id  {found.packed.bundle_id}",
            f"made of    {found.old_bundle_id}",
            f"signed by  {signer.public.fingerprint}",
        ]
    console.answer(facts, *done, *lines_of(found.migrated, str(asked.path)))

"""Migrate checkpoints: an import that leaves nothing for later, so that what it makes is current in every respect.

Knows no format of theirs; `importing` reads them, without running anything in them. There are no golden outputs yet, so
nothing is proven here: they are recorded with the voice's first prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from core_model.export.process import kinds_of, write_exports
from core_model.migrations.steps import VOICE
from core_model.voice import Voice, json_bytes
from lifecycle.importing import Imported, ImportOptions, Tell, import_voice
from lifecycle.migration_history import entry_of_import
from lifecycle.store import Store


def migrate_checkpoints(
    store: Store,
    name: str,
    files: Sequence[Path],
    options: ImportOptions,
    now: datetime,
    tell: Tell = lambda done, total, note: None,
) -> Imported:
    """Make the voice *name* of *files*, with exports where its family has them, and a history. As `import_voice`."""
    return import_voice(store, name, files, options, finish=partial(_finish, now=now), tell=tell)


def _finish(voice: Voice, now: datetime) -> None:
    if kinds_of(voice):
        write_exports(voice)
    description = replace(voice.description, history=(entry_of_import(voice, now),))
    (voice.directory / VOICE).write_bytes(json_bytes(description.document()))

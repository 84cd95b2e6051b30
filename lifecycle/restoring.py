"""Restore: from a bundle back to a voice on this machine, whole or not at all.

Knows where voices live and what a voice is; nothing of the bundle's bytes, nothing of torch. A payload is a voice
directory with its exports and its manifest.json beside voice.json, so restoring is extracting, looking, and renaming.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archive.age.envelope import Identity
from archive.bundle import open_bundle
from core_model.voice import Voice
from lifecycle.store import Store


@dataclass(frozen=True, slots=True)
class Restored:
    """What came out of a bundle."""

    voice: Voice
    bundle_id: str


def restore(bundle_path: Path, identities: Sequence[Identity], store: Store, name: str | None = None) -> Restored:
    """Open the bundle and put its voice into *store*, called *name*, else as it was called when it was archived.

    Nothing appears unless every byte was verified and the voice keeps its schema. ArchiveError, VoiceError, StoreError.
    """
    with open_bundle(bundle_path, identities) as bundle:
        called = str(bundle.manifest.description.get("voice", bundle_path.stem)) if name is None else name
        with store.new_voice(called) as directory:
            directory.rmdir()  # a bundle is never extracted over anything
            bundle_id = bundle.extract(directory)
            Voice.open(directory)
    return Restored(Voice.open(store.path(called)), bundle_id)

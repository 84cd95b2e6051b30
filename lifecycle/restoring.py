"""Restore: from a bundle back to a voice on this machine, whole or not at all.

Knows where voices live and what a voice is; nothing of the bundle's bytes, nothing of torch. A payload is a voice
directory with its exports and its manifest.json beside voice.json, so restoring is extracting, looking, and renaming.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from archive.age.envelope import Identity
from archive.bundle import Bundle, open_bundle
from archive.dsse import NAME as ATTESTATION
from archive.manifest import PATH, Manifest
from core_model.strict.voice_files import require_harmless
from core_model.voice import Voice
from lifecycle.narrowed_weights import widen_all
from lifecycle.store import Store
from lifecycle.trusting import Judgement, Trust, require_trusted


@dataclass(frozen=True, slots=True)
class Restored:
    """What came out of a bundle, and who vouched for it."""

    voice: Voice
    bundle_id: str
    judgement: Judgement


def restore(
    bundle_path: Path,
    identities: Sequence[Identity],
    store: Store,
    name: str | None = None,
    *,
    trust: Trust,
    base: Path | None = None,
) -> Restored:
    """Open the bundle and put its voice into *store*, called *name*, else as it was called when it was archived.

    Nothing appears unless somebody trusted signed the bundle (or *trust* accepts that nobody did), every byte was
    verified and the voice keeps its schema. A delta takes the bundle *base* that it was made since; whoever signed the
    delta vouches for what comes out. NotTrustedError, ArchiveError, VoiceError, StoreError.

    manifest.dsse.json is put beside voice.json for those who verify with model-signing, where it speaks of these files:
    it does not of a delta's whole, nor of weights that were narrowed.
    """
    with ExitStack() as stack:
        bundle = stack.enter_context(open_bundle(bundle_path, identities))
        other: Bundle | None = stack.enter_context(open_bundle(base, identities)) if base else None
        judgement = require_trusted(bundle.outside, trust)
        called = str(bundle.manifest.description.get("voice", bundle_path.stem)) if name is None else name
        with store.new_voice(called) as directory:
            directory.rmdir()  # a bundle is never extracted over anything
            bundle_id = bundle.extract(directory, other)
            require_harmless(directory)
            widened = widen_all(directory, Manifest.parse((directory / PATH).read_bytes()))
            Voice.open(directory)
            if bundle.attestation() is not None and not (widened or bundle.delta):
                (directory / ATTESTATION).write_bytes(bundle.attestation_bytes())
    return Restored(Voice.open(store.path(called)), bundle_id, judgement)

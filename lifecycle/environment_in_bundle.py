"""The environment that a bundle carries: out of the bundle into a scratch directory, once somebody is trusted for it.

Knows bundles and voices; nothing of engines. Every byte was verified before anything is yielded, and it vanishes after.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from archive.age.envelope import Identity
from archive.bundle import open_bundle
from core_model.strict.voice_files import require_harmless
from core_model.voice import Voice
from lifecycle.environment_directory import DIRECTORY, RECORD, Environment
from lifecycle.errors import NoEnvironmentError
from lifecycle.store import Store, require_name
from lifecycle.trusting import Judgement, Trust, require_trusted


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A bundle's voice and environment, and who vouches for both."""

    voice: Voice
    name: str  # of the voice, as it was archived
    environment: Environment
    judgement: Judgement
    scratch: Path  # a directory for whatever else is needed meanwhile; only its owner can enter it


@contextmanager
def unpacked(bundle_path: Path, identities: Sequence[Identity], store: Store, trust: Trust) -> Iterator[Unpacked]:
    """Unpack the bundle into a directory that vanishes with the block.

    NotTrustedError, NoEnvironmentError before anything is unpacked; ArchiveError, VoiceError, BrokenEnvironmentError.
    """
    with open_bundle(bundle_path, identities) as bundle, store.scratch("environment") as scratch:
        judgement = require_trusted(bundle.outside, trust)
        if f"{DIRECTORY}/{RECORD}" not in {member.path for member in bundle.manifest.members}:
            raise NoEnvironmentError(f"{bundle_path.name} carries no environment")
        name = require_name(str(bundle.manifest.description.get("voice", bundle_path.stem)))
        bundle.extract(scratch / name)
        require_harmless(scratch / name)
        environment = Environment.open(scratch / name / DIRECTORY)
        yield Unpacked(Voice.open(scratch / name), name, environment, judgement, scratch)

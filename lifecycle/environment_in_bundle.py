"""The environment that a bundle carries: out of the bundle into a scratch directory, once somebody is trusted for it.

Knows bundles and voices; nothing of engines. Every byte was verified before anything is yielded, and it vanishes after.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from archive.age.envelope import Identity
from archive.bundle import open_bundle
from archive.manifest import PATH, Manifest
from core_model.strict.voice_files import require_harmless
from core_model.voice import Voice
from lifecycle.environment_directory import DIRECTORY, RECORD, Environment
from lifecycle.errors import NoEnvironmentError
from lifecycle.narrowed_weights import widen_all
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
def unpacked(
    bundle_path: Path, identities: Sequence[Identity], store: Store, trust: Trust, base: Path | None = None
) -> Iterator[Unpacked]:
    """Unpack the bundle into a directory that vanishes with the block. A delta takes the *base* that it was made since.

    NotTrustedError, NoEnvironmentError before anything is unpacked; ArchiveError, VoiceError, BrokenEnvironmentError.
    """
    with ExitStack() as stack:
        bundle = stack.enter_context(open_bundle(bundle_path, identities))
        other = stack.enter_context(open_bundle(base, identities)) if base else None
        judgement = require_trusted(bundle.outside, trust)
        if not bundle.delta and f"{DIRECTORY}/{RECORD}" not in {member.path for member in bundle.manifest.members}:
            raise NoEnvironmentError(f"{bundle_path.name} carries no environment")
        name = require_name(str(bundle.manifest.description.get("voice", bundle_path.stem)))
        scratch = stack.enter_context(store.scratch("environment"))
        directory = scratch / name
        bundle.extract(directory, other)
        require_harmless(directory)
        widen_all(directory, Manifest.parse((directory / PATH).read_bytes()))
        environment = Environment.open(directory / DIRECTORY)
        yield Unpacked(Voice.open(directory), name, environment, judgement, scratch)

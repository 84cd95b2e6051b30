"""The directory of a voice to be judged: a bundle's, verified to the last byte and unpacked, or one that is there.

Knows the archive and nothing of what is in a voice. Whom to trust is asked and never assumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from archive.age.envelope import Identity
from archive.bundle import open_bundle
from archive.manifest import PATH, Manifest
from archive.ssh_keys import TrustedKey
from compat_tests.findings import Finding, fixity


@dataclass(frozen=True, slots=True)
class Opened:
    """Where the voice lies, and what is known of its files."""

    directory: Path
    fixity: Finding | None  # None: there is no manifest to compare with


def open_voice(
    path: Path,
    destination: Path,
    *,
    identities: Sequence[Identity] = (),
    trusted: Sequence[TrustedKey] | None,
    now: datetime,
) -> Opened:
    """The voice in the directory or bundle *path*, a bundle's unpacked as the new directory *destination*.

    ArchiveError, and SignatureError unless one of *trusted* signed it; with None, anybody's is opened. OSError.
    """
    if path.is_dir():
        return Opened(path, fixity_of(path))
    with open_bundle(path, identities, trusted=trusted, now=now) as bundle:
        bundle.attestation()
        bundle.extract(destination)
        return Opened(destination, fixity(len(bundle.manifest.members), ()))


def fixity_of(directory: Path) -> Finding | None:
    """Compare the files of an unpacked voice with the manifest it came with; None where there is no manifest.

    Weights may lie there as the bundle holds them or as they were before it narrowed them: SPEC.md section 5.
    """
    if not (directory / PATH).is_file():
        return None
    members = Manifest.parse((directory / PATH).read_bytes()).members
    damaged = [m.path for m in members if _digest(directory / m.path) not in (m.sha256, m.original_sha256)]
    return fixity(len(members), tuple(damaged))


def _digest(path: Path) -> str:
    if not path.is_file():
        return ""  # nobody's
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

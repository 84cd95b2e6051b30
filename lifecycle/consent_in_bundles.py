"""Consent to give a bundle away again: what was said about the voice in it, found without unpacking it where possible.

Knows where in a payload that stands; what it means, `consenting` knows. A bundle is signed as a whole and takes no more
statements: whoever wants to give it to others with a consent of their own restores it, records that, and archives it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath

from archive.bundle import Bundle
from archive.errors import BaseNeededError
from archive.manifest import PATH, Manifest
from core_model.strict.voice_files import require_harmless
from lifecycle.consenting import RECORD, RELEASED, Case, case_of, is_of_somebody, parse_statements, require
from lifecycle.narrowed_weights import widen_all
from lifecycle.store import Store
from privacy.errors import NoConsentError

_NOT_LOOKED_AT = (
    "Whether its consent still holds was not looked at: that takes --base, the bundle that this one was made since."
)


def require_in_bundle(store: Store, bundle: Bundle, scope: str | None, now: datetime, base: Bundle | None) -> str:
    """See that the voice in *bundle* may be given away: for one's own keys (None), for "others", for the "public".

    As `consenting.require`: ConsentError says why not, "" or what its maker should know. A delta takes the bundle
    *base*; without it, for one's own keys, the answer is that nobody looked. BaseNeededError for others.
    """
    if bundle.delta is not None and base is None:
        if scope is not None:
            raise BaseNeededError(bundle.delta.base)
        return _NOT_LOOKED_AT
    try:
        if bundle.delta is None:
            return require(store, case_in(bundle), scope, now)
        with store.scratch("consent") as work:
            directory = work / "voice"
            bundle.extract(directory, base)
            require_harmless(directory)
            widen_all(directory, Manifest.parse((directory / PATH).read_bytes()))
            return require(store, case_of(directory), scope, now)
    except NoConsentError as error:
        raise said_too_late(error) from None


def said_too_late(error: NoConsentError) -> NoConsentError:
    """The same error, with what can be done about it in a bundle."""
    return NoConsentError(f"{error}; a bundle takes no statement any more, the voice that is restored from it does")


def case_in(bundle: Bundle) -> Case:
    """The voice in a whole *bundle*, of which nothing is unpacked. ConsentDamagedError, ArchiveError.

    Weights that were narrowed for the bundle are known by the digest of what comes out of it.
    """
    entries = {entry.path: entry for entry in bundle.manifest.members}
    parts = [path for path in entries if path.count("/") == 1 and PurePosixPath(path).match("weights/*.safetensors")]
    parts += [path for path in ("prompts/default.safetensors",) if RELEASED in entries and path in entries]
    weights = {PurePosixPath(path).stem: entries[path].original_sha256 or entries[path].sha256 for path in parts}
    record = f"records/{RECORD}"
    said = parse_statements(bundle.read(record)) if record in entries else ()
    return Case(said, weights, is_of_somebody(_lineage(bundle)))


def _lineage(bundle: Bundle) -> Mapping[str, object]:
    """What voice.json says; one that cannot be read is taken for a person's."""
    try:
        lineage = json.loads(bundle.read("voice.json"))["lineage"]
    except (KeyError, ValueError, TypeError, RecursionError):
        lineage = None
    return lineage if isinstance(lineage, dict) else {"imported": {}}

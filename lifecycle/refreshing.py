"""Refresh: the same voice, encrypted to others or by newer algorithms, signed again, with its history carried on.

Knows nothing of what is in a voice and needs no torch. The payload, and with it the bundle id, stays as it is to the
last bit; docs/refresh.md says when this is worth doing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive import files
from archive.age.envelope import Identity, Recipient
from archive.bundle import Bundle, Packed, open_bundle
from archive.custody import Act, Record
from archive.errors import DestinationExistsError
from archive.outside import look
from archive.parity import DEFAULT_PERCENT
from lifecycle.errors import OutputExistsError
from lifecycle.matrix.history import history_beside
from lifecycle.matrix.results import NAMESPACE
from lifecycle.trusting import Judgement, Trust, require_trusted


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A bundle that was written from another one."""

    path: Path
    packed: Packed
    judgement: Judgement  # of the old one's signatures
    custody: tuple[Record, ...]  # of the new one
    left_out: tuple[str, ...] = ()  # results of a matrix that lie beside the old one and were not taken into it
    doubt: str = ""  # about consent: what its maker should know


def refresh(
    bundle_path: Path,
    destination: Path,
    identities: Sequence[Identity],
    act: Act,
    *,
    trust: Trust,
    permit: Callable[[Bundle], str],
    recipients: Sequence[Recipient] = (),
    public: bool = False,
    redundancy: int = DEFAULT_PERCENT,
) -> Refreshed:
    """Write the payload of the bundle into *destination*, a new file, for *recipients*, signed by *act*.

    The old bundle is verified whole first, and only read. Whoever signs again vouches for it from then on, so it has to
    be signed by somebody trusted. *permit* says whether its voice may be given away: "" or a doubt, ConsentError if
    not. Results of a matrix beside it go into the chain of custody. NotTrustedError, OutputExistsError, ArchiveError;
    then nothing is written.
    """
    try:
        files.require_absent(destination)
    except DestinationExistsError:
        raise OutputExistsError(destination) from None
    destination.parent.mkdir(parents=True, exist_ok=True)
    with open_bundle(bundle_path, identities) as bundle:
        judgement = require_trusted(bundle.outside, trust)
        doubt = permit(bundle)
        told = bundle.manifest.description
        readme = {name: str(told[name]) for name in ("voice", "licence") if name in told} if public else {}
        custody = bundle.outside.custody()
        trusted = (one.key for one in trust.keys if one.allows(NAMESPACE, trust.now))
        keys = {key.fingerprint for key in (act.signer.public, *trusted)}
        bundle_id = custody[0].bundle_id if custody else bundle.verify()
        history = history_beside(bundle_path, bundle_id, custody, keys)
        packed = bundle.reseal(
            destination,
            act,
            recipients=recipients,
            public=public,
            readme=readme,
            redundancy=redundancy,
            verified=history.verified,
        )
    with look(destination) as outside:
        return Refreshed(destination, packed, judgement, outside.custody(), history.left_out, doubt)

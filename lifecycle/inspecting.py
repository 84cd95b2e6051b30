"""Inspect: who made a bundle, what is in it, where it has been, and what will not last about it.

Knows how to ask and not how to print. Without a key it tells what everybody can see; nothing is unpacked, and the
networks are not looked at: `verify` does that. What will not last is the forecast's to say. The clock is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive import dsse
from archive.age.envelope import Identity
from archive.bundle import Bundle, open_bundle
from archive.custody import Record
from archive.delta import Delta
from archive.errors import CustodyError, NoMatchingKeyError, SignatureError
from archive.manifest import Entry
from archive.outside import look
from lifecycle.forecast_facts import Fact, bundle_facts, outside_facts
from lifecycle.forecast_rules import Rules
from lifecycle.forecasting import Finding, foresee
from lifecycle.trusting import Judgement, Trust, judge

_KINDS = {"X25519": "X25519", "scrypt": "a passphrase", "mlkem768x25519": "ML-KEM-768 with X25519"}


@dataclass(frozen=True, slots=True)
class Inside:
    """What it takes the key to see."""

    bundle_id: str | None  # as the chain of custody states it; None where there is no chain
    description: Mapping[str, object]
    entries: tuple[Entry, ...]
    attested_by: str | None  # fingerprint of the P-256 key of manifest.dsse.json
    facts: tuple[Fact, ...]  # what a forecast looks at
    delta: Delta | None  # which bundle it takes besides, and what they make together; None: it is whole
    problem: str = ""  # what is wrong with manifest.dsse.json


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was seen."""

    path: Path
    size: int
    format: str  # the first line of README.txt
    recipients: tuple[str, ...]  # one for each, in words; () for a public bundle
    members: tuple[tuple[str, int], ...]
    recovery: tuple[str, ...]
    judgement: Judgement
    custody: tuple[Record, ...]
    custody_problem: str  # "" if the chain is whole, or is not there and need not be
    inside: Inside | None  # None: no key was given
    risks: tuple[Finding, ...]  # of the forecast, the soonest first


def inspect(path: Path, identities: Sequence[Identity], *, trust: Trust, rules: Rules) -> Inspection:
    """Look at the bundle at *path*, inside too where one of *identities* opens it or it is public.

    FormatError, UnsupportedVersionError, DamagedError, ShelfError, OSError; NoMatchingKeyError where keys were
    given and none fits.
    """
    with look(path) as outside:
        judgement = judge(outside, trust)
        try:
            records, broken = outside.require_custody(), ""
        except CustodyError as error:
            records, broken = (), str(error)
        inside = _look_inside(path, identities, records)
        facts = [*outside_facts(outside, path, judgement.signatures), *(inside.facts if inside else ())]
        return Inspection(
            path,
            path.stat().st_size,
            outside.readme().partition("\n")[0],
            tuple(_KINDS.get(kind, kind) for kind in outside.recipient_kinds()),
            outside.members,
            outside.reserved,
            judgement,
            records,
            broken,
            inside,
            foresee(facts, rules, trust.now.date()),
        )


def _look_inside(path: Path, identities: Sequence[Identity], records: tuple[Record, ...]) -> Inside | None:
    try:
        with open_bundle(path, identities) as bundle:
            signer, problem = _attested(bundle)
            bundle_id = records[-1].bundle_id if records else None
            return Inside(
                bundle_id,
                bundle.manifest.description,
                bundle.manifest.members,
                signer,
                tuple(bundle_facts(bundle)),
                bundle.delta,
                problem,
            )
    except NoMatchingKeyError:
        if identities:
            raise
        return None


def _attested(bundle: Bundle) -> tuple[str | None, str]:
    try:
        found: dsse.Attestation | None = bundle.attestation()
    except SignatureError as error:
        return None, str(error)
    return (found.fingerprint if found else None), ""

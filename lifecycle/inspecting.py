"""Inspect: who made a bundle, what is in it, where it has been, and what will not last about it.

Knows how to ask and not how to print. Without a key it tells what everybody can see; nothing is unpacked, and the
networks are not looked at: `verify` does that. The clock is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from archive import dsse
from archive.age.envelope import Identity
from archive.bundle import Bundle, open_bundle
from archive.custody import Record
from archive.errors import CustodyError, NoMatchingKeyError, SignatureError
from archive.manifest import Entry
from archive.outside import Outside, look
from lifecycle.trusting import Judgement, Trust, judge

_LONG_YEARS = 10
_KINDS = {"X25519": "X25519", "scrypt": "a passphrase", "mlkem768x25519": "ML-KEM-768 with X25519"}


@dataclass(frozen=True, slots=True)
class Inside:
    """What it takes the key to see."""

    bundle_id: str | None  # as the chain of custody states it; None where there is no chain
    description: Mapping[str, object]
    entries: tuple[Entry, ...]
    attested_by: str | None  # fingerprint of the P-256 key of manifest.dsse.json
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
    risks: tuple[str, ...]


def inspect(path: Path, identities: Sequence[Identity], *, trust: Trust) -> Inspection:
    """Look at the bundle at *path*, inside too where one of *identities* opens it or it is public.

    FormatError, UnsupportedVersionError, DamagedError, OSError; NoMatchingKeyError where keys were given and none fits.
    """
    with look(path) as outside:
        judgement = judge(outside, trust)
        try:
            records, broken = outside.require_custody(), ""
        except CustodyError as error:
            records, broken = (), str(error)
        inside = _look_inside(path, identities, records)
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
            tuple(_risks(outside, judgement, records, inside, trust.now)),
        )


def _look_inside(path: Path, identities: Sequence[Identity], records: tuple[Record, ...]) -> Inside | None:
    try:
        with open_bundle(path, identities) as bundle:
            signer, problem = _attested(bundle)
            bundle_id = records[-1].bundle_id if records else None
            return Inside(bundle_id, bundle.manifest.description, bundle.manifest.members, signer, problem)
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


def _risks(
    outside: Outside, judgement: Judgement, records: tuple[Record, ...], inside: Inside | None, now: datetime
) -> list[str]:
    """What will not last, each with what to do about it."""
    kinds = outside.recipient_kinds()
    signed = {signature.kind for signature in judgement.signatures if signature.valid}
    risks = []
    if "X25519" in kinds:
        risks.append("encrypted to X25519: large quantum computers will open any copy. Refresh it to a key age1pq1...")
    if "scrypt" in kinds:
        risks.append("encrypted with a passphrase: as strong as that, and lost with it")
    if len(kinds) == 1:
        risks.append("one key opens it: if that is lost, so is the voice. Refresh it to a second one, kept elsewhere")
    if "ssh-ed25519" in signed and "ml-dsa-65" not in signed:
        risks.append("signed with Ed25519 alone: large quantum computers will forge that. Refresh it")
    if not signed:
        risks.append("nobody vouches for it. Refresh it with a key whose fingerprint is known")
    if not any(name.endswith(".par2") for name in outside.reserved):
        risks.append("no recovery data: what is damaged is lost. Refresh it with --redundancy")
    years = _years_since(records[-1].when, now) if records else None
    if years is not None and years >= _LONG_YEARS:
        risks.append(f"last written {years} years ago. Look whether its algorithms still hold, and refresh it")
    if inside is not None:
        risks += _risks_of_formats(inside)
    return risks


def _risks_of_formats(inside: Inside) -> list[str]:
    formats = {entry.format for entry in inside.entries}
    risks = []
    if "pt" in formats:
        risks.append(
            "TorchScript, which torch has called deprecated since 2.13: the ONNX exports are there to outlive it"
        )
    if "onnx" not in formats:
        risks.append("no ONNX exports: it speaks only where torch and this toolkit run")
    if inside.description.get("preview"):
        risks.append("it grew from a base that is a preview: train it again when there is a better one")
    return risks


def _years_since(when: str, now: datetime) -> int | None:
    try:
        return int((now - datetime.fromisoformat(when)).days // 365.2425)
    except (ValueError, TypeError):
        return None

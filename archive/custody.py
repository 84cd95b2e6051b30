"""The chain of custody: who wrote this file, when, out of which other one; each record signed, each naming the last.

Knows neither keys nor payloads. A chain tells what its signers said. Whoever holds a bundle can leave records off its
end, and the time in a record is what its signer's clock said. Reference: SPEC.md section 10.

    line   = {"record": record, "signature": SSHSIG over the record's canonical JSON} LF, canonical JSON (RFC 8785)
    record = {"bundle_id", "from": {"file", "payload"} | null, "key", "number", "payload", "previous": SHA-256 of the
              line before | null, "recipients": [kind ...], "toolkit", "version": 1, "what", "when", "who"},
             and of what = "verified" also "results": {"document": {...}, "signature": SSHSIG of whoever verified}
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from archive import ssh_signature
from archive.errors import CustodyError, FormatError, KeyFormatError
from archive.manifest import canonical_json, parse_json
from archive.signing import Signer

NAMESPACE = "lifecycle-custody@v1"
MAX_BYTES = 4 * 1024 * 1024
ARCHIVED, REFRESHED, MIGRATED, VERIFIED = "archived", "refreshed", "migrated", "verified"
_VERSION = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Act:
    """Who signs, when, and with which program: everything of a record that its bundle does not tell."""

    signer: Signer
    when: datetime
    toolkit: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """The bundle that another one was made of: SHA-256 of the whole file and of its payload as it stood there."""

    file: str
    payload: str


@dataclass(frozen=True, slots=True)
class Record:
    """One verified line: what the holder of *key* said."""

    number: int
    what: str
    when: str
    who: str
    key: str  # fingerprint
    bundle_id: str
    payload: str  # SHA-256 of the payload file that was written
    origin: Origin | None
    recipients: tuple[str, ...]
    toolkit: str
    results: Mapping[str, object] | None = None  # of what was verified: {"document", "signature"}, as it was handed in


def append(
    chain: bytes,
    act: Act,
    what: str,
    bundle_id: str,
    payload: str,
    recipients: Sequence[str],
    origin: Origin | None,
    results: Mapping[str, object] | None = None,
) -> bytes:
    """*chain* with one more line."""
    lines = chain.splitlines(keepends=True)
    record: dict[str, object] = {
        "bundle_id": bundle_id,
        "from": {"file": origin.file, "payload": origin.payload} if origin else None,
        "key": act.signer.public.fingerprint,
        "number": len(lines) + 1,
        "payload": payload,
        "previous": hashlib.sha256(lines[-1]).hexdigest() if lines else None,
        "recipients": list(recipients),
        "toolkit": act.toolkit,
        "version": _VERSION,
        "what": what,
        "when": act.when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "who": act.signer.name,
    }
    if results is not None:
        record["results"] = dict(results)
    signature = act.signer.sign(hashlib.sha512(canonical_json(record)).digest(), NAMESPACE).decode("ascii")
    return chain + canonical_json({"record": record, "signature": signature}) + b"\n"


def append_verified(
    chain: bytes, act: Act, bundle_id: str, origin: Origin, results: Sequence[Mapping[str, object]]
) -> bytes:
    """*chain* of the file *origin* with a line for each of *results*: signed documents on how its voice was verified.

    CustodyError if the chain would have more bytes than a reader accepts. The file stays what it is: its payload too.
    """
    kinds = read(chain, origin.payload)[-1].recipients if chain else ()
    for one in results:
        chain = append(chain, act, VERIFIED, bundle_id, origin.payload, kinds, origin, one)
    if len(chain) > MAX_BYTES // 2:  # the other half is for what comes later
        raise CustodyError(f"with these results the chain of custody would have {len(chain)} bytes")
    return chain


def read(chain: bytes, payload: str) -> tuple[Record, ...]:
    """The records of a whole chain that ends at a payload file with the SHA-256 *payload*. CustodyError, at the line.

    Every signature is right and made by the key that its record names, every line follows from the one before it, and
    all of them speak of one bundle id.
    """
    if len(chain) > MAX_BYTES:
        raise CustodyError(f"the chain of custody has {len(chain)} bytes; at most {MAX_BYTES} are accepted")
    records: list[Record] = []
    previous: str | None = None
    for number, line in enumerate(chain.splitlines(keepends=True), 1):
        try:
            record = _read_line(line, number, previous)
        except (FormatError, KeyFormatError, LookupError, TypeError, ValueError) as error:
            raise CustodyError(f"line {number} of the chain of custody is no record: {error}") from None
        if records and (record.bundle_id != records[0].bundle_id or record.origin is None):
            raise CustodyError(f"line {number} of the chain of custody is of another bundle")
        if records and record.origin and record.origin.payload != records[-1].payload:
            raise CustodyError(f"line {number} of the chain of custody was made of another file than line {number - 1}")
        records.append(record)
        previous = hashlib.sha256(line).hexdigest()
    if not records or records[-1].payload != payload:
        raise CustodyError("the chain of custody does not end at this file")
    return tuple(records)


def _read_line(line: bytes, number: int, previous: str | None) -> Record:
    if not line.endswith(b"\n"):
        raise FormatError("it does not end")
    document = _mapping(parse_json(line[:-1]))
    told = _mapping(document["record"])
    signature = ssh_signature.parse(_text(document["signature"]))
    if told["version"] != _VERSION:
        raise FormatError(f"it is of version {told['version']}")
    if told["number"] != number or told["previous"] != previous:
        raise CustodyError(f"line {number} of the chain of custody does not follow from the one before it")
    signed = signature.namespace == NAMESPACE and signature.key.fingerprint == told["key"]
    if not signed or not signature.verifies(hashlib.sha512(canonical_json(told)).digest()):
        raise CustodyError(f"line {number} of the chain of custody was changed after it was signed")
    origin = None if told["from"] is None else _mapping(told["from"])
    kinds = told["recipients"]
    if not isinstance(kinds, list):
        raise TypeError("its recipients are no list")
    return Record(
        number,
        _text(told["what"]),
        _text(told["when"]),
        _text(told["who"]),
        signature.key.fingerprint,
        _digest(told["bundle_id"]),
        _digest(told["payload"]),
        None if origin is None else Origin(_digest(origin["file"]), _digest(origin["payload"])),
        tuple(_text(kind) for kind in kinds),
        _text(told["toolkit"]),
        _mapping(told["results"]) if "results" in told else None,
    )


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError("it is no object")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is missing")
    return value


def _digest(value: object) -> str:
    text = _text(value)
    if not _SHA256.fullmatch(text):
        raise ValueError("a digest is missing")
    return text

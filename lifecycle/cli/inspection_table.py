"""What `lifecycle inspect` shows, as lines for a person and as facts for --json.

Knows an inspection and no verb. Texts from a bundle are a stranger's: what could move a terminal's cursor is not shown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from archive.custody import Record
from lifecycle.inspecting import Inside, Inspection
from lifecycle.matrix.history import told_of

_ENTRY = ("path", "size", "sha256", "format", "version")


def lines_of(seen: Inspection) -> list[str]:
    """Return a heading for each part, with its lines below it."""
    lines = [f"{seen.path}: {seen.format}, {seen.size} bytes"]
    lines += _part(
        "for whom", [f"{name} ({number})" for name, number in Counter(seen.recipients).items()] or ["anyone"]
    )
    doubt = [f"NOBODY YOU TRUST VOUCHES FOR IT: {seen.judgement.doubt}"] if seen.judgement.doubt else []
    lines += _part("signatures", [*seen.judgement.lines, *doubt])
    custody = [f"BROKEN: {seen.custody_problem}"] if seen.custody_problem else [_record(r) for r in seen.custody]
    lines += _part("custody, as its signers tell it", custody or ["no record"])
    lines += _part("members", [f"{size:>12}  {name}" for name, size in seen.members])
    lines += _part("recovery data", list(seen.recovery) or ["none"])
    lines += _inside(seen.inside)
    return lines + _part(
        "what will not last", [str(finding) for finding in seen.risks] or ["nothing that is known today"]
    )


def facts_of(seen: Inspection) -> dict[str, object]:
    """Return the same for --json."""
    inside = seen.inside
    return {
        "bundle": seen.path,
        "size": seen.size,
        "format": seen.format,
        "recipients": seen.recipients,
        "members": [{"name": name, "size": size} for name, size in seen.members],
        "recovery": seen.recovery,
        "trusted": not seen.judgement.doubt,
        "signatures": [asdict(signature) for signature in seen.judgement.signatures],
        "custody": [asdict(record) for record in seen.custody],
        "custody_problem": seen.custody_problem or None,
        "inside": inside
        and {
            "bundle_id": inside.bundle_id,
            "description": dict(inside.description),
            "attested_by": inside.attested_by,
            "problem": inside.problem or None,
            "delta": inside.delta and asdict(inside.delta),
            "entries": [{name: getattr(entry, name) for name in _ENTRY} for entry in inside.entries],
        },
        "risks": [str(finding) for finding in seen.risks],
    }


def _inside(inside: Inside | None) -> list[str]:
    if inside is None:
        return _part("inside", ["not looked at: that takes a key"])
    told = [f"{name}: {_shown(value)}" for name, value in inside.description.items()]
    if inside.delta:
        told += [f"only what differs from the bundle {inside.delta.base}", f"whole, with that: {inside.delta.full}"]
    attested = inside.attested_by and f"manifest.dsse.json: P-256 {inside.attested_by}, right"
    attested = f"manifest.dsse.json: WRONG: {inside.problem}" if inside.problem else attested
    entries = [f"{entry.size:>12}  {entry.path}  ({entry.format} {entry.version})" for entry in inside.entries]
    return _part("inside", [*told, attested or "no manifest.dsse.json"]) + _part("files", entries)


def _record(record: Record) -> str:
    who = f"{_shown(record.who)}, " if record.who else ""
    made = f" out of the file {record.origin.file}" if record.origin else ""
    whom = ", ".join(sorted(set(record.recipients))) or "anyone"
    if record.results is not None:
        found = _shown(told_of(record.results))
        return f"{record.number}  {_shown(record.when)}  {_shown(record.what)} by {who}{record.key}: {found}"
    return (
        f"{record.number}  {_shown(record.when)}  {_shown(record.what)} for {_shown(whom)} by {who}{record.key}, "
        f"with {_shown(record.toolkit)}: bundle {record.bundle_id}, payload file {record.payload}{made}"
    )


def _part(heading: str, lines: list[str]) -> list[str]:
    return ["", heading, *(f"  {_shown(line)}" for line in lines)]


def _shown(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)

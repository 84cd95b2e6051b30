"""Scrub: look after a shelf of bundles: is each still there, the same to the byte, and undamaged?

Knows no keys and mends nothing. A bundle whose SHA-256 is the accepted one was found whole on the day it was accepted
and is not looked into again; any other is checked. Every finding is in the fixity log before the next bundle is read,
so a run that is interrupted goes on where it stopped. docs/scrub.md.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from archive.bundle import check
from archive.errors import ArchiveError, UnsupportedVersionError
from archive.files import open_regular
from lifecycle.line_log import LineLog
from lifecycle.shelf import SUFFIX, Copies, bundles_below, open_log, read_copies

_PIECE_BYTES = 4 * 2**20
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GOES_ON = timedelta(days=7)  # an interrupted run that is older begins anew: its findings are no longer today's
UNCHANGED, NEW = "unchanged", "new"
CHANGED, MISSING, DAMAGED, UNREADABLE = "changed", "missing", "damaged", "unreadable"
WRONG = (CHANGED, MISSING, DAMAGED, UNREADABLE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One bundle of the shelf, on one day."""

    path: str  # from the shelf's directory
    state: str  # one of the above
    sha256: str | None  # of the whole file
    size: int | None
    accepted: bool  # whether this is what later runs compare with
    details: tuple[str, ...] = ()

    @property
    def wrong(self) -> bool:
        """Whether somebody should look at it."""
        return self.state in WRONG and not self.accepted


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """A finished run."""

    run: str  # when it began, UTC
    resumed: int  # findings that an interrupted run had made
    findings: tuple[Finding, ...]
    copies: Copies
    unreadable_lines: int  # of the log

    @property
    def changes(self) -> tuple[Finding, ...]:
        """What is not as it was accepted."""
        return tuple(finding for finding in self.findings if finding.wrong)


def scrub(
    directory: Path,
    *,
    accept: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    tell: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> Scrubbed:
    """Look at every bundle below *directory*, and at every one that was there before. ShelfError, OSError.

    With *accept* a new digest or a missing bundle is what later runs compare with. Damage is never accepted.
    """
    copies = read_copies(directory)
    with open_log(directory) as log:
        known = _accepted(log)
        names = sorted({*(path.relative_to(directory).as_posix() for path in bundles_below(directory)), *known})
        run, done = _unfinished(log)
        if not _STAMP.fullmatch(run) or run < _stamp(now() - _GOES_ON):
            run, done = "", {}
        resumed = len(done)
        if not run:
            run = _stamp(now())
            log.append({"event": "begin", "run": run, "bundles": len(names)})
        findings = []
        for number, name in enumerate(names):
            tell(number, len(names), name)
            finding = done.get(name)
            if finding is None:
                finding = _look(directory, name, known.get(name), accept)
                log.append({"event": "bundle", "run": run, "at": _stamp(now()), **asdict(finding)})
            findings.append(finding)
        tell(len(names), len(names), "done")
        unreadable = log.unreadable_lines + sum(r["event"] == "bundle" and _finding(r) is None for r in log.records)
        result = Scrubbed(run, resumed, tuple(findings), copies, unreadable)
        log.append(
            {
                "event": "end",
                "run": run,
                "at": _stamp(now()),
                "bundles": len(findings),
                "changes": len(result.changes),
                "warnings": copies.warnings(),
            }
        )
        return result


def _look(directory: Path, name: str, accepted: str | None, accept: bool) -> Finding:
    path = directory / name
    try:
        sha256, size = _digest(path)
        if sha256 == accepted:
            return Finding(name, UNCHANGED, sha256, size, True)
        report = check(path)
    except FileNotFoundError:
        return Finding(name, MISSING, None, None, accept, (f"SHA-256 was {accepted}",))
    except UnsupportedVersionError as error:
        return _different(name, sha256, size, accepted, accept, (f"not looked into: {error}",))
    except ArchiveError as error:
        return Finding(name, DAMAGED, sha256, size, False, (str(error),))
    except OSError as error:
        return Finding(name, UNREADABLE, None, None, False, (str(error.strerror),))
    if not report.whole:
        places = tuple(map(str, report.ranges or report.damage))
        outlook = (str(report.outlook),) if report.outlook else ("there is no recovery data in it",)
        return Finding(name, DAMAGED, sha256, size, False, (*places, *outlook))
    return _different(name, sha256, size, accepted, accept, ())


def _different(
    name: str, sha256: str, size: int, accepted: str | None, accept: bool, details: tuple[str, ...]
) -> Finding:
    """A bundle that was not there before, or was another."""
    if accepted is None:
        return Finding(name, NEW, sha256, size, True, details)
    return Finding(name, CHANGED, sha256, size, accept, (f"SHA-256 was {accepted}", *details))


def _digest(path: Path) -> tuple[str, int]:
    state, size = hashlib.sha256(), 0
    with open_regular(path) as file:
        while piece := file.read(_PIECE_BYTES):
            state.update(piece)
            size += len(piece)
    return state.hexdigest(), size


def _accepted(log: LineLog) -> dict[str, str]:
    """The SHA-256 that each bundle of the shelf should have."""
    digests: dict[str, str] = {}
    for record in log.records:
        finding = _finding(record)
        if finding is not None and finding.accepted:
            if finding.sha256 is None:
                digests.pop(finding.path, None)
            else:
                digests[finding.path] = finding.sha256
    return digests


def _unfinished(log: LineLog) -> tuple[str, dict[str, Finding]]:
    """The run that was interrupted, and what it found; ("", {}) if the last one came to its end."""
    run = ""
    done: dict[str, Finding] = {}
    for record in log.records:
        if record["event"] in ("begin", "end"):
            run, done = (str(record.get("run", "")) if record["event"] == "begin" else ""), {}
        finding = _finding(record)
        if finding is not None and record.get("run") == run:
            done[finding.path] = finding
    return run, done


def _finding(record: dict[str, Any]) -> Finding | None:
    """The finding in a line of the log, if it is one as we write them: whoever else writes there leads us nowhere."""
    if record["event"] != "bundle":
        return None
    known: dict[str, Any] = {field.name: record.get(field.name) for field in fields(Finding)}
    path, sha256, size, details = (known[name] for name in ("path", "sha256", "size", "details"))
    well_formed = (
        _is_on_the_shelf(path)
        and known["state"] in (UNCHANGED, NEW, *WRONG)
        and (sha256 is None or (isinstance(sha256, str) and _SHA256.fullmatch(sha256)))
        and (size is None or type(size) is int)
        and isinstance(known["accepted"], bool)
        and isinstance(details, (list, tuple))
        and all(isinstance(detail, str) for detail in details)
    )
    return Finding(**{**known, "details": tuple(details)}) if well_formed else None


def _is_on_the_shelf(path: object) -> bool:
    """Whether *path* leads to where a bundle of the shelf may stand, spelled as we spell it."""
    if not isinstance(path, str) or not path.endswith(SUFFIX) or "\0" in path:
        return False
    try:
        os.fsencode(path)
    except UnicodeEncodeError:  # no file has such a name
        return False
    return not any(part in ("", ".", "..") for part in path.split("/"))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

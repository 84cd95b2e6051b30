"""The part of `lifecycle verify` that is asked for many bundles: what is many, the run, and its one summary.

Knows the console, and nothing of how a bundle is verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from lifecycle.cli.console import Console, count
from lifecycle.cli.secret_paths import require_lasting
from lifecycle.places import expand, is_address, is_pattern
from lifecycle.store import Store
from lifecycle.verifying_many import PASSED, Asked, Verified, run_here, verify_many


def are_many(named: Sequence[str], store: Store) -> bool:
    """Whether *named* is anything but one bundle or one voice of this machine."""
    if len(named) != 1 or is_address(named[0]) or is_pattern(named[0]):
        return True
    return Path(named[0]).is_dir() and named[0] not in store.names()


def absolute_paths(
    identities: Sequence[Path], passphrase_file: Path | None, trusted: Sequence[str]
) -> tuple[tuple[str, ...], str | None, tuple[str, ...]]:
    """The same, as a process finds them that stands in another directory; a key that --trust spells out stays."""
    require_lasting([*identities, *filter(None, [passphrase_file])])
    return (
        tuple(str(path.absolute()) for path in identities),
        str(passphrase_file.absolute()) if passphrase_file else None,
        tuple(str(Path(name).absolute()) if Path(name).is_file() else name for name in trusted),
    )


def verify_all(
    console: Console, named: Sequence[str], asked: Asked, *, jobs: int, dask: str | None, resume: Path | None
) -> None:
    """Verify what *named* stands for, show what did not pass and how many did, and end with 1 unless all did."""
    if dask:
        from lifecycle.cluster import run_on_cluster

        run = run_on_cluster(dask)
    else:
        run = run_here(jobs)
    bundles = expand(named)
    try:
        with console.progress(f"Verifying {count(len(bundles), 'bundle')}", plain_every_s=30) as tell:
            verified = verify_many(bundles, asked, run, log_file=resume, tell=tell)
    except KeyboardInterrupt:
        kept = f"what is done is in {resume}: the same call goes on from there" if resume else "nothing was kept"
        console.remark(f"Interrupted; {kept}.")
        raise click.Abort from None
    console.answer(_facts_of(verified, resume), *_lines_of(verified, resume), yes=verified.passed)


def _lines_of(verified: Verified, resume: Path | None) -> list[str]:
    lines = []
    for outcome in verified.outcomes:
        if outcome["verdict"] != PASSED:
            where = f"{outcome['layer']}: " if outcome.get("layer") else ""
            lines += [f"{outcome['verdict']:9}{outcome['place']}", f"{'':9}{where}{outcome['told']}"]
            lines += [f"{'':9}likely cause: {outcome['cause']}"] if outcome.get("cause") else []
    told = ", ".join(f"{number} {verdict}" for verdict, number in verified.counts.items() if number)
    unvouched = sum(outcome.get("trusted") is False for outcome in verified.outcomes)
    if unvouched:
        lines.append(f"NOBODY YOU TRUST VOUCHES FOR {unvouched} OF THEM.")
    again = f", {verified.resumed} of them known from {resume}" if verified.resumed else ""
    bad = f" {count(verified.unreadable_lines, 'line')} of it cannot be read." if verified.unreadable_lines else ""
    return [*lines, f"{count(len(verified.outcomes), 'bundle')}: {told}{again}.{bad}"]


def _facts_of(verified: Verified, resume: Path | None) -> dict[str, object]:
    return {
        "bundles": verified.outcomes,
        "counts": verified.counts,
        "passed": verified.passed,
        "resumed": verified.resumed,
        "log": resume,
        "unreadable_lines": verified.unreadable_lines,
    }

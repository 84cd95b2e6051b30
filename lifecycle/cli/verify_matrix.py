"""`lifecycle verify --matrix`: what is asked for, and what is told and written. The options are verify's."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifecycle.cli.console import Console
from lifecycle.store import Store

if TYPE_CHECKING:
    from lifecycle.matrix.verification import Asked


def require_matrix(named: str) -> str:
    """Return *named* if it can be a matrix; it may be the bundle, which must stand before the option."""
    from lifecycle.matrix.rows import LANES

    if named in LANES or named.endswith(".toml"):
        return named
    raise click.UsageError(
        f"--matrix takes {', '.join(LANES)} or a FILE.toml, not {named!r}; name the bundle before it."
    )


def verify_matrix(
    console: Console,
    named: str,
    asked: Asked,
    *,
    cache: Path | None,
    results_directory: Path | None,
    report: Path | None,
    calibrate: bool,
    now: datetime,
) -> None:
    """Judge the voice on every row, write the results, and end with 1 unless every row passed."""
    import os
    from dataclasses import asdict

    import platformdirs

    from lifecycle.cli.matrix_table import lines_of
    from lifecycle.matrix.page import write_page
    from lifecycle.matrix.results import document_of, require_writable, write_results
    from lifecycle.matrix.rows import read_matrix
    from lifecycle.matrix.verification import verify_on
    from lifecycle.trusting import own_signer

    matrix = read_matrix(named)
    directory = results_directory or _beside(asked.named, asked.store)
    require_writable(directory)
    signer = own_signer(asked.store, os.urandom)
    cache = cache or Path(platformdirs.user_cache_dir("lifecycle", appauthor=False))
    with console.progress("Verifying", plain_every_s=60) as tell:
        done = verify_on(matrix, asked, cache=cache, variables=os.environ, now=now, calibrate=calibrate, tell=tell)
    results, judgement = done.results, done.judgement
    if judgement and judgement.doubt:
        console.remark(f"NOBODY YOU TRUST VOUCHES FOR THIS BUNDLE: {judgement.doubt}.")
    path = write_results(results, directory, Path(asked.named).name, signer)
    facts: dict[str, object] = {**document_of(results), "results": str(path)}
    lines = [*lines_of(results), f"The results are {path}."]
    if report:
        page = write_page(report, results)
        facts |= {"report": str(page)}
        lines += [f"The page is {page}."]
    if done.calibrated:
        facts |= {"calibrated": asdict(done.calibrated)}
        lines += [f"Its tolerances are now logits {done.calibrated.logits:g}, samples {done.calibrated.waveform:g}."]
    if done.uncalibrated:
        console.show(*lines)
        console.refuse(done.uncalibrated, facts)
    console.answer(facts, *lines, yes=results.passed)


def _beside(named: str, store: Store) -> Path:
    """Where results go that nobody named a place for: beside the bundle, or into the home of the voice."""
    return Path(named).resolve().parent if Path(named).is_file() else store.home / "matrix"

"""`lifecycle verify --matrix`: what is asked for, and what is told and written. The options are verify's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifecycle.cli.console import Console
from lifecycle.store import Store

if TYPE_CHECKING:
    from lifecycle.matrix.verification import Named

_DIRECTORY = click.Path(file_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Places:
    """Where things go; None where nobody said."""

    environments: Path | None
    results: Path | None
    report: Path | None


def _require_matrix(_ctx: click.Context, _parameter: click.Parameter, named: str | None) -> str | None:
    """Return *named* if it can be a matrix; it may be the bundle, which must stand before the option."""
    from lifecycle.matrix.rows import LANES

    if named is None or named in LANES or named.endswith(".toml"):
        return named
    told = f"--matrix takes {', '.join(LANES)} or a FILE.toml, not {named!r}; name the bundle before it."
    raise click.UsageError(told)


def matrix_options(command: Callable[..., None]) -> Callable[..., None]:
    """For verify: gives it `matrix`, `environments`, `results` and `calibrate`."""
    matrix = click.option(
        "--matrix",
        metavar="[fast|full|FILE.toml]",
        is_flag=False,
        flag_value="fast",
        callback=_require_matrix,
        help="Judge it on many versions of torch and ONNX Runtime, each in an environment that pip builds once. Writes "
        "signed results beside BUNDLE, which is named before this, and with --report DIR/matrix.html.",
    )
    told = "Where --matrix keeps its environments (gigabytes); else this system's cache directory."
    environments = click.option("--environments", metavar="DIR", type=_DIRECTORY, help=told)
    told = "Where --matrix writes its results; else beside BUNDLE, or HOME/matrix."
    results = click.option("--results", metavar="DIR", type=_DIRECTORY, help=told)
    told = "With --matrix, of a voice NAME that was made here: take its tolerances from what the matrix measured."
    return matrix(environments(results(click.option("--calibrate", is_flag=True, help=told)(command))))


def verify_matrix(
    console: Console, named: str, wanted: Named, places: Places, *, calibrate: bool, now: datetime
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
    directory = places.results or _beside(wanted.named, wanted.store)
    require_writable(directory)
    signer = own_signer(wanted.store, os.urandom)
    cache = places.environments or Path(platformdirs.user_cache_dir("lifecycle", appauthor=False))
    with console.progress("Verifying", plain_every_s=60) as tell:
        done = verify_on(matrix, wanted, cache=cache, variables=os.environ, now=now, calibrate=calibrate, tell=tell)
    results, judgement = done.results, done.judgement
    if judgement and judgement.doubt:
        console.remark(f"NOBODY YOU TRUST VOUCHES FOR THIS BUNDLE: {judgement.doubt}.")
    path = write_results(results, directory, Path(wanted.named).name, signer)
    facts: dict[str, object] = {**document_of(results), "results": str(path)}
    lines = [*lines_of(results), f"The results are {path}."]
    if places.report:
        page = write_page(places.report, results)
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
    return Path(named).resolve().parent if Path(named).is_file() else store.private("matrix")

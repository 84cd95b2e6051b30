"""`lifecycle verify`: does a voice still speak as it did on the day it was made, layer by layer, on each runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifecycle.cli.console import Console, Verb, base_option, home_option, key_options, many_options, trust_options
from lifecycle.cli.verify_matrix import Places, matrix_options, verify_matrix
from lifecycle.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from compat_tests.diagnosing import Cause
    from compat_tests.findings import Finding
    from lifecycle.examining import Examination


@click.command(cls=Verb)
@click.argument("named", metavar="BUNDLE|NAME...", nargs=-1, required=True)
@key_options
@base_option
@trust_options
@click.option(
    "--runtime",
    type=click.Choice(("both", "torch", "onnx", "torchscript", "all")),
    default="both",
    show_default=True,
    help="What computes the networks; both are torch and onnx. One that is not installed is reported as not run. "
    "Loading TorchScript runs code of the voice's, which is looked through first: only when asked for.",
)
@click.option(
    "--junit",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write FILE as JUnit XML: a test case for each layer and recorded sentence on each runtime.",
)
@click.option(
    "--report",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write DIR/verification.html: the layers, spectrograms and sound then and now, the fixity log.",
)
@click.option(
    "--fixity-log",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The log that the report shows; else the one beside BUNDLE, if there is one.",
)
@many_options
@matrix_options
@home_option
@click.pass_obj
def command(
    console: Console,
    named: tuple[str, ...],
    identities: tuple[Path, ...],
    passphrase_file: Path | None,
    trusted: tuple[str, ...],
    accept_unsigned: bool,
    base: Path | None,
    runtime: str,
    junit: Path | None,
    report: Path | None,
    fixity_log: Path | None,
    jobs: int | None,
    dask: str | None,
    resume: Path | None,
    time_limit: float | None,
    matrix: str | None,
    environments: Path | None,
    results: Path | None,
    calibrate: bool,
    store: Store,
) -> None:
    """Tell whether the voice in BUNDLE, or the voice NAME, still speaks as it did when it was made.

    Layers: fixity, text, tokens, waveform, identity. The first that drifted is the diagnosis. Ends with 1 if one did,
    if no runtime could be tried, or if its ledger is not true: every epsilon is computed again from what was done. A
    bundle is looked at and leaves nothing behind.

    A bundle whose signature is wrong, or not by anybody whom --trust names, is not looked into. One that nobody vouches
    for is looked into, and said to be so.

    Several BUNDLEs, a directory of them, a pattern, or an address like s3://bucket/shelf, are verified each in a
    process of its own, with one summary; then it ends with 1 unless every one passed.
    """
    from datetime import UTC, datetime

    from lifecycle.cli.many_bundles import absolute_paths, are_many, verify_all
    from lifecycle.cli.verification_table import facts_of, lines_of
    from lifecycle.examining import examine
    from lifecycle.secret_files import read_identities
    from lifecycle.trusting import read_trust
    from lifecycle.verifying_many import Asked

    if fixity_log and not report:
        raise click.UsageError("--fixity-log is what a report shows: name --report DIR too.")
    now = datetime.now(UTC)
    runtimes = {"both": ("torch", "onnx"), "all": ("torch", "torchscript", "onnx")}.get(runtime, (runtime,))
    trust = read_trust(trusted, store, now, accept_unsigned=accept_unsigned)
    keys = read_identities(identities, passphrase_file)
    if matrix:
        if junit or fixity_log or runtime != "both" or len(named) != 1:
            raise click.UsageError("--runtime, --junit and --fixity-log are not for --matrix, and it takes one voice.")
        from lifecycle.matrix.verification import Named

        wanted = Named(named[0], keys, store, trust, base)
        where = Places(environments, results, report)
        return verify_matrix(console, matrix, wanted, where, calibrate=calibrate, now=now)
    if environments or results or calibrate:
        raise click.UsageError("--environments, --results and --calibrate are for --matrix.")
    if jobs or dask or resume or time_limit or are_many(named, store):
        if report or junit or base or (jobs and dask):
            told = "--report, --junit and --base are of one voice; --jobs is for this machine, --dask for a cluster."
            raise click.UsageError(told)
        paths, passphrase, trusted = absolute_paths(identities, passphrase_file, trusted)
        home = str(store.home.absolute())
        asked = Asked(paths, passphrase, trusted, accept_unsigned, runtimes, home, now.isoformat(), time_limit or 600)
        return verify_all(console, named, asked, jobs=jobs or 1, dask=dask, resume=resume)
    with console.progress("Verifying") as tell:
        found = examine(named[0], keys, store, runtimes, trust=trust, base=base, tell=tell)
    if found.judgement and found.judgement.doubt:
        console.remark(f"NOBODY YOU TRUST VOUCHES FOR THIS BUNDLE: {found.judgement.doubt}.")
    facts, lines = facts_of(found), lines_of(found)
    if report:
        page = _write_report(report, found, fixity_log, now)
        facts, lines = facts | {"report": str(page)}, [*lines, f"The report is {page}."]
    if junit:
        _write_junit(junit, found)
        facts = facts | {"junit": str(junit)}
    console.answer(facts, *lines, yes=found.passed)


def _write_junit(path: Path, found: Examination) -> None:
    from compat_tests.junit import BEGINS, junit_xml
    from lifecycle.store import new_file, require_same_kind

    require_same_kind(path, BEGINS)
    with new_file(path) as file:
        suites: dict[str, tuple[Sequence[Finding], Cause | None]]
        suites = {name: (one.findings, one.cause) for name, one in found.by_runtime.items()}
        if found.ledger:
            suites[found.ledger.name] = ((found.ledger,), None)
        file.write(junit_xml(suites))


def _write_report(directory: Path, found: Examination, fixity_log: Path | None, now: datetime) -> Path:
    from core_model.machine import describe
    from lifecycle.fixity_history import history_of
    from lifecycle.verification_report import write_report

    history = history_of(Path(found.named), found.bundle_id, fixity_log)
    signatures = found.judgement.lines if found.judgement else ()
    return write_report(directory, found, now=now, machine=describe(), signatures=signatures, history=history)

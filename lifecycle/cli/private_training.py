"""`lifecycle train --private`: the two ways to a voice that gives less away, and what is printed of them.

sgd                            transcripts are needed; minutes
utterance · anonymous · local  the style alone is heard or drawn: nothing is tuned; half a minute
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lifecycle.cli.console import Console
from lifecycle.cli.private_options import PrivateOrder
from lifecycle.cli.terms_table import agree_on
from lifecycle.config import RunConfig
from lifecycle.store import Store

if TYPE_CHECKING:
    from lifecycle.releasing import Released
    from privacy.consent import Statement

_NEEDED = ("opacus", "dp_accounting", "scipy", "absl")


def train_private(
    console: Console,
    store: Store,
    name: str,
    run: RunConfig,
    order: PrivateOrder,
    *,
    own: bool,
    nobody: bool,
    dry_run: bool,
) -> None:
    """Make the voice *name* as *order* says. Prints terms first; --dry-run stops there, and asks for no consent.

    Of the mode anonymous nothing is read of anybody: it asks nobody, and sets no day for recordings.
    """
    store.require_free(name)
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as for other trainings, see train.py
    if run.threads is not None:
        import torch

        torch.set_num_threads(run.threads)
    licence = run.licence or "all rights reserved"
    make = _by_sgd if order.mode == "sgd" else _by_style
    if dry_run or order.mode == "anonymous":
        return make(console, store, name, run, order, licence, None, datetime.now(UTC), dry_run=dry_run)
    assert run.recordings is not None  # for mypy: require_sense asked
    from lifecycle.cli.whose_voice import permission_under_term
    from lifecycle.consent_to_train import use_up
    from lifecycle.retention import under_term

    now = datetime.now(UTC)
    days = run.keep_recordings
    permitted, term = permission_under_term(console, store, name, run.recordings, days, own=own, nobody=nobody)
    with store.work_alone(name) as work:  # so that `destroy --expired` leaves alone what is being learnt from
        try:
            with under_term(store, term):
                make(console, store, name, run, order, licence, permitted.statement, now, dry_run=False)
        finally:
            with contextlib.suppress(OSError):  # what an unfinished training of that name keeps there stays
                work.rmdir()
    use_up(store, name, permitted)
    if term is not None:
        console.remark(f"The recordings may stay until {term.ends}; then `lifecycle destroy --expired` removes them.")


def _by_style(
    console: Console,
    store: Store,
    name: str,
    run: RunConfig,
    order: PrivateOrder,
    licence: str,
    consent: Statement | None,
    now: datetime,
    *,
    dry_run: bool,
) -> None:
    from lifecycle.errors import NotADirectoryOfRecordingsError
    from lifecycle.releasing import Wanted, carry_out, plan_untrained

    recordings = None if order.mode == "anonymous" else run.recordings  # of nobody nothing is read
    if recordings is not None and not recordings.is_dir():
        raise NotADirectoryOfRecordingsError(recordings)
    wanted = Wanted(
        order.mode,  # type: ignore[arg-type]
        order.epsilon,
        order.delta,
        recordings=recordings,
        speaker=order.speaker,
        cap=order.cap,
        tuning_runs=order.tuning_runs,
    )
    plan = plan_untrained(store, name, wanted, licence, consent, now)
    for unheard in plan.left_out:
        console.remark(f"{unheard.file} is left out: {unheard.sentence}.")
    agree_on(console, plan.terms, plan.entry.subject, yes=order.yes or dry_run)
    facts: dict[str, Any] = {"terms": asdict(plan.terms), "left_out": [asdict(unheard) for unheard in plan.left_out]}
    if dry_run:
        return console.answer(facts)
    with console.progress(f"Making {name}") as tell:
        done = carry_out(store, plan, name, now=now, tell=tell)
    return _tell(console, name, done, facts)


def _by_sgd(
    console: Console,
    store: Store,
    name: str,
    run: RunConfig,
    order: PrivateOrder,
    licence: str,
    consent: Statement | None,
    now: datetime,
    *,
    dry_run: bool,
) -> None:
    from lifecycle.cli.survey_table import surveyed
    from privacy.errors import ExtraMissingError

    try:
        from lifecycle.private_training import WantedTraining, carry_out_training, plan_training
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        raise ExtraMissingError(
            f"training under differential privacy needs the extra [private], of which {error.name} is not installed"
        ) from error
    assert run.recordings is not None and order.epsilon is not None  # for mypy: require_sense and the options asked
    found, facts = surveyed(console, run.recordings, ("en",), run.language)
    wanted = WantedTraining(order.epsilon, order.delta, order.speaker, order.cap, order.tuning_runs)
    with console.progress("Preparing the recordings, one by one", plain_every_s=60) as tell:
        plan = plan_training(store, name, found.used, wanted, licence=licence, consent=consent, now=now, tell=tell)
    for unusable in plan.unusable:
        console.remark(f"{unusable.label} was left out after all: {unusable.reason}.")
    facts["unaligned"] = [{"file": unusable.label, "reason": unusable.reason} for unusable in plan.unusable]
    facts["terms"] = asdict(plan.terms)
    agree_on(console, plan.terms, plan.entry.subject, yes=order.yes or dry_run)
    if dry_run:
        return console.answer(facts)
    with console.progress(f"Training {name}", plain_every_s=60) as tell:
        done = carry_out_training(store, plan, name, now=now, tell=tell)
    return _tell(console, name, done, facts)


def _tell(console: Console, name: str, done: Released, facts: dict[str, Any]) -> None:
    voice = done.voice
    if voice.description.preview:
        console.remark("This voice is a preview: it may stumble, and it does not yet sound like the person.")
    facts |= {"voice": name, "path": voice.directory, "preview": voice.description.preview}
    facts["entry"] = asdict(done.entry)
    console.answer(facts, f"The voice {name} is in {voice.directory}. It cannot be made again, only compared.")

"""`lifecycle train --private`: the two ways to a voice that gives less away, and what is printed of them.

sgd                            transcripts are needed; minutes
utterance · anonymous · local  the style alone is heard or drawn: nothing is tuned; half a minute
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifecycle.cli.console import Console
from lifecycle.cli.private_options import PrivateOrder
from lifecycle.cli.terms_table import agree_on
from lifecycle.config import RunConfig
from lifecycle.store import Store

if TYPE_CHECKING:
    from lifecycle.consent_to_train import Permission
    from lifecycle.recording import Recording
    from lifecycle.releasing import Released
    from privacy.consent import Statement

_USUAL_LICENCE = "all rights reserved"
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
    """Make the voice *name* as *order* says. Prints terms first; --dry-run stops there."""
    store.require_free(name)
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as for other trainings, see train.py
    if run.threads is not None:
        import torch

        torch.set_num_threads(run.threads)
    heard = None if order.mode == "anonymous" else run.recordings  # of anybody's nothing is read there
    facts: dict[str, Any] = {}
    used = _looked_at(console, run, facts) if order.mode == "sgd" else ()
    with _permitted(console, store, name, heard, run, own=own, nobody=nobody, dry_run=dry_run) as permission:
        if permission is not None:
            from lifecycle.consent_to_train import speaker_by

            order = replace(order, speaker=speaker_by(store, permission, order.speaker, os.urandom))
        consent = None if permission is None else permission.statement
        if order.mode == "sgd":
            done = _by_sgd(console, store, name, run, order, used, consent, facts, dry_run=dry_run)
        else:
            done = _by_style(console, store, name, heard, run, order, consent, facts, dry_run=dry_run)
    if done is None:
        return console.answer(facts)
    if permission is not None:
        from lifecycle.consent_to_train import use_up

        use_up(store, name, permission)
    voice = done.voice
    if voice.description.preview:
        console.remark("This voice is a preview: it may stumble, and it does not yet sound like the person.")
    facts |= {"voice": name, "path": voice.directory, "preview": voice.description.preview}
    facts["entry"] = asdict(done.entry)
    return console.answer(facts, f"The voice {name} is in {voice.directory}. It cannot be made again, only compared.")


@contextmanager
def _permitted(
    console: Console,
    store: Store,
    name: str,
    heard: Path | None,
    run: RunConfig,
    *,
    own: bool,
    nobody: bool,
    dry_run: bool,
) -> Iterator[Permission | None]:
    """Let the block learn from what lies in *heard*: who says that it may, and until when the recordings may stay."""
    if heard is None or dry_run:
        yield None
        return
    from lifecycle.cli.whose_voice import permission
    from lifecycle.destroying import what_is_destroyed
    from lifecycle.retention import USUAL_DAYS, term_for, under_term

    days = USUAL_DAYS if run.keep_recordings is None else run.keep_recordings
    term = term_for(name, heard, what_is_destroyed(heard)[0], days, datetime.now(UTC).date())
    permitted = permission(console, store, name, term.files, own=own, nobody=nobody)
    with under_term(store, term):
        yield permitted
    console.remark(f"The recordings may stay until {term.ends}; then `lifecycle destroy --expired` removes them.")


def _by_style(
    console: Console,
    store: Store,
    name: str,
    heard: Path | None,
    run: RunConfig,
    order: PrivateOrder,
    consent: Statement | None,
    facts: dict[str, Any],
    *,
    dry_run: bool,
) -> Released | None:
    from lifecycle.releasing import Wanted, carry_out, plan_untrained

    wanted = Wanted(
        order.mode,  # type: ignore[arg-type]
        order.epsilon,
        order.delta,
        recordings=heard,
        speaker=order.speaker,
        cap=order.cap,
        tuning_runs=order.tuning_runs,
    )
    now = datetime.now(UTC)
    plan = plan_untrained(store, name, wanted, run.licence or _USUAL_LICENCE, consent, now)
    for unheard in plan.left_out:
        console.remark(f"{unheard.file} is left out: {unheard.sentence}.")
    facts |= {"terms": asdict(plan.terms), "left_out": [asdict(unheard) for unheard in plan.left_out]}
    agree_on(console, plan.terms, plan.entry.subject, yes=order.yes or dry_run)
    if dry_run:
        return None
    with console.progress(f"Making {name}") as tell:
        return carry_out(store, plan, name, now=now, tell=tell)


def _looked_at(console: Console, run: RunConfig, facts: dict[str, Any]) -> tuple[Recording, ...]:
    """What can be learnt from, with the table that `train` always shows. ExtraMissingError before anything is read."""
    from lifecycle.cli.survey_table import facts_of, show
    from lifecycle.errors import NotEnoughRecordingsError
    from lifecycle.recording import require_enough, survey
    from privacy.errors import ExtraMissingError

    try:
        import lifecycle.private_training  # noqa: F401 - only to say at once, and in one sentence, what is missing
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        raise ExtraMissingError(
            f"training under differential privacy needs the extra [private], of which {error.name} is not installed"
        ) from error
    assert run.recordings is not None  # for mypy: require_sense asked
    with console.progress("Looking at the recordings") as tell:
        found = survey(run.recordings, front_end_languages=("en",), language=run.language or "en", progress=tell)
    facts |= facts_of(found)
    if not console.as_json:
        show(found)
    try:
        require_enough(found)
    except NotEnoughRecordingsError as error:
        console.refuse(error, facts)
    return found.used


def _by_sgd(
    console: Console,
    store: Store,
    name: str,
    run: RunConfig,
    order: PrivateOrder,
    used: tuple[Recording, ...],
    consent: Statement | None,
    facts: dict[str, Any],
    *,
    dry_run: bool,
) -> Released | None:
    from lifecycle.private_training import WantedTraining, carry_out_training, plan_training

    assert order.epsilon is not None  # for mypy: the options asked
    wanted = WantedTraining(order.epsilon, order.delta, order.speaker, order.cap, order.tuning_runs)
    now, licence = datetime.now(UTC), run.licence or _USUAL_LICENCE
    with console.progress("Preparing the recordings, one by one", plain_every_s=60) as tell:
        plan = plan_training(store, name, used, wanted, licence=licence, consent=consent, now=now, tell=tell)
    for unusable in plan.unusable:
        console.remark(f"{unusable.label} was left out after all: {unusable.reason}.")
    facts["unaligned"] = [{"file": unusable.label, "reason": unusable.reason} for unusable in plan.unusable]
    facts["terms"] = asdict(plan.terms)
    agree_on(console, plan.terms, plan.entry.subject, yes=order.yes or dry_run)
    if dry_run:
        return None
    with console.progress(f"Training {name}", plain_every_s=60) as tell:
        return carry_out_training(store, plan, name, now=now, tell=tell)

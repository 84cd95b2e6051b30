"""Release: from a voice to another one whose style has noise in it, or is nobody's; counted before it is drawn.

Knows the order of the work and what is said about it; the noise and its price are privacy's. Clean vectors live in
memory, in one call, and are written nowhere. No call here takes anything that the noise could depend on. Where there is
no voice yet, its style is heard from recordings and released in the same call (`plan_untrained`): a released voice
speaks with the base's networks, so that nothing is tuned, and no clean voice ever rests in the store.

    plan ─▶ a person reads it ─▶ ledger, on the disk ─▶ styles ─▶ noise ─▶ new voice, golden outputs, exports
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from core_model.nano import base as nano
from core_model.voice import Floats as Floats32
from core_model.voice import Voice
from lifecycle.consenting import carry_over, consent_of
from lifecycle.errors import ReleaseError, SubjectError
from lifecycle.ledgers import append, pseudonym_of, read_ledger, remember_subject, subject_of, write_copy
from lifecycle.prompting import Unheard, recordings_below
from lifecycle.recording_checks import measure
from lifecycle.release_terms import Terms, terms_of
from lifecycle.released_voice import (
    Ground,
    Source,
    ground_of,
    ground_on,
    source_of,
    untrained_source,
    write_released,
)
from lifecycle.retention import term_of
from lifecycle.store import Store
from lifecycle.trusting import own_signer
from privacy import accountant, mechanisms
from privacy.budget import USUAL_DELTA, Budget
from privacy.consent import Statement
from privacy.errors import BudgetError, VectorError
from privacy.ledger import Cap, Entry, entry_of
from privacy.mechanisms import Mechanism, Mode

USUAL_CAP = 10.0  # epsilon of all releases of one person together, unless the first of them says otherwise
_PREPROCESSING = (
    "style minus the centre of the base's public speakers, divided by its norm; their mean radius after noise"
)
Tell = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks for."""

    mode: Mode
    epsilon: float | None = None
    delta: float = USUAL_DELTA
    sigma: float | None = None  # of jitter
    recordings: Path | None = None  # of mode utterance; and of mode local where there is no voice yet
    speaker: str | None = field(default=None, repr=False)  # name or pseudonym; None: as this home knows it
    cap: float | None = None
    tuning_runs: int = 0
    tuned_weights: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A release that nothing was done for yet: what a person decides on."""

    of: str  # whose subject the ledger goes by: the voice that is released, or the one that is to be made
    source: Source
    own_style: Callable[[], Floats32] | None  # of the voice; None: there is none, and the recordings say it
    wanted: Wanted
    ground: Ground
    mechanism: Mechanism
    recordings: tuple[Path, ...]
    left_out: tuple[Unheard, ...]
    entry: Entry
    terms: Terms
    consent: Statement | None


@dataclass(frozen=True, slots=True)
class Released:
    """What came of it."""

    voice: Voice
    entry: Entry


def plan_release(store: Store, name: str, wanted: Wanted, now: datetime) -> Plan:
    """Calibrate, and see that it may be done; nothing is drawn or made yet. PrivacyError, ReleaseError."""
    voice = Voice.open(store.path(name))
    if wanted.tuned_weights and wanted.mode in ("anonymous", "local"):
        raise ReleaseError(
            f"in mode {wanted.mode} tuned networks would give the person away: they learnt from the recordings",
            "leave --keep-tuned-weights out.",
        )
    source = source_of(voice, tuned_weights=wanted.tuned_weights)
    consent = consent_of(store, name, now)
    return _plan(store, name, source, lambda: voice.prompt().style, ground_of(voice), wanted, consent, now)


def plan_untrained(
    store: Store, name: str, wanted: Wanted, licence: str, consent: Statement | None, now: datetime
) -> Plan:
    """The same for the voice *name*, which is not there yet. PrivacyError, ReleaseError, StoreError."""
    store.require_free(name)
    return _plan(store, name, untrained_source(licence), None, ground_on(nano.load()), wanted, consent, now)


def _plan(
    store: Store,
    name: str,
    source: Source,
    own_style: Callable[[], Floats32] | None,
    ground: Ground,
    wanted: Wanted,
    consent: Statement | None,
    now: datetime,
) -> Plan:
    if wanted.tuning_runs < 0:
        raise BudgetError(f"there cannot be {wanted.tuning_runs} tuning runs")
    if wanted.mode == "local" and consent is not None and consent.name is not None:
        raise ReleaseError(
            "in mode local the consent would give the person away: it holds the name in clear and goes into the voice",
            "record it once more, without --name-in-clear.",
        )
    recordings, left_out = _recordings(wanted)
    if own_style is None and wanted.mode == "local" and not recordings:
        raise VectorError("there is no recording that a style could be heard from")
    mechanism = _calibrated(wanted, ground.stock_styles.shape[1], len(recordings))
    if wanted.tuned_weights:  # whatever noise is on the style, the voice tells its recordings: nothing bounds that
        mechanism = replace(mechanism, mu=None, epsilon=None, delta=None)
    terms = terms_of(mechanism, tuned_weights=wanted.tuned_weights, tuning_runs=wanted.tuning_runs)
    subject = subject_for(store, name, wanted.speaker, consent)
    ledger = read_ledger(store, subject)
    term = term_of(store, name)
    entry = entry_of(
        mechanism,
        subject=subject,
        at=now.isoformat(timespec="seconds"),
        threat_model=terms.threat_model,
        preprocessing=_PREPROCESSING,
        tuning_runs=wanted.tuning_runs,
        cap=cap_for(wanted.cap, wanted.delta, ledger.cap),
        measured=None,
        not_protected=terms.not_protected,
        consent=None if consent is None else {"sha256": consent.agreement_sha256, "expires": consent.expires},
        retention=None if term is None else term.ends.isoformat(),  # of the recordings, where it is known
        destruction=None,
    )
    entry = ledger.with_entry(entry).entries[-1]
    return Plan(name, source, own_style, wanted, ground, mechanism, recordings, left_out, entry, terms, consent)


def carry_out(store: Store, plan: Plan, new_name: str, *, now: datetime, tell: Tell) -> Released:
    """Make the voice *new_name*. From the moment the ledger is written the release counts, whatever happens then."""
    store.require_free(new_name)
    tell(0, 3, "listening")
    offsets = _offsets(plan)
    if plan.own_style is not None:  # of a voice that is to be made, its own copy of the ledger tells
        remember_subject(store, plan.of, plan.entry.subject)
    ledger = append(store, plan.entry)
    style = plan.ground.frame.style(mechanisms.release(offsets, plan.mechanism))
    del offsets
    tell(1, 3, "making the voice, and recording what it says now")
    facts = {
        "mode": plan.wanted.mode,
        "terms": asdict(plan.terms),
        "epsilon": plan.mechanism.epsilon,
        "delta": plan.mechanism.delta,
        "unit": plan.mechanism.unit,
        "n": plan.mechanism.n,
        "sigma": plan.mechanism.sigma,
    }
    with store.new_voice(new_name) as directory:
        write_released(directory, plan.source, plan.ground, style, facts, now=now)
        if plan.wanted.mode != "anonymous":  # else the ledger would tie the nobody to somebody
            write_copy(ledger, directory)
            if plan.consent is not None:
                carry_over(plan.consent, directory, own_signer(store, os.urandom))
    return Released(Voice.open(store.path(new_name)), ledger.entries[-1])


def _recordings(wanted: Wanted) -> tuple[tuple[Path, ...], tuple[Unheard, ...]]:
    """Those that count, each sound once: a recording that is there twice would weigh twice, and Delta with it."""
    if wanted.recordings is None:
        return (), ()
    found, left_out = recordings_below(wanted.recordings)
    kept: dict[str, Path] = {}
    twice = []
    for path in found:
        first = kept.setdefault(measure(path).sha256, path)
        if first is not path:
            twice.append(Unheard(path.name, f"it holds the same sound as {first.name}"))
    return tuple(kept.values()), (*left_out, *twice)


def _calibrated(wanted: Wanted, dimension: int, recordings: int) -> Mechanism:
    if wanted.mode == "jitter":
        return mechanisms.jitter(0.0 if wanted.sigma is None else wanted.sigma, dimension)
    epsilon = 1.0 if wanted.mode == "anonymous" and wanted.epsilon is None else wanted.epsilon
    if epsilon is None:
        raise BudgetError("epsilon is missing")
    return mechanisms.calibrate(
        wanted.mode, Budget(epsilon, wanted.delta), dimension, recordings if wanted.mode == "utterance" else 1
    )


def subject_for(store: Store, name: str, speaker: str | None, consent: Statement | None) -> str:
    """The pseudonym of whose voice *name* is: as this home or *consent* knows it, or *speaker* says. SubjectError."""
    known = subject_of(store, name) if name in store.names() else None
    known = known or (None if consent is None else consent.subject)
    said = pseudonym_of(store, speaker, os.urandom) if speaker else known
    if said is None:
        raise SubjectError(f"nobody has said whose voice {name} is, so nothing can be counted")
    if known not in (None, said):
        raise SubjectError(f"the voice {name} is known to be of {known}, and now it would be of {said}")
    return said


def cap_for(wanted: float | None, delta: float, promised: Cap | None) -> dict[str, float]:
    """What was promised before stays so, unless less is *wanted*; the ledger takes the least. BudgetError."""
    if wanted is None and promised is not None:
        return asdict(promised)
    budget = Budget(USUAL_CAP if wanted is None else wanted, delta)
    return {"epsilon": budget.epsilon, "delta": budget.delta, "mu": accountant.mu_of(budget)}


def _offsets(plan: Plan) -> mechanisms.Floats:
    """What the mechanism reads, (n, S): styles of recordings, the voice's own, or for the nobody the public ones."""
    frame, stock = plan.ground.frame, plan.ground.stock_styles
    if plan.wanted.mode == "anonymous":
        return frame.offset(stock)
    if plan.wanted.mode != "utterance" and plan.own_style is not None:
        return frame.offset(plan.own_style())
    heard = np.concatenate([plan.ground.listen(path) for path in plan.recordings])
    return frame.offset(heard if plan.wanted.mode == "utterance" else heard.mean(axis=0, keepdims=True))

"""Release: from a voice to another one whose style has noise in it, or is nobody's; counted before it is drawn.

Knows the order of the work and what is said about it; the noise and its price are privacy's. Clean vectors live in
memory, in one call, and are written nowhere. No call here takes anything that the noise could depend on.

    plan ─▶ a person reads it ─▶ ledger, on the disk ─▶ styles ─▶ noise ─▶ new voice, golden outputs, exports
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from core_model.voice import Voice
from lifecycle.consenting import carry_over, consent_of
from lifecycle.errors import ReleaseError, SubjectError
from lifecycle.ledgers import append, pseudonym_of, read_ledger, remember_subject, subject_of, write_copy
from lifecycle.prompting import Unheard, recordings_below
from lifecycle.recording_checks import measure
from lifecycle.release_terms import Terms, terms_of
from lifecycle.released_voice import Ground, ground_of, write_released
from lifecycle.retention import term_of
from lifecycle.store import Store
from lifecycle.trusting import own_signer
from privacy import accountant, mechanisms
from privacy.budget import USUAL_DELTA, Budget
from privacy.consent import Statement
from privacy.errors import BudgetError
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
    recordings: Path | None = None  # of mode utterance
    speaker: str | None = field(default=None, repr=False)  # name or pseudonym; None: as this home knows it
    cap: float | None = None
    tuning_runs: int = 0
    tuned_weights: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A release that nothing was done for yet: what a person decides on."""

    voice: Voice
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
    if wanted.tuning_runs < 0:
        raise BudgetError(f"there cannot be {wanted.tuning_runs} tuning runs")
    consent = consent_of(store, name, now)
    ground = ground_of(voice)
    recordings, left_out = _recordings(wanted)
    mechanism = _calibrated(wanted, ground.stock_styles.shape[1], len(recordings))
    terms = terms_of(mechanism, tuned_weights=wanted.tuned_weights)
    subject = _subject(store, name, wanted.speaker)
    ledger = read_ledger(store, subject)
    term = term_of(store, name)
    entry = entry_of(
        mechanism,
        subject=subject,
        at=now.isoformat(timespec="seconds"),
        threat_model=terms.threat_model,
        preprocessing=_PREPROCESSING,
        tuning_runs=wanted.tuning_runs,
        cap=_cap(wanted, ledger.cap),
        measured=None,
        not_protected=terms.not_protected,
        consent=None if consent is None else {"sha256": consent.agreement_sha256, "expires": consent.expires},
        retention=None if term is None else term.ends.isoformat(),  # of the recordings, where it is known
        destruction=None,
    )
    entry = ledger.with_entry(entry).entries[-1]
    return Plan(voice, wanted, ground, mechanism, recordings, left_out, entry, terms, consent)


def carry_out(store: Store, plan: Plan, new_name: str, *, now: datetime, tell: Tell) -> Released:
    """Make the voice *new_name*. From the moment the ledger is written the release counts, whatever happens then."""
    store.require_free(new_name)
    tell(0, 3, "listening")
    offsets = _offsets(plan)
    remember_subject(store, plan.voice.directory.name, plan.entry.subject)
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
        write_released(
            directory, plan.voice, plan.ground, style, facts, tuned_weights=plan.wanted.tuned_weights, now=now
        )
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


def _subject(store: Store, name: str, speaker: str | None) -> str:
    known = subject_of(store, name)
    said = pseudonym_of(store, speaker, os.urandom) if speaker else known
    if said is None:
        raise SubjectError(f"nobody has said whose voice {name} is, so nothing can be counted")
    if known not in (None, said):
        raise SubjectError(f"the voice {name} is known to be of {known}, and now it would be of {said}")
    return said


def _cap(wanted: Wanted, promised: Cap | None) -> dict[str, float]:
    """What was promised before stays so, unless less is asked for; the ledger takes the least."""
    if wanted.cap is None and promised is not None:
        return asdict(promised)
    budget = Budget(USUAL_CAP if wanted.cap is None else wanted.cap, wanted.delta)
    return {"epsilon": budget.epsilon, "delta": budget.delta, "mu": accountant.mu_of(budget)}


def _offsets(plan: Plan) -> mechanisms.Floats:
    """What the mechanism reads, (n, S): styles of recordings, the voice's own, or for the nobody the public ones."""
    frame, stock = plan.ground.frame, plan.ground.stock_styles
    if plan.wanted.mode == "anonymous":
        return frame.offset(stock)
    if plan.wanted.mode == "utterance":
        return frame.offset(np.concatenate([plan.ground.listen(path) for path in plan.recordings]))
    return frame.offset(plan.voice.prompt().style)

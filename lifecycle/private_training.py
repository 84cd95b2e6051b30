"""Train by DP-SGD: from surveyed recordings to a voice that does not tell which they were; counted, and not resumable.

Knows the order of the work; the accounting and the noise are privacy's, the network and its loss core_model's. A
recording is one unit, however many pieces it is cut into, and is prepared by itself: no other one has a say in what is
made of it. All that is learnt from stays in memory, in one call: no checkpoint, no curve of losses, no work directory.
So a run that is interrupted begins anew, and what it had learnt was seen by nobody.

    prepare each ─▶ plan ─▶ a person reads it ─▶ steps, in memory ─▶ ledger, on the disk ─▶ new voice, golden outputs
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from core_model.errors import AlignmentError
from core_model.features import audio
from core_model.nano import base as nano
from core_model.nano.dims import CODES
from core_model.text.front_end import FrontEnd
from core_model.training.adaptation import rounded
from core_model.training.conditioned import Conditioned, Learning, optimizer_of, train
from core_model.training.dataset import Example
from core_model.training.preparation import Spoken, Unusable, prepare
from core_model.voice import Voice
from lifecycle.consenting import carry_over
from lifecycle.ledgers import append, read_ledger, write_copy
from lifecycle.recording import Recording
from lifecycle.release_terms import Terms, terms_of_training
from lifecycle.released_voice import Ground, Source, ground_on, untrained_source, write_released
from lifecycle.releasing import Released, cap_for, subject_for
from lifecycle.retention import term_of
from lifecycle.store import Store
from lifecycle.trusting import own_signer
from privacy.budget import USUAL_DELTA, Budget
from privacy.consent import Statement
from privacy.dpsgd import RANDOMNESS, make_private, prv_epsilon
from privacy.entries import Entry, entry_of_sampled
from privacy.errors import BudgetError, PrivateTrainingError
from privacy.sampled_gaussian import SampledGaussian, calibrate, claim

_PREPROCESSING = "each recording by itself: levelled, aligned, cut, its pitch against its own median; base and n public"
_ROOM = 0.005  # of epsilon: by so much less it is calibrated for, because PRV's bound lies above PLD's
_MOST_ROWS = 32  # expected in one step
Tell = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How it learns: public, and chosen on synthetic speech (docs/LOG.md), never on the recordings it is used for."""

    steps: int = 30
    sampling_probability: float = 0.5
    max_grad_norm: float = 0.1
    learning: Learning = field(default_factory=Learning)

    def probability_for(self, n: int) -> float:
        """With which each of *n* recordings takes part in a step."""
        return min(self.sampling_probability, _MOST_ROWS / n)


@dataclass(frozen=True, slots=True)
class WantedTraining:
    """What a person asks for."""

    epsilon: float
    delta: float = USUAL_DELTA
    speaker: str | None = field(default=None, repr=False)  # name or pseudonym
    cap: float | None = None
    tuning_runs: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class TrainingPlan:
    """A training that nothing was learnt for yet: what a person decides on."""

    recordings: tuple[tuple[Example, ...], ...]
    unusable: tuple[Unusable, ...]
    base: nano.Base
    ground: Ground
    source: Source
    module: Conditioned
    recipe: Recipe
    run: SampledGaussian
    entry: Entry
    terms: Terms
    consent: Statement | None


def plan_training(
    store: Store,
    name: str,
    recordings: Sequence[Recording],
    wanted: WantedTraining,
    *,
    licence: str,
    consent: Statement | None,
    now: datetime,
    tell: Tell,
    recipe: Recipe | None = None,
) -> TrainingPlan:
    """Prepare, calibrate and claim. PrivacyError, StoreError, CoreModelError; nothing is learnt or written yet."""
    store.require_free(name)
    recipe = recipe or Recipe()
    budget = Budget(wanted.epsilon, wanted.delta)
    if wanted.tuning_runs < 0:
        raise BudgetError(f"there cannot be {wanted.tuning_runs} tuning runs")
    base = nano.load()
    examples, unusable = _prepared(recordings, base, tell)
    n = len(examples)
    if n < 2:
        raise PrivateTrainingError(f"one recording is hidden among others, and there is {n or 'none'} that can be used")
    budget.require_for(n)
    ground, source = ground_on(base), untrained_source(licence)  # copies: what is trained now is not in them
    module = Conditioned(base.sovits, base.stock_styles.mean(axis=0, keepdims=True), recipe.learning.scale)
    rate = recipe.probability_for(n)
    multiplier = calibrate(budget, rate, recipe.steps, room=_ROOM * budget.epsilon)
    run = SampledGaussian(multiplier, rate, recipe.steps)
    claimed = claim(run, budget.delta, prv_epsilon(multiplier, rate, recipe.steps, budget.delta))
    if claimed.epsilon > budget.epsilon:
        raise BudgetError(f"epsilon would be {claimed.epsilon:.4g}, and {budget.epsilon:g} was asked for")
    terms = terms_of_training(run, claimed, n, tuning_runs=wanted.tuning_runs)
    subject = subject_for(store, name, wanted.speaker, consent)
    ledger, term = read_ledger(store, subject), term_of(store, name)
    entry = entry_of_sampled(
        run,
        claimed,
        n=n,
        clip=recipe.max_grad_norm,
        dimension=module.dimension,
        subject=subject,
        at=now.isoformat(timespec="seconds"),
        threat_model=terms.threat_model,
        randomness=RANDOMNESS,
        preprocessing=_PREPROCESSING,
        tuning_runs=wanted.tuning_runs,
        cap=cap_for(wanted.cap, budget.delta, ledger.cap),
        measured=None,
        not_protected=terms.not_protected,
        consent=None if consent is None else {"sha256": consent.agreement_sha256, "expires": consent.expires},
        retention=None if term is None else term.ends.isoformat(),
        destruction=None,
    )
    entry = ledger.with_entry(entry).entries[-1]
    return TrainingPlan(examples, unusable, base, ground, source, module, recipe, run, entry, terms, consent)


def carry_out_training(store: Store, plan: TrainingPlan, name: str, *, now: datetime, tell: Tell) -> Released:
    """Learn, count, write the voice *name*. Once the ledger is written it counts, whatever happens then."""
    store.require_free(name)
    learn(plan, tell)
    tell(1, 1, "making the voice, and recording what it says now")
    store.require_free(name)  # it was minutes
    ledger = append(store, plan.entry)
    tuned = {"gpt": plan.ground.weights["gpt"], "sovits": rounded(plan.base.sovits)}
    source = Source(plan.source.description, plan.source.opening, tuned)
    facts = {
        "mode": "sgd",
        "terms": asdict(plan.terms),
        "epsilon": plan.entry.epsilon,
        "delta": plan.entry.delta,
        "unit": plan.entry.unit,
        "n": plan.entry.n,
        "sigma": plan.entry.sigma,
        "trained": sorted(plan.module.trained_layers()),
        "recipe": asdict(plan.recipe),
    }
    with store.new_voice(name) as directory:
        write_released(directory, source, plan.ground, plan.module.style(), facts, now=now)
        write_copy(ledger, directory)
        if plan.consent is not None:
            carry_over(plan.consent, directory, own_signer(store, os.urandom))
    return Released(Voice.open(store.path(name)), ledger.entries[-1])


def learn(plan: TrainingPlan, tell: Tell) -> None:
    """All steps of *plan*, on its module, in memory."""
    optimizer = optimizer_of(plan.module, plan.recipe.learning)
    private = make_private(
        plan.module,
        optimizer,
        units=len(plan.recordings),
        sampling_probability=plan.run.sample_rate,
        noise_multiplier=plan.run.noise_multiplier,
        max_grad_norm=plan.recipe.max_grad_norm,
    )
    train(
        private.module,
        plan.recordings,
        plan.run.steps,
        latent=plan.base.sovits.dims.latent,
        optimizer=optimizer,
        draw=private.draw,
        step=private.step,
        entropy=os.urandom,
        report=lambda done, steps: tell(done, steps, f"step {done}/{steps}; its losses are not told"),
    )


def _prepared(
    recordings: Sequence[Recording], base: nano.Base, tell: Tell
) -> tuple[tuple[tuple[Example, ...], ...], tuple[Unusable, ...]]:
    """Each recording's pieces. One at a time: a median over all of them would be a channel from each to all others."""
    front_end = FrontEnd()
    examples: list[tuple[Example, ...]] = []
    unusable: list[Unusable] = []
    for done, recording in enumerate(recordings):
        tell(done, len(recordings), "aligning the recordings with their transcripts")
        label = recording.path.name
        phonemes = front_end.phonemize(recording.text, recording.language)
        try:
            prepared = prepare(
                [Spoken(label, audio.load(recording.path, 16_000).waveform, phonemes)], base.aligner, CODES
            )
        except AlignmentError as error:
            unusable.append(Unusable(label, str(error)))
            continue
        unusable += prepared.unusable
        examples += [prepared.examples] if prepared.examples else []
    return tuple(examples), tuple(unusable)

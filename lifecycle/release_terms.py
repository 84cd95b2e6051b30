"""What a release protects, what it does not, and what it costs: the sentences that a person decides on.

Knows a calibrated mechanism and nothing of files. Every figure is computed here from it, but for what a training under
differential privacy costs: that was measured. What is not protected is said in the same breath, and goes into the
ledger word for word.
"""

from __future__ import annotations

from dataclasses import dataclass

from lifecycle.recording import LEAST_TOTAL_S
from privacy.mechanisms import Mechanism
from privacy.sampled_gaussian import Claim, SampledGaussian, error_floor

LENGTH_OF_A_MEAN = 0.92  # of the mean of one person's unit vectors: assumed, because the true one is private
_SURVIVES = 0.5  # cosine below which nobody would call it the same voice
_COPIES = "the recordings, and whatever was made of them without noise, wherever they still are"
ENOUGH = 60  # recordings: what was measured below was measured with so many
MEASURED = (
    "likeness, and some minutes. Measured on the base before this one, on two synthetic voices at epsilon 8 with 60 "
    "recordings, one run each: the mel distance to unheard speech fell from 1.17 to 0.83 and from 1.18 to 0.77, the "
    "distance of speaker statistics (within one speaker, 2) from 6.6 to 6.2 and from 7.3 to 5.3; with 18 recordings "
    "the latter rose, from 6.6 to 7.3"
)
MANY_ARE_NEEDED = (
    f"Fewer than {ENOUGH} recordings: the noise is a larger part of what is learnt, the likeness less still."
)
_SOUND = "who speaks: the voice is meant to sound like the person, and whoever knows the person will know it"
_LICENCE = "what its licence says, and of whom: that text is taken over as it is"


@dataclass(frozen=True, slots=True)
class Terms:
    """For a person to read before anything is done."""

    protects: str
    not_protected: tuple[str, ...]
    costs: str
    warning: str  # "" where the mode does what it is for
    threat_model: str
    expected_cosine: float | None  # None: it cannot be told beforehand


def terms_of(mechanism: Mechanism, *, tuned_weights: bool, tuning_runs: int = 0) -> Terms:
    """The terms of a release by *mechanism*, with or without networks that learnt from the recordings."""
    cosine = mechanism.expected_cosine(LENGTH_OF_A_MEAN if mechanism.mode == "utterance" else 1.0)
    return Terms(
        _protects(mechanism),
        (*_chosen(tuning_runs if mechanism.unit else 0), *_not_protected(mechanism, tuned_weights=tuned_weights)),
        _costs(mechanism, cosine),
        _warning(mechanism, cosine),
        _threat_model(mechanism, tuned_weights=tuned_weights),
        cosine,
    )


def terms_of_training(run: SampledGaussian, claimed: Claim, n: int, *, tuning_runs: int = 0) -> Terms:
    """The terms of a training by *run* on *n* recordings, for which *claimed* may be claimed. ExtraMissingError.

    n is public, so nobody is missing in the count: a neighbour has an empty recording in one's place, which adds
    nothing to any sum (the "zero-out" of Kairouz et al. 2021, arXiv 2103.00039, Definition 1.1). With n, rate and
    divisor fixed that is what one unit more or less costs. From one recording to another it is two such moves.
    """
    rate = f"the best possible attacker errs in {100 * error_floor(run):.1f} % of cases, 50 % being a guess"
    claim = f"epsilon {claimed.epsilon:.4g} at delta {claimed.delta:g}"
    return Terms(
        f"which recordings were used, each of {n}, whole and with its words: who is to tell whether one took part, "
        f"or an empty one in its place, {rate} ({claim})",
        (
            *_chosen(tuning_runs),
            _SOUND,
            "to that extent, which of two recordings took part: that is told with up to twice this epsilon",
            f"that all together last {LEAST_TOTAL_S:g} s or more, without which there is no voice",
            f"how many recordings there were ({n}), how many steps were made ({run.steps}), and with which chance a "
            f"recording took part in each ({run.sample_rate:.3g}): all of this is public",
            "the recordings, wherever they still are",
        ),
        MEASURED,
        MANY_ARE_NEEDED if n < ENOUGH else "",
        "who has the whole voice, all other recordings, this ledger and the mechanism, but neither the noise nor the "
        "gradients of single steps",
        None,
    )


def _chosen(tuning_runs: int) -> tuple[str, ...]:
    if not tuning_runs:
        return ()
    told = "one run was" if tuning_runs == 1 else f"{tuning_runs} runs were"
    return (f"what else {told} to give away: the figures are of a single run, the sum in the ledger of all of them",)


def _protects(mechanism: Mechanism) -> str:
    if mechanism.mode == "anonymous":
        return "who speaks: nothing of the person is read; the speaker is drawn from the base's public ones (epsilon 0)"
    if mechanism.epsilon is None or mechanism.floor is None:
        return "nothing: epsilon none"
    rate = f"the best possible attacker errs in {100 * mechanism.floor:.1f} % of cases, 50 % being a guess"
    claim = f"epsilon {mechanism.epsilon:.4g} at delta {mechanism.delta:g}"
    if mechanism.mode == "utterance":
        return f"which recordings were used, each of {mechanism.n}: who is to tell one from another, {rate} ({claim})"
    return f"who speaks, as far as this goes: who is to tell two people apart, {rate} ({claim})"


def _not_protected(mechanism: Mechanism, *, tuned_weights: bool) -> tuple[str, ...]:
    told = {
        "utterance": (_SOUND, "how many recordings there were: the number is public"),
        "local": (
            "people whom the base itself cannot tell apart",
            "how often this person was released: see the ledger",
            "that it is of the same person, or home, as a voice with the same pseudonym, consent or signing key",
            _LICENCE,
        ),
        "anonymous": ("a real person who happens to sound like the one that was drawn", _LICENCE),
        "jitter": (_SOUND, "the clean style: noise this small is no obstacle"),
    }[mechanism.mode]
    tuned = (
        "the recordings, through the networks: these learnt from them, and noise on a style takes nothing of that back"
    )
    return (*told, *([tuned] if tuned_weights else []), _COPIES)


def _costs(mechanism: Mechanism, cosine: float) -> str:
    if mechanism.mode == "anonymous":
        return "the likeness: it is another speaker's voice"
    told = f"of the clean style's direction a cosine of {cosine:.2f} is expected to remain, 1 being all of it"
    if mechanism.mode == "utterance":
        told += f" (if the recordings' own mean has length {LENGTH_OF_A_MEAN}; the true one is not looked at)"
    return told


def _warning(mechanism: Mechanism, cosine: float) -> str:
    if mechanism.mode == "jitter":
        return "Jitter is not privacy: it is called by this name so that nobody takes it for that."
    if mechanism.mode in ("local", "utterance") and cosine < _SURVIVES:
        told = "THE VOICE WILL NOT SURVIVE THIS: what comes out sounds like nobody in particular."
        return told if mechanism.mode == "local" else f"{told} It is no protection of who speaks."
    return ""


def _threat_model(mechanism: Mechanism, *, tuned_weights: bool) -> str:
    if tuned_weights:
        return "none"
    sees = "the whole released voice, whose networks know no recording"
    return {
        "utterance": f"who has {sees}, all other recordings, this ledger and the mechanism, but not the noise",
        "local": f"who has {sees}, every candidate's clean style, this ledger and the mechanism, but not the noise",
        "anonymous": f"who has {sees}: it depends on nothing of the person",
        "jitter": "none",
    }[mechanism.mode]

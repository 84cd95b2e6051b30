"""Was this recording trained on? Membership inference from losses.

Knows losses, one to a recording, of recordings that were trained on and of some that were not; no network, no sound.

* raw: what was learnt has a small loss, so the score is minus the loss (Yeom et al. 2018, *Privacy Risk in Machine
  Learning*).
* calibrated: minus the loss, plus the mean loss of reference models that saw neither kind, so that a recording which is
  hard for anybody is not taken for an unknown one (Watson et al. 2022, *On the Importance of Difficulty Calibration in
  Membership Inference Attacks*). For a fine-tuned voice its base is such a model.

Judged by AUC and by TPR at 1 % FPR (Carlini et al. 2022): an attack that is right about few, but sure of them, harms
those few. Recordings are independent of each other as far as this knows, so the bootstrap draws recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from privacy.errors import AttackError
from privacy.resampling import TIMES, Comparisons, Rates, rates

Floats = npt.NDArray[np.float64]
RAW = "raw: minus the loss"
CALIBRATED = "calibrated: the loss of a reference model minus the loss"


@dataclass(frozen=True, slots=True)
class MembershipTold:
    """What one attacker reached: mated are the members, non-mated the others."""

    attacker: str
    data: str
    unit: str
    rates: Rates

    @property
    def auc_is_chance(self) -> bool:
        """Whether .5 lies in the interval: not shown to leak, which is not shown to be safe."""
        return self.rates.auc.low <= 0.5 <= self.rates.auc.high

    def as_dict(self) -> dict[str, object]:
        """As it stands in a report: plain values alone."""
        return {**asdict(self), "auc_is_chance": self.auc_is_chance}


def raw_scores(losses: npt.ArrayLike) -> Floats:
    """(n,) minus the losses. AttackError where one is no finite number."""
    return -_finite(losses)


def calibrated_scores(losses: npt.ArrayLike, reference_losses: npt.ArrayLike) -> Floats:
    """(n,) from losses (n,) and the same recordings' under one reference model (n,) or several (models, n)."""
    found, references = _finite(losses), np.atleast_2d(_finite(reference_losses))
    if references.shape[1:] != found.shape:
        raise AttackError(f"{found.size} losses, and reference losses of shape {references.shape}")
    calibrated: Floats = references.mean(axis=0) - found
    return calibrated


def membership(
    members: Floats,
    others: Floats,
    generator: np.random.Generator,
    *,
    attacker: str,
    data: str,
    unit: str = "a recording",
    times: int = TIMES,
) -> MembershipTold:
    """What scores of *members* (n,) and *others* (m,) come to. AttackError."""
    of = np.arange(len(members) + len(others))[:, None]
    found = Comparisons(members, others, of[: len(members)], of[len(members) :])
    return MembershipTold(attacker, data, unit, rates(found, generator, times))


def strongest(told: Sequence[MembershipTold]) -> MembershipTold:
    """The one with the highest AUC, of equal ones that with the highest TPR: the one to be reported first."""
    if not told:
        raise AttackError("no attacker was run")
    return max(told, key=lambda each: (each.rates.auc.value, each.rates.tpr.value))


def _finite(losses: npt.ArrayLike) -> Floats:
    found = np.asarray(losses, dtype=np.float64)
    if not found.size:
        raise AttackError("there is no recording to tell anything of")
    if not np.isfinite(found).all():
        raise AttackError("a loss is no number (NaN or infinity)")
    return found

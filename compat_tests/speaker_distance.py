"""How far two speaker statistics are apart, in units of how far one speaker wanders. Plain arithmetic on 58 numbers.

Knows no waveform: a runner listens (`listen` in RUNNER.md), and the suite measures. The scales are those of the
statistics that a voice's identity is recorded in: the root mean square over pieces of one speaker, measured once over
17 voices; `core_model.features.speaker_statistics` tells how. This room may not ask that one, so they stand here again,
and a test holds both equal.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LENGTH = 58
_LIMIT = 12.0  # one statistic far out of range must not drown the other fifty-seven

# fmt: off
SCALES = np.array([
    0.453, 0.267, 0.739, 0.495, 0.401, 0.497, 0.385, 0.261, 0.166, 0.151, 0.210, 0.149, 0.135, 0.142, 0.135, 0.113,
    0.132, 0.107, 0.112, 0.122, 0.244, 0.260, 0.316, 0.319, 0.217, 0.239, 0.129, 0.115, 0.098, 0.125, 0.111, 0.096,
    0.075, 0.081, 0.075, 0.072, 0.070, 0.076, 0.058, 0.068, 0.537, 0.599, 0.641, 0.605, 0.944, 1.209, 0.966, 0.696,
    0.895, 0.816, 0.662, 0.906, 1.152, 0.915, 1.736, 1.474, 0.080, 0.080,
])
# fmt: on


def distance(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Root mean square over the (58,) statistics, each in its scale and at most twelve scales: 1.0 = one speaker."""
    difference = (np.asarray(one, np.float64) - np.asarray(other, np.float64)) / SCALES
    return float(np.sqrt(np.mean(np.clip(difference, -_LIMIT, _LIMIT) ** 2)))

"""The classifier learns which phone is where, from labels that say when each ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core_model.features.alignment import FRAME_RATE, AlignerDims, PhoneClassifier, mel_for_alignment
from core_model.training.aligner import Labelled, accuracy, label, train
from core_model.training.schedule import Options, Progress
from tests.core_model.training.tiny import CODES, same, weights_of

pytestmark = pytest.mark.usefixtures("one_thread")
DIMS = AlignerDims(width=24, dilations=(1, 2))
HZ = {"SP": 0, "AA": 300, "IY": 900, "UW": 1800}


def labelled(seed: int) -> Labelled:
    """Tones one after the other, each its own phone."""
    rng = np.random.default_rng(seed)
    phones = ["SP", *rng.permutation(["AA", "IY", "UW"]), "SP"]
    ends_s = np.cumsum(rng.uniform(0.1, 0.3, len(phones)))
    t = np.arange(round(ends_s[-1] * 16_000)) / 16_000
    hz = np.array([HZ[phone] for phone in phones])[
        np.minimum(np.searchsorted(ends_s, t, side="right"), len(phones) - 1)
    ]
    sound = np.where(hz > 0, 0.3 * np.sin(2 * np.pi * hz * t), 0) + rng.standard_normal(len(t)) * 1e-3
    return label(sound.astype(np.float32), [f"{p}1" if p != "SP" else "." for p in phones], ends_s.tolist(), CODES)


def network(seed: int = 0) -> PhoneClassifier:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return PhoneClassifier(DIMS)


def test_labels_follow_the_engines_times() -> None:
    sound = np.random.default_rng(0).standard_normal(8_000).astype(np.float32)
    item = label(sound, ["SP", "AY1", "T", "."], [0.1, 0.3, 0.45, 0.48], CODES)
    assert item.mel.shape == mel_for_alignment(sound).shape == (80, 50)
    expected = ["SP"] * 10 + ["AY"] * 20 + ["T"] * 15 + ["SP"] * 5  # past the last end its phone goes on
    assert [CODES.phones[phone] for phone in item.phones] == expected
    assert FRAME_RATE == 100


def test_log_probabilities_add_up_to_one() -> None:
    out = network()(torch.zeros(1, 80, 30))
    torch.testing.assert_close(out.exp().sum(dim=1), torch.ones(1, 30))


@pytest.mark.parametrize("bfloat16", [False, True])
def test_it_learns_which_tone_is_which_phone(bfloat16: bool) -> None:
    data, unseen = [labelled(seed) for seed in range(12)], [labelled(seed) for seed in range(100, 104)]
    module = network()
    assert accuracy(module, unseen) < 0.5
    told: list[Progress] = []
    options = Options(steps=60, batch_size=8, learning_rate=5e-3, warmup_steps=5, bfloat16=bfloat16)
    train(module, data, options, told.append)
    assert told[-1].losses["cross_entropy"] < 0.5 * told[0].losses["cross_entropy"]
    assert accuracy(module, unseen) > 0.85
    assert not module.training


def test_the_same_seed_gives_the_same_weights() -> None:
    data = [labelled(seed) for seed in range(3)]
    made = []
    for seed in (1, 1, 2):
        module = network()
        train(module, data, Options(steps=3, batch_size=2, seed=seed))
        made.append(weights_of(module))
    assert same(made[0], made[1])
    assert not same(made[0], made[2])


def test_utterances_longer_and_shorter_than_a_crop() -> None:
    rng = np.random.default_rng(0)
    data = [
        Labelled(rng.standard_normal((80, n)).astype(np.float16), rng.integers(0, 40, n)) for n in (40, 256, 257, 700)
    ]
    told: list[Progress] = []
    train(network(), data, Options(steps=3, batch_size=8), told.append)
    assert all(np.isfinite(progress.losses["cross_entropy"]) for progress in told)

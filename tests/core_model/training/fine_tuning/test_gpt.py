"""Fine-tuning a GPT: it learns, its loss is the obvious sum, four batches make a step, and a stopped run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model.training.fine_tuning import gpt
from core_model.training.fine_tuning.gpt import GPTPlan, loss_of, train
from core_model.training.fine_tuning.scaled_adam import ScaledAdam
from core_model.training.fine_tuning.utterances import collate
from core_model.training.schedule import Progress
from tests.core_model.training.fine_tuning.tiny import tiny_gpt, tiny_utterances, utterance
from tests.core_model.training.tiny import Interrupted, same, weights_of

pytestmark = pytest.mark.usefixtures("one_thread")
PLAN = GPTPlan(steps=4, batch_size=2, seed=3)


def test_it_learns() -> None:
    told: list[Progress] = []
    train(tiny_gpt(), tiny_utterances(), replace(PLAN, steps=60, learning_rate=0.01), told.append)
    assert told[-1].losses["cross_entropy"] < 0.7 * told[0].losses["cross_entropy"]
    assert told[-1].losses["accuracy"] > told[0].losses["accuracy"]


def test_the_loss_is_the_slow_obvious_sum() -> None:
    """One utterance at a time, one code at a time, without padding."""
    network = tiny_gpt().eval()
    with_features, without = utterance(0, word_features=True), utterance(1)
    expected, count = 0.0, 0
    for one in (with_features, without):
        width = network.dims.word_features
        features = np.zeros((len(one.phonemes), width)) if one.word_features is None else one.word_features
        phonemes = torch.from_numpy(one.phonemes)[None]
        codes = [*one.codes.tolist(), network.dims.end_of_speech]
        for place in range(1, len(codes)):
            seen = torch.tensor(codes[:place])[None]
            logits = network(phonemes, seen, torch.from_numpy(features.astype(np.float32))[None])[0, -1]
            expected -= float(torch.log_softmax(logits, 0)[codes[place]].detach())
            count += 1
    loss, codes_seen, _ = loss_of(network, collate([with_features, without]))
    assert codes_seen == count
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)


def test_a_step_is_four_batches_and_the_first_rate_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    rates: list[float] = []
    original, step = gpt.loss_of, ScaledAdam.step
    monkeypatch.setattr(gpt, "loss_of", lambda *a: (batches.append(1), original(*a))[1])

    def watched(self: ScaledAdam, closure: None = None) -> None:
        rates.append(self.param_groups[0]["lr"])
        step(self)

    monkeypatch.setattr(ScaledAdam, "step", watched)
    train(tiny_gpt(), tiny_utterances(), replace(PLAN, steps=3))
    assert len(batches) == 12
    assert rates == [0.01, 0.002, 0.002]


def test_a_stopped_run_ends_bit_for_bit_as_if_it_had_not_been(tmp_path: Path) -> None:
    """Nine steps: the optimizer updates sizes every fourth, so its windows are cut in the middle."""
    whole = tiny_gpt()
    plan = replace(PLAN, steps=9)
    train(whole, tiny_utterances(), plan)

    def stop(progress: Progress) -> None:
        if progress.step == 6:
            raise Interrupted

    plan = replace(plan, checkpoint=tmp_path / "c", checkpoint_every=5)
    with pytest.raises(Interrupted):
        train(tiny_gpt(), tiny_utterances(), plan, stop)
    resumed = tiny_gpt(seed=7)
    train(resumed, tiny_utterances(), plan)
    assert same(weights_of(resumed), weights_of(whole))

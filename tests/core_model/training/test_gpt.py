"""The GPT loop learns, goes on bit for bit where it was stopped, and does not hear the padding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model.training.dataset import collate
from core_model.training.gpt import loss_of, train
from core_model.training.schedule import Options, Progress
from tests.core_model.training.tiny import (
    GPT_DIMS,
    Interrupted,
    same,
    tiny_dataset,
    tiny_gpt,
    utterance,
    weights_of,
)

pytestmark = pytest.mark.usefixtures("one_thread")
DATASET = tiny_dataset(4)
OPTIONS = Options(steps=7, batch_size=2, learning_rate=1e-2, warmup_steps=2, seed=3)


def trained(options: Options = OPTIONS) -> dict[str, torch.Tensor]:
    network = tiny_gpt()
    train(network, DATASET, options)
    return weights_of(network)


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    once = trained()
    assert same(once, trained())
    assert not same(once, trained(replace(OPTIONS, seed=4)))


@pytest.mark.parametrize("stopped_after", [1, 3, 4, 6])
def test_a_stopped_run_ends_bit_for_bit_as_if_it_had_not_been(tmp_path: Path, stopped_after: int) -> None:
    options = replace(OPTIONS, checkpoint=tmp_path / "c", checkpoint_every=2)
    seen: list[int] = []

    def stop(progress: Progress) -> None:
        seen.append(progress.step)
        if progress.step == stopped_after:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(tiny_gpt(), DATASET, options, stop)
    resumed = tiny_gpt(seed=99)  # what it starts from does not matter: the checkpoint does
    if stopped_after < 3:
        resumed = tiny_gpt()  # there is none yet
    steps: list[int] = []
    train(resumed, DATASET, options, lambda progress: steps.append(progress.step))
    whole = 2 * ((stopped_after - 1) // 2)  # the step that was stopped came before its checkpoint
    assert steps == list(range(whole + 1, 8))
    assert same(weights_of(resumed), trained())


def test_a_run_that_is_finished_is_not_run_again(tmp_path: Path) -> None:
    options = replace(OPTIONS, checkpoint=tmp_path / "c")
    train(tiny_gpt(), DATASET, options)
    again = tiny_gpt(seed=99)
    train(again, DATASET, options, lambda _: pytest.fail("it learnt again"))
    assert same(weights_of(again), trained())
    assert not again.training


def test_it_learns_a_few_utterances_by_heart() -> None:
    told: list[Progress] = []
    network = tiny_gpt()
    train(network, DATASET, replace(OPTIONS, steps=120, batch_size=4), told.append)
    first, last = told[0].losses, told[-1].losses
    assert first["cross_entropy"] == pytest.approx(np.log(961), abs=0.3)  # knows nothing: as good as a guess
    assert last["cross_entropy"] < 0.5
    assert last["accuracy"] > 0.9
    assert [(p.stage, p.step, p.steps) for p in told] == [("gpt", step, 120) for step in range(1, 121)]


def test_it_learns_from_the_phonemes_and_to_end() -> None:
    """Other phonemes, other tokens; and where an utterance ends it says so."""
    network = tiny_gpt()
    train(network, DATASET, replace(OPTIONS, steps=120, batch_size=4))
    example = DATASET.examples[0]
    with torch.inference_mode():
        tokens = torch.from_numpy(example.tokens)[None]
        logits = network(torch.from_numpy(example.phonemes)[None], tokens)
        other = network(torch.from_numpy(DATASET.examples[1].phonemes)[None], tokens)
    assert int(logits[0, -1].argmax()) == GPT_DIMS.end_of_speech
    assert (logits - other).abs().max() > 1


def test_padding_does_not_change_the_loss() -> None:
    """A batch's loss is the mean over all its tokens, however much padding they share it with."""
    short, long = utterance(0, 3), utterance(1, 9)
    network = tiny_gpt(seed=5).eval()
    apart = [(loss_of(network, collate([example]))[0].item(), len(example.tokens)) for example in (short, long)]
    together = loss_of(network, collate([short, long]))[0].item()
    assert together == pytest.approx(sum(loss * n for loss, n in apart) / sum(n for _, n in apart), rel=1e-5)
    batch = collate([short, long])
    batch.tokens[0, len(short.tokens) :] = 7
    batch.phonemes[0, len(short.phonemes) :] = 9
    assert loss_of(network, batch)[0].item() == pytest.approx(together, rel=1e-6)


def test_what_is_frozen_does_not_move() -> None:
    network = tiny_gpt()
    network.phoneme_embedding.requires_grad_(False)
    before = network.phoneme_embedding.weight.clone()
    head = network.head.weight.clone()
    train(network, DATASET, OPTIONS)
    assert torch.equal(network.phoneme_embedding.weight, before)
    assert not torch.equal(network.head.weight, head)


def test_bfloat16_runs_and_learns() -> None:
    told: list[Progress] = []
    network = tiny_gpt()
    train(network, DATASET, replace(OPTIONS, steps=40, batch_size=4, bfloat16=True), told.append)
    assert told[-1].losses["cross_entropy"] < told[0].losses["cross_entropy"] - 1
    assert {tensor.dtype for tensor in network.state_dict().values()} == {torch.float32}

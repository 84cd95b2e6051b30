"""Two processes learn what one learns from the joint batch, and one process alone knows nothing of it all."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from core_model.errors import UnevenBatchError
from core_model.training.dataset import Dataset
from core_model.training.gpt import loss_of, train
from core_model.training.processes import ALONE, Processes, joined
from core_model.training.schedule import Options, learning_rate
from tests.core_model.training import on_two_processes
from tests.core_model.training.tiny import same, tiny_gpt, utterance, weights_of

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.sockets("loopback")]
ROOT = Path(__file__).resolve().parents[3]


def run_on_two(directory: Path) -> None:
    """Two processes with what torchrun sets; torchrun itself, which looks its own name up, has a slow test."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    shared |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.core_model.training.on_two_processes", str(directory)]
    started = [
        subprocess.Popen(command, env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank}, cwd=ROOT)
        for rank in ("0", "1")
    ]
    try:
        assert [process.wait(timeout=200) for process in started] == [0, 0]
    finally:
        for process in started:
            process.kill()


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> tuple[Path, Path]:
    """(what one process left, what two left)."""
    alone, together = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("together")
    on_two_processes.run(alone, ALONE)
    run_on_two(together)
    return alone, together


def test_two_processes_report_the_losses_of_the_joint_batch(ends: tuple[Path, Path]) -> None:
    alone, together = (json.loads((directory / "losses.json").read_text()) for directory in ends)
    assert len(alone) == len(together) == 12
    assert {"mel", "kl", "spoken", "pitch", "judges", "fooled", "matching"} <= alone[-1].keys()
    for one, two in zip(alone, together, strict=True):
        assert (one.pop("stage"), one.pop("step")) == (two.pop("stage"), two.pop("step"))
        assert two == pytest.approx(one, rel=1e-4, abs=1e-4)


def test_two_processes_end_with_the_weights_of_one(ends: tuple[Path, Path]) -> None:
    alone, together = ends
    one = load_file(alone / "weights-0.safetensors")
    first, second = (load_file(together / f"weights-{rank}.safetensors") for rank in (0, 1))
    assert first.keys() == one.keys()
    apart = []
    for name, tensor in one.items():
        assert torch.equal(first[name], second[name]), name
        # AdamW makes a whole step of a gradient that is only a rounding. Softmax is blind to a key's bias, so all of
        # those are; elsewhere it is a weight behind a unit that was silent but for once.
        if not name.endswith("key.bias"):
            apart.append((first[name] - tensor).abs().flatten())
    by_how_much = torch.cat(apart)
    assert by_how_much.max() < 1e-3
    assert (by_how_much > 1e-4).sum() <= 1e-5 * len(by_how_much)


def test_only_the_first_writes_and_its_checkpoint_is_that_of_one_process(ends: tuple[Path, Path]) -> None:
    alone, together = ends
    assert {path.name for path in together.iterdir()} == {path.name for path in alone.iterdir()} | {
        "weights-1.safetensors"
    }
    for name in ("gpt", "sovits"):
        one, two = load_file(alone / name), load_file(together / name)
        assert one.keys() == two.keys()
        assert all(one[key].shape == two[key].shape for key in one)
        assert int(two["step"][0]) == 6


@given(count=st.integers(1, 8), share=st.integers(1, 8))
def test_rows_are_shared_without_gap_or_overlap(count: int, share: int) -> None:
    size = count * share
    taken = [np.arange(size)[Processes(rank, count).rows(size)] for rank in range(count)]
    assert np.concatenate(taken).tolist() == list(range(size))
    assert {len(rows) for rows in taken} == {share}


@given(parts=st.lists(st.lists(st.floats(-10, 10), min_size=1, max_size=5), min_size=1, max_size=5))
def test_weighted_means_have_the_joint_mean_as_their_mean(parts: list[list[float]]) -> None:
    everything = [value for part in parts for value in part]
    weighted = [
        np.mean(part) * Processes(rank, len(parts)).weight(len(part), len(everything))
        for rank, part in enumerate(parts)
    ]
    assert np.mean(weighted) == pytest.approx(np.mean(everything), abs=1e-9)


def test_a_batch_that_cannot_be_shared_is_refused_before_anything_is_learnt() -> None:
    dataset = Dataset([utterance(seed) for seed in range(4)])
    with pytest.raises(UnevenBatchError, match="a batch of 3 cannot be shared evenly among 2 processes"):
        train(tiny_gpt(), dataset, Options(steps=1, batch_size=3, processes=Processes(1, 2)))


def test_one_process_alone_learns_bit_for_bit_what_the_plain_loop_does() -> None:
    dataset = Dataset([utterance(seed) for seed in range(4)])
    options = Options(steps=4, batch_size=2, warmup_steps=1, seed=3)
    network, plain = tiny_gpt(), tiny_gpt().train()
    train(network, dataset, options)
    optimizer = torch.optim.AdamW(plain.parameters(), betas=(0.9, 0.98), weight_decay=0.01)
    for step in range(options.steps):
        optimizer.param_groups[0]["lr"] = learning_rate(options, step)
        optimizer.zero_grad()
        loss_of(plain, dataset.batch(3, step, 2))[0].backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.step()
    assert same(weights_of(network), weights_of(plain))


def test_one_process_alone_is_told_nothing_and_weighs_one() -> None:
    with joined({}, "cpu") as (processes, device):
        assert (processes, device) == (ALONE, "cpu")
    assert ALONE.first and ALONE.weight(3, 7) == 1.0
    network = tiny_gpt()
    assert ALONE.joined(network) is network
    assert ALONE.mean({"a": 0.1}, "cpu") == {"a": 0.1}

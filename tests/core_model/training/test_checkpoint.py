"""A checkpoint is everything a run needs to go on, and it is there whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from core_model.training import checkpoint

ROOT = Path(__file__).resolve().parents[3]


def network(seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2, bias=False))


def learn(module: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    loss = module(torch.linspace(-1, 1, 8).reshape(2, 4) * (step + 1)).square().sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@pytest.mark.parametrize("fused", [False, True])
def test_weights_moments_and_step_come_back(tmp_path: Path, fused: bool) -> None:
    path = tmp_path / "checkpoint.safetensors"
    module = network(1)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1, fused=fused)
    for step in range(3):
        learn(module, optimizer, step)
    checkpoint.save(path, 3, {"net": module}, {"adamw": optimizer})
    assert [p.name for p in tmp_path.iterdir()] == [path.name]

    other = network(2)
    restored = torch.optim.AdamW(other.parameters(), lr=0.1, fused=fused)
    assert checkpoint.load(path, {"net": other}, {"adamw": restored}) == 3
    for step in range(3, 5):
        learn(module, optimizer, step)
        learn(other, restored, step)
    for a, b in zip(module.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_no_file_changes_nothing(tmp_path: Path) -> None:
    module = network(1)
    before = [parameter.clone() for parameter in module.parameters()]
    assert checkpoint.load(tmp_path / "none", {"net": module}, {"adamw": torch.optim.AdamW(module.parameters())}) == 0
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def test_an_optimizer_that_never_stepped_is_restored_as_such(tmp_path: Path) -> None:
    """The judges' one, before they are first heard."""
    module = network(1)
    optimizer = torch.optim.AdamW(module.parameters())
    checkpoint.save(tmp_path / "c", 1, {"net": module}, {"adamw": optimizer})
    restored = torch.optim.AdamW(module.parameters())
    assert checkpoint.load(tmp_path / "c", {"net": module}, {"adamw": restored}) == 1
    assert restored.state_dict()["state"] == {}
    learn(module, restored, 0)


def test_another_networks_checkpoint_is_refused(tmp_path: Path) -> None:
    module = network(1)
    checkpoint.save(tmp_path / "c", 1, {"net": module}, {})
    with pytest.raises(RuntimeError, match=r"size mismatch|Missing key"):
        checkpoint.load(tmp_path / "c", {"net": nn.Sequential(nn.Linear(5, 3), nn.Linear(3, 2))}, {})


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
import torch
from torch import nn
from core_model.training import checkpoint
module = nn.Linear(4, 4)
path = Path(sys.argv[1])
real = checkpoint.save_file
def half(tensors, partial):
    real(tensors, partial)
    os.truncate(partial, os.path.getsize(partial) // 2)
    os.kill(os.getpid(), signal.SIGKILL)
checkpoint.save(path, 1, {"net": module}, {})
checkpoint.save_file = half
checkpoint.save(path, 2, {"net": module}, {})
"""


def test_killed_while_writing_the_last_whole_one_is_found(tmp_path: Path) -> None:
    path = tmp_path / "c"
    run = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_WRITING, str(path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert run.returncode == -signal.SIGKILL
    assert int(load_file(path)["step"][0]) == 1
    module = nn.Linear(4, 4)
    assert checkpoint.load(path, {"net": module}, {}) == 1
    checkpoint.save(path, 2, {"net": module}, {})  # what the killed one left is in nobody's way
    assert [p.name for p in tmp_path.iterdir()] == ["c"]

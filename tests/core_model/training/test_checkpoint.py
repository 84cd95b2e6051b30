"""A checkpoint is everything a run needs to go on, and it is there whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
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
real = checkpoint.pieces_of
def half(tensors):
    first, *rest = real(tensors)
    yield first
    yield rest[0][:len(rest[0]) // 2]
    os.kill(os.getpid(), signal.SIGKILL)
checkpoint.save(path, 1, {"net": module}, {})
checkpoint.pieces_of = half
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


class Turned:
    """A keeper that changes every byte, and changes it back."""

    def write(self, path: Path, pieces: Iterable[bytes | memoryview]) -> None:
        path.write_bytes(bytes(byte ^ 0x5A for piece in pieces for byte in piece))

    def read(self, path: Path) -> bytes | None:
        return bytes(byte ^ 0x5A for byte in path.read_bytes()) if path.exists() else None


def test_a_keeper_sees_to_what_reaches_the_disk(tmp_path: Path) -> None:
    module, other = network(1), network(2)
    checkpoint.save(tmp_path / "c", 4, {"net": module}, {}, Turned())
    with pytest.raises(SafetensorError):
        load_file(tmp_path / "c")
    assert checkpoint.load(tmp_path / "c", {"net": other}, {}, Turned()) == 4
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), other.parameters(), strict=True))


def test_the_file_is_what_safetensors_reads(tmp_path: Path) -> None:
    """Every type that a network or an optimizer holds, no axis, no element, and a tensor that is laid out otherwise."""
    kinds = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8)
    tensors = {f"odd {kind}": torch.arange(15).reshape(3, 5).to(kind) for kind in kinds}
    tensors |= {"bool": torch.tensor([True, False, True]), "scalar": torch.tensor(2.5), "none": torch.zeros(0, 3)}
    tensors["turned"] = torch.arange(6.0).reshape(2, 3).T
    (tmp_path / "c").write_bytes(b"".join(checkpoint.pieces_of(tensors)))
    found = load_file(tmp_path / "c")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor), name

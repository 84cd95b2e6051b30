"""One training run on several processes: who is who, whose rows of a batch are whose, and one number out of many.

Knows torch.distributed and what torchrun sets; nothing of networks' insides or losses. Every process draws the same
joint batch and keeps its rows, so no data is sent about; DistributedDataParallel (Li 2020) takes the mean of the
gradients. ALONE, the default everywhere, changes nothing: not one bit of a run on one process.

    torchrun --nproc-per-node 2 -m core_model.nano.recipe --work DIR        with joined(os.environ, "cpu") as processes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from core_model.errors import UnevenBatchError

_LONGEST_WAIT = timedelta(hours=12)  # while the first process makes what all need


@dataclass(frozen=True, slots=True)
class Processes:
    """This process (*rank*, from 0) among *count* that train the same networks."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether it is this one that writes checkpoints and reports."""
        return self.rank == 0

    def rows(self, size: int) -> slice:
        """Which rows of a joint batch of *size* are this process's; UnevenBatchError where they cannot be shared."""
        if size % self.count:
            raise UnevenBatchError(size, self.count)
        share = size // self.count
        return slice(self.rank * share, (self.rank + 1) * share)

    def weight(self, here: float, everywhere: float) -> float:
        """What a mean over *here* things counts for, so that the processes' mean is the mean over *everywhere*."""
        return 1.0 if self.count == 1 else here * self.count / everywhere

    def joined(self, network: nn.Module) -> nn.Module:
        """*network*, or the same one behind what averages its gradients; it begins with the first process's weights."""
        if self.count == 1:
            return network
        device = next(network.parameters()).device
        return DistributedDataParallel(network, device_ids=[device] if device.type == "cuda" else None)

    def mean(self, told: Mapping[str, float], device: str) -> dict[str, float]:
        """The mean of every number over all processes, which must all ask for the same ones."""
        if self.count == 1:
            return dict(told)
        values = torch.tensor(list(told.values()), dtype=torch.float64, device=device)
        distributed.all_reduce(values)
        return dict(zip(told, (values / self.count).tolist(), strict=True))

    def wait(self) -> None:
        """Go on when every process has come here."""
        if self.count > 1:
            distributed.barrier()


ALONE = Processes()


@contextmanager
def joined(environment: Mapping[str, str], device: str) -> Iterator[tuple[Processes, str]]:
    """(these processes, the device of this one) where torchrun has set *environment*; (ALONE, *device*) elsewhere.

    gloo on CPUs, NCCL on GPUs, of which every process takes its own.
    """
    if "WORLD_SIZE" not in environment:
        yield ALONE, device
        return
    own = f"cuda:{environment['LOCAL_RANK']}" if device == "cuda" else device
    if device == "cuda":
        torch.cuda.set_device(own)
    distributed.init_process_group("nccl" if device == "cuda" else "gloo", timeout=_LONGEST_WAIT)
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size()), own
    finally:
        distributed.destroy_process_group()

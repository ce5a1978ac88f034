"""Several processes that train one prior together: torch's own data parallelism, as ``torchrun`` starts it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from lifting.device import choose_device

__all__ = ["Team", "working_together"]


@dataclass(frozen=True)
class Team:
    """This process among those that train together; by default it is alone.

    Attributes:
        rank: number of this process, from 0; the first one leads: it alone writes and reports.
        size: number of processes on all machines.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def part(self, rows: Tensor) -> Tensor:
        """The rows of a batch that are this process's work.

        Raises ValueError if they cannot be divided evenly: the mean of the parts would not be that of the batch.
        """
        each, rest = divmod(len(rows), self.size)
        if rest:
            raise ValueError(f"{len(rows)} rows cannot be divided among {self.size} processes; change the batch")
        return rows[self.rank * each : (self.rank + 1) * each]

    def joined(self, network: nn.Module) -> nn.Module:
        """The network as a module whose gradients are averaged over the processes."""
        return network if self.size == 1 else nn.parallel.DistributedDataParallel(network)

    def mean(self, value: Tensor) -> Tensor:
        """Average of a value over the processes."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        distributed.all_reduce(total)
        return total / self.size

    def agreed(self, decision: bool, device: torch.device) -> bool:
        """The decision of the leader: clocks differ."""
        if self.size == 1:
            return decision
        told = torch.tensor(float(decision), device=device)
        distributed.broadcast(told, src=0)
        return bool(told)


@contextmanager
def working_together(device_name: str) -> Iterator[tuple[Team, torch.device]]:
    """The team that ``torchrun`` started and this process's device; without it one process, as ever.

    CUDA devices talk through NCCL, one process on each; CPUs through Gloo.

    Raises:
        ValueError: there is no such device, or too few for the processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Team(), choose_device(device_name)
        return
    kind = "cuda" if device_name == "auto" and torch.cuda.is_available() else device_name.replace("auto", "cpu")
    device = choose_device(kind)
    if device.type == "mps":
        raise ValueError("several processes cannot train on mps; use --device cpu or --device cuda")
    if device.type == "cuda":
        number = int(os.environ["LOCAL_RANK"])
        if number >= torch.cuda.device_count():
            raise ValueError(
                f"there are {torch.cuda.device_count()} GPUs here; start at most one process on each (--nproc-per-node)"
            )
        device = torch.device("cuda", number)
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Team(distributed.get_rank(), distributed.get_world_size()), device
        # Who ends before the others takes away the threads that they still talk to.
        distributed.barrier()
    finally:
        distributed.destroy_process_group()

"""Several training processes, one thread each, that share every batch and agree on every gradient.

On a CPU whose cores are also wanted by others this is faster than threads, which wait for each other at every operation.
Start with `torchrun --nproc-per-node 2 -m turbo_training train ...`; without torchrun there is one process.
"""

from __future__ import annotations

import os

import torch
import torch.distributed as distributed
from torch import nn

RANK = int(os.environ.get("RANK", "0"))
PROCESSES = int(os.environ.get("WORLD_SIZE", "1"))


def join() -> None:
    """Meets the other processes, if there are any."""
    if PROCESSES > 1 and not distributed.is_initialized():
        distributed.init_process_group("gloo")


def portion(mixture: dict[str, int]) -> list[str]:
    """This process's part of a batch, by source."""
    return [name for name, count in mixture.items() for _ in range(count)][RANK::PROCESSES]


def agree(module: nn.Module) -> None:
    """Averages the gradients over all processes."""
    if PROCESSES == 1:
        return
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    distributed.all_reduce(flat)
    flat /= PROCESSES
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def wait() -> None:
    """Until every process has come here."""
    if PROCESSES > 1:
        distributed.barrier()


def spread(module: nn.Module) -> None:
    """Gives all processes the first one's weights."""
    if PROCESSES > 1:
        for parameter in module.parameters():
            distributed.broadcast(parameter.data, 0)

"""Work on many pictures by several processes, which leave when the one that began them does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any

import torch

_work: Callable[..., None]


def cores() -> int:
    """How many of the processor's cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(work: Callable[..., None], tasks: list[tuple[Any, ...]], workers: int) -> Iterator[None]:
    """Does `work` with each of these arguments, and yields when one more, in their order, is done. What a worker raises is raised here."""
    if workers < 2:
        for task in tasks:
            yield work(*task)
        return
    # forked processes would wait for threads that they don't have
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (work,)) as pool:
        yield from pool.map(_one, tasks)


def _begin(work: Callable[..., None]) -> None:
    global _work
    _work = work
    # there are as many workers as cores: more threads would be in each other's way
    torch.set_num_threads(1)
    Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """A worker whose parent was killed would wait for the next task for ever, since it holds both ends of the queue."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _one(task: tuple[Any, ...]) -> None:
    _work(*task)

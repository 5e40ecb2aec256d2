"""Lines that say how far a run has come and when it will be done."""

from __future__ import annotations

import time
from datetime import timedelta

from torch import Tensor


class Progress:
    """Prints a line every few seconds, with averages of what it is told."""

    def __init__(self, name: str, total: int, done: int = 0, every: float = 15.0) -> None:
        self.name, self.total, self.every = name, total, every
        self.first, self.began, self.spoke = done, time.monotonic(), time.monotonic()
        self.sums: dict[str, float | Tensor] = {}
        self.count = 0

    def report(self, done: int, **values: float | Tensor) -> None:
        """Takes in the values of one step, which are looked at only when a line is due: a GPU isn't waited for."""
        self.count += 1
        for key, value in values.items():
            self.sums[key] = self.sums.get(key, 0.0) + value
        now = time.monotonic()
        if now - self.spoke < self.every and done < self.total:
            return
        pace = (now - self.began) / max(1, done - self.first)
        rest = timedelta(seconds=round(pace * (self.total - done)))
        means = "  ".join(f"{key} {float(value) / self.count:.4f}" for key, value in self.sums.items())
        print(f"{self.name} {done}/{self.total} ({done / self.total:.0%})  {pace:.3f} s/step  ETA {rest}  {means}", flush=True)
        self.spoke, self.sums, self.count = now, {}, 0

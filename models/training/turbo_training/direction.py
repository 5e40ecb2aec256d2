"""One generator for two directions: a learnt shift a direction tells it which way to translate.

The shift is added to the bias of every layer that leads down, and of the maps. For a shipped graph one direction is
folded into those biases, so that the condition costs nothing when the model runs.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from .network import Generator, Maps, Widths

SHIFTED = ("stem", "down8", "down16", "down32", "maps")


class TwoWay(nn.Module):
    """A generator that takes a direction: 0 is from the first domain to the second, 1 is back."""

    def __init__(self, widths: Widths | None = None) -> None:
        super().__init__()
        self.generator = Generator(widths)
        self.shifts = nn.ParameterDict()
        for name in SHIFTED:
            channels = self.generator.get_submodule(name).out_channels
            self.shifts[name] = nn.Parameter(0.01 * torch.randn(2, channels))

    def forward(self, picture: Tensor, direction: int) -> Maps:
        biases = {f"{name}.bias": self._bias(name, direction) for name in SHIFTED}
        return torch.func.functional_call(self.generator, biases, (picture,))

    def translate(self, picture: Tensor, direction: int) -> Tensor:
        """The translated pictures, not clamped."""
        return self(picture, direction).apply(picture)

    def folded(self, direction: int) -> Generator:
        """A plain generator for one direction."""
        plain = copy.deepcopy(self.generator)
        for name in SHIFTED:
            plain.get_submodule(name).bias.data.copy_(self._bias(name, direction).detach())
        return plain.eval()

    def _bias(self, name: str, direction: int) -> Tensor:
        return self.generator.get_submodule(name).bias + self.shifts[name][direction]

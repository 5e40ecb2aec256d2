"""What the network and its heads are made of."""

from __future__ import annotations

from collections.abc import Iterable

import torch.nn.functional as F
from torch import Tensor, nn

FOLD = 4
"""Space-to-depth factor: the network's finest grid is the picture's size divided by this."""
STRIDE = 32
"""The picture is padded to a multiple of this."""
PIXELS = FOLD * FOLD
COLOURS = 3
LUMA = (0.299, 0.587, 0.114)


class Block(nn.Module):
    """Residual block with a dilated 3x3 and a zero-initialised 1x1 on the way back."""

    def __init__(self, channels: int, inner: int, dilation: int) -> None:
        super().__init__()
        self.spread = nn.Conv2d(channels, inner, 3, padding=dilation, dilation=dilation)
        self.gather = nn.Conv2d(inner, channels, 1)
        nn.init.zeros_(self.gather.weight)
        nn.init.zeros_(self.gather.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.gather(F.relu(self.spread(x))))


class Polish(nn.Module):
    """Residual 3x3 at the resolution it is given, with the same zero-initialised way back."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.mix(x))


class Rise(nn.Module):
    """One decoder stage: bring the coarse features up, add the skip, mix; an `edged` one has the picture's edges repeated beyond it."""

    def __init__(self, coarse: int, fine: int, edged: bool = False) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(coarse, fine, 1)
        self.skip = nn.Conv2d(fine, fine, 1, bias=False)
        self.mix = nn.Conv2d(fine, fine, 3, padding=1, padding_mode="replicate" if edged else "zeros")
        nn.init.zeros_(self.skip.weight)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        up = twice(self.narrow(coarse))
        return F.relu(self.mix(F.relu(up + self.skip(fine))))


def polishes(channels: int, dilations: Iterable[int]) -> nn.ModuleList:
    """Polishes that follow one another."""
    return nn.ModuleList(Polish(channels, dilation) for dilation in dilations)


def through(layers: nn.ModuleList, x: Tensor) -> Tensor:
    """x through one layer after the other."""
    for layer in layers:
        x = layer(x)
    return x


def twice(x: Tensor) -> Tensor:
    """x at twice its size."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def luma(picture: Tensor) -> Tensor:
    """Rec. 601 luma of [B, 3, H, W], as [B, 1, H, W]."""
    # no tensor of weights, which would have to be sent to a GPU
    red, green, blue = picture.split(1, 1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue

"""The mirror head of clear-to-rainy: where the ground is wet, how far up from there what stands on it begins, and what it mirrors.

A flat road shows above what stands on it the same again, upside down: a cell that lies so many rows below the foot of a house mirrors
what is as many rows above that foot. The head learns where ground is and how far away feet are; fetching what is there is a layer
without weights (as in Jaderberg et al., Spatial transformer networks, 2015), along columns, of cells that are translated already. How
bright ground is on the whole, and what is marked on it, is left as it was: only how what is mirrored differs from its own mean around is
added as light, which may be below zero.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Block, luma, polishes, through, twice

TOLD = 2
"""What the mirror head says of a cell: how surely it is wet ground, and how many cells below the foot of what stands on it."""
DILATIONS = {"block": (2,), "wide": (1, 2), "near": (1,), "last": ()}
"""Of the mirror head's layers."""
UNIT = 16.0
"""Cells that the head's last layer counts as one."""
FLAT, STEEP = 0.6, 0.25
"""How much of what it mirrors is added to wet ground: at a foot, where it is seen at a flat angle, and half of the picture below one.
Chosen by eye, by pairs and by patch distance."""
EVEN = (3, 3)
"""Rows and columns of cells over which distances to feet are evened out: those of 2x2 cells are much alike, which would show as a grid."""
BEFORE, AFTER = (5, 3), (3, 1)
"""The same for what is mirrored, before it is fetched and after: a road is rough."""
AROUND = 33
"""Cells, down and aside, of whose ground the mean of what is mirrored is taken off: how bright a wet road is, the network has learnt."""
LEAST = 1e-3
"""Ground that is counted around any cell, so that there is a mean where there is none."""


class MirrorHead(nn.Module):
    """Finds wet ground and the feet of what stands on it, in the features of the network, which stay as they are."""

    def __init__(self, channels: tuple[int, int, int, int], trunk: tuple[int, int, int, int]) -> None:
        """Its own channels, inside a block at 1/32 of the picture and at 1/16, 1/8 and 1/4; and the network's at 1/32 to 1/4."""
        super().__init__()
        inner, sixteenth, eighth, quarter = channels
        self.block = Block(trunk[0], inner, *DILATIONS["block"])
        self.narrow16 = nn.Conv2d(trunk[0], sixteenth, 1)
        self.skip16 = nn.Conv2d(trunk[1], sixteenth, 1, bias=False)
        self.wide = polishes(sixteenth, DILATIONS["wide"])
        self.narrow8 = nn.Conv2d(sixteenth, eighth, 1)
        self.skip8 = nn.Conv2d(trunk[2], eighth, 1, bias=False)
        self.near = polishes(eighth, DILATIONS["near"])
        self.narrow4 = nn.Conv2d(eighth, quarter, 1)
        self.skip4 = nn.Conv2d(trunk[3], quarter, 1, bias=False)
        self.tell = nn.Conv2d(quarter, TOLD, 1)
        nn.init.constant_(self.tell.bias, -6.0)

    def forward(self, deep: Tensor, sixteenth: Tensor, eighth: Tensor, quarter: Tensor) -> Tensor:
        """Logits [B, TOLD, H/4, W/4] of the network's features, coarse to fine."""
        x = through(self.wide, F.relu(twice(self.narrow16(self.block(deep))) + self.skip16(sixteenth)))
        x = through(self.near, F.relu(twice(self.narrow8(x)) + self.skip8(eighth)))
        return self.tell(F.relu(twice(self.narrow4(x)) + self.skip4(quarter)))


def ground(logits: Tensor) -> Tensor:
    """How surely each cell is wet ground, 0 to 1, and how many cells below a foot, 0 where it is none: [B, TOLD, h, w]."""
    sure, below = logits.float().split(1, 1)
    sure = torch.sigmoid(sure)
    return torch.cat([sure, UNIT * sure * F.softplus(below)], 1)


def mirrored(maps: Tensor, told: Tensor, colours: Tensor) -> Tensor:
    """The light that wet ground adds by mirroring, [B, COLOURS, h, w], from the nine maps [B, 9, h, w], what `ground` tells and the mean
    colours of the cells [B, 3, h, w]."""
    dark, slope, light = maps.float().split(3, 1)
    return reflected((colours * torch.exp(dark + slope * luma(colours)) + light).clamp(0, 1), told)


def reflected(seen: Tensor, told: Tensor) -> Tensor:
    """The light that wet ground adds to the cells of a picture, [B, COLOURS, h, w], by mirroring them."""
    sure, below = told.split(1, 1)
    # weighed by how surely cells are ground, or distances would shrink towards kerbs
    around, evened = _blurred(torch.cat([sure, sure * below], 1), EVEN).split(1, 1)
    below = evened / (around + LEAST)
    rows = seen.shape[2]
    source = (torch.arange(rows, device=seen.device, dtype=torch.float32)[:, None] - 2 * below).clamp(0, rows - 1)
    above = source.floor().long()
    soft = _blurred(seen, BEFORE)
    first, second = (torch.gather(soft, 2, row.expand(-1, 3, -1, -1)) for row in (above, (above + 1).clamp(max=rows - 1)))
    image = _blurred(first + (source - above) * (second - first), AFTER)
    mean = _around(sure * image) / (_around(sure) + LEAST)
    share = sure * (FLAT - (FLAT - STEEP) * (2 / rows * below).clamp(0, 1))
    return share * (image - mean)


def _blurred(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.avg_pool2d(x, size, 1, (size[0] // 2, size[1] // 2), count_include_pad=False)


def _around(x: Tensor) -> Tensor:
    return F.avg_pool2d(F.avg_pool2d(x, (AROUND, 1), 1, (AROUND // 2, 0)), (1, AROUND), 1, (0, AROUND // 2))

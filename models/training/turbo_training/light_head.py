"""The light head of day-to-night: a small detector of street lamps and windows, and how what it finds is lit."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import PIXELS, polishes, through, twice

LIGHTS = 2
"""Kinds of light that the light head finds: street lamps and windows, in that order."""
LIKELY, SURE = (-0.4, 0.2), (0.1, 0.8)
"""Logits, of lamps and of windows, below which a cell adds no light, and above which all of it: about where there is as likely one as not.
Chosen by pictures that it never saw, and by how far nights are from real ones, which the more of their windows are lit are farther."""
DILATIONS = {"near": (1, 1), "wide": (1, 2), "deep": (1, 2), "back": (1,), "last": (1,)}
"""Of the light head's layers."""
REACH = 4
"""How many cells around a lamp its glow reaches."""
SPREADS = (0.5, 0.9, 1.6)
"""How wide, in cells, the rings are of which glow is made."""
WINDOW_GAIN, WINDOW_SLOPE = 2.3, -2.5
"""How a lit window shows what is seen in it by day: what is added to the log-gain of black, and to how that changes up to white. Chosen by
eye, as the next two: of light alone, which a painter's windows teach, panes would be blank. Panes are dark by day, so they are lit most;
frames and walls, which are bright in the same cells, are lit less, so that a window's edges are mostly the picture's, finer than a cell. Up
to two fifths of white what is brighter stays brighter; a curtain or a sky mirrored in a pane, above that, doesn't."""
WINDOW_TINT = (1.0, 0.85, 0.62)
"""Red, green and blue of that gain."""
WINDOW_LIGHT = (0.16, 0.13, 0.08)
"""Light of a lit window in which nothing is seen by day, in units of white."""


class LightHead(nn.Module):
    """Finds street lamps and windows: a small detector of its own, from the picture to how sure it is of each in every cell.

    It shares no weights with the rest, which knows too little of what is only a few pixels large, and was taught by marks (`lights`).
    """

    def __init__(self, channels: tuple[int, int, int]) -> None:
        super().__init__()
        fine, eighth, sixteenth = channels
        self.stem = nn.Conv2d(3 * PIXELS, fine, 1)
        self.near = polishes(fine, DILATIONS["near"])
        self.down8 = nn.Conv2d(fine, eighth, 3, stride=2, padding=1)
        self.wide = polishes(eighth, DILATIONS["wide"])
        self.down16 = nn.Conv2d(eighth, sixteenth, 3, stride=2, padding=1)
        self.deep = polishes(sixteenth, DILATIONS["deep"])
        self.narrow8 = nn.Conv2d(sixteenth, eighth, 1)
        self.back = polishes(eighth, DILATIONS["back"])
        self.narrow4 = nn.Conv2d(eighth, fine, 1)
        self.last = polishes(fine, DILATIONS["last"])
        self.tell = nn.Conv2d(fine, LIGHTS, 1)

    def forward(self, folded: Tensor) -> Tensor:
        """Logits [B, LIGHTS, H/4, W/4] of the folded picture."""
        near = through(self.near, F.relu(self.stem(folded)))
        wide = through(self.wide, F.relu(self.down8(near)))
        deep = through(self.deep, F.relu(self.down16(wide)))
        wide = through(self.back, F.relu(wide + twice(self.narrow8(deep))))
        return self.tell(through(self.last, F.relu(near + twice(self.narrow4(wide)))))


class Glow(nn.Module):
    """The light that is laid around the lamps that the light head found: round, whatever is learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, len(SPREADS)))
        self.register_buffer("rings", rings(), persistent=False)

    def forward(self, lamps: Tensor) -> Tensor:
        """Light [B, 3, h, w] of how sure each cell is of a lamp."""
        return F.conv2d(lamps, self.kernel().to(lamps.dtype), padding=REACH)

    def kernel(self) -> Tensor:
        """[3, 1, 2 * REACH + 1, 2 * REACH + 1]."""
        return torch.einsum("cr,ryx->cyx", self.weight, self.rings)[:, None]


def window_maps() -> Tensor:
    """What a window adds to the nine maps where it is lit: [9]."""
    tint, shine = torch.tensor(WINDOW_TINT), torch.tensor(WINDOW_LIGHT)
    return torch.cat([WINDOW_GAIN + tint.log(), torch.full((3,), WINDOW_SLOPE), shine])


def rings() -> Tensor:
    """Gaussians of SPREADS that end at REACH: [len(SPREADS), 2 * REACH + 1, 2 * REACH + 1]."""
    line = torch.arange(-REACH, REACH + 1.0).square()
    far = line[:, None] + line
    ends = (1 - far / (REACH + 0.5) ** 2).clamp(min=0).square()
    return torch.stack([torch.exp(-far / (2 * spread**2)) for spread in SPREADS]) * ends


def sureness(logits: Tensor) -> Tensor:
    """0 for what is likely no light, 1 for what surely is one."""
    kinds = ((logits[:, kind : kind + 1] - LIKELY[kind]) / (SURE[kind] - LIKELY[kind]) for kind in range(LIGHTS))
    return torch.cat(list(kinds), 1).clamp(0, 1)

"""How the mirror head learns where ground is wet, and how far below the foot of what stands on it: from where the painter is sure of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .blocks import FOLD
from .mirror_head import ground

FEET = 0.5
"""Weight of how far feet are beside where ground is."""
NEAR_FOOT, FARTHER = 2.0, 0.15
"""Errors, in cells, count in units of so many, and of so many more for each cell below the foot: mirrors of what is far above are soft."""
FEW = 500.0
"""Cells of ground in a batch below which feet count less."""


def below_feet(sure: Tensor) -> tuple[Tensor, Tensor]:
    """How many cells each lies below the last row of what stands on the ground, and whether that is known, [B, 1, h, w] each; from where
    ground is in a picture, [B, 1, H, W]. It isn't known of what is no ground, or where ground goes on beyond the upper edge."""
    is_ground = sure > 0.5
    rows = torch.arange(sure.shape[2], device=sure.device, dtype=torch.float32)[:, None].expand_as(sure)
    foot = torch.where(is_ground, -1.0, rows).cummax(2).values
    known = (is_ground & (foot >= 0)).float()
    share = F.avg_pool2d(known, FOLD)
    return F.avg_pool2d((rows - foot) * known, FOLD) / (share.clamp(min=1e-3) * FOLD), (share > 0.5).float()


def mistaken(logits: Tensor, sure: Tensor) -> Tensor:
    """How far what the mirror head tells, logits [B, TOLD, h, w], is from where the painter is sure of ground, [B, 1, H, W]."""
    where = F.binary_cross_entropy_with_logits(logits[:, :1], F.avg_pool2d(sure, FOLD))
    below, known = below_feet(sure)
    error = (ground(logits)[:, 1:] - below).abs() / (NEAR_FOOT + FARTHER * below) * known
    return where + FEET * error.sum() / known.sum().clamp(min=FEW)

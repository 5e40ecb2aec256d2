"""How far things are, as a linear probe of DINOv2's features (Oquab et al., 2023, section 7.4) tells it.

It is fitted to what `scene.distance` makes of perspective: exact of flat ground, and of what stands on it where its foot is seen, but a
guess of what is behind that, wrong in one picture and right in the next. What can't be told from features averages out.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .vit import CELL, CHANNELS

FARTHEST = 60.0
"""The vanishing point, and what is beyond: 1 is the ground at the picture's lower edge."""
RIDGE = 1e-3
"""How much weights cost, beside the mean square of features."""
_SEEN_WITHIN, _ALIKE = 14, 2e-3
"""Radius, in units of 1/640 of the width, in which what looks alike is taken to be as far, and how much brightness may differ, squared."""


def fit(examples: Iterable[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """The probe, [CHANNELS + 1], of features [CHANNELS, h, w], distances and how much these count, [h, w] each: ridge regression of the
    distances' logarithms."""
    products, moments = torch.zeros(CHANNELS + 1, CHANNELS + 1, dtype=torch.float64), torch.zeros(CHANNELS + 1, dtype=torch.float64)
    for features, far, counts in examples:
        rows = _with_one(features)
        weighted = rows * counts.reshape(-1, 1)
        products += (weighted.T @ rows).double()
        moments += (weighted.T @ far.log().reshape(-1, 1)).double()[:, 0]
    if not products.any():
        raise ValueError("no picture says how far anything is")
    return torch.linalg.solve(products + RIDGE * products.diagonal().mean() * torch.eye(len(products)), moments).float()


def tell(probe: Tensor, features: Tensor) -> Tensor:
    """Distances [h, w], by features [CHANNELS, h, w]."""
    return (_with_one(features) @ probe).clamp(0, float(np.log(FARTHEST))).exp().reshape(features.shape[1:])


def evened(far: Tensor) -> Tensor:
    """Distances of cells, each drawn to those beside it: what one cell says alone is noise more often than not."""
    line = torch.tensor([0.25, 0.5, 0.25])
    return F.conv2d(F.pad(far.log()[None, None], [1] * 4, mode="replicate"), (line[:, None] * line)[None, None])[0, 0].exp()


def _with_one(features: Tensor) -> Tensor:
    flat = features.flatten(1).T.float()
    return torch.cat([flat, flat.new_ones(len(flat), 1)], 1)


def enlarged(coarse: np.ndarray, luma: np.ndarray) -> np.ndarray:
    """Distances of cells of 16x16 pixels at the picture's size, [H, W], with the picture's edges (He et al., Guided image filtering,
    2010)."""
    height, width = luma.shape
    rows, columns = coarse.shape
    smooth = F.interpolate(torch.from_numpy(np.log(coarse))[None, None], (CELL * rows, CELL * columns), mode="bicubic")[
        ..., :height, :width
    ]
    guide, radius = torch.from_numpy(luma)[None, None], max(2, round(_SEEN_WITHIN * width / 640))

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(x, [radius] * 4, mode="replicate"), 2 * radius + 1, 1)

    seen, level = mean(guide), mean(smooth)
    slope = (mean(guide * smooth) - seen * level) / (mean(guide * guide) - seen * seen + _ALIKE)
    found = mean(slope) * guide + mean(level - slope * seen)
    return found.clamp(0, float(np.log(FARTHEST))).exp()[0, 0].numpy()

"""How large a picture the network looks at, and how what it predicts is brought to the frame's size.

The network learnt from pictures of about 640x360, and in larger frames its reach is too short and its work too long. From
about 1280x720 on it looks at the frame reduced by 2, and from about 2560x1440 on by 4; its maps are enlarged, and applied to
the frame itself.
"""

from __future__ import annotations

import numpy as np
import torch.nn.functional as functional
from torch import Tensor

from .network import FOLD, LIGHTS, PIXELS, REACH, STRIDE, Generator, Maps, Widths

MOST = 700_000
"""Pixels that the network looks at, at most, unless the reduction is the largest that there is."""
REDUCTIONS = (1, 2, 4)


def reduction(width: int, height: int) -> int:
    """By how much a frame of this size is reduced: the least of REDUCTIONS that leaves at most MOST pixels."""
    enough = (ratio for ratio in REDUCTIONS if width * height <= MOST * ratio**2)
    return next(enough, REDUCTIONS[-1])


def padded(width: int, height: int) -> tuple[int, int]:
    """The size to which a frame is padded: multiples of what one cell of the coarsest grid covers."""
    step = STRIDE * reduction(width, height)
    return -(-width // step) * step, -(-height // step) * step


def predict(generator: Generator, picture: Tensor, ratio: int) -> Maps:
    """Maps of a whole, padded picture, predicted from it reduced by `ratio`.

    Log-gains are enlarged in two steps, by `ratio` and by FOLD; the light of each pixel that was looked at, by `ratio`.
    """
    if ratio == 1:
        return generator(picture)
    features = generator.features(functional.avg_pool2d(picture, ratio))
    dark, slope, light = generator.coarse_maps(features).split(3, dim=1)
    shine = _larger(light, FOLD) + generator.sparks(features)
    return Maps(*(_larger(_larger(tone, ratio), FOLD) for tone in (dark, slope)), _larger(shine, ratio))


def _larger(maps: Tensor, ratio: int) -> Tensor:
    return functional.interpolate(maps, scale_factor=ratio, mode="bilinear")


def enlargement(ratio: int) -> np.ndarray:
    """Linear enlargement by 2 or 4 as a convolution whose outputs are the FOLD x FOLD pixels of a cell: [PIXELS, 1, taps, taps].

    Its stride is FOLD / ratio, and it wants a border of one pixel.
    """
    covered = FOLD // ratio
    line = np.zeros((FOLD, covered + 2), np.float32)
    for pixel in range(FOLD):
        place = (pixel + 0.5) / ratio + 0.5
        before = int(place)
        line[pixel, before] = before + 1 - place
        line[pixel, before + 1] = place - before
    return np.einsum("ya,xb->yxab", line, line).reshape(PIXELS, 1, covered + 2, covered + 2)


def multiply_accumulates(widths: Widths, width: int, height: int, spark: bool = True) -> int:
    """Multiply-accumulates of the exported graph for one frame of this size, with the light of single pixels or without."""
    ratio = reduction(width, height)
    columns, rows = (side // FOLD for side in padded(width, height))
    full, w = columns * rows, widths
    grid = full // ratio**2
    channels = 3 * PIXELS
    applied = channels + 2 * 9 * channels
    if ratio > 1:
        applied += (FOLD // ratio + 2) ** 2 * channels
    quarter = 9 * w.quarter * w.quarter + w.quarter * w.quarter + w.quarter * (9 + channels * spark) + 9 * channels
    eighth = 9 * w.quarter * w.eighth + 19 * w.eighth * w.eighth + w.eighth * w.quarter
    sixteenth = 9 * w.eighth * w.sixteenth + 19 * w.sixteenth * w.sixteenth + w.sixteenth * w.eighth
    deep = 9 * w.sixteenth * w.thirtysecond + w.thirtysecond * w.sixteenth
    deep += len(w.dilations) * 10 * w.thirtysecond * w.inner
    if w.light:
        fine, half, fourth = w.light
        quarter += 9 * fine * (channels + 3 * fine) + LIGHTS * (fine + 3 * (2 * REACH + 1) ** 2)
        eighth += half * (9 * fine + 27 * half + fine)
        sixteenth += fourth * (9 * half + 18 * fourth + half)
    first = full * channels * w.quarter
    if w.light:
        # what it looks at is halved, once or twice
        halves = sum(full // 4**step for step in range(1, ratio.bit_length()))
        first = grid * channels * w.quarter + halves * 4 * channels**2
    return first + full * applied + grid * quarter + grid // 4 * eighth + grid // 16 * sixteenth + grid // 64 * deep

"""How large a picture the network looks at, and how what it predicts is brought to the frame's size.

The network learnt from pictures of about 640x360, and in larger frames its reach is too short and its work too long. From
about 1280x720 on it looks at the frame reduced by 2, and from about 2560x1440 on by 4; its maps are enlarged, and applied to
the frame itself.
"""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor

from .blocks import FOLD, PIXELS, STRIDE
from .light_head import DILATIONS, LIGHTS, REACH
from .mirror_head import DILATIONS as MIRROR_DILATIONS
from .mirror_head import TOLD
from .network import Generator, Maps, Widths, enlarged

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
    """Maps of a whole, padded picture, predicted from it reduced by `ratio` and enlarged to its size."""
    maps = generator.coarse_maps(generator.features(functional.avg_pool2d(picture, ratio)))
    return Maps(*enlarged(maps, FOLD * ratio).split(3, dim=1))


def multiply_accumulates(widths: Widths, width: int, height: int) -> int:
    """Multiply-accumulates of the network for one frame of this size, with the first products, from every pixel of the frame, and without
    what enlarges and applies the maps, or fetches what is mirrored."""
    ratio = reduction(width, height)
    columns, rows = (side // FOLD for side in padded(width, height))
    full, w = columns * rows, widths
    grid = full // ratio**2
    quarter = 9 * w.quarter * w.quarter + w.quarter * w.quarter + w.quarter * 9
    eighth = 9 * w.quarter * w.eighth + 19 * w.eighth * w.eighth + w.eighth * w.quarter
    sixteenth = 9 * w.eighth * w.sixteenth + 19 * w.sixteenth * w.sixteenth + w.sixteenth * w.eighth
    deep = 9 * w.sixteenth * w.thirtysecond + w.thirtysecond * w.sixteenth
    deep += len(w.dilations) * 10 * w.thirtysecond * w.inner
    first = w.quarter
    if w.light:
        fine, half, fourth = w.light
        polishes = {name: 9 * len(dilations) for name, dilations in DILATIONS.items()}
        first += fine
        quarter += fine**2 * (polishes["near"] + polishes["last"]) + LIGHTS * (fine + 3 * (2 * REACH + 1) ** 2)
        eighth += half * (9 * fine + half * (polishes["wide"] + polishes["back"]) + fine)
        sixteenth += fourth * (9 * half + fourth * polishes["deep"] + half)
    if w.mirror:
        inner, fourth, half, fine = w.mirror
        deep += 10 * w.thirtysecond * inner + w.thirtysecond * fourth
        sixteenth += fourth * (w.sixteenth + 9 * fourth * len(MIRROR_DILATIONS["wide"]) + half)
        eighth += half * (w.eighth + 9 * half * len(MIRROR_DILATIONS["near"]) + fine)
        quarter += fine * (w.quarter + TOLD) + 9 * w.quarter
    return full * 3 * PIXELS * first + grid * quarter + grid // 4 * eighth + grid // 16 * sixteenth + grid // 64 * deep

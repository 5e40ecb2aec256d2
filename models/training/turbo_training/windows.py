"""Where the windows of a street's houses are: found, and put right where someone has judged, for the painter of night; judged, for the
light head.

Sizes are given in units of 1/640 of the picture's width.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .scene import Array, Scene, Windows
from .segmenter import BUILDING

NARROWEST = 5.0
"""What is narrower is a frame, a gutter or a gap."""
AROUND = 10.0
"""How far around a pixel the facade's brightness is taken: a wall in shadow, much wider than that, is its own measure."""
UNKNOWN = 0.5
"""What `judged_panes` is where nobody has judged and a house may be."""
MAY_BE_HOUSE = 0.1
"""How probable a house has to be for windows to be possible there."""


def panes(scene: Scene, horizon: int) -> Array:
    """How bright the windows are by night, [H, W], in linear light.

    Those that show something by day are the brighter ones, and those near the street brighter than those above.
    """
    facade = scene.blur(scene.shows[BUILDING], 2)
    level = scene.blur(scene.luma * facade, AROUND) / (scene.blur(facade, AROUND) + 1e-3)
    dark = np.clip((level - scene.blur(scene.luma, 0.7) - 0.04) / 0.08, 0, 1) * np.clip(4 * facade - 3, 0, 1)
    found = _judged(_compact(_opened(dark, NARROWEST * scene.unit / 2)), scene.windows)
    inside = 0.35 + 1.3 * scene.blur(scene.luma, 1)
    rows = np.arange(len(facade))[:, None]
    up = np.clip((horizon - rows) / (0.25 * len(facade)), 0, 1)
    return scene.blur(np.clip(found, 0, 1), 0.8) * inside * (1.2 - 0.7 * up)


def judged_panes(shows: Array, judged: Windows) -> Array:
    """1 where someone saw a window, 0 where there is surely none, by judgement or since no house is near, else UNKNOWN: [H, W]."""
    near = max(1, round(4 * shows.shape[2] / 640))
    may_be = ndimage.maximum_filter(shows[BUILDING], 2 * near + 1) > MAY_BE_HOUSE
    return _judged(np.where(may_be, np.float32(UNKNOWN), np.float32(0)), judged)


def _judged(found: Array, judged: Windows) -> Array:
    """What was found, put right where someone has judged."""
    height, width = found.shape
    right = found.copy()
    for boxes, value in ((judged.others, 0), (judged.seen, 1)):
        for box in boxes:
            top, left = round(box.top * height), round(box.left * width)
            right[top : max(round(box.bottom * height), top + 1), left : max(round(box.right * width), left + 1)] = value
    return right


def _compact(patches: Array) -> Array:
    """Those of the patches that fill the rectangle around them and aren't drawn out: no eaves, and no gaps between houses."""
    found, _ = ndimage.label(patches > 0.3)
    kept = np.zeros_like(patches)
    for index, where in enumerate(ndimage.find_objects(found), 1):
        tall, wide = where[0].stop - where[0].start, where[1].stop - where[1].start
        mask = found[where] == index
        if tall < 3.5 * wide and wide < 2.5 * tall and mask.mean() > 0.55:
            kept[where] = np.maximum(kept[where], patches[where] * mask)
    return kept


def _opened(x: Array, radius: float) -> Array:
    """What of x is nowhere narrower than a disc of this radius, in pixels."""
    reach = max(1, round(radius))
    y, z = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    return ndimage.grey_opening(x, footprint=y * y + z * z <= reach * reach + 1)

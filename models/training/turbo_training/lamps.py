"""Where a street's lamps are, for the painter of night: on the posts that stand in it.

Sizes are given in units of 1/640 of the picture's width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .scene import Array, Scene
from .segmenter import BUILDING, PAVEMENT, POLE, ROAD, SIGN, SKY

SHORTEST = 0.08
"""How tall a lamp post is at least, by the picture's height."""
LOWEST = 2.8
"""How many times as high as a car's camera a street lamp is at least: lower ones are signs' posts and signals'."""
GAP = 20
"""How far apart pieces of the same post may be."""
SURE = 0.4
"""How probable it has to be, in the mean along a post, that it is a pole."""


@dataclass(frozen=True)
class Lamp:
    """A street lamp: where it is, the row of its pole's foot, and its size (1 for one that is near)."""

    row: float
    column: float
    foot: float
    size: float


def street_lamps(scene: Scene, horizon: int) -> list[Lamp]:
    """The lamps that were marked by eye, or else those that are found."""
    if scene.marks is None:
        return find_street_lamps(scene, horizon)
    height, width, _ = scene.day.shape
    lamps = []
    for mark in scene.marks:
        row, column = mark.y * height, mark.x * width
        across = 2 * mark.radius * width
        ground = (scene.shows[ROAD] + scene.shows[PAVEMENT])[int(row) :, min(width - 1, int(column))] > 0.5
        foot = row + (np.argmax(ground) if ground.any() else 8 * across)
        lamps.append(Lamp(row, column, float(min(foot, height)), float(np.clip(across / (10 * scene.unit), 0.15, 1.2))))
    return lamps


def find_street_lamps(scene: Scene, horizon: int) -> list[Lamp]:
    """The lamps of every slender, tall post that stands on the ground, or whose foot is hidden not far above it: at the ends of its arms,
    or else at its top, if that is in the picture; but none where a sign or signal is, and none on a roof's mast or a tower's edge."""
    height, _, _ = scene.day.shape
    pole = _mended(scene.shows[POLE] > 0.32, round(GAP * scene.unit) | 1)
    posts, _ = ndimage.label(ndimage.binary_opening(pole, np.ones((max(3, round(SHORTEST * height / 2)), 1))), np.ones((3, 3)))
    # arms are so thin that before the sky they are hardly more than suspected
    arms = pole | ((scene.shows[POLE] > 0.08) & (scene.blur(scene.shows[SKY], 8) > 0.3))
    lamps = []
    for index, where in enumerate(ndimage.find_objects(posts), 1):
        rows, columns = np.nonzero(posts[where] == index)
        post = _Post(where[0].start + rows, where[1].start + columns)
        low = post.top > horizon - 0.08 * height or (scene.from_car and post.tall < LOWEST * (post.foot - horizon))
        if low or post.tall < SHORTEST * height or post.width > max(post.tall / 6, 4 * scene.unit):
            continue
        if not _stands(scene, post, horizon) or _is_edge(scene, post):
            continue
        size = min(1.2, 1.9 * post.tall / height)
        heads = _heads(pole, arms & ((posts == 0) | (posts == index)), post, scene.unit)
        lamps += [Lamp(row, column, post.foot, size) for row, column in heads if not _has_sign(scene, row, column, post)]
    return lamps


def _mended(pole: Array, gap: int) -> Array:
    """Poles, also those that are seen in pieces one above the other."""
    # with room above and below: what ends near the picture's border isn't drawn out to it
    wide = np.pad(pole, ((gap, gap), (0, 0)))
    return ndimage.minimum_filter1d(ndimage.maximum_filter1d(wide, gap, 0), gap, 0)[gap:-gap]


class _Post:
    """The upright part of a pole: its rows, the columns of its middle in each, and its width."""

    def __init__(self, rows: Array, columns: Array) -> None:
        self.top, self.foot = int(rows.min()), int(rows.max()) + 1
        self.tall = self.foot - self.top
        self.rows = np.arange(self.top, self.foot)
        across = ndimage.labeled_comprehension(columns, rows, self.rows, np.ptp, float, 0) + 1
        self.width = float(np.median(across))
        lower = slice(self.tall // 3, None)
        self._line = np.polyfit(self.rows[lower], ndimage.mean(columns, rows, self.rows)[lower], 1)

    def middle(self, rows: Array) -> Array:
        return np.polyval(self._line, rows)

    def beside(self, x: Array, off: float) -> Array:
        """What x is so far to the right of the post, in each of its rows."""
        return x[self.rows, np.clip(np.round(self.middle(self.rows) + off).astype(int), 0, x.shape[1] - 1)]


def _stands(scene: Scene, post: _Post, horizon: int) -> bool:
    """Whether it is surely a pole, and stands neither on a roof nor far above the ground. From a car, what is known of a post before a low
    house may end at its roof."""
    surely = max(post.beside(scene.shows[POLE], off).mean() for off in (-1, 0, 1)) > SURE
    below, middle = max(2, round(5 * scene.unit)), max(0.0, float(post.middle(post.foot)))
    left = max(0, round(middle - post.width))
    under = scene.shows[BUILDING, post.foot : post.foot + below, left : round(middle + post.width) + 1]
    highest = 0.2
    if under.size and under.mean() > (0.5 if scene.from_car else 0.3):
        highest = 0.15 if scene.from_car else 0
    return surely and horizon - post.foot <= highest * len(scene.day)


def _is_edge(scene: Scene, post: _Post) -> bool:
    """Whether it is where a house or a tower ends: before the sky on one side and before the house on the other."""
    off = post.width / 2 + 4 * scene.unit
    sky, house = ([post.beside(scene.shows[kind], side) > 0.4 for side in (-off, off)] for kind in (SKY, BUILDING))
    return bool(((sky[0] & house[1]) | (sky[1] & house[0])).mean() > 0.4)


def _heads(pole: Array, arms: Array, post: _Post, unit: float) -> list[tuple[float, float]]:
    """Row and column of each of its lamps: the ends of arms in its upper part, or its top. A beam from post to post has none."""
    reach = round(1.6 * post.tall)
    middle = max(0.0, float(post.middle(post.top)))
    top, left = max(0, post.top - round(0.15 * post.tall)), max(0, round(middle) - reach)
    found, _ = ndimage.label(arms[top : post.top + round(0.4 * post.tall), left : round(middle) + reach + 1], np.ones((3, 3)))
    near = found[post.top - top, max(0, round(middle - post.width) - left) : round(middle + post.width) + 1 - left]
    if not near.any():
        return []
    rows, columns = np.nonzero(np.isin(found, near[near > 0]))
    rows, columns = rows + top, columns + left
    aside = columns - post.middle(rows)
    ends, lengths, seen = [], [], []
    for side in (-1, 1):
        length = float((side * aside).max())
        if length > max(5 * unit, 1.5 * post.width):
            end = side * aside > length - 3 * unit
            ends.append((float(rows[end].mean()), float(columns[end].mean())))
            lengths.append(length)
            seen.append(bool(pole[rows[end], columns[end]].any()))
    if not ends:
        return [] if rows.min() < 3 else [(rows.min() + unit, float(columns[rows <= rows.min() + 2].mean()))]
    # what is only suspected on both sides is the arms of a double lamp if they are alike, and else wires and what carries them
    alike = len(ends) == 1 or (abs(ends[0][0] - ends[1][0]) < 6 * unit and max(lengths) < 1.4 * min(lengths))
    return [end for end, length, sure in zip(ends, lengths, seen, strict=True) if (alike or sure) and length < 0.9 * reach]


def _has_sign(scene: Scene, row: float, column: float, post: _Post) -> bool:
    """Whether what is at this end of a post is a sign, a board or a signal."""
    above, aside = 8 * scene.unit, max(8 * scene.unit + 1.5 * post.width, 0.1 * post.tall)
    below = max(above, 0.15 * post.tall)
    part = scene.shows[SIGN, max(0, int(row - above)) : int(row + below), max(0, int(column - aside)) : int(column + aside)]
    return bool((part > 0.5).sum() > 12 * scene.unit**2)

"""A picture with what is known about it: what each pixel shows, where the sky ends, how far things are.

The painters of night, fog, rain, clear weather and snow start from here. Sizes are given in units of 1/640 of the picture's width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as functional
from scipy import ndimage

from .depth import FARTHEST
from .segmenter import BICYCLE, BUILDING, CAR, FENCE, PAVEMENT, PERSON, POLE, ROAD, SIGN, SKY, TREE

Array = np.ndarray
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
HIDDEN = 1.5
"""How much farther than a probe says what stands on the ground may be, by where its foot is seen."""
GUESSED = 0.35
"""How much what is as far as its foot, if that is what is below it, counts beside what surely is."""

BONNET_EDGE = 0.01
"""Half of the height over which `ahead` fades at a bonnet's edge, which was marked by eye, in parts of the picture's height."""


class Mark(NamedTuple):
    """A street lamp that someone saw in a picture: its middle in parts of the picture's width and height, and half of its longer side in
    parts of the width."""

    x: float
    y: float
    radius: float


class Box(NamedTuple):
    """A part of a picture that someone judged, in parts of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


class Windows(NamedTuple):
    """What someone judged of a picture's houses; of what is in no box nothing is known."""

    seen: tuple[Box, ...] = ()
    """Boxes that windows are in."""
    others: tuple[Box, ...] = ()
    """Boxes that none are in."""


class Painted(NamedTuple):
    """What a painter makes of a scene."""

    base: Array
    """What is left of the day picture, [H, W, 3]."""
    light: Array
    """What is added to it, [H, W, 3]."""
    sure: Array | None = None
    """Where these tones count whatever trust a phase puts in the painter, [H, W], 0 to 1; nowhere if there are none."""


@dataclass(frozen=True)
class Scene:
    """A day picture with what is known about it."""

    day: Array
    """[H, W, 3], as shown, 0 to 1."""
    shows: Array
    """[CLASSES, H, W], probabilities."""
    from_car: bool
    """Whether it was taken through a windscreen, so that headlamps light the road ahead."""
    marks: tuple[Mark, ...] | None = None
    """The street lamps, all of them, where someone has marked them; else they are looked for."""
    windows: Windows = Windows()
    """What someone judged to be windows, and to be none; others are looked for."""
    bonnet: tuple[float, ...] | None = None
    """Where the car that films, its bonnet or dashboard, begins: at even distances from the left edge to the right one, in parts of the
    picture's height from above, 1 for none. None where nobody looked."""
    far: Array | None = None
    """How far each pixel is, [H, W], as a probe tells it (`depth.py`), where one was asked."""

    @property
    def unit(self) -> float:
        return self.day.shape[1] / 640

    @property
    def luma(self) -> Array:
        return self.day @ LUMA

    def blur(self, x: Array, size: float) -> Array:
        """Gaussian blur of [H, W] or [H, W, C]; wide ones are made from a reduced picture."""
        sigma = size * self.unit
        if sigma > 5:
            height, width = x.shape[:2]
            flat = torch.from_numpy(np.ascontiguousarray(x, np.float32)).reshape(height, width, -1).permute(2, 0, 1)[None]
            small = functional.avg_pool2d(flat, 4, ceil_mode=True, count_include_pad=False)[0].numpy()
            small = ndimage.gaussian_filter(small, (0, sigma / 4, sigma / 4), mode="nearest", truncate=3.0)
            wide = functional.interpolate(torch.from_numpy(small)[None], size=(height, width), mode="bilinear")
            return wide[0].permute(1, 2, 0).reshape(x.shape).numpy()
        return ndimage.gaussian_filter(x, (sigma, sigma) + (0,) * (x.ndim - 2), mode="nearest", truncate=3.0)

    def horizon(self) -> int:
        """The row where the road ends."""
        rows = np.flatnonzero((self.shows[ROAD] > 0.5).mean(1) > 0.04)
        height = self.day.shape[0]
        return int(np.clip(rows[0] if len(rows) else height * 0.45, height * 0.25, height * 0.65))


def sky_matte(scene: Scene) -> tuple[Array, Array]:
    """How much of each pixel is sky, also between branches (near known sky, what is coloured like it), and its colour."""
    known = smooth(scene.shows[SKY], 0.2, 0.7)
    weight = scene.blur(known**2, 25) + 1e-4
    colour = scene.blur(scene.day * (known**2)[..., None], 25) / weight[..., None]
    alike = np.clip(1.25 - np.abs(scene.day - colour).max(-1) / 0.22, 0, 1)
    near = np.clip(scene.blur(known, 14) * 4, 0, 1) * np.clip(weight * 200, 0, 1)
    leafy = scene.shows[TREE] + scene.shows[SKY] + scene.shows[POLE] + 0.9 * scene.shows[BUILDING]
    edge = np.clip(leafy * near * alike, 0, 1)
    # inside the sky itself, things that are much darker (wires, twigs) are no sky
    dark = np.clip((colour @ LUMA - scene.luma - 0.18) / 0.2, 0, 1) * (1 - known**8)
    return np.clip(np.maximum(known * (1 - dark), edge), 0, 1), colour


def without_sky(scene: Scene, sky: Array, colour: Array) -> Array:
    """The day picture with the sky's share taken out of pixels that are half sky, so that branches don't turn white."""
    share = (np.clip(sky, 0, 0.9) * (sky < 0.97))[..., None]
    return np.clip((scene.day - share * colour) / (1 - share), 0.02, 1)


def distance(scene: Scene) -> Array:
    """How far each pixel is, [H, W]: 1 is the ground at the picture's lower edge, FARTHEST the vanishing point and beyond.

    Flat ground lies where perspective puts it; what stands on it is as far as its foot, or farther, if a probe says so: of things one
    before the other only the first one's foot is seen. All else is as far as the probe says, or, without one, as the ground below it. The
    sky's distance means nothing.
    """
    plane, _ = _plane(scene)
    ground = _ground(scene)
    far = np.where(ground, plane[:, None], _as_far_as_feet(scene) if scene.far is None else scene.far)
    for where, own, foot in _standing(scene):
        part = far[where]
        if scene.far is not None:
            # a foot that is hidden seems to be far away
            part[own] = np.maximum(part[own], min(foot, HIDDEN * float(np.median(part[own]))))
        else:
            part[own] = foot
    return np.minimum(far, FARTHEST)


def certainty(scene: Scene) -> Array:
    """How much `distance` is to be believed without a probe, [H, W], 0 to 1."""
    sure = np.where(_ground(scene), 1, GUESSED)
    for where, own, _ in _standing(scene):
        sure[where][own] = 1
    return sure * (1 - scene.shows[SKY])


def _standing(scene: Scene) -> Iterator[tuple[tuple[slice, ...], Array, float]]:
    """What stands on the ground with its foot in view: its box, which pixels of that it covers, and how far its foot is."""
    plane, vanishing = _plane(scene)
    for kinds in ((CAR,), (PERSON, BICYCLE), (POLE, SIGN)):
        found, _ = ndimage.label(sum(scene.shows[kind] for kind in kinds) > 0.45)
        for index, where in enumerate(ndimage.find_objects(found), 1):
            if where[0].stop - 1 > vanishing:
                yield where, found[where] == index, float(plane[min(where[0].stop, len(plane) - 1)])


def _ground(scene: Scene) -> Array:
    return scene.shows[ROAD] + scene.shows[PAVEMENT] > 0.5


def _plane(scene: Scene) -> tuple[Array, float]:
    """How far flat ground is in each row, and the row where it vanishes."""
    height = scene.day.shape[0]
    # from above there is no horizon; between high houses there may be no sky
    vanishing = scene.horizon() - 0.02 * height if scene.from_car or scene.shows[SKY].mean() > 0.005 else -0.5 * height
    rows = np.arange(height, dtype=np.float32)
    plane = np.where(rows > vanishing, (height - vanishing) / np.maximum(rows - vanishing, 0.5), FARTHEST)
    return np.minimum(plane, FARTHEST), vanishing


def _as_far_as_feet(scene: Scene) -> Array:
    """How far each pixel is if it stands on the last ground below it."""
    height, width = scene.luma.shape
    s, (plane, vanishing), ground = scene.shows, _plane(scene), _ground(scene)
    verge = s[TREE] + s[FENCE] > 0.5
    before = s[CAR] + s[PERSON] + s[BICYCLE] + s[POLE] + s[SIGN] > 0.4
    far = np.empty((height, width), np.float32)
    known = np.empty((height, width), np.float32)
    foot, hidden = np.ones(width, np.float32), np.zeros(width, bool)
    for row in range(height - 1, -1, -1):
        foot = np.where(ground[row], np.maximum(foot, plane[row]), foot)
        # what a car stands before has its foot behind the car: its neighbours have to tell
        hidden = (hidden & ~ground[row]) | before[row]
        known[row] = ~(hidden | ground[row])
        if row > vanishing:
            foot = np.where(verge[row], np.maximum(foot, plane[row] ** 0.8), foot)
        far[row] = foot
    known = known + 0.02 * ~ground
    near, wide = _blur_within(scene, np.log(far), known, 6), _blur_within(scene, np.log(far), known, 26)
    sure = np.clip(2 * scene.blur(known, 6), 0, 1)
    return np.exp(sure * near + (1 - sure) * wide)


def _blur_within(scene: Scene, x: Array, mask: Array, size: float) -> Array:
    return scene.blur(x * mask, size) / (scene.blur(mask, size) + 1e-4)


def ahead(scene: Scene) -> Array:
    """0 where the car that films, its bonnet or dashboard, is in the picture, else 1, [H, W]; where nobody looked, 0 where it may be."""
    height, width = scene.luma.shape
    if scene.bonnet is not None:
        marked = [begins if begins < 1 else 1 + BONNET_EDGE for begins in scene.bonnet]
        begins = np.interp(np.linspace(0, 1, width), np.linspace(0, 1, len(marked)), marked)
        above = begins * height - np.arange(height)[:, None] - 0.5
        return smooth(above, -BONNET_EDGE * height, BONNET_EDGE * height).astype(np.float32)
    low = smooth(np.arange(height, dtype=np.float32)[:, None], 0.84 * height, 0.93 * height)
    middle = 1 - smooth(np.abs(np.linspace(-1, 1, width, dtype=np.float32))[None], 0.55, 0.8)
    return 1 - low * middle if scene.from_car else np.ones((height, width), np.float32)


def dulled(scene: Scene, colour: float, sun: float) -> Array:
    """The picture as if a cloud had come before the sun: less colour, and highlights lowered towards what is around them."""
    grey = scene.luma[..., None]
    flat = grey + colour * (scene.day - grey)
    level = scene.blur(scene.luma, 30)[..., None]
    glare = np.clip(grey - np.maximum(level, 0.35), 0, 1)
    return np.clip(flat * (1 - sun * glare / (grey + 0.05)), 0, 1)


def smooth(x: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, without a corner in between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)

"""The painter that teaches snow: it lies on what faces up, under a dull sky, and hides what is far.

The flakes that fall are not painted here: the exported graph lets them fall with its `time` input.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .scene import LUMA, Array, Painted, Scene, ahead, distance, dulled, sky_matte, smooth, without_sky
from .segmenter import BUILDING, CAR, FENCE, PAVEMENT, POLE, ROAD, SIGN, SKY, TREE

AIR = np.array([0.80, 0.815, 0.835], np.float32)
SNOW = np.array([0.90, 0.92, 0.95], np.float32)
THICKNESS = 0.022


def paint(scene: Scene) -> Painted:
    """The layers (base, light) of this scene in snow: what is still seen of it, and the snow and air that hide it."""
    sky, sky_colour = sky_matte(scene)
    day = without_sky(scene, sky, sky_colour)
    dull = 0.9 * dulled(Scene(day, scene.shows, scene.from_car), 0.7, 0.5)
    lies = _cover(scene, day)[..., None]
    through = scene.blur(np.exp(-THICKNESS * distance(scene)).astype(np.float32), 1.2)[..., None]
    seen = through * (1 - 0.97 * sky[..., None])
    base = dull * (1 - lies) * seen
    light = SNOW * _shade(scene, day)[..., None] * lies * seen + AIR * (1 - seen)
    return Painted(np.clip(base, 0, 1).astype(np.float32), np.clip(light, 0, 1).astype(np.float32))


def _shade(scene: Scene, day: Array) -> Array:
    """How bright snow is where it lies: a little of the shade and grain of what it covers stays visible."""
    luma = day @ LUMA
    return np.clip(0.93 + 0.16 * (scene.blur(luma, 2) - scene.blur(luma, 25)) + 0.25 * (luma - scene.blur(luma, 2)), 0.7, 1.05)


def _cover(scene: Scene, day: Array) -> Array:
    """How much of each pixel snow covers."""
    s = scene.shows
    height, width = scene.luma.shape
    rows = np.arange(height, dtype=np.float32)[:, None]
    horizon = scene.horizon()
    below = smooth(rows, horizon - 0.02 * height, horizon + 0.05 * height)
    luma = day @ LUMA
    grain = np.clip((luma - scene.blur(luma, 6)) / 0.10, -1, 1)
    cover = _road(scene) * s[ROAD] + (0.9 + 0.06 * grain) * s[PAVEMENT]
    crowns = np.clip(0.42 + 0.6 * grain, 0, 0.9)
    cover = cover + s[TREE] * (crowns * (1 - below) + (0.86 + 0.1 * grain) * below)
    cover = cover + s[FENCE] * np.clip(0.15 + 0.5 * grain, 0, 0.7)
    cover = np.maximum(cover, 0.92 * _tops(scene, s[BUILDING] + s[POLE] + s[SIGN], s[SKY] > 0.5, 6))
    cover = np.maximum(cover, 0.92 * _roofs(scene))
    return np.clip(scene.blur(np.clip(cover, 0, 1).astype(np.float32), 0.8), 0, 1) * (1 - s[SKY]) * ahead(scene)


def _road(scene: Scene) -> Array:
    """Deep at the road's edges, driven down in between, where lanes and markings still show through."""
    height, width = scene.luma.shape
    road = scene.shows[ROAD] > 0.5
    cover = np.zeros((height, width), np.float32)
    position = np.linspace(0, 1, width, dtype=np.float32)
    for row in range(height):
        across = np.flatnonzero(road[row])
        if len(across) < 4:
            continue
        left, right = across[0], across[-1]
        # an edge beyond the picture is farther away than it looks
        if left == 0:
            left -= 0.25 * (right - left)
        if right == width - 1:
            right += 0.25 * (right - left)
        x = (position * (width - 1) - left) / max(right - left, 1)
        edge = np.exp(-np.clip(np.minimum(x, 1 - x), 0, 1) / 0.07)
        cover[row] = 0.74 + 0.19 * edge
    return np.clip(scene.blur(cover, 3), 0, 0.93)


def _roofs(scene: Scene) -> Array:
    """1 on the upper edge of each car's roof and bonnet, less below it."""
    height, width = scene.luma.shape
    cars = ndimage.binary_fill_holes(ndimage.binary_opening(scene.shows[CAR] > 0.5, iterations=max(1, round(2 * scene.unit))))
    found, _ = ndimage.label(cars)
    roofs = np.zeros((height, width), np.float32)
    for index, where in enumerate(ndimage.find_objects(found), 1):
        tall, wide = where[0].stop - where[0].start, where[1].stop - where[1].start
        if wide < 10 * scene.unit or where[0].stop > 0.93 * height:
            continue
        mask = found[where] == index
        below = np.arange(tall)[:, None] - mask.argmax(0)[None]
        thick = max(2.0, 0.2 * tall)
        upper = mask.argmax(0) < 0.5 * tall
        roofs[where] = np.maximum(roofs[where], mask * upper * np.clip(1 - below / thick, 0, 1) ** 0.6)
    return roofs


def _tops(scene: Scene, shows: Array, open_above: Array, thick: float) -> Array:
    """1 at the upper edge of what is shown, where nothing is above it, and 0 from `thick` units below that edge on."""
    inside = (shows > 0.5).astype(np.float32)
    free = open_above.astype(np.float32)
    reach = max(2, round(thick * scene.unit))
    tops = np.zeros_like(inside)
    for step in range(reach):
        above = np.zeros_like(inside)
        above[step + 2 :] = free[: -(step + 2)]
        tops = np.maximum(tops, inside * above * (1 - step / reach) ** 0.5)
    return tops

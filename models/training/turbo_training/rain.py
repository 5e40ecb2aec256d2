"""The painter that teaches rain: a dull sky, haze, and a wet road that mirrors what stands on it.

The drops that fall are not painted here: the exported graph lets them fall with its `time` input.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .scene import Array, Painted, Scene, distance, dulled, sky_matte, smooth, without_sky
from .segmenter import PAVEMENT, ROAD

AIR = np.array([0.745, 0.735, 0.75], np.float32)
SKY_COLOUR = np.array([0.81, 0.80, 0.82], np.float32)
THICKNESS = 0.034
VEIL = 0.14
"""What wet glass and spray take from everything, near or far."""
HORIZON = 0.02
"""Share of sky from which on the horizon is taken to be in view, as from a car it always is: from above, what a road mirrors is not in the
picture."""


def paint(scene: Scene) -> Painted:
    """This scene in rain: what is seen of it, and what haze, sky and mirrors add; sure is wet ground with the horizon in view."""
    sky, sky_colour = sky_matte(scene)
    day = without_sky(scene, sky, sky_colour)
    far = distance(scene)
    through = (1 - VEIL) * scene.blur(np.exp(-THICKNESS * far).astype(np.float32), 1.2)[..., None]
    dull = 0.82 * dulled(Scene(day, scene.shows, scene.from_car), 0.68, 0.6)
    ground = scene.blur(np.clip(scene.shows[ROAD] + scene.shows[PAVEMENT], 0, 1), 1)[..., None]
    standing = dull * through + AIR * (1 - through)
    seen = standing * (1 - sky[..., None]) + SKY_COLOUR * sky[..., None]
    mirror, share = _mirrored(scene, seen)
    wet = ground * share[..., None]
    base = dull * through * (1 - 0.2 * ground) * (1 - 0.6 * wet) * (1 - 0.97 * sky[..., None])
    light = (AIR * (1 - through) + through * wet * mirror) * (1 - sky[..., None]) + SKY_COLOUR * sky[..., None]
    in_view = float(scene.from_car or sky.mean() > HORIZON)
    return Painted(np.clip(base, 0, 1).astype(np.float32), np.clip(light, 0, 1).astype(np.float32), in_view * ground[..., 0])


def _mirrored(scene: Scene, seen: Array) -> tuple[Array, Array]:
    """What the ground gives back at each of its pixels, and how much of it: more at a flat angle, far away."""
    height, width, _ = seen.shape
    ground = scene.shows[ROAD] + scene.shows[PAVEMENT] > 0.5
    # the nearest row above that is no ground: where whatever is mirrored here stands
    foot = np.zeros((height, width), np.int32)
    last = np.zeros(width, np.int32)
    for row in range(height):
        last = np.where(ground[row], last, row)
        foot[row] = last
    foot = ndimage.uniform_filter1d(foot.astype(np.float32), max(3, round(3 * scene.unit)), axis=1)
    rows = np.arange(height, dtype=np.float32)[:, None]
    source = np.clip(2 * foot - rows, 0, height - 1)
    columns = np.broadcast_to(np.arange(width, dtype=np.float32), source.shape)
    soft = ndimage.gaussian_filter(seen, (5 * scene.unit, 2 * scene.unit, 0), mode="nearest")
    mirror = np.stack([ndimage.map_coordinates(soft[..., c], (source, columns), order=1, mode="nearest") for c in range(3)], -1)
    mirror = ndimage.gaussian_filter(mirror, (4 * scene.unit, 1.5 * scene.unit, 0), mode="nearest")
    horizon = scene.horizon()
    down = np.clip((rows - horizon) / (height - horizon), 0, 1)
    share = 0.62 - 0.36 * smooth(down, 0.02, 0.8)
    return mirror, np.broadcast_to(share, (height, width)).astype(np.float32)

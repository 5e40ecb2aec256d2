"""The painter that teaches fog: what is far goes over into the colour of the air."""

from __future__ import annotations

import numpy as np

from .scene import Painted, Scene, distance, dulled, sky_matte, without_sky

AIR = np.array([0.765, 0.785, 0.79], np.float32)
THICKNESS = 0.115
"""Optical depth of one unit of distance (the ground at the picture's lower edge is at 1)."""


def paint(scene: Scene) -> Painted:
    """The layers (base, light) of this scene in fog: what still comes through, and the air that is seen instead."""
    sky, sky_colour = sky_matte(scene)
    through = np.exp(-THICKNESS * np.clip(distance(scene) - 0.5, 0, None))
    through = scene.blur(through.astype(np.float32), 1.2)
    through = through * (1 - sky) + 0.03 * sky
    day = without_sky(scene, sky, sky_colour)
    dull = 0.88 * dulled(Scene(day, scene.shows, scene.from_car), 0.6, 0.5)
    up = np.linspace(1, 0, len(day), dtype=np.float32)[:, None, None]
    base = dull * through[..., None]
    light = AIR * (0.97 + 0.06 * up) * (1 - through[..., None])
    return Painted(base.astype(np.float32), light.astype(np.float32))

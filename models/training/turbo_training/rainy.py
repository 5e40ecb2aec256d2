"""The rainy scenes that the painter of clear weather starts from: clear ones that are made wet, and any in another light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from . import rain
from .pictures import Array
from .scene import Scene

EXPOSURE = (-0.7, 0.25)
"""How much darker or brighter a scene is in another light than it is: powers of e."""
WARMTH, TINT = 0.08, 0.02
"""How much redder and less blue, or the other way round, its light is, and how much any channel is apart from that: powers of e, spread."""
POWER, COLOUR = 0.2, 0.2
"""By which powers of e brightness is raised to a power, and colour drawn from or to the grey: spread."""


def wet(scene: Scene) -> tuple[Scene, Array | None]:
    """This clear scene in rain, and where its ground is wet, [H, W], as the painter of rain has it."""
    base, light, sure = rain.paint(scene)
    return replace(scene, day=np.clip(base + light, 0, 1)), sure


def otherwise_lit(scene: Scene, rng: np.random.Generator) -> Scene:
    """This scene earlier or later, or by another camera: the painter goes by how bright and how warm it is, and few are dim."""
    warmth = rng.normal(0, WARMTH)
    exposure = np.exp(rng.uniform(*EXPOSURE) + np.array([warmth, 0, -warmth]) + rng.normal(0, TINT, 3))
    day = np.clip(scene.day, 0, 1) ** np.exp(rng.normal(0, POWER)) * exposure
    grey = day.mean(2, keepdims=True)
    return replace(scene, day=np.clip(grey + np.exp(rng.normal(0, COLOUR)) * (day - grey), 0, 1).astype(np.float32))

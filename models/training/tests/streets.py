"""Streets of a few rectangles that painters are tried on."""

from __future__ import annotations

import numpy as np

from turbo_training.scene import Scene
from turbo_training.segmenter import BUILDING, CLASSES, ROAD, SKY

WIDTH, HEIGHT, HORIZON = 320, 180, 90


def street(from_above: bool = False) -> Scene:
    """A road under a blue sky, with a pale house on the left."""
    day = np.full((HEIGHT, WIDTH, 3), 0.4, np.float32)
    shows = np.zeros((CLASSES, HEIGHT, WIDTH), np.float32)
    shows[ROAD] = 1
    if not from_above:
        day[:HORIZON] = (0.5, 0.6, 0.95)
        put(day, shows, SKY, slice(0, HORIZON), slice(0, WIDTH), (0.5, 0.6, 0.95))
        put(day, shows, BUILDING, slice(20, HORIZON), slice(0, 140), (0.7, 0.7, 0.65))
    return Scene(day, shows, not from_above)


def put(day: np.ndarray, shows: np.ndarray, kind: int, rows: slice, columns: slice, colour: tuple[float, float, float]) -> None:
    day[rows, columns] = colour
    shows[:, rows, columns] = 0
    shows[kind, rows, columns] = 1


def rainy_street(sky: tuple[float, float, float] = (0.8, 0.8, 0.82), darkest: float = 0.25) -> Scene:
    """The street in rain: its sky, its house and its road, pale and with little between them."""
    scene = street()
    scene.day[:HORIZON] = sky
    scene.day[20:HORIZON, :140] = (0.6, 0.6, 0.62)
    scene.day[HORIZON:] = 0.5
    scene.day[HORIZON + 20 :, 60:100] = darkest
    scene.day[HORIZON + 20 :, 200:210] = 0.65
    return scene

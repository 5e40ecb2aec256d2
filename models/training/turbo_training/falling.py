"""What falls: textures of drops or flakes that the exported graph moves with its `time` input.

This part is not learnt. A texture repeats in both directions; the graph repeats it over the picture when it is loaded, and
a frame only cuts out the part that its time points at. Sizes are pixels of a picture whose shorter side is REFERENCE.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

REFERENCE = 360
HEIGHT, WIDTH = 384, 320


@dataclass(frozen=True)
class Layer:
    """One texture and how it moves, in texture sizes a second."""

    texture: np.ndarray
    """uint8 [HEIGHT, WIDTH]: how much light is added."""
    down: float
    aside: float
    sway: float = 0.0
    """How far it swings to either side, in texture sizes."""


def layers(kind: str) -> list[Layer]:
    """Far and near layers of what falls: `rain` or `snow`."""
    rng = np.random.default_rng(5)
    if kind == "rain":
        slant = 0.10
        near = _streaks(rng, count=34, length=(34, 62), width=0.75, bright=(30, 62), slant=slant)
        far = _streaks(rng, count=170, length=(11, 22), width=0.55, bright=(16, 34), slant=slant)
        ratio = slant * HEIGHT / WIDTH
        return [Layer(near, 2.9, -2.9 * ratio), Layer(far, 1.7, -1.7 * ratio)]
    if kind == "snow":
        near = _flakes(rng, count=30, radius=(1.7, 3.1), bright=(110, 190))
        far = _flakes(rng, count=240, radius=(0.6, 1.3), bright=(70, 150))
        return [Layer(near, 0.42, 0.06, 0.012), Layer(far, 0.23, 0.04, 0.006)]
    raise ValueError(f"nothing falls that is called {kind}")


def _streaks(
    rng: np.random.Generator, count: int, length: tuple[int, int], width: float, bright: tuple[int, int], slant: float
) -> np.ndarray:
    """Thin lines along their own way down, fading at both ends."""
    canvas = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(count):
        top, left = rng.uniform(0, HEIGHT), rng.uniform(0, WIDTH)
        tall, peak = rng.uniform(*length), rng.uniform(*bright)
        for step in range(int(tall)):
            fade = np.sin(np.pi * (step + 0.5) / tall) ** 0.7
            column = left - slant * step
            _dot(canvas, top + step, column, width, peak * fade)
    return canvas.clip(0, 255).round().astype(np.uint8)


def _dot(canvas: np.ndarray, row: float, column: float, width: float, value: float) -> None:
    for x in range(int(np.floor(column)) - 1, int(np.floor(column)) + 3):
        share = np.exp(-(((x - column) / width) ** 2))
        place = (int(row) % HEIGHT, x % WIDTH)
        canvas[place] = max(canvas[place], value * share)


def _flakes(rng: np.random.Generator, count: int, radius: tuple[float, float], bright: tuple[int, int]) -> np.ndarray:
    """Soft, slightly uneven discs."""
    canvas = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(count):
        row, column = rng.uniform(0, HEIGHT), rng.uniform(0, WIDTH)
        size, peak, flat = rng.uniform(*radius), rng.uniform(*bright), rng.uniform(0.75, 1.3)
        reach = int(3 * size + 2)
        for y in range(int(row) - reach, int(row) + reach + 1):
            for x in range(int(column) - reach, int(column) + reach + 1):
                away = ((y - row) / size) ** 2 * flat + ((x - column) / size) ** 2 / flat
                place = (y % HEIGHT, x % WIDTH)
                canvas[place] = max(canvas[place], peak * np.exp(-(away**1.3)))
    return ndimage.gaussian_filter(canvas, 0.4, mode="wrap").clip(0, 255).round().astype(np.uint8)

"""How like real pictures of the target domain translated ones are, patch by patch.

The sliced Wasserstein distance of Laplacian-pyramid patches (Karras et al., Progressive growing of GANs, 2018): patches of
7x7 pixels are drawn from every level of the pyramid of each picture, the last level being what is left, brightness and
colour; both sets are projected on random directions, sorted and compared. 0 is alike; all figures are times 1000.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

Array = np.ndarray
SIZE = (320, 176)
LEVELS = 3
PATCH = 7
PATCHES = 96
DIRECTIONS = 256
FRAMES = 96
"""Pictures of either domain that are compared, at most."""


def compared(paths: list[Path]) -> list[Path]:
    """The pictures of a set that are measured: at most every second one, so that there are others to learn from."""
    return paths[:: max(2, len(paths) // FRAMES)][:FRAMES]


def uncompared(paths: list[Path], usable: Callable[[Path], bool] = lambda _: True) -> list[Path]:
    """Usable ones of the others, as many again."""
    measured = set(compared(paths))
    rest = [path for path in paths if path not in measured and usable(path)]
    return rest[:: max(1, len(rest) // (2 * FRAMES))][: 2 * FRAMES]


def framed(picture: Image.Image, larger: int = 1) -> Image.Image:
    """The middle of the picture at 320x176, or `larger` times that: all at one size."""
    wide = min(picture.width, picture.height * SIZE[0] / SIZE[1])
    tall = wide * SIZE[1] / SIZE[0]
    left, top = (picture.width - wide) / 2, (picture.height - tall) / 2
    size = (SIZE[0] * larger, SIZE[1] * larger)
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS, box=(left, top, left + wide, top + tall))


def ready(picture: Image.Image) -> Array:
    """[176, 320, 3], 0 to 1."""
    return np.asarray(framed(picture), np.float32) / 255


def descriptors(pictures: list[Array], seed: int = 0) -> list[Array]:
    """Patches of all pictures, [N, 147], a level."""
    rng = np.random.default_rng(seed)
    found: list[list[Array]] = [[] for _ in range(LEVELS + 1)]
    for picture in pictures:
        for level, band in enumerate(_pyramid(picture)):
            rows = rng.integers(0, band.shape[0] - PATCH + 1, PATCHES)
            columns = rng.integers(0, band.shape[1] - PATCH + 1, PATCHES)
            found[level] += [band[r : r + PATCH, c : c + PATCH].ravel() for r, c in zip(rows, columns, strict=True)]
    return [np.stack(patches) for patches in found]


def distance(a: list[Array], b: list[Array], seed: int = 1) -> float:
    """Mean over the levels, each in units of `b`'s own spread."""
    return float(np.mean([_sliced(x, y, seed) for x, y in zip(a, b, strict=True)]))


def matching_curve(pictures: list[Array], real: list[Array]) -> Array:
    """The global colour curve [3, 64] that gives the pictures the real set's histograms: the rival of a network without pairs."""
    levels = np.linspace(0, 1, 64)
    curve = np.zeros((3, 64))
    for channel in range(3):
        x = np.sort(np.concatenate([p[..., channel].ravel() for p in pictures]))
        y = np.sort(np.concatenate([p[..., channel].ravel() for p in real]))
        share = np.searchsorted(x, levels, side="right") / len(x)
        curve[channel] = y[np.clip((share * len(y)).astype(int), 0, len(y) - 1)]
    return curve


def _pyramid(picture: Array) -> list[Array]:
    bands = []
    for _ in range(LEVELS):
        small = ndimage.gaussian_filter(picture, (1, 1, 0), mode="nearest")[::2, ::2]
        back = ndimage.zoom(small, (2, 2, 1), order=1)[: picture.shape[0], : picture.shape[1]]
        bands.append(picture - back)
        picture = small
    return [*bands, picture]


def _sliced(x: Array, y: Array, seed: int) -> float:
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(x.shape[1], DIRECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    count = min(len(x), len(y))
    x, y = (s[rng.permutation(len(s))[:count]] for s in (x, y))
    mean, spread = y.mean(0), y.std() + 1e-6
    a, b = (np.sort((s - mean) / spread @ directions, axis=0) for s in (x, y))
    return 1000 * float(np.abs(a - b).mean())

"""How night-to-day learns where the sky is in photographs of night, from skylines that were marked by eye, and how rain learns where it is
at dusk, from streets that were painted and made dark. What is no sky stays as the network had it when the phase began (Li & Hoiem, Learning
without forgetting, 2016), but for sky that it laid over streets at night.

Painted nights alone don't teach the first: in photographs the sky is as black as houses are, glows, and is full of noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from .blocks import luma
from .device import send
from .losses import Batch, kept, root, slopes
from .network import Maps
from .pictures import crop, crops, one_of, per_picture, pixels, read, relight
from .scene import LUMA

HORIZON, ZENITH = (0.69, 0.80, 0.85), (0.54, 0.71, 0.88)
"""About the colours of the sky in photographs of day (the mean of 252), just over its lowest row and `FAR_UP` above."""
FAR_UP = 0.6
"""In parts of the picture's height."""
UNSURE = 0.015
"""How far from a marked skyline nothing is known of a pixel, in parts of the picture's height: marks are coarse."""
LOW = 0.72
"""From here on down there is no sky, whatever wasn't marked, in parts of the picture's height."""
STANDS_OUT, AROUND = 0.07, 0.02
"""What differs from what is this far around it, in parts of the picture's width, by so much of the root of its brightness, may be a
lamp, or a pole before the sky: it is left open, as is what is as bright as a lamp."""
OVERCAST = (0.79, 0.78, 0.80)
"""The colour that skies come to have in rain (the mean of some twenty streets); where the network lays light of `BRIGHT` already, they keep
their own."""
BRIGHT = 0.45
PAINTED_OVER, PAINTED = 0.06, 0.5
"""Where painters leave less of a street, and lay more light, they laid a sky."""
DIM, DEEP, DIMMED = (0.2, 0.8), (1.0, 1.8), 0.75
"""How much of the light is left at dusk, and by how much deeper darkness is; the share of streets that are made so."""
LAMP = 0.35
RELIT = 0.7
"""How much all of these are relit, 1 being as much as others."""
DAYS, ROADS = 0.2, 0.15
"""Shares of photographs of day and of roads from above, of which all is to stay as it was."""
ROAD_DARKNESS, LAMPLIGHT = -2.0, (1.1, 0.95, 0.75)
"""The logarithm of what is left of a road's light by night, in the mean, and the colour that it has at most."""
DARK_VEIL, BRIGHT_VEIL, NEAR = 0.15, 0.6, 16
"""How much light may lie over what is no sky: over black, and so much of the brightness of this many pixels around it more."""
MISSED = 1.4
"""How much more sky that is missed costs than light over streets does."""


@dataclass(frozen=True)
class Skyline:
    """What is known of a photograph of night, [H, W] each, 0 or 1, but for `up`."""

    sky: np.ndarray
    known: np.ndarray
    """Where it is known whether there is sky."""
    up: np.ndarray
    """How far a row is above the lowest one with sky, 0 to 1."""


def between(skyline: tuple[float | None, ...], picture: np.ndarray) -> Skyline:
    """What a skyline tells of a photograph [H, W, 3], 0 to 1: heights at even distances from the left edge to the right one, in parts of
    the height from above, 0 where no sky is in view, and None where that can't be told.

    Between two of them sky is surely what is above both, but for what may be lamps and poles, and surely none what is below both.
    """
    height, width = picture.shape[:2]
    at = np.linspace(0, len(skyline) - 1, width)
    ends = [np.array([math.nan if mark is None else mark for mark in skyline])[side(at).astype(int)] for side in (np.floor, np.ceil)]
    upper, lower = np.minimum(*ends), np.maximum(*ends)
    rows = ((np.arange(height) + 0.5) / height)[:, None]
    lowest = max((mark for mark in skyline if mark is not None), default=0.0)
    # comparisons with what isn't known are false
    sky = rows < upper - UNSURE
    none = (rows > lower + UNSURE) | (rows > max(LOW, lowest + UNSURE))
    grey = picture @ LUMA
    bright = np.sqrt(grey)
    plain = (np.abs(bright - ndimage.gaussian_filter(bright, AROUND * width)) < STANDS_OUT) & (grey < LAMP)
    sky &= plain
    up = np.clip((lowest - rows) / FAR_UP, 0, 1) * np.ones((1, width))
    return Skyline(*(layer.astype(np.float32) for layer in (sky, sky | none, up)))


class Skies:
    """Photographs of night whose skyline was marked, photographs of day, and roads from above, made as dark as by night."""

    def __init__(self, nights: list[Tensor], days: list[Tensor], roads: list[Tensor], size: tuple[int, int]) -> None:
        """`nights`: what `layered_night` makes; `days` and `roads`: pictures as bytes, [3, H, W]."""
        self.nights, self.days, self.roads, self.size = nights, days, roads, size

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """The light is the sky's, and there is none elsewhere; sure is where it is known which."""
        drawn = rng.random(count)
        day = drawn < DAYS * bool(self.days)
        road = (drawn > 1 - ROADS) * bool(self.roads)
        cut = torch.stack([self._cut(rng, *kind) for kind in zip(day, road, strict=True)])
        picture, sky, known, up = cut.split([3, 1, 1, 1], 1)
        known = (known > 0.99).float()
        horizon, zenith = (_colour(colour, cut) for colour in (HORIZON, ZENITH))
        light = (sky > 0.5) * known * (horizon + (zenith - horizon) * up)
        dimmer = np.exp(rng.normal(np.where(road, ROAD_DARKNESS, -0.1), np.where(road, 0.6, 0.3)))
        warm = np.array(LAMPLIGHT) ** rng.random((count, 1))
        shown = picture * per_picture(np.where(day, 1, dimmer), picture) * per_picture(np.where(road[:, None], warm, 1), picture)
        return Batch.of(relight(shown, rng, RELIT), light, (torch.zeros_like(light), light), known)

    def _cut(self, rng: np.random.Generator, day: bool, road: bool) -> Tensor:
        if not day and not road:
            return crop(one_of(self.nights, rng), self.size, rng)
        without_sky = crop(one_of(self.days if day else self.roads, rng), self.size, rng)
        none, all_known = torch.zeros_like(without_sky[:1]), torch.ones_like(without_sky[:1])
        return torch.cat([without_sky, none, all_known, none])


class Dusk:
    """Streets of which a painter of weather knows where the sky is, most of them made dark."""

    def __init__(self, layers: list[Tensor], size: tuple[int, int]) -> None:
        """`layers`: what `read_taught` reads."""
        self.layers, self.size = layers, size

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """As `Skies` do."""
        cut = crops(self.layers, self.size, rng, count)
        picture, base, light = cut[:, :9].split(3, 1)
        sky = (luma(base) < PAINTED_OVER) & (luma(light.square()) > PAINTED)
        overcast = sky * _colour(OVERCAST, cut)
        dim = rng.random(count) < DIMMED
        dimmer, deeper = (per_picture(np.where(dim, rng.uniform(*span, count), 1), picture) for span in (DIM, DEEP))
        dark = relight(dimmer * picture.clamp(min=1e-4) ** deeper, rng, RELIT)
        return Batch.of(dark, overcast, (torch.zeros_like(base), overcast), torch.ones_like(sky, dtype=torch.float32))


def _colour(colour: tuple[float, float, float], like: Tensor) -> Tensor:
    return send(torch.tensor(colour)[:, None, None], like.device)


def layered_night(path: Path, skyline: tuple[float | None, ...]) -> Tensor:
    """A photograph of night with what its skyline tells, as bytes, [6, H, W]."""
    picture = read(path)
    told = between(skyline, np.asarray(picture, np.float32) / 255)
    return torch.cat([pixels(picture), *(torch.from_numpy((layer * 255).round().astype(np.uint8))[None] for layer in vars(told).values())])


def clouded(maps: Maps, before: Maps, batch: Batch, night: bool) -> Tensor:
    """How far the maps of each picture [B] are from the sky where there is one, and elsewhere from what they were before. At dusk, skies
    that were bright already stay as they were, too; at night, sky that was laid over streets is taken off."""
    sky = (batch.light.amax(1, keepdim=True) > 0).float() * batch.sure
    street = batch.sure - sky
    if night:
        over, (as_before, light) = batch.light, _without_sky(before, batch, street)
    else:
        over = torch.where(luma(before.light) > BRIGHT, before.light, batch.light)
        as_before, light = kept(before, batch.picture), before.light
    left = kept(maps, batch.picture)
    out = left + maps.light
    wrong_sky = (maps.light - over).abs() + _apart(out, over) + _apart(left, batch.base)
    wrong_street = 2 * (maps.light - light).abs() + _apart(out, as_before + light) + _apart(left, as_before)
    # of both at once, since beside what isn't known no edge is
    edges = slopes(street * out, street * (as_before + light)) + slopes(sky * maps.light, sky * over)
    return (MISSED * sky * wrong_sky + street * wrong_street).mean((1, 2, 3)) + edges


def _apart(x: Tensor, target: Tensor) -> Tensor:
    return (root(x) - root(target)).abs()


def _without_sky(before: Maps, batch: Batch, street: Tensor) -> tuple[Tensor, Tensor]:
    """What the network kept of pictures and the light that it laid over them, but for sky that it laid over streets: there, less light
    lies, and as much is kept as of the rest of the street in the mean."""
    most = DARK_VEIL + BRIGHT_VEIL * F.avg_pool2d(luma(batch.picture), 2 * NEAR + 1, 1, NEAR, count_include_pad=False)
    share = (most / luma(before.light).clamp(min=1e-3)).clamp(0, 1)
    street = street * (share == 1)
    mistaken = (2 * (1 - share)).clamp(max=1)
    counted = street.sum((2, 3), keepdim=True)
    usual = (torch.where(counted > 0, (street * tones).sum((2, 3), keepdim=True) / counted.clamp(min=1), tones) for tones in before[:2])
    dark, slope = (tones + mistaken * (mean - tones) for tones, mean in zip(before[:2], usual, strict=True))
    return kept(Maps(dark, slope, before.light), batch.picture), share * before.light

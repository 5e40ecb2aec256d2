"""The painter that teaches clear weather: haze is taken off by distance, colours and contrast come back, the sky turns blue.

Its scenes are rainy: photographs of rain, or streets that the painter of rain made wet. Twenty-three of its constants, for hazy rain, of
which a large one-step model has aligned pairs, are fitted to these (`fitting.py`), as those of the painter of rain are; those for rain in
which contrasts are strong, of which there are none, are set by photographs of clear days, and the rest by eye.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from . import rain
from .blocks import luma
from .clear_tones import CRISP_RAIN, FITTED, Tones
from .scene import Painted, Scene, sky_matte
from .segmenter import ROAD, SKY

LEAST = 0.25
"""How much of the street is taken to come through the haze at least: less, and what is brought back is noise."""
LITTLE = 0.01
"""Share of sky below which air is as bright as what is brightest in the picture."""
BRIGHTEST = 0.97
"""What is brighter than this part of the picture."""
USUAL_STREET, USUAL_SKY = 0.4, 0.8
"""Brightness of a street and a sky in rain that are neither dim nor burnt out."""
DIMMEST = 0.35
"""Streets that are dimmer on the whole come out as dim as these, of what they were: there are no pairs of them."""
WARM = 0.04
"""How much redder than blue a sky is that stays as it is."""
BRIGHTEST_SKY, BLUEST_SKY = 0.87, 0.8
"""Skies that are brighter than this, or of which a channel is less beside grey, or more by as much, are taken for such: there are no pairs
of them, either."""
HAZY, LEAST_CHANGED = 0.15, 0.3
"""How bright the darkest of a hazy street is, and how much is made of one whose darkest is black: it needs no contrast."""
DARKEST = 0.05
"""The part of a street that is its darkest."""
LOWEST = 0.45
"""How far down the picture sky begins at most, in parts of its height: what begins lower is spray, or wet ground that mirrors it."""
FRINGE = 0.02
"""How far around such sky nothing is taken for sky, either, in parts of the picture's width."""
WIDE, EDGE = 0.05, 0.03
"""How far around a pixel the picture is looked at for edges that a sky may have, in parts of its width, and how much brighter or darker
one side of such an edge is."""
FLAT, CONTRASTY = 0.46, 0.58
"""How much the brightness of a street spreads, in parts of its mean, up to which its constants are the fitted ones, as those of the pairs
are, and from which on they are `CRISP_RAIN`."""
DETAIL, FINEST = 0.3, 0.004
"""How much is added there to what stands out from its surroundings, since rain blurs, and how wide these are, in parts of the picture's
width."""


class Fields(NamedTuple):
    """What the painter goes by of a rainy picture, [1, C, H, W] each; the first six are those of the painter of rain."""

    day: Tensor
    level: Tensor
    soft: Tensor
    sky: Tensor
    far: Tensor
    ground: Tensor
    seen: Tensor
    """The picture."""
    height: Tensor
    """How high above the lowest of the sky each row is, 0 to 1 at the upper edge."""


def paint(scene: Scene) -> Painted:
    """This rainy scene in clear weather: what is left of the street, and the sky that is laid over it."""
    known = fields(scene)
    crisp = _crispness(known)
    told = {name: torch.lerp(getattr(FITTED, name), real, crisp) for name, real in CRISP_RAIN.items()}
    base, light = layers(known, FITTED._replace(**told))
    base = _detailed(base, 1 - known.sky, DETAIL * crisp)
    return Painted(*(layer[0].permute(1, 2, 0).numpy() for layer in (base, light)))


def _crispness(known: Fields) -> float:
    street = _street_brightness(known)
    spread = float(street.std() / street.mean().clamp(min=1e-3)) if len(street) > 1 else FLAT
    return min(max((spread - FLAT) / (CONTRASTY - FLAT), 0.0), 1.0)


def _detailed(street: Tensor, free: Tensor, how_much: float) -> Tensor:
    """The street, of which so much of each pixel is `free` of sky, with what stands out from the street around it enhanced."""
    side = 2 * round(FINEST * street.shape[3]) + 1
    summed, counted = (functional.avg_pool2d(x, side, 1, side // 2, count_include_pad=False) for x in (street, free))
    return (street + how_much * (street - free * summed / counted.clamp(min=1e-3))).clamp(0, 1)


def fields(scene: Scene) -> Fields:
    """What is known of a scene, as the painter goes by it."""
    known = rain.fields(_without_low_sky(scene))
    rows = torch.linspace(0, 1, known.sky.shape[2])
    below = rows[known.sky[0, 0].sum(1) > 0.05 * known.sky.shape[3]]
    lowest = float(below[-1]) if len(below) else 0.0
    height = (1 - rows / max(lowest, 0.05)).clamp(0, 1)[:, None].expand_as(known.sky)
    seen = torch.from_numpy(np.ascontiguousarray(scene.day)).permute(2, 0, 1)[None]
    sky, edges = _soft_in_fog(known.sky, luma(seen))
    # what a sky was taken out of can't be brighter for it
    day = torch.lerp(seen, torch.minimum(known.day, seen), edges)
    return Fields(*known._replace(sky=sky, day=day), seen, height)


def _soft_in_fog(matte: Tensor, guide: Tensor) -> tuple[Tensor, Tensor]:
    """The matte without edges where the picture has none, and how much of an edge there is around each pixel, [1, 1, H, W] each.

    Where a street goes over into sky in fog, so does what is painted. A guided filter (He, Sun and Tang, 2010, eq. 4 to 8).
    """
    reach = round(WIDE * matte.shape[3])

    def around(x: Tensor) -> Tensor:
        for down, along in ((reach, 0), (0, reach)):
            x = functional.avg_pool2d(x, (2 * down + 1, 2 * along + 1), 1, (down, along), count_include_pad=False)
        return x

    mean, level = around(matte), around(guide)
    spread = around(guide**2) - level**2
    slope = (around(matte * guide) - mean * level) / (spread + EDGE**2)
    return (around(slope) * guide + around(mean - slope * level)).clamp(0, 1), spread / (spread + EDGE**2)


def _without_low_sky(scene: Scene) -> Scene:
    """This scene, in which sky that begins too low in the picture is road."""
    sky, _ = sky_matte(scene)
    parts, _ = ndimage.label(sky > 0.02)
    found = enumerate(ndimage.find_objects(parts), 1)
    low = np.isin(parts, [index for index, (rows, _) in found if rows.start > LOWEST * len(sky)])
    if not low.any():
        return scene
    # a matte is soft: what is around it is part of the same
    low = ndimage.binary_dilation(low, iterations=round(FRINGE * sky.shape[1])) & (np.arange(len(sky)) > LOWEST * len(sky))[:, None]
    shows = scene.shows.copy()
    shows[ROAD] += low * shows[SKY]
    shows[SKY] *= ~low
    return replace(scene, shows=shows)


def layers(known: Fields, tones: Tones) -> tuple[Tensor, Tensor]:
    """Base and light, [1, 3, H, W] each."""
    over = _sky_colour(known)
    street = _street(known, tones, over) * (1 - known.sky)
    return street.clamp(0, 1), (_sky(known, tones, over) * known.sky).clamp(0, 1)


def _sky(known: Fields, tones: Tones, over: Tensor) -> Tensor:
    bright, warmth = luma(over), over[:, :1] - over[:, 2:]
    cast = (over / bright).clamp(BLUEST_SKY, 1 / BLUEST_SKY) if warmth < 0 else torch.ones_like(over)
    blue = tones.horizon[:, None, None] + (tones.zenith - tones.horizon)[:, None, None] * known.height**tones.rise
    blue = blue * (bright.clamp(max=BRIGHTEST_SKY) / USUAL_SKY) ** tones.dusk * cast**tones.cast
    blue = blue + tones.clouds * (known.soft - _mean(known.soft, known.sky))
    return blue + (warmth / WARM).clamp(0, 1) * (tones.left * known.seen - blue)


def _street(known: Fields, tones: Tones, over: Tensor) -> Tensor:
    through = torch.exp(-tones.thickness * known.far**tones.power).clamp(min=LEAST)
    street = ((known.day - tones.air * over * (1 - through)) / through).clamp(1e-3, 1.2)
    grey = luma(street)
    street = grey + tones.colour * (street - grey)
    street = (street * (1 + tones.sun * (grey - known.level) / (grey + 0.05))).clamp(1e-3, 1.3) ** tones.gamma
    whole = _mean(luma(known.seen), 1 - known.sky)
    wanted = tones.bright[:, None, None] * whole * (whole.clamp(min=DIMMEST) / USUAL_STREET) ** tones.dim
    street = street * wanted / _mean(luma(street), 1 - known.sky).clamp(min=1e-3)
    grey = street.mean(1, keepdim=True)
    street = street + known.ground * (tones.dry * (grey + tones.ground * (street - grey)) - street)
    return known.day + _haziness(known) * (street - known.day)


def _haziness(known: Fields) -> float:
    street = _street_brightness(known)
    return min(max(float(street.quantile(DARKEST)) / HAZY, LEAST_CHANGED), 1.0) if len(street) else 1.0


def _street_brightness(known: Fields) -> Tensor:
    """Of each pixel that is not sky, [N]."""
    return luma(known.seen)[known.sky < 0.5]


def _sky_colour(known: Fields) -> Tensor:
    """The mean colour of the sky, or of what is brightest where there is hardly any, [1, 3, 1, 1]."""
    if known.sky.mean() < LITTLE:
        return known.seen.flatten(2).quantile(BRIGHTEST, 2)[..., None, None]
    return _mean(known.seen, known.sky)


def _mean(x: Tensor, weights: Tensor) -> Tensor:
    """[1, C, 1, 1]."""
    return (x * weights).mean((2, 3), keepdim=True) / (weights.mean((2, 3), keepdim=True) + 1e-5)

"""The painter that teaches night: from a day picture and what each pixel shows, two layers of a night picture.

`base` is the street as moon, town and the car's own headlamps light it, its windows lit; `light` is what is emitted in it:
street lamps at the tops of poles, tail- and headlamps, signals. It runs at training time only: the network
has to learn both layers from the picture alone, and no part of this module is in a shipped graph.

Sizes are given in units of 1/640 of the picture's width. "Linear" is light, "shown" is what a screen is told.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .lamps import Lamp, street_lamps
from .scene import LUMA, Array, Painted, Scene, sky_matte, smooth, without_sky
from .segmenter import BICYCLE, BUILDING, CAR, FENCE, PAVEMENT, PERSON, POLE, ROAD, SIGN, SKY, TREE
from .windows import panes

TOWN = np.array([1.22, 0.96, 0.72], np.float32)
HEADLAMP = np.array([1.12, 0.98, 0.80], np.float32)
STREET_LAMP = np.array([1.0, 0.83, 0.56], np.float32)
TAIL_LAMP = np.array([1.0, 0.10, 0.06], np.float32)
OWN_LAMP = np.array([1.0, 0.95, 0.84], np.float32)
WINDOW = np.array([1.0, 0.74, 0.42], np.float32)
ZENITH = np.array([0.0007, 0.0006, 0.0007], np.float32)
HORIZON = np.array([0.0044, 0.0034, 0.0030], np.float32)
NARROW = 0.15
"""How much of the glow of a car's lamps and of signals goes far: a street full of cars would lie in a red mist."""
LARGEST_CAR = 50
"""How wide what seems to be a car may be, where the camera stands."""


def paint(scene: Scene, signs_are_lit: bool = True) -> Painted:
    """The layers (base, light) of this scene at night, both as shown; sure is of lit windows."""
    horizon = scene.horizon()
    sky, sky_colour = sky_matte(scene)
    lamps = street_lamps(scene, horizon)
    street = _street(scene, horizon, lamps, without_sky(scene, sky, sky_colour))
    base = street * (1 - sky[..., None]) + _night_sky(scene, horizon) * sky[..., None]
    signs = _lit_signs(scene, sky) * signs_are_lit
    base = base * (1 - signs[..., None]) + 0.5 * scene.day**2.2 * signs[..., None]
    # no part of the light: every pane counted as a lamp does would have all light up that may be one
    windows = panes(scene, horizon)
    base = base + windows[..., None] * WINDOW
    emitted = _emitters(scene, horizon, lamps, sky) + 0.35 * scene.blur(scene.day**2.2 * signs[..., None], 5)
    shown = np.clip(base, 0, 1) ** (1 / 2.2)
    light = np.clip(base + emitted, 0, 1) ** (1 / 2.2) - shown
    sure = np.clip(windows / 0.15, 0, 1)
    return Painted(shown.astype(np.float32), np.clip(light, 0, 1).astype(np.float32), sure.astype(np.float32))


def _night_sky(scene: Scene, horizon: int) -> Array:
    height, width, _ = scene.day.shape
    up = np.clip((horizon - np.arange(height)) / max(1, horizon), 0, 1)[:, None, None] ** 0.7
    return (HORIZON * (1 - up) + ZENITH * up) * np.ones((1, width, 1), np.float32)


def paint_unlit_red(scene: Scene, before: Scene) -> Painted:
    """The layers of a scene in which things were painted red that are no lamps: lit as everything is, while what is emitted is what was
    emitted `before` they were, but for red lamps that were painted over; what they throw on their surroundings stays."""
    base, _, sure = paint(scene, signs_are_lit=False)
    _, light, _ = paint(before, signs_are_lit=False)
    over = np.clip(np.abs(scene.day - before.day).max(-1) / 0.1, 0, 1)
    # a lamp's core may be white: it is known by the red around it
    reddish = scene.blur(np.clip((light[..., 0] - light[..., 1] - 0.02) / 0.05, 0, 1), 2.5)
    return Painted(base, light * (1 - over * np.clip(5 * reddish, 0, 1))[..., None], sure)


def _street(scene: Scene, horizon: int, lamps: list[Lamp], day: Array) -> Array:
    """Everything but the sky, in linear light: exposure evened out, highlights and colour reduced, lit anew."""
    linear = day**2.2
    solid = scene.shows[SKY] < 0.3
    usual = float(np.median((linear @ LUMA)[solid])) if solid.any() else 0.2
    surface = linear * np.clip(0.145 / max(usual, 1e-3), 0.4, 4.0)
    surface = surface / (1 + 0.7 * (surface @ LUMA)[..., None])
    grey = (surface @ LUMA)[..., None]
    surface = grey + 0.85 * (surface - grey)
    return surface * _illumination(scene, horizon, lamps)


def _illumination(scene: Scene, horizon: int, lamps: list[Lamp]) -> Array:
    height, width, _ = scene.day.shape
    s = scene.shows
    rows = np.arange(height)[:, None] * np.ones((1, width))
    near_street = np.exp(-np.clip(horizon - rows, 0, None) / (0.22 * height))
    town = (0.016 + 0.030 * near_street) * (1 - 0.45 * s[TREE])
    total = town[..., None] * TOWN + (0.10 * near_street * (s[BUILDING] + s[FENCE]))[..., None] * STREET_LAMP
    columns = np.arange(width)[None]
    for lamp in lamps:
        ground = np.exp(-(((columns - lamp.column) / (0.14 * width)) ** 2) - ((rows - lamp.foot) / (0.09 * height)) ** 2)
        around = np.exp(-((columns - lamp.column) ** 2 + (rows - lamp.row) ** 2) / (0.09 * width) ** 2)
        total = total + (lamp.size * (0.30 * ground + 0.20 * around))[..., None] * STREET_LAMP
    marks = s[ROAD] * np.clip((scene.luma - scene.blur(scene.luma, 12)) / 0.15, 0, 1)
    if scene.from_car:
        down = np.clip((rows - horizon) / (height - horizon), 0, 1)
        reach = smooth(down, -0.02, 0.22) * (1 - 0.55 * smooth(down, 0.55, 1.0))
        aside = (np.arange(width)[None] - width / 2) / (0.42 * width + 0.4 * width * down)
        takes = s[ROAD] + 0.75 * s[PAVEMENT] + 0.4 * (s[TREE] + s[FENCE]) + 0.35 * (s[CAR] + s[BUILDING])
        takes = takes + 0.7 * (s[PERSON] + s[BICYCLE]) + s[SIGN]
        beam = 0.27 * reach * np.exp(-(aside**2)) * scene.blur(takes, 2)
        total = total + beam[..., None] * HEADLAMP
    else:
        total = total + (0.09 * (s[ROAD] + s[PAVEMENT]))[..., None] * STREET_LAMP
    return total * (1 + 0.9 * marks[..., None])


def _lit_signs(scene: Scene, sky: Array) -> Array:
    """Signs, boards and shop fronts: small, colourful, on buildings or posts."""
    chroma = scene.day.max(-1) - scene.day.min(-1)
    excess = np.clip((scene.blur(chroma, 1) - scene.blur(chroma, 22) - 0.12) / 0.2, 0, 1)
    s = scene.shows
    place = np.clip(s[BUILDING] + s[SIGN] + 0.5 * s[POLE] - 2 * (s[TREE] + s[CAR] + s[PERSON]), 0, 1)
    lit = excess * np.clip((scene.luma - 0.12) / 0.2, 0, 1) * place
    return np.clip(scene.blur(lit, 0.8) + 0.45 * s[SIGN], 0, 0.9) * (1 - sky)


def _emitters(scene: Scene, horizon: int, lamps: list[Lamp], sky: Array) -> Array:
    heads = np.zeros_like(scene.luma)
    for lamp in lamps:
        _disc(heads, lamp.row, lamp.column, (1.7 + 2.2 * lamp.size) * scene.unit)
    tails, fronts = _car_lamps(scene)
    total = _glow(scene, heads, STREET_LAMP, 2.8) + _glow(scene, tails, TAIL_LAMP, 0.85, NARROW)
    total += _glow(scene, fronts, OWN_LAMP, 1.2, NARROW) + _signals(scene, horizon, sky)
    return total + _mirrored(scene, tails)[..., None] * TAIL_LAMP + _mirrored(scene, fronts)[..., None] * OWN_LAMP


def _mirrored(scene: Scene, core: Array) -> Array:
    """A car's lamps as the road before them gives them back: drawn out downwards."""
    smeared = ndimage.gaussian_filter(core, (16 * scene.unit, 3 * scene.unit), mode="constant")
    return 0.35 * ndimage.shift(smeared, (22 * scene.unit, 0), order=1, mode="constant") * scene.shows[ROAD]


def _glow(scene: Scene, core: Array, colour: Array, power: float, far: float = 1.0) -> Array:
    """A lamp's core, and the light that air and lens spread around it; `far` is the share of it that goes far."""
    spread = 0.9 * scene.blur(core, 2.2) + far * (1.6 * scene.blur(core, 7) + 2.2 * scene.blur(core, 22))
    whitened = colour * 0.45 + 0.55 * colour.max()
    return power * (core[..., None] * whitened * 1.2 + spread[..., None] * colour)


def _car_lamps(scene: Scene) -> tuple[Array, Array]:
    """Tail lamps where a car has small red parts; headlamps on cars seen from before, which have none."""
    cars = _other_cars(scene)
    red, rest = scene.day[..., 0], scene.day[..., 1:].max(-1)
    red = np.clip(red - rest, 0, 1) * np.clip((red / (rest + 0.05) - 1.05) * 4, 0, 1)
    around = ndimage.binary_dilation(cars, iterations=max(1, round(2 * scene.unit)))
    local = red - scene.blur(red * around, 14) / (scene.blur(around.astype(np.float32), 14) + 1e-3)
    tails = np.clip((scene.blur(local, 0.7) - 0.055) / 0.12, 0, 1) * around
    tails = tails * np.clip(0.14 / (scene.blur(tails, 9) + 1e-3), 0, 1) ** 1.5
    tails = _sure_tails(scene, cars, red, tails)
    fronts = np.zeros_like(tails)
    found, _ = ndimage.label(ndimage.binary_opening(cars, iterations=max(1, round(scene.unit))))
    for index, where in enumerate(ndimage.find_objects(found), 1):
        tall, wide = where[0].stop - where[0].start, where[1].stop - where[1].start
        if not 0.75 < wide / tall < 1.75 or wide < 9 * scene.unit or where[1].start < 2 or where[1].stop > cars.shape[1] - 2:
            continue
        # what begins so low is the bonnet or the dashboard before the camera
        if where[0].start > 0.72 * cars.shape[0]:
            continue
        mask = found[where] == index
        if mask.mean() < 0.6 or np.clip(tails[where] + 4 * local[where] - 0.1, 0, 1)[mask].mean() > 0.004:
            continue
        row = where[0].start + 0.62 * tall
        for side in (0.17, 0.83):
            _disc(fronts, row, where[1].start + side * wide, np.clip(0.055 * wide, 0.9 * scene.unit, 5 * scene.unit))
    return tails, fronts


def _sure_tails(scene: Scene, cars: Array, red: Array, tails: Array) -> Array:
    """Tail lamps without what only looks like them: specks that are no car, and the paint of red cars, which get two lamps instead."""
    found, _ = ndimage.label(cars)
    sure = np.zeros_like(tails)
    for index, where in enumerate(ndimage.find_objects(found), 1):
        tall, wide = where[0].stop - where[0].start, where[1].stop - where[1].start
        if wide < 5 * scene.unit or tall < 4 * scene.unit:
            continue
        mask = found[where] == index
        if (red[where] > 0.16)[mask].mean() < 0.16:
            sure[where] = np.maximum(sure[where], tails[where] * mask)
        elif 0.7 < wide / tall < 1.9 and mask.mean() > 0.5:
            radius = np.clip(0.05 * wide, 0.9 * scene.unit, 4 * scene.unit)
            for side in (0.13, 0.87):
                _disc(sure, where[0].start + 0.5 * tall, where[1].start + side * wide, radius)
    return sure


def _other_cars(scene: Scene) -> Array:
    """Where cars are, but for the one that the camera is in, whose bonnet or dashboard lies along the lower edge; and but for large ones
    where the camera stands, though some are cars: there the segmenter, which learnt from streets, takes roofs and hedges for them."""
    cars = scene.shows[CAR] > 0.5
    found, _ = ndimage.label(cars)
    height, width = cars.shape
    for index, where in enumerate(ndimage.find_objects(found), 1):
        wide = where[1].stop - where[1].start
        own = scene.from_car and where[0].stop >= height - 1 and wide > 0.35 * width
        if own or (not scene.from_car and wide > LARGEST_CAR * scene.unit):
            left_out = found == index
            if own:
                left_out[: round(0.78 * height)] = False
            cars = cars & ~left_out
    return cars


def _signals(scene: Scene, horizon: int, sky: Array) -> Array:
    """Traffic lights: compact, bright, saturated; red, or a green that is half blue."""
    r, g, b = (scene.day[..., i] for i in range(3))
    s = scene.shows
    place = np.clip(2 * scene.blur(s[SIGN] + s[POLE], 2) - 0.3 - 2 * s[CAR], 0, 1) * (1 - sky)
    place[horizon + round(0.05 * len(place)) :] = 0
    red = np.clip(r - np.maximum(g, b) - 0.25, 0, 1) * (r > 0.55)
    green = np.clip((g + b) / 2 - r - 0.14, 0, 1) * (g > 0.45) * (np.abs(g - b) < 0.25)
    total = np.zeros_like(scene.day)
    for mask, colour in ((red, np.array([1, 0.1, 0.05])), (green, np.array([0.1, 1, 0.7]))):
        compact = np.clip((scene.blur(mask, 0.8) - 2.2 * scene.blur(mask, 6)) * 8, 0, 1) * place
        total += _glow(scene, compact.astype(np.float32), colour.astype(np.float32), 0.8, NARROW)
    return total


def _disc(canvas: Array, row: float, column: float, radius: float) -> None:
    reach = int(radius + 2)
    top, left = max(0, int(row) - reach), max(0, int(column) - reach)
    part = canvas[top : int(row) + reach + 1, left : int(column) + reach + 1]
    y, x = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
    np.maximum(part, np.clip(radius + 0.5 - np.hypot(y - row, x - column), 0, 1), out=part)

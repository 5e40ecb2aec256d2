"""The painter that teaches rain: a dull sky, haze that thickens with distance, a grey road.

Its constants are few, and fitted to aligned pairs of a large one-step model (`fitting.py`), of which so few can't learn much by heart.
What wet ground mirrors is no layer of its: the mirror head finds wet ground, where this painter is sure of it, and mirrors. The
drops that fall are not painted here, either: the exported graph lets them fall with its `time` input.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .blocks import luma
from .scene import Painted, Scene, ahead, distance, sky_matte, without_sky
from .segmenter import PAVEMENT, ROAD

HORIZON = 0.02
"""Share of sky from which on the horizon is taken to be in view, as from a car it always is: from above, what a road mirrors is not in the
picture."""


class Tones(NamedTuple):
    """What the painter can be told of rain."""

    thickness: Tensor
    """How much haze takes a unit of distance away."""
    power: Tensor
    """Of distance, that it does so with."""
    dull: Tensor
    """How bright the street is without the sun, of 1."""
    gamma: Tensor
    """The power of its brightness: below 1, shadows are lifted."""
    colour: Tensor
    """How much of its colour is left."""
    sun: Tensor
    """How much of what is brighter than its surroundings is taken off."""
    greyed: Tensor
    """How much of the ground's colour wetness takes."""
    air: Tensor
    """How bright haze is, beside the sky."""
    sky: Tensor
    """Colour of the sky, [3]."""
    clouds: Tensor
    """How much of what was bright and dark in the sky is left."""


FITTED = Tones(
    thickness=torch.tensor(0.031),
    power=torch.tensor(0.666),
    dull=torch.tensor(0.872),
    gamma=torch.tensor(0.541),
    colour=torch.tensor(1.038),
    sun=torch.tensor(0.131),
    greyed=torch.tensor(0.332),
    air=torch.tensor(0.803),
    sky=torch.tensor([0.710, 0.712, 0.746]),
    clouds=torch.tensor(0.207),
)
PLAIN = Tones(
    thickness=torch.tensor(0.03),
    power=torch.tensor(1.0),
    dull=torch.tensor(0.85),
    gamma=torch.tensor(1.0),
    colour=torch.tensor(1.0),
    sun=torch.tensor(0.0),
    greyed=torch.tensor(0.0),
    air=torch.tensor(1.0),
    sky=torch.tensor([0.75, 0.75, 0.75]),
    clouds=torch.tensor(0.0),
)
"""What is fitted begins with these: a grey, hazy day."""
POSITIVE = ("thickness", "power", "dull", "gamma")
"""Constants that are fitted by their logarithms."""


class Fields(NamedTuple):
    """What the painter goes by of a picture, [1, C, H, W] each."""

    day: Tensor
    """The picture without the sky between branches."""
    level: Tensor
    """How bright that is around each pixel."""
    soft: Tensor
    """How bright the picture is close around each, the sky as it was."""
    sky: Tensor
    """How much of each is sky."""
    far: Tensor
    """As `scene.distance` has it."""
    ground: Tensor
    """How much of each is road or pavement."""


def paint(scene: Scene) -> Painted:
    """This scene in rain: what is seen of it, and what haze and sky add; sure is wet ground with the horizon in view."""
    known = fields(scene)
    base, light = (layer[0].permute(1, 2, 0).numpy() for layer in layers(known, FITTED))
    in_view = float(scene.from_car or known.sky.mean() > HORIZON)
    wet = known.ground[0, 0].numpy() * scene.blur(ahead(scene), 1)
    return Painted(base, light, (in_view * wet).astype(np.float32))


def fields(scene: Scene) -> Fields:
    """What is known of a scene, as the painter goes by it."""
    sky, sky_colour = sky_matte(scene)
    day = without_sky(scene, sky, sky_colour)
    clear = Scene(day, scene.shows, scene.from_car)
    ground = scene.blur(np.clip(scene.shows[ROAD] + scene.shows[PAVEMENT], 0, 1), 1)

    def plane(x: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(np.atleast_3d(x), np.float32)).permute(2, 0, 1)[None]

    planes = day, scene.blur(clear.luma, 30), scene.blur(scene.luma, 6), sky, distance(scene), ground
    return Fields(*map(plane, planes))


def layers(known: Fields, tones: Tones) -> tuple[Tensor, Tensor]:
    """Base and light, [1, 3, H, W] each."""
    through = torch.exp(-tones.thickness * known.far**tones.power)
    through = F.avg_pool2d(through, 3, 1, 1, count_include_pad=False)
    street = _without_sun(known, tones)
    street = street + tones.greyed * known.ground * (street.mean(1, keepdim=True) - street)
    sky = tones.sky[:, None, None]
    air = tones.air * sky
    clouds = sky + tones.clouds * (known.soft - known.soft.mean())
    base = street * through * (1 - 0.97 * known.sky)
    light = air * (1 - through) * (1 - known.sky) + clouds * known.sky
    return base.clamp(0, 1), light.clamp(0, 1)


def _without_sun(known: Fields, tones: Tones) -> Tensor:
    """The street as if a cloud had come before the sun, as `scene.dulled` has it, but by constants that can be fitted."""
    grey = luma(known.day)
    flat = grey + tones.colour * (known.day - grey)
    glare = (grey - known.level.clamp(min=0.35)).clamp(min=0)
    dull = (flat * (1 - tones.sun * glare / (grey + 0.05))).clamp(1e-3, 1)
    return tones.dull * dull**tones.gamma

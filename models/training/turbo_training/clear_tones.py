"""The constants of the painter of clear weather: those for hazy rain, which are fitted, and those for rain with strong contrasts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Tones(NamedTuple):
    """What the painter can be told of clear weather."""

    thickness: Tensor
    """How much haze takes a unit of distance away."""
    power: Tensor
    """Of distance, that it does so with."""
    air: Tensor
    """How bright haze is, beside the sky."""
    bright: Tensor
    """How bright the street is on the whole, of what it was, [3]."""
    gamma: Tensor
    """The power of its brightness: above 1, shadows are deepened."""
    colour: Tensor
    """How much of its colour comes back, of what it had."""
    sun: Tensor
    """How much what is brighter than its surroundings is brightened further."""
    dry: Tensor
    """How bright dry ground is, of wet ground."""
    ground: Tensor
    """How much of the ground's colour comes back, of what it had."""
    horizon: Tensor
    """Colour of the sky above the horizon, [3]."""
    zenith: Tensor
    """Its colour at the upper edge of the picture, [3]."""
    rise: Tensor
    """The power of height with which one goes over into the other."""
    clouds: Tensor
    """How much of what was bright and dark in the sky is left."""
    dim: Tensor
    """How much dimmer a dim street comes out: a power."""
    dusk: Tensor
    """How much dimmer the clear sky is where the rainy one is dim: a power."""
    cast: Tensor
    """How much of the colour of a sky that is bluish in rain the clear one has, too: a power."""
    left: Tensor
    """How bright a warm sky, that of a low sun, is left."""


FITTED = Tones(
    thickness=torch.tensor(0.009),
    power=torch.tensor(0.544),
    air=torch.tensor(0.627),
    bright=torch.tensor([0.615, 0.647, 0.624]),
    gamma=torch.tensor(1.793),
    colour=torch.tensor(0.595),
    sun=torch.tensor(0.128),
    dry=torch.tensor(0.938),
    ground=torch.tensor(1.678),
    horizon=torch.tensor([0.663, 0.886, 0.856]),
    zenith=torch.tensor([0.399, 0.637, 0.848]),
    rise=torch.tensor(1.591),
    clouds=torch.tensor(0.445),
    dim=torch.tensor(0.9),
    dusk=torch.tensor(1.457),
    cast=torch.tensor(2.769),
    left=torch.tensor(0.951),
)
CRISP_RAIN = {
    "bright": torch.tensor([1.25, 1.27, 1.3]),
    "gamma": torch.tensor(1.05),
    "colour": torch.tensor(0.9),
    "sun": torch.tensor(0.7),
    "horizon": torch.tensor([0.74, 0.85, 0.90]),
    "zenith": torch.tensor([0.47, 0.67, 0.85]),
    "dim": torch.tensor(0.0),
    "dusk": torch.tensor(0.5),
    "cast": torch.tensor(1.0),
}
"""Constants for rain that is hardly hazy, set so that what comes of photographs is near photographs of clear days (`realism.py`). The large
model's rain is hazy and bright, and has brightness to lose; what cameras see of rain is mostly as dark as clear days are. These go beyond
what is wanted, since networks fall short of what they are taught."""
PLAIN = Tones(
    thickness=torch.tensor(0.02),
    power=torch.tensor(1.0),
    air=torch.tensor(1.0),
    bright=torch.tensor([1.0, 1.0, 1.0]),
    gamma=torch.tensor(1.0),
    colour=torch.tensor(1.2),
    sun=torch.tensor(0.3),
    dry=torch.tensor(1.0),
    ground=torch.tensor(1.0),
    horizon=torch.tensor([0.75, 0.85, 0.95]),
    zenith=torch.tensor([0.35, 0.60, 0.90]),
    rise=torch.tensor(1.0),
    clouds=torch.tensor(0.5),
    dim=torch.tensor(0.0),
    dusk=torch.tensor(1.0),
    cast=torch.tensor(0.0),
    left=torch.tensor(1.0),
)
"""What is fitted begins with these: a blue sky, and what was, with a little more contrast and colour."""
POSITIVE = ("thickness", "power", "bright", "gamma", "dry", "rise")
"""Constants that are fitted by their logarithms."""

"""Where training examples are drawn from: pictures held in the device's memory, of which each source gives as many crops as are asked for.

What is random, but for noise, is drawn on the CPU, and nothing here waits for a GPU.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .blocks import FOLD
from .falling import layers as layers_that_fall
from .losses import Batch
from .mirror_head import reflected
from .mirrors import below_feet
from .pictures import LARGEST, crop, crops, one_of, per_picture, relight

BURNT_OUT = 0.25
"""Share of streets painted as night that a camera in the sun has taken: what is burnt out is as white as a lamp, and is none."""
HARDLY, WHOLE = 0.2, 1.1
"""How much pictures of rain are relit, 1 being as much as others, and how much they are enlarged at most: the painter of clear weather goes
by how bright and how warm they are on the whole."""
SUNLIT = (1.3, 2.2)
"""How much too bright a camera in the sun is."""
SUNLIT_SHARE = 0.35
"""Share of what still cameras see that is mostly burnt out."""
PASSING, BROADEST = 3, 0.2
"""How many things pass through a picture at once, at most, and how tall and wide they are, at most, in parts of it."""


class Source(Protocol):
    """Anything that gives training examples."""

    def draw(self, rng: np.random.Generator, count: int) -> Batch: ...


def _sunlit(rng: np.random.Generator, count: int, share: float) -> np.ndarray:
    """Exposures [count], of which a `share` is too bright, as of a camera in the sun."""
    return np.where(rng.random(count) < share, rng.uniform(*SUNLIT, count), 1)


class Pairs:
    """Aligned pairs made by a large teacher."""

    def __init__(self, pairs: list[Tensor], size: tuple[int, int], relit: float) -> None:
        self.pairs, self.size, self.relit = pairs, size, relit

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        picture, target = crops(self.pairs, self.size, rng, count).split(3, 1)
        return Batch.of(relight(picture, rng, self.relit), target)


class Unchanged:
    """Pictures that are of the target domain already and should stay as they are (identity objective)."""

    def __init__(self, pictures: list[Tensor], size: tuple[int, int]) -> None:
        self.pictures, self.size = pictures, size

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        picture = relight(crops(self.pictures, self.size, rng, count), rng, 0.3)
        return Batch.of(picture, picture, (picture, torch.zeros_like(picture)))


class Still:
    """Neighbouring frames of videos."""

    def __init__(self, pairs: list[Tensor], size: tuple[int, int]) -> None:
        self.pairs, self.size = pairs, size

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        frames = crops(self.pairs, self.size, rng, count)
        exposure, gamma = np.exp(rng.normal(0, 0.15, count)), np.exp(rng.normal(0, 0.1, count))
        # what flickers in burnt-out pictures is the codec's noise
        exposure = exposure * _sunlit(rng, count, SUNLIT_SHARE)
        frames = (per_picture(exposure, frames) * frames ** per_picture(gamma, frames)).clamp(0, 1)
        noise = torch.stack([torch.cat([_coarse_noise(frame[:3], rng), _coarse_noise(frame[3:], rng)]) for frame in frames])
        level = rng.uniform(0, 0.02, count) * (rng.random(count) < 0.5)
        first, second = (frames + per_picture(level, frames) * noise).clamp(0, 1).split(3, 1)
        return Batch.of(first, second, twin=True)


class Passing:
    """Pictures through which something passes, as a still camera would see it a moment apart. What it hides changes; the rest should not,
    but a network that looks at much of the picture at once lets it. Videos that show this are few, and show few streets."""

    def __init__(self, pictures: list[Tensor], size: tuple[int, int], painter: str = "night") -> None:
        self.pictures, self.size = pictures, size
        self.largest, self.relit = (WHOLE, HARDLY) if painter == "clear" else (LARGEST, 1.0)

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        pictures = torch.stack([self._cut(rng) for _ in range(count)])
        exposure = per_picture(_sunlit(rng, count, SUNLIT_SHARE), pictures)
        first = relight((exposure * pictures).clamp(0, 1), rng, self.relit)
        return Batch.of(first, torch.stack([self._passed(picture, rng) for picture in first]), twin=True)

    def _cut(self, rng: np.random.Generator) -> Tensor:
        return crop(one_of(self.pictures, rng), self.size, rng, self.largest)

    def _passed(self, picture: Tensor, rng: np.random.Generator) -> Tensor:
        """This picture with a few pieces of another in it, each somewhat brighter or darker than it is there."""
        passed, other = picture.clone(), self._cut(rng)
        for _ in range(rng.integers(1, PASSING + 1)):
            tall, wide = (max(FOLD, round(side * rng.uniform(0.04, BROADEST))) for side in self.size)
            top, left = (int(rng.integers(0, side - part + 1)) for side, part in zip(self.size, (tall, wide), strict=True))
            there = (slice(None), slice(top, top + tall), slice(left, left + wide))
            passed[there] = (other[there] * float(np.exp(rng.normal(0, 0.3)))).clamp(0, 1)
        return passed


def _coarse_noise(like: Tensor, rng: np.random.Generator) -> Tensor:
    """Noise in squares of 1, 4 or 8 pixels, as codecs make it, grey for the most part."""
    side = (1, 4, 8)[rng.integers(3)]
    height, width = like.shape[1:]
    noise = like.new_empty(4, -(-height // side), -(-width // side)).normal_()
    fine = (noise[:1] + 0.3 * noise[1:]).repeat_interleave(side, 1).repeat_interleave(side, 2)
    return fine[:, :height, :width]


SPRAY = 0.5
"""Chance of each of three clouds of spray over a wet street: as bright and soft as sky, and a network took them for that."""


def _spray(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Soft white clouds, as cars raise them, low in most crops."""
    height, width = pictures.shape[2:]
    rows, columns = (torch.linspace(0, 1, side, device=pictures.device) for side in (height, width))
    count = len(pictures)
    for _ in range(3):
        hidden = per_picture(rng.uniform(0.3, 0.9, count) * (rng.random(count) < SPRAY), pictures)
        down, aside = per_picture(rng.uniform(0.4, 1, count), pictures), per_picture(rng.uniform(0, 1, count), pictures)
        tall, wide = per_picture(rng.uniform(0.03, 0.15, count), pictures), per_picture(rng.uniform(0.05, 0.3, count), pictures)
        cloud = hidden * torch.exp(-(((rows[:, None] - down) / tall).square()) - ((columns - aside) / wide).square())
        white = per_picture(rng.uniform(0.5, 0.8, (count, 1)) + rng.normal(0, 0.02, (count, 3)), pictures)
        pictures = pictures + cloud * (white - pictures)
    return pictures


def _mirrors(wet: Tensor, sure: Tensor) -> Tensor:
    """The light that ground of which the painter is sure adds by mirroring what stands on it, as a mirror head has it: [B, 3, H, W]."""
    below, known = below_feet(sure)
    told = torch.cat([F.avg_pool2d(sure, FOLD) * known, below], 1)
    return F.interpolate(reflected(F.avg_pool2d(wet, FOLD), told), scale_factor=float(FOLD), mode="bilinear")


def _darkness(base: Tensor, light: Tensor, rng: np.random.Generator) -> Tensor:
    """A painted night, as dark as real ones are: cameras crush dark streets to black."""
    count = len(base)
    bright, lit = np.exp(rng.normal(-0.1, 0.5, count)), rng.uniform(0.5, 1.3, count)
    effect = (base * per_picture(bright, base) + light * per_picture(lit, light)).clamp(0, 1)
    crushed = (effect - per_picture(rng.uniform(0, 0.12, count) * (rng.random(count) < 0.7), effect)).clamp(0, 1)
    return crushed ** per_picture(rng.uniform(0.9, 1.5, count), crushed)


class Taught:
    """Pictures with the two layers that `prepare` painted for them: base and light (stored as its square root)."""

    def __init__(self, layers: list[Tensor], size: tuple[int, int], painter: str = "night", backwards: bool = False) -> None:
        self.layers, self.size, self.painter, self.backwards = layers, size, painter, backwards
        falling = (torch.from_numpy(layer.texture) for layer in layers_that_fall("rain"))
        # textures go on where they end
        self.falling = [t.repeat(*(-(-s // whole) for s, whole in zip(size, t.shape, strict=True))).to(layers[0].device) for t in falling]

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """Crops, half of them the better lit of two, since most hold no lamp; of clear weather any."""
        picture, base, light, sure = torch.stack([self._cut(rng) for _ in range(count)]).split([3, 3, 3, 1], 1)
        light = light.square()
        if self.backwards:
            return Batch.of(relight(_darkness(base, light, rng), rng), picture)
        if self.painter == "clear":
            wet = relight(self._wetter(picture, sure, rng), rng, HARDLY)
            # where mirrors were laid counts more: they are to go
            return Batch.of(wet, (base + light).clamp(0, 1), (base, light), sure)
        exposure = per_picture(_sunlit(rng, count, BURNT_OUT * (self.painter == "night")), picture)
        return Batch.of(relight(exposure * picture, rng), (base + light).clamp(0, 1), (base, light), sure)

    def _cut(self, rng: np.random.Generator) -> Tensor:
        if self.painter == "clear":
            return crop(one_of(self.layers, rng), self.size, rng, WHOLE)
        cut = crop(one_of(self.layers, rng), self.size, rng)
        if rng.random() < 0.5:
            return cut
        other = crop(one_of(self.layers, rng), self.size, rng)
        return torch.where(other[6:9].mean() > cut[6:9].mean(), other, cut)

    def _wetter(self, rainy: Tensor, sure: Tensor, rng: np.random.Generator) -> Tensor:
        """Rainy pictures with mirrors, where painted ones have wet ground, with spray, and with falling drops."""
        mirrored = rainy + per_picture(rng.uniform(0.2, 1.5, len(rainy)), rainy) * _mirrors(rainy, sure)
        return (_spray(mirrored, rng) + self._drops(rainy, rng)).clamp(0, 1)

    def _drops(self, like: Tensor, rng: np.random.Generator) -> Tensor:
        """Falling rain, in two of three pictures: [B, 1, H, W]."""
        shifts = rng.integers(0, 300, (len(like), len(self.falling), 2))
        fallen = [
            torch.maximum(*(torch.roll(t, tuple(int(by) for by in shift), (0, 1)) for t, shift in zip(self.falling, own, strict=True)))
            for own in shifts
        ]
        part = torch.stack(fallen)[:, None, : like.shape[2], : like.shape[3]] / 255
        return part * per_picture(rng.uniform(0.5, 1.5, len(like)) * (rng.random(len(like)) > 0.33), like)

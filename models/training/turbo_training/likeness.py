"""A loss that draws translated pictures as a set towards real pictures of the target domain, with no pairs.

The sliced Wasserstein distance (Deshpande et al., Generative modeling using the sliced Wasserstein distance, 2018) of patches
of a Laplacian pyramid: what a patch critic would learn to tell apart is compared directly, projected on random directions and
sorted, which needs no second network and can't run away. `realism` measures with the same distance, on other pictures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .config import Config
from .device import CPU, send
from .losses import Batch
from .pictures import one_of, pixels, read, relight, tensor
from .realism import LEVELS, PATCH, framed, uncompared
from .sources import glob, read_layers

REACH = 2
"""Pictures are translated at this times the size at which they are compared."""
PATCHES = 384
"""Patches of each level that a picture gives."""
KEPT = 3
"""Steps whose patches are compared along with those of the newest pictures: a set of two is like no set. Old ones lag behind, and with
eight the newest were pushed too far to make up for them."""
DIRECTIONS = 48


class Likeness:
    """Patches of real pictures, and of those that were translated of late."""

    def __init__(self, real: list[Tensor], seed: int, device: torch.device = CPU) -> None:
        """`real`: [3, 176, 320] each. Their patches are kept on `device`; places and directions are drawn alike for every device."""
        self.random = torch.Generator().manual_seed(seed)
        bands = [self._patches(picture[None]) for picture in real]
        self.real = [torch.cat(level).to(device) for level in zip(*bands, strict=True)]
        self.mean = [level.mean(0) for level in self.real]
        self.spread = [level.std() + 1e-6 for level in self.real]
        self.before: list[list[Tensor]] = [[] for _ in self.real]

    def distance(self, translated: Tensor) -> Tensor:
        """Distance of these pictures, [B, 3, 352, 640], and those before them, to the real ones; 0 is alike."""
        sides = []
        for level, patches in enumerate(self._patches(F.avg_pool2d(translated, REACH))):
            sides.append(self._projected(level, torch.cat([patches, *self.before[level]])))
            self.before[level] = [*self.before[level], patches.detach()][-KEPT:]
        # all levels at once, and rows rather than columns: else a GPU sorts one direction after the other
        ours, real = torch.stack(sides).sort(dim=-1).values.unbind(1)
        # each patch counts as if it stood for all: else the weight of the newest would shrink with how many are kept
        return (ours - real).abs().mean() * (ours.shape[-1] / (PATCHES * len(translated)))

    def _projected(self, level: int, ours: Tensor) -> Tensor:
        """Those patches, and as many real ones, seen from random directions: [2, DIRECTIONS, N]."""
        chosen = send(torch.randint(len(self.real[level]), (len(ours),), generator=self.random), ours.device)
        directions = send(torch.randn(ours.shape[1], DIRECTIONS, generator=self.random), ours.device)
        directions = directions / directions.norm(dim=0)
        sides = torch.stack([ours, self.real[level].index_select(0, chosen)])
        return (directions.T / self.spread[level]) @ (sides - self.mean[level]).transpose(1, 2)

    def _patches(self, pictures: Tensor) -> list[Tensor]:
        """[B * PATCHES, 147] a level, from places drawn anew."""
        found = []
        for band in pyramid(pictures):
            rows = torch.randint(band.shape[2] - PATCH + 1, (PATCHES,), generator=self.random)
            columns = torch.randint(band.shape[3] - PATCH + 1, (PATCHES,), generator=self.random)
            offsets = torch.arange(PATCH)
            places = (rows[:, None, None] + offsets[:, None]) * band.shape[3] + columns[:, None, None] + offsets
            patches = band.flatten(2).index_select(2, send(places.flatten(), band.device))
            found.append(patches.view(*band.shape[:2], PATCHES, -1).permute(0, 2, 3, 1).reshape(-1, 3 * PATCH * PATCH))
        return found


def pyramid(pictures: Tensor) -> list[Tensor]:
    """The bands of a Laplacian pyramid, finest first, and what is left: as `realism` takes them apart."""
    line = torch.exp(-0.5 * torch.arange(-4.0, 5.0, device=pictures.device).square())
    line = line / line.sum()
    kernel = (line[:, None] * line).expand(3, 1, 9, 9)
    bands = []
    for _ in range(LEVELS):
        small = F.conv2d(F.pad(pictures, (4, 4, 4, 4), mode="replicate"), kernel, groups=3)[..., ::2, ::2]
        bands.append(pictures - F.interpolate(small, size=pictures.shape[2:], mode="bilinear", align_corners=True))
        pictures = small
    return [*bands, pictures]


class Wholes:
    """Whole pictures of the source domain, none of those that `realism` measures; with what a painter made of them, if it did."""

    def __init__(self, pictures: list[Tensor]) -> None:
        """`pixels` of each alone, or of a picture with its base, the square root of its light and where these are sure; 640x352."""
        self.pictures = pictures

    def draw(self, count: int, rng: np.random.Generator) -> Batch:
        """[count, 3, 352, 640]; the layers are black where there are none."""
        chosen = (one_of(self.pictures, rng) for _ in range(count))
        wholes = torch.stack([picture.flip(2) if rng.random() < 0.5 else picture for picture in chosen]).float() / 255
        picture = relight(wholes[:, :3], rng, 0.3)
        if wholes.shape[1] == 3:
            return Batch.of(picture, torch.zeros_like(picture))
        base, light, sure = wholes[:, 3:].split([3, 3, 1], 1)
        light = light.square()
        return Batch.of(picture, (base + light).clamp(0, 1), (base, light), sure)


def open_likeness(config: Config, data: Path, device: torch.device = CPU, prepared: Path | None = None) -> tuple[Wholes, Likeness]:
    """What there is to translate, and what it should come to look like; with `prepared`, only what was painted there."""

    def painted(path: Path) -> bool:
        return prepared is None or (prepared / "taught" / f"{path.stem}_light.png").exists()

    sources = uncompared(glob(data, config.data.examples or config.data.source), painted)
    real = uncompared(glob(data, config.data.target))
    if not sources or not real:
        where = f"below {data}" + (f", and what was painted of them in {prepared / 'taught'}" if prepared else "")
        raise ValueError(f"{config.id}: likeness needs two pictures or more of the source and of the target, {where}")

    def whole(path: Path) -> Tensor:
        if not prepared:
            return pixels(framed(read(path), REACH)).to(device)
        files = (prepared / "taught" / f"{path.stem}_{layer}.png" for layer in ("base", "light", "sure"))
        day, base, light, sure = (framed(layer, REACH) for layer in read_layers(path, *files))
        return pixels(day, base, light, sure.convert("L")).to(device)

    return Wholes([whole(path) for path in sources]), Likeness([tensor(framed(read(path))) for path in real], config.seed, device)

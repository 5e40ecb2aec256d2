"""The pictures a network learns from, held in the device's memory, each source giving one training example at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .config import Config
from .device import CPU
from .falling import layers as layers_that_fall
from .losses import Batch
from .pictures import crop, pixels, read, relight

BURNT_OUT = 0.25
"""Share of streets painted as night that a camera in the sun has taken: what is burnt out is as white as a lamp, and is none."""
Layers = tuple[Image.Image, Image.Image, Image.Image, Image.Image]
"""A picture, and what the painter made of it: base, the square root of light, and where its tones count whatever the trust (grey)."""


@dataclass
class Example:
    """One crop: what goes in, what should come out, and, where a teacher knows it, how the two differ."""

    picture: Tensor
    target: Tensor
    base: Tensor
    """The target without the light that is emitted in it (only where `split`)."""
    light: Tensor
    """The emitted light (only where `split`)."""
    split: bool
    twin: bool = False
    """Whether `target` is no target but the next frame of the same video."""
    sure: Tensor | None = None
    """Where the painter's tones count whatever the trust, [1, H, W]; nowhere by default."""


def stack(examples: list[Example]) -> Batch:
    """Examples of one size as one batch, on their device."""
    device = examples[0].picture.device
    layers = (torch.stack([getattr(e, name) for e in examples]) for name in ("picture", "target", "base", "light"))
    sure = torch.stack([torch.zeros_like(e.picture[:1]) if e.sure is None else e.sure for e in examples])
    split, twin = ([getattr(e, name) for e in examples] for name in ("split", "twin"))
    return Batch(*layers, torch.tensor(split, dtype=torch.float32, device=device), torch.tensor(twin, device=device), sure)


class Source(Protocol):
    """Anything that gives training examples."""

    def draw(self, rng: np.random.Generator) -> Example: ...


@dataclass(frozen=True)
class Pair:
    """An input and its aligned result."""

    name: str
    picture: Image.Image
    target: Image.Image


class Pairs:
    """Aligned pairs made by a large teacher."""

    def __init__(self, pairs: list[Tensor], size: tuple[int, int], relit: float) -> None:
        self.pairs, self.size, self.relit = pairs, size, relit

    def draw(self, rng: np.random.Generator) -> Example:
        picture, target = crop(self.pairs[rng.integers(len(self.pairs))], self.size, rng).split(3)
        nothing = torch.zeros_like(target)
        return Example(relight(picture, rng, self.relit), target, nothing, nothing, False)


class Unchanged:
    """Pictures that are of the target domain already and should stay as they are (identity objective)."""

    def __init__(self, pictures: list[Tensor], size: tuple[int, int]) -> None:
        self.pictures, self.size = pictures, size

    def draw(self, rng: np.random.Generator) -> Example:
        picture = relight(crop(self.pictures[rng.integers(len(self.pictures))], self.size, rng), rng, 0.3)
        return Example(picture, picture, picture, torch.zeros_like(picture), True)


class Still:
    """Neighbouring frames of videos."""

    def __init__(self, pairs: list[Tensor], size: tuple[int, int]) -> None:
        self.pairs, self.size = pairs, size

    def draw(self, rng: np.random.Generator) -> Example:
        first, second = crop(self.pairs[rng.integers(len(self.pairs))], self.size, rng).split(3)
        exposure, gamma = float(np.exp(rng.normal(0, 0.15))), float(np.exp(rng.normal(0, 0.1)))
        if rng.random() < 0.35:
            # most of the picture is burnt out, and what flickers there is the codec's noise
            exposure *= _sunlit(rng)
        first, second = ((exposure * frame**gamma).clamp(0, 1) for frame in (first, second))
        if rng.random() < 0.5:
            level = float(rng.uniform(0, 0.02))
            first, second = ((frame + level * _coarse_noise(frame, rng)).clamp(0, 1) for frame in (first, second))
        nothing = torch.zeros_like(first)
        return Example(first, second, nothing, nothing, False, True)


def _sunlit(rng: np.random.Generator) -> float:
    """How much too bright a camera in the sun may be."""
    return float(rng.uniform(1.3, 2.2))


def _coarse_noise(like: Tensor, rng: np.random.Generator) -> Tensor:
    """Noise in squares of 1, 4 or 8 pixels, as codecs make it, grey for the most part."""
    side = (1, 4, 8)[rng.integers(3)]
    height, width = -(-like.shape[1] // side), -(-like.shape[2] // side)
    noise = rng.normal(size=(1, height, width)) + 0.3 * rng.normal(size=(3, height, width))
    fine = np.repeat(np.repeat(noise, side, 1), side, 2)[:, : like.shape[1], : like.shape[2]]
    return like.new_tensor(fine.astype(np.float32))


class Taught:
    """Pictures with the two layers that `prepare` painted for them: base and light (stored as its square root)."""

    def __init__(self, layers: list[Tensor], size: tuple[int, int], backwards: bool = False, dark: bool = True) -> None:
        self.layers, self.size, self.backwards, self.dark = layers, size, backwards, dark
        self.falling = [layer.texture for layer in layers_that_fall("rain")]

    def _cut(self, rng: np.random.Generator) -> Tensor:
        return crop(self.layers[rng.integers(len(self.layers))], self.size, rng)

    def draw(self, rng: np.random.Generator) -> Example:
        """A crop; half of the time the better lit of two, since most crops hold no lamp."""
        cut = self._cut(rng)
        if rng.random() < 0.5:
            other = self._cut(rng)
            # no `if`, for which a GPU would have to be waited for
            cut = torch.where(other[6:9].mean() > cut[6:9].mean(), other, cut)
        picture, base, light, sure = cut.split([3, 3, 3, 1])
        light = light.square()
        if self.backwards:
            nothing = torch.zeros_like(picture)
            return Example(relight(self._varied(base, light, rng), rng), picture, nothing, nothing, False)
        burnt_out = self.dark and rng.random() < BURNT_OUT
        return Example(
            relight(picture * _sunlit(rng) if burnt_out else picture, rng), (base + light).clamp(0, 1), base, light, True, sure=sure
        )

    def _varied(self, base: Tensor, light: Tensor, rng: np.random.Generator) -> Tensor:
        """What the painter made, as strong and weak as real pictures of it are: cameras crush dark streets to black."""
        if not self.dark:
            return (base + float(rng.uniform(0.7, 1.1)) * light + self._drops(base, rng)).clamp(0, 1)
        effect = (base * float(np.exp(rng.normal(-0.1, 0.5))) + light * float(rng.uniform(0.5, 1.3))).clamp(0, 1)
        crushed = (effect - float(rng.uniform(0, 0.12)) * (rng.random() < 0.7)).clamp(0, 1)
        return crushed ** float(rng.uniform(0.9, 1.5))

    def _drops(self, like: Tensor, rng: np.random.Generator) -> Tensor:
        """Falling rain, in two of three pictures."""
        if rng.random() < 0.33:
            return torch.zeros_like(like)
        texture = np.maximum(*(np.roll(t, tuple(rng.integers(0, 300, 2)), (0, 1)) for t in self.falling))
        # textures go on where they end
        rows, columns = (np.arange(side) % whole for side, whole in zip(like.shape[1:], texture.shape, strict=True))
        part = texture[rows][:, columns].astype(np.float32) / 255
        return like.new_tensor(part)[None] * float(rng.uniform(0.5, 1.5))


def read_pairs(data: Path, folders: list[str], longest: int = 960) -> list[Pair]:
    """All pairs of these folders; `~folder` takes the result as input."""
    pairs = []
    for folder in folders:
        where = data / folder.lstrip("~")
        for first in sorted(where.glob("*_in.jpg")):
            second = first.with_name(first.name.replace("_in", "_out"))
            ends = (second, first) if folder.startswith("~") else (first, second)
            pictures = [read(path, longest) for path in ends]
            name = f"{where.name}/{first.name.removesuffix('_in.jpg')}"
            pairs.append(Pair(name, pictures[0], pictures[1].resize(pictures[0].size)))
    return pairs


def glob(data: Path, patterns: list[str]) -> list[Path]:
    """All files of these patterns, in a stable order."""
    return sorted({path for pattern in patterns for path in data.glob(pattern)})


_OFTEN = {"overhead": 3, "camvid": 3}
"""Kinds of pictures that are drawn more often than others: rare views, and those whose labels were made by hand."""
REDDENED = "-red"
"""How the names of pictures end that were painted red, to teach that not all that is red is a lamp: they are drawn twice as often."""


def read_taught(work: Path, backwards: bool = False, device: torch.device = CPU) -> list[Tensor]:
    """What `prepare` left in the working folder, ten channels a picture; backwards, without the pictures that were painted red."""
    stems = [path.name.removesuffix("_day.png") for path in sorted((work / "taught").glob("*_day.png"))]
    stems = [stem for stem in stems if not (backwards and stem.endswith(REDDENED))]

    def layers(stem: str) -> Tensor:
        return pixels(*read_layers(*(work / "taught" / f"{stem}_{layer}.png" for layer in ("day", "base", "light", "sure")))).to(device)

    often = (_OFTEN.get(stem.split("_")[0], 1) * (1 + stem.endswith(REDDENED)) for stem in stems)
    with ThreadPoolExecutor() as readers:
        return [picture for picture, times in zip(readers.map(layers, stems), often, strict=True) for _ in range(times)]


def read_layers(day: Path, base: Path, light: Path, sure: Path) -> Layers:
    """One picture's layers, all at the size at which it was painted; a painter that is nowhere sure left no file that says where."""
    kept, added = (Image.open(path).convert("RGB") for path in (base, light))
    return read(day), kept, added, Image.open(sure).convert("L") if sure.exists() else Image.new("L", kept.size)


def open_sources(
    config: Config, data: Path, work: Path, names: set[str], hold_out: list[str], device: torch.device = CPU
) -> dict[str, Source]:
    """The sources that a mixture names; pairs in `hold_out` are left alone. Examples come on `device`, where all pictures are kept."""
    sources: dict[str, Source] = {}
    if "pairs" in names:
        pairs = [pair for pair in read_pairs(data, config.data.pairs) if pair.name not in hold_out]
        sources["pairs"] = Pairs([pixels(pair.picture, pair.target).to(device) for pair in pairs], config.crop, config.relight)
    if "target" in names:
        paths = glob(data, config.data.target)
        chosen = paths[:: max(1, len(paths) // 240)]
        sources["target"] = Unchanged([pixels(read(path)).to(device) for path in chosen], config.crop)
    if "still" in names:
        firsts = sorted((work / "still").glob("*-0.png"))
        twins = ((first, first.with_name(first.name.replace("-0.png", "-1.png"))) for first in firsts)
        sources["still"] = Still([pixels(*(read(frame) for frame in twin)).to(device) for twin in twins], config.crop)
    if "teacher" in names:
        layers = read_taught(work, config.data.backwards, device)
        sources["teacher"] = Taught(layers, config.crop, config.data.backwards, config.data.painter == "night")
    return sources

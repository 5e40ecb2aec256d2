"""The pictures that a network learns from, read into the device's memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from .config import Config
from .device import CPU
from .examples import Pairs, Passing, Source, Still, Taught, Unchanged
from .marks import read_skylines
from .pictures import pixels, read
from .skies import Dusk, Skies, layered_night

Layers = tuple[Image.Image, Image.Image, Image.Image, Image.Image]
"""A picture, and what the painter made of it: base, the square root of light, and where its tones count whatever the trust (grey)."""


@dataclass(frozen=True)
class Pair:
    """An input and its aligned result."""

    name: str
    picture: Image.Image
    target: Image.Image


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
WETTED = "wetted_"
"""How the names of pictures begin that were made rainy to be cleared up again."""
REDDENED = "-red"
"""How the names of pictures end that were painted red, to teach that not all that is red is a lamp: they are drawn twice as often."""


def read_taught(work: Path, backwards: bool = False, device: torch.device = CPU) -> list[Tensor]:
    """What `prepare` left in the working folder, ten channels a picture; backwards, without the pictures that were painted red."""
    stems = [path.name.removesuffix("_day.png") for path in sorted((work / "taught").glob("*_day.png"))]
    stems = [stem for stem in stems if not (backwards and stem.endswith(REDDENED))]

    def layers(stem: str) -> Tensor:
        return pixels(*read_layers(*(work / "taught" / f"{stem}_{layer}.png" for layer in ("day", "base", "light", "sure")))).to(device)

    often = (_OFTEN.get(stem.removeprefix(WETTED).split("_")[0], 1) * (1 + stem.endswith(REDDENED)) for stem in stems)
    with ThreadPoolExecutor() as readers:
        return [picture for picture, times in zip(readers.map(layers, stems), often, strict=True) for _ in range(times)]


def read_layers(day: Path, base: Path, light: Path, sure: Path) -> Layers:
    """One picture's layers, all at the size at which it was painted; a painter that is nowhere sure left no file that says where."""
    kept, added = (Image.open(path).convert("RGB") for path in (base, light))
    return read(day), kept, added, Image.open(sure).convert("L") if sure.exists() else Image.new("L", kept.size)


def open_sources(
    config: Config, data: Path, work: Path, names: set[str], hold_out: list[str], device: torch.device = CPU
) -> dict[str, Source]:
    """The sources that a mixture names; pairs in `hold_out` are left alone. They keep their pictures on `device`."""
    sources: dict[str, Source] = {}
    if "pairs" in names:
        pairs = [pair for pair in read_pairs(data, config.data.pairs) if pair.name not in hold_out]
        sources["pairs"] = Pairs([pixels(pair.picture, pair.target).to(device) for pair in pairs], config.crop, config.relight)
    if "target" in names:
        sources["target"] = Unchanged(_some(data, config.data.target, device), config.crop)
    if "still" in names:
        firsts = sorted((work / "still").glob("*-0.png"))
        twins = ((first, first.with_name(first.name.replace("-0.png", "-1.png"))) for first in firsts)
        sources["still"] = Still([pixels(*(Image.open(frame).convert("RGB") for frame in twin)).to(device) for twin in twins], config.crop)
    if "passing" in names:
        sources["passing"] = Passing(_some(data, config.data.examples or config.data.source, device), config.crop, config.data.painter)
    dusk = "skies" in names and not config.data.skies
    if "teacher" in names or dusk:
        layers = read_taught(work, config.data.backwards, device)
        if not layers:
            raise ValueError(f"{config.id}: there are no painted layers in {work / 'taught'}; `prepare` makes them")
        painted = {"teacher": Taught(layers, config.crop, config.data.painter, config.data.backwards), "skies": Dusk(layers, config.crop)}
        sources |= {name: source for name, source in painted.items() if name in names}
    if "skies" in names and not dusk:
        sources["skies"] = _skies(config, data, work, device)
    return sources


def _skies(config: Config, data: Path, work: Path, device: torch.device) -> Skies:
    marked = read_skylines(config)
    nights = [layered_night(path, marked[path.stem]) for path in glob(data, config.data.examples) if path.stem in marked]
    if not nights:
        raise ValueError(f"{config.id}: there are none of the photographs below {data} of which {config.data.skies} tells the skyline")
    roads = [frame for video in glob(data, config.data.overhead) for frame in sorted((work / "still").glob(f"{video.stem}-*-0.png"))]
    nights, roads = [night.to(device) for night in nights], [pixels(Image.open(road).convert("RGB")).to(device) for road in roads]
    return Skies(nights, _some(data, config.data.target, device), roads, config.crop)


def _some(data: Path, patterns: list[str], device: torch.device) -> list[Tensor]:
    """The pictures of these patterns, or some of them that lie evenly among them where they are many."""
    paths = glob(data, patterns)
    return [pixels(read(path)).to(device) for path in paths[:: max(1, len(paths) // 240)]]

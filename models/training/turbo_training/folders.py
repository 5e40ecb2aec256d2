"""A model of one's own, from two folders of pictures: what `prepare` makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image
from torch import Tensor

from .device import CPU
from .pictures import crop, one_of, pixels, read

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
FEWEST = 4


class BadFolders(Exception):
    """The folders can't be learnt from; the message says why and what to do."""


def prepare_folders(
    objective: str, first: Path, second: Path, identity: str, work: Path, steps: int, size: tuple[int, int], longest: int = 640
) -> Path:
    """Copies reduced pictures to WORK/data and writes WORK/config.yaml, which may be edited; gives that file's path."""
    names = [_pictures(first), _pictures(second)]
    if objective == "paired":
        lonely = sorted(set(names[0]) ^ set(names[1]))
        if lonely:
            raise BadFolders(f"paired pictures need the same file name in both folders; without a partner: {', '.join(lonely[:5])}")
    for folder, label in ((names[0], "input"), (names[1], "output")):
        out = work / "data" / label
        out.mkdir(parents=True, exist_ok=True)
        for stem, path in folder.items():
            picture = read(path, longest)
            if min(picture.size) < 32:
                raise BadFolders(f"{path} is {picture.width}x{picture.height}; pictures must be at least 32 pixels on each side")
            if objective == "paired" and label == "output":
                with Image.open(work / "data" / "input" / f"{stem}.png") as partner:
                    picture = picture.resize(partner.size, Image.Resampling.LANCZOS)
            picture.save(out / f"{stem}.png", compress_level=1)
    config = work / "config.yaml"
    if not config.exists():
        config.write_text(yaml.safe_dump(_recipe(objective, identity, steps, size), sort_keys=False), encoding="utf-8")
    return config


def _pictures(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise BadFolders(f"{folder} is no folder")
    found = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}
    if len(found) < FEWEST:
        raise BadFolders(f"{folder} holds {len(found)} pictures ({', '.join(SUFFIXES)}); at least {FEWEST} are needed, better hundreds")
    return found


def _recipe(objective: str, identity: str, steps: int, size: tuple[int, int]) -> dict[str, object]:
    return {
        "id": identity,
        "effect": identity,
        "title": identity.replace("-", " ").capitalize(),
        "description": f"Learnt from two folders of pictures ({objective}).",
        "version": "0.1.0",
        "licence": "all rights reserved",
        "seed": 7,
        "crop": list(size),
        "objective": OBJECTIVES[objective],
        "learn": objective,
        "data": {
            "pairs": [],
            "source": ["input/*.png"],
            "target": ["output/*.png"],
            "used": [{"name": "pictures of one's own", "licence": "all rights reserved", "folder": "input output"}],
        },
        "widths": {"quarter": 32, "eighth": 64, "sixteenth": 96, "thirtysecond": 128, "inner": 96},
        "phases": [{"name": objective, "steps": steps, "rate": 0.0006, "mixture": {"input": 4, "output": 4}}],
    }


OBJECTIVES = {
    "paired": "pix2pix-Turbo's at this scale: L2, perceptual distance (5) and a patch adversary (0.5)",
    "unpaired": "CycleGAN-Turbo's at this scale: cycle (L1 + 10 perceptual), adversarial (0.5), identity (L1 + perceptual); one network "
    "for both directions, told apart by a learnt shift",
}


class Folders:
    """The pictures of both domains, in the device's memory."""

    def __init__(self, data: Path, size: tuple[int, int], device: torch.device = CPU) -> None:
        self.size = size
        self.input = [pixels(read(path)).to(device) for path in sorted((data / "input").glob("*.png"))]
        self.output = [pixels(read(path)).to(device) for path in sorted((data / "output").glob("*.png"))]

    def pair(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """One crop of both pictures of a pair."""
        index = rng.integers(len(self.input))
        first, second = crop(torch.cat([self.input[index], self.output[index]]), self.size, rng).split(3)
        return first, second

    def apart(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """A crop of any input, and one of any output."""
        first, second = (crop(one_of(side, rng), self.size, rng) for side in (self.input, self.output))
        return first, second

"""Pictures of which someone said where street lamps and windows are, or are not, and examples drawn from them.

Each lamp is a peak on a grid of cells (Zhou et al., Objects as points, 2019).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .blocks import FOLD
from .config import Config
from .detector import answers_file
from .marks import read_judged, read_marks, read_windows
from .pictures import pixels, read
from .prepare import windows_file
from .scene import Mark
from .sources import glob
from .windows import UNKNOWN

CROP = (192, 320)
"""Height and width of a crop of a picture as the light head sees it, 640 wide."""
NEAR_A_LAMP = 0.65
"""Share of crops that hold one, where all of a picture's lamps are marked; in others all crops hold a spot that was judged, if any was."""
SCALES = (0.7, 1.8)
SMALLEST = 0.9
"""How wide the peak of a small lamp is, in cells; that of a large one is six tenths of its radius."""
IS_WINDOW, IS_NONE = 0.6, 0.25
"""Share of a cell from which on it counts as a window, and up to which as none. What is unknown counts as half (`judged_panes`), so
that a cell at the edge of a window, before a wall of which nothing is known, may be either."""
NEAR_A_SPOT = 3.0
"""How many cells around a spot that was judged are known, where not all of the picture is."""
_COLOURS, _JUDGED = 3, 4
"""How many channels of a picture are its colours, and how many those and what is known of its windows."""


@dataclass(frozen=True)
class Marked:
    """A picture, [3, H, W], bytes, or [4, H, W] with what is known of its windows, or [6, H, W] with a detector's answers, too; and the
    lamps in it."""

    picture: Tensor
    lamps: tuple[Mark, ...]
    others: tuple[Mark, ...] | None = None
    """What looks like a lamp and is none, in a picture of which no more is known than this and these lamps; None: every lamp of
    the picture is marked."""


def read_marked(
    config: Config, data: Path, prepared: Path, look: Callable[[Path], Image.Image] = read, answered: Path | None = None
) -> list[Marked]:
    """All pictures in which someone has marked the lamps, or judged spots or windows, as `look` reads them; where a detector left its
    answers in the working folder `answered`, with these, and also all others that it was asked about."""
    known = {stem: (lamps, None) for stem, lamps in read_marks(config).items()}
    known |= {Path(name).stem: spots for name, spots in read_judged(config).items()}
    known = {stem: ((), ()) for stem in read_windows(config)} | known
    files = asked(config, data, prepared)
    here = sorted(known.keys() & files.keys())
    if not any(windows_file(prepared, stem).exists() for stem in here):
        raise ValueError(f"{config.id}: of no marked picture are windows known; `prepare` writes {prepared / 'taught'} by data.windows")
    print(f"{len(here)} of {len(known)} marked or judged pictures are here", flush=True)

    def of(stem: str) -> Marked:
        windows = windows_file(prepared, stem)
        told = answers_file(answered, stem) if answered else None
        return Marked(_layers(look(files[stem]), windows if windows.exists() else None, told), *known.get(stem, ((), ())))

    with ThreadPoolExecutor() as readers:
        return list(readers.map(of, sorted(files) if answered else here))


def asked(config: Config, data: Path, prepared: Path) -> dict[str, Path]:
    """The pictures that a detector is asked about, by name: those of the source domain, those that are unmarked, those that were judged,
    and what else was painted of those that were marked, as frames of videos are."""
    judged = [data / name for name in read_judged(config)]
    paths = [path for path in (*glob(data, [*config.data.source, *config.data.unmarked]), *judged) if path.exists()]
    painted = {stem: prepared / "taught" / f"{stem}_day.png" for stem in (*read_marks(config), *read_windows(config))}
    there = dict[str, Path]()
    for path in sorted(set(paths)):
        if path.stem in there:
            raise ValueError(f"{config.id}: {there[path.stem]} and {path} have one name: marks of either would be taken for both's")
        there[path.stem] = path
    return dict(sorted(({stem: path for stem, path in painted.items() if path.exists()} | there).items()))


def _layers(picture: Image.Image, windows: Path | None, answers: Path | None) -> Tensor:
    layers = [picture]
    if windows is not None:
        layers.append(Image.open(windows).resize(picture.size, Image.Resampling.BILINEAR))
    elif answers is not None:
        layers.append(Image.new("L", picture.size, round(UNKNOWN * 255)))
    if answers is not None:
        if not answers.exists():
            raise FileNotFoundError(f"{answers} isn't there: run the phase that `learns: detector` (again), by --only")
        # apart, since as one picture the second would be taken for how opaque the first is
        layers += [told.resize(picture.size, Image.Resampling.BILINEAR) for told in Image.open(answers).split()]
    return pixels(*layers)


class Wanted(NamedTuple):
    """What is wanted of cells, [..., h, w] each."""

    near: Tensor
    """How near a lamp's middle is."""
    is_lamp: Tensor
    is_window: Tensor
    known: Tensor
    """Whether it is known if there is a lamp here."""
    known_windows: Tensor
    told_lamp: Tensor
    """How sure a detector is that there is one."""
    told_window: Tensor
    told: Tensor
    """Whether one was asked."""


def example(of: Marked, rng: np.random.Generator, size: tuple[int, int] = CROP) -> tuple[Tensor, Tensor]:
    """A crop, [3, *size], and what is wanted of its cells, stacked as `Wanted`."""
    tall, wide = of.picture.shape[1:]
    scale = float(np.exp(rng.uniform(*np.log(SCALES))))
    height, width = min(tall, round(size[0] / scale)), min(wide, round(size[1] / scale))
    across, down = rng.uniform(0, wide), rng.uniform(0, tall)
    spots = of.lamps + (of.others or ())
    if spots and (of.others is not None or rng.random() < NEAR_A_LAMP):
        spot = spots[rng.integers(len(spots))]
        across, down = spot.x * wide + rng.uniform(-0.4, 0.4) * width, spot.y * tall + rng.uniform(-0.4, 0.4) * height
    left, top = int(np.clip(across - width / 2, 0, wide - width)), int(np.clip(down - height / 2, 0, tall - height))
    cut = of.picture[None, :, top : top + height, left : left + width].float() / 255
    cut = F.interpolate(cut, size, mode="bilinear", antialias=True)[0]
    rows, columns = (torch.arange(side // FOLD) for side in size)

    def apart(mark: Mark) -> tuple[float, float, Tensor]:
        """Where a mark is, in cells, and how far from there each cell is, squared."""
        row = (mark.y * tall - top) / height * len(rows) - 0.5
        column = (mark.x * wide - left) / width * len(columns) - 0.5
        return row, column, (rows[:, None] - row).square() + (columns - column).square()

    near, is_lamp, known = torch.zeros(3, len(rows), len(columns))
    for lamp in of.lamps:
        row, column, far = apart(lamp)
        if not (-1 < row < len(rows) and -1 < column < len(columns)):
            continue
        spread = max(SMALLEST, 0.6 * lamp.radius * wide / width * len(columns))
        peak = torch.exp(-far / (2 * spread**2))
        near, is_lamp = torch.maximum(near, peak), torch.maximum(is_lamp, (peak > 0.6).float())
        is_lamp[min(max(round(row), 0), len(rows) - 1), min(max(round(column), 0), len(columns) - 1)] = 1
    if of.others is None:
        known = torch.ones_like(known)
    else:
        for spot in spots:
            known = torch.maximum(known, (apart(spot)[2] < NEAR_A_SPOT**2).float())
    window = F.avg_pool2d(cut[None, _COLOURS:_JUDGED], FOLD)[0, 0] if len(cut) > _COLOURS else torch.full_like(near, UNKNOWN)
    is_window = window > IS_WINDOW
    told_lamp, told_window, told = torch.zeros(3, len(rows), len(columns))
    if len(cut) > _JUDGED:
        # a lamp is as sure as its surest pixel, a window as its mean
        told_lamp, told_window = F.max_pool2d(cut[None, -2:-1], FOLD)[0, 0], F.avg_pool2d(cut[None, -1:], FOLD)[0, 0]
        told = torch.ones_like(near)
    known_windows = is_window | (window < IS_NONE)
    wanted = Wanted(near, is_lamp, is_window.float(), known, known_windows.float(), told_lamp, told_window, told)
    return (cut[:3].flip(2), torch.stack(wanted).flip(2)) if rng.random() < 0.5 else (cut[:3], torch.stack(wanted))

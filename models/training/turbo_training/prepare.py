"""Gives every picture of the source domain the layers that the painter makes, and leaves them in the working folder."""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from . import fog, night, rain, snow
from .config import Config
from .pictures import read
from .progress import Progress
from .scene import LUMA, Box, Mark, Painted, Scene, Windows
from .segmenter import BICYCLE, BUILDING, CAR, CLASSES, FENCE, PERSON, ROAD, SIGN, SKY, TREE, Segmenter, classify, train_segmenter
from .sources import REDDENED, glob
from .windows import judged_panes

PAINTERS: dict[str, Callable[[Scene], Painted]] = {
    "night": night.paint,
    "fog": fog.paint,
    "rain": rain.paint,
    "snow": snow.paint,
}
OVERHEAD = "overhead_"
SPOT = 0.5
"""Radius of a spot that was judged, in percent of the picture's width."""
_STANDING = ("amos", "muenster", "opensfm", OVERHEAD)
"""Pictures whose name starts with this were not taken from a car."""


def prepare(config: Config, data: Path, work: Path, shared: Path | None = None, segmenter_steps: int = 1400) -> None:
    """Trains the segmenter if it isn't there, then paints what isn't painted yet.

    `shared` keeps what does not depend on the effect: the segmenter, and what it says of each picture.
    """
    shared = shared or work
    labels = data / config.data.labels
    net = train_segmenter(data / config.data.labelled, labels, shared / "segmenter.pt", segmenter_steps, config.seed)
    out = work / "taught"
    out.mkdir(parents=True, exist_ok=True)
    paths = glob(data, config.data.source)
    random.Random(config.seed).shuffle(paths)
    paths = take_frames(glob(data, config.data.overhead), shared / "frames") + paths[: config.data.most]
    take_neighbours(glob(data, config.data.still), work / "still")
    marked, windows = read_marks(config), read_windows(config)
    progress = Progress("painting", len(paths))
    for done, path in enumerate(paths, 1):
        to_paint = not (out / f"{path.stem}_light.png").exists()
        to_judge = bool(windows) and not windows_file(work, path.stem).exists()
        if to_paint or to_judge:
            picture = read(path)
            shows = known(net, picture, path, labels / f"{path.stem}.png", shared / "shows" / f"{path.stem}.png")
            judged = windows.get(path.stem, Windows())
            if to_judge:
                save_whole(bytes_of(judged_panes(shows, judged)), windows_file(work, path.stem))
        if to_paint:
            day = np.asarray(picture, np.float32) / 255
            scene = Scene(day, shows, not path.name.startswith(_STANDING), marked.get(path.stem), judged)
            if config.lamps and done % 3 == 0:
                reddened = replace(scene, day=redden(day, shows, np.random.default_rng(done)))
                paint_file(partial(night.paint_unlit_red, before=scene), reddened, out / f"{path.stem}{REDDENED}")
            # last, since by it the picture is known to be done
            paint_file(PAINTERS[config.data.painter], scene, out / path.stem)
        progress.report(done)


def read_marks(config: Config) -> dict[str, tuple[Mark, ...]]:
    """The street lamps that were marked by eye, by picture; there, x, y and radius are in percent."""
    return {stem: _marks(lamps) for stem, lamps in _read(config.data.marked).items()}


def read_judged(config: Config) -> dict[str, tuple[tuple[Mark, ...], tuple[Mark, ...]]]:
    """What was judged by eye in pictures in which not all is marked, by their files below the data folder: street lamps, and what may be
    taken for one and is none."""
    return {stem: (_marks(spots["lamps"]), _marks(spots["others"])) for stem, spots in _read(config.data.judged).items()}


def read_windows(config: Config) -> dict[str, Windows]:
    """Boxes of which someone judged whether a window is in them, by picture."""

    def boxes(percent: list[list[float]]) -> tuple[Box, ...]:
        return tuple(Box(*(side / 100 for side in box)) for box in percent)

    return {stem: Windows(boxes(judged["windows"]), boxes(judged["others"])) for stem, judged in _read(config.data.windows).items()}


def windows_file(work: Path, stem: str) -> Path:
    """Where `prepare` leaves what is known of a picture's windows (`judged_panes`, as bytes)."""
    return work / "taught" / f"{stem}_windows.png"


def _read(file: str) -> dict[str, Any]:
    return json.loads((Path(__file__).parent.parent / file).read_text(encoding="utf-8")) if file else {}


def _marks(percent: list[list[float]]) -> tuple[Mark, ...]:
    return tuple(Mark(x / 100, y / 100, (radius[0] if radius else SPOT) / 100) for x, y, *radius in percent)


def take_frames(videos: list[Path], out: Path, count: int = 7) -> list[Path]:
    """A few frames of each video, spread over its length (needs ffmpeg and ffprobe on the PATH)."""
    out.mkdir(parents=True, exist_ok=True)
    for video in videos:
        for index in range(count):
            file = out / f"{OVERHEAD}{video.stem}-{index}.png"
            if not file.exists():
                save_frames(video, seconds(video) * (index + 0.4) / count, [file])
    return sorted(out.glob("*.png"))


def take_neighbours(videos: list[Path], out: Path, count: int = 10) -> None:
    """Pairs of neighbouring frames, NAME-0.png and NAME-1.png, spread over each video."""
    out.mkdir(parents=True, exist_ok=True)
    for video in videos:
        for index in range(count):
            files = [out / f"{video.stem}-{index}-{side}.png" for side in (0, 1)]
            if not files[-1].exists():
                save_frames(video, seconds(video) * (index + 0.3) / count, files, "scale=640:-2")


def save_frames(video: Path, at: float, files: list[Path], look: str = "null") -> None:
    """The frames from this second on, one a file, through the filter `look`."""
    with tempfile.TemporaryDirectory() as folder:
        read_from = ["ffmpeg", "-v", "error", "-ss", f"{at:.3f}", "-i", str(video), "-vf", look, "-frames:v", str(len(files))]
        subprocess.run([*read_from, "-start_number", "0", f"{folder}/%d.png"], check=True, stdin=subprocess.DEVNULL)
        if not Path(folder, f"{len(files) - 1}.png").exists():
            raise ValueError(f"{video}: fewer than {len(files)} frames from {at:.3f} s on")
        for index, file in enumerate(files):
            save_whole(Image.open(f"{folder}/{index}.png"), file)


def seconds(video: Path) -> float:
    """How long a video is."""
    probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(video)]
    return float(subprocess.run(probe, check=True, capture_output=True, text=True).stdout)


def known(net: Segmenter, picture: Image.Image, path: Path, label: Path, kept: Path) -> np.ndarray:
    """What each pixel shows, as probabilities: from the segmenter (or from what it said before), and from labels where there are any."""
    width, height = picture.size
    if kept.exists():
        stacked = np.asarray(Image.open(kept), np.float32) / 255
        shows = stacked.reshape(CLASSES, height, width)
    else:
        shows = classify(net, picture)
        kept.parent.mkdir(parents=True, exist_ok=True)
        save_whole(Image.fromarray((shows * 255).round().astype(np.uint8).reshape(CLASSES * height, width)), kept)
    if path.name.startswith(OVERHEAD):
        shows[ROAD] += shows[SKY]
        shows[SKY] = 0
    if label.exists():
        classes = np.asarray(Image.open(label).resize(picture.size, Image.Resampling.NEAREST))
        exact = np.stack([classes == index for index in range(CLASSES)]).astype(np.float32)
        shows = np.where((classes < CLASSES)[None], 0.85 * exact + 0.15 * shows, shows)
    return shows.astype(np.float32)


def redden(day: np.ndarray, shows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture with some of what is in it painted red, orange or yellow: cars, walls, crowns, signs, people and marks of the road, which
    are no lamps."""
    grey = day @ LUMA
    paint = np.array([1.0, rng.uniform(0.1, 0.8), rng.uniform(0.05, 0.3)], np.float32)
    colour = np.clip(float(rng.uniform(0.8, 1.5)) * grey[..., None] + 0.12, 0, 1) * paint
    some = ndimage.gaussian_filter(rng.normal(size=day.shape[:2]).astype(np.float32), 24)
    marks = shows[ROAD] * np.clip((grey - ndimage.gaussian_filter(grey, 12)) / 0.1, 0, 1)
    chosen = (some > 0) * (marks + sum(shows[kind] for kind in (CAR, BUILDING, FENCE, TREE, SIGN, PERSON, BICYCLE)))
    share = np.clip(ndimage.gaussian_filter(chosen, 1.0), 0, 1)[..., None]
    return day * (1 - share) + colour * share


def paint_file(painter: Callable[[Scene], Painted], scene: Scene, path: Path) -> None:
    """Writes PATH_day.png, PATH_base.png, PATH_light.png (the square root of the light) and, if the painter says so, PATH_sure.png.

    The light comes last: where it is, all is."""
    base, light, sure = painter(scene)
    save_whole(bytes_of(scene.day), Path(f"{path}_day.png"))
    for name, layer in (("base", base), ("sure", sure), ("light", np.sqrt(light))):
        if layer is not None:
            save_whole(bytes_of(layer), Path(f"{path}_{name}.png"))


def bytes_of(layer: np.ndarray) -> Image.Image:
    """A layer, 0 to 1, as a picture."""
    return Image.fromarray((layer * 255).round().astype(np.uint8))


def save_whole(picture: Image.Image, path: Path) -> None:
    """As PNG, the whole file or none: a run may be killed, and another effect be prepared at the same time."""
    unfinished = path.with_suffix(f".{os.getpid()}.partial")
    picture.save(unfinished, format="PNG", compress_level=1)
    unfinished.replace(path)

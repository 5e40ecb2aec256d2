"""Gives every picture of the source domain, and every one that is made one of it, the layers that the painter makes, and leaves them in the
working folder."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from . import clear, fog, night, rain, snow
from .config import Config
from .device import CPU
from .frames import take_frames, take_neighbours
from .marks import read_bonnets, read_marks, read_windows
from .pictures import save_whole
from .progress import Progress
from .rainy import otherwise_lit, wet
from .scene import LUMA, Mark, Painted, Scene, Windows
from .segmenter import BICYCLE, BUILDING, CAR, FENCE, PERSON, ROAD, SIGN, TREE, train_segmenter
from .sources import REDDENED, WETTED, glob
from .survey import scene_of, survey
from .windows import judged_panes
from .workers import each

PAINTERS: dict[str, Callable[[Scene], Painted]] = {
    "night": night.paint,
    "fog": fog.paint,
    "rain": rain.paint,
    "snow": snow.paint,
}
RELIT, LIT = 2, "-lit"
"""How often each scene is painted in another light, too, where the painter goes by its light, and how the names of these end, but for
their number."""


def prepare(
    config: Config,
    data: Path,
    work: Path,
    shared: Path | None = None,
    segmenter_steps: int = 1000,
    device: torch.device = CPU,
    workers: int = 1,
) -> None:
    """Trains the segmenter if it isn't there, then paints what isn't painted yet, by so many processes.

    `shared` keeps what does not depend on the effect: the segmenter, what it says of each picture, and how far that is.
    """
    shared = shared or work
    labels = data / config.data.labels
    if not (shared / "segmenter.pt").exists():
        # what another segmenter said
        for folder in ("shows", "far"):
            shutil.rmtree(shared / folder, ignore_errors=True)
        (shared / "depth.pt").unlink(missing_ok=True)
    classifier = train_segmenter(data / config.data.labelled, labels, shared / "segmenter.pt", segmenter_steps, config.seed, device=device)
    (work / "taught").mkdir(parents=True, exist_ok=True)
    paths = shuffled(glob(data, config.data.source), config)
    frames = take_frames(glob(data, config.data.overhead), shared / "frames")
    # those are taken in clear weather
    if config.data.painter == "clear":
        wetted = frames + shuffled(glob(data, config.data.wetted), config)
    else:
        wetted, paths = [], frames + paths
    take_neighbours(glob(data, config.data.still), work / "still")
    survey(classifier, wetted + paths, labels, shared)
    easel = Easel(config, labels, work, shared, read_marks(config), read_windows(config), read_bonnets(config))
    progress = Progress("painting", len(wetted) + len(paths))
    to_paint = [(index, path, index <= len(wetted)) for index, path in enumerate(wetted + paths, 1)]
    for done, _ in enumerate(each(easel.paint, to_paint, workers), 1):
        progress.report(done)


def shuffled(paths: list[Path], config: Config) -> list[Path]:
    """These in an order of the recipe's seed, at most as many as it paints."""
    random.Random(config.seed).shuffle(paths)
    return paths[: config.data.most]


@dataclass(frozen=True)
class Easel:
    """What it takes to paint any of the pictures."""

    config: Config
    labels: Path
    work: Path
    shared: Path
    marked: dict[str, tuple[Mark, ...]]
    windows: dict[str, Windows]
    bonnets: dict[str, tuple[float, ...]]

    def paint(self, index: int, path: Path, wetted: bool) -> None:
        """Paints a picture, the `index`-th, unless it is painted already; one to be wetted is made rainy first."""
        if self.config.data.painter == "clear":
            self._clear_up(index, path, wetted)
            return
        out = self.work / "taught"
        to_paint = not (out / f"{path.stem}_light.png").exists()
        to_judge = bool(self.windows) and not windows_file(self.work, path.stem).exists()
        if not (to_paint or to_judge):
            return
        judged, bonnet = self.windows.get(path.stem, Windows()), self.bonnets.get(path.stem)
        scene = replace(scene_of(path, self.labels, self.shared), marks=self.marked.get(path.stem), windows=judged, bonnet=bonnet)
        if to_judge:
            save_whole(bytes_of(judged_panes(scene.shows, judged)), windows_file(self.work, path.stem))
        if to_paint:
            if self.config.lamps and index % 3 == 0:
                reddened = replace(scene, day=redden(scene.day, scene.shows, np.random.default_rng(index)))
                paint_file(partial(night.paint_unlit_red, before=scene), reddened, out / f"{path.stem}{REDDENED}")
            # last, since by it the picture is known to be done
            paint_file(PAINTERS[self.config.data.painter], scene, out / path.stem)

    def _clear_up(self, index: int, path: Path, wetted: bool) -> None:
        """Paints clear weather, of this picture as it is and in other lights."""
        names = [f"{WETTED if wetted else ''}{path.stem}{f'{LIT}{light}' if light else ''}" for light in range(1 + RELIT)]
        files = [self.work / "taught" / name for name in names]
        if all(Path(f"{file}_light.png").exists() for file in files):
            return
        rainy, sure = replace(scene_of(path, self.labels, self.shared), bonnet=self.bonnets.get(path.stem)), None
        if wetted:
            rainy, sure = wet(rainy)
        rng = np.random.default_rng(index)
        for light, file in enumerate(files):
            scene = otherwise_lit(rainy, rng) if light else rainy
            save_layers(scene, clear.paint(scene)._replace(sure=sure), file)


def windows_file(work: Path, stem: str) -> Path:
    """Where `prepare` leaves what is known of a picture's windows (`judged_panes`, as bytes)."""
    return work / "taught" / f"{stem}_windows.png"


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
    """Paints the scene, and writes what `save_layers` does."""
    save_layers(scene, painter(scene), path)


def save_layers(scene: Scene, painted: Painted, path: Path) -> None:
    """Writes PATH_day.png, PATH_base.png, PATH_light.png (the square root of the light) and, if the painter says so, PATH_sure.png.

    The light comes last: where it is, all is."""
    base, light, sure = painted
    save_whole(bytes_of(scene.day), Path(f"{path}_day.png"))
    for name, layer in (("base", base), ("sure", sure), ("light", np.sqrt(light))):
        if layer is not None:
            save_whole(bytes_of(layer), Path(f"{path}_{name}.png"))


def bytes_of(layer: np.ndarray) -> Image.Image:
    """A layer, 0 to 1, as a picture."""
    return Image.fromarray((layer * 255).round().astype(np.uint8))

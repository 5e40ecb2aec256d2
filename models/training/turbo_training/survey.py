"""What is known of each picture before any painter starts: what it shows, and how far that is. It is found once, and kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from . import depth
from .pictures import read, save_state_whole, save_whole
from .progress import Progress
from .scene import Scene, certainty, distance
from .segmenter import CLASSES, ROAD, SKY, Classifier
from .vit import CELL

OVERHEAD = "overhead_"
_STANDING = ("amos", "muenster", "opensfm", OVERHEAD)
"""Pictures whose name starts with this were not taken from a car."""


def survey(classifier: Classifier, paths: list[Path], labels: Path, shared: Path) -> None:
    """Writes what each of these pictures shows, and how far it is, into the folder `shared`, unless it is there; the probe is fitted to
    the pictures of whoever asks first."""
    for folder in ("shows", "far"):
        (shared / folder).mkdir(parents=True, exist_ok=True)
    progress = Progress("seeing", len(paths))
    for done, path in enumerate(paths, 1):
        if not _shows_file(shared, path).exists():
            picture = read(path)
            shows = (classifier.classify(picture) * 255).round().astype(np.uint8)
            save_whole(Image.fromarray(shows.reshape(CLASSES * picture.height, picture.width)), _shows_file(shared, path))
        progress.report(done)
    kept = shared / "depth.pt"
    if kept.exists():
        probe = torch.load(kept, weights_only=True)
    else:
        # what another probe told
        for told in (shared / "far").glob("*.png"):
            told.unlink()
        probe = depth.fit(_guesses(classifier, paths, labels, shared))
        save_state_whole(probe, kept)
    progress = Progress("telling how far", len(paths))
    for done, path in enumerate(paths, 1):
        if not _far_file(shared, path).exists():
            far = how_far(probe, classifier, read(path)).log() / np.log(depth.FARTHEST)
            save_whole(Image.fromarray((far * 255).round().byte().numpy()), _far_file(shared, path))
        progress.report(done)


def how_far(probe: Tensor, classifier: Classifier, picture: Image.Image) -> Tensor:
    """How far a picture's cells are: what the probe says of it and of its mirror image, evened out."""
    # padded, so that cells of the mirror image lie on cells
    right = -picture.width % CELL
    padded = Image.fromarray(np.pad(np.asarray(picture), ((0, 0), (0, right), (0, 0)), mode="edge"))
    there = depth.tell(probe, classifier.features(padded))
    back = depth.tell(probe, classifier.features(padded.transpose(Image.Transpose.FLIP_LEFT_RIGHT))).flip(1)
    return depth.evened((there * back).sqrt())


def scene_of(path: Path, labels: Path, shared: Path) -> Scene:
    """A picture with what `survey` left of it, and what its labels say, if it has any; without marks."""
    scene = _seen(path, labels, shared)
    coarse = depth.FARTHEST ** (np.asarray(Image.open(_far_file(shared, path)), np.float32) / 255)
    return replace(scene, far=depth.enlarged(coarse, scene.luma))


def _seen(path: Path, labels: Path, shared: Path) -> Scene:
    """A picture with what it shows, but not how far that is."""
    picture = read(path)
    day = np.asarray(picture, np.float32) / 255
    return Scene(day, _known(picture, path, labels, shared), not path.name.startswith(_STANDING))


def _guesses(classifier: Classifier, paths: list[Path], labels: Path, shared: Path) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """What the probe is fitted to: of each picture features, and by perspective how far its cells are, and how sure that is."""
    progress = Progress("guessing how far", len(paths))
    for done, path in enumerate(paths, 1):
        scene = _seen(path, labels, shared)
        features = classifier.features(read(path))
        weights = torch.from_numpy(certainty(scene).astype(np.float32))
        far = torch.from_numpy(np.log(distance(scene)).astype(np.float32))
        rows, columns = features.shape[1:]
        counts = _cells(weights, rows, columns)
        yield features, (_cells(far * weights, rows, columns) / counts.clamp(min=1e-3)).exp(), counts
        progress.report(done)


def _cells(x: Tensor, rows: int, columns: int) -> Tensor:
    height, width = x.shape
    padded = F.pad(x[None, None], (0, CELL * columns - width, 0, CELL * rows - height), mode="replicate")
    return F.avg_pool2d(padded, CELL)[0, 0]


def _shows_file(shared: Path, path: Path) -> Path:
    return shared / "shows" / f"{path.stem}.png"


def _far_file(shared: Path, path: Path) -> Path:
    return shared / "far" / f"{path.stem}.png"


def _known(picture: Image.Image, path: Path, labels: Path, shared: Path) -> np.ndarray:
    """What each pixel shows, as probabilities: from what was seen, and from labels where there are any."""
    stacked = np.asarray(Image.open(_shows_file(shared, path)), np.float32) / 255
    shows = stacked.reshape(CLASSES, picture.height, picture.width)
    if path.name.startswith(OVERHEAD):
        shows[ROAD] += shows[SKY]
        shows[SKY] = 0
    label = labels / f"{path.stem}.png"
    if label.exists():
        classes = np.asarray(Image.open(label).resize(picture.size, Image.Resampling.NEAREST))
        exact = np.stack([classes == index for index in range(CLASSES)]).astype(np.float32)
        shows = np.where((classes < CLASSES)[None], 0.85 * exact + 0.15 * shows, shows)
    return shows.astype(np.float32)

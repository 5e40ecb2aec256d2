"""Gives every picture of the source domain the layers that the painter makes, and leaves them in the working folder."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from .config import Config
from .night import Scene, paint
from .pictures import read
from .progress import Progress
from .segmenter import CLASSES, ROAD, SKY, Segmenter, classify, train_segmenter
from .sources import glob

OVERHEAD = "overhead_"
_STANDING = ("amos", "muenster", "opensfm", OVERHEAD)
"""Pictures whose name starts with this were not taken from a car."""


def prepare(config: Config, data: Path, work: Path, segmenter_steps: int = 1400) -> None:
    """Trains the segmenter if it isn't there, then paints what isn't painted yet."""
    labels = data / config.data.labels
    net = train_segmenter(data / config.data.labelled, labels, work / "segmenter.pt", segmenter_steps, config.seed)
    out = work / "taught"
    out.mkdir(parents=True, exist_ok=True)
    paths = glob(data, config.data.source)
    random.Random(config.seed).shuffle(paths)
    paths = take_frames(glob(data, config.data.overhead), work / "frames") + paths
    progress = Progress("painting", len(paths))
    for done, path in enumerate(paths, 1):
        if not (out / f"{path.stem}_light.png").exists():
            paint_file(net, path, labels / f"{path.stem}.png", out)
        progress.report(done)


def take_frames(videos: list[Path], out: Path, count: int = 7) -> list[Path]:
    """A few frames of each video, spread over its length (needs ffmpeg and ffprobe on the PATH)."""
    out.mkdir(parents=True, exist_ok=True)
    for video in videos:
        probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(video)]
        seconds = float(subprocess.run(probe, check=True, capture_output=True, text=True).stdout)
        for index in range(count):
            file = out / f"{OVERHEAD}{video.stem}-{index}.png"
            if not file.exists():
                at = ["ffmpeg", "-v", "error", "-ss", str(seconds * (index + 0.4) / count), "-i", str(video)]
                subprocess.run([*at, "-frames:v", "1", str(file)], check=True, stdin=subprocess.DEVNULL)
    return sorted(out.glob("*.png"))


def paint_file(net: Segmenter, path: Path, label: Path, out: Path) -> None:
    """Writes NAME_day.png, NAME_base.png and NAME_light.png (the square root of the light)."""
    picture = read(path)
    shows = classify(net, picture)
    if path.name.startswith(OVERHEAD):
        shows[ROAD] += shows[SKY]
        shows[SKY] = 0
    if label.exists():
        known = np.asarray(Image.open(label).resize(picture.size, Image.Resampling.NEAREST))
        exact = np.stack([known == index for index in range(CLASSES)]).astype(np.float32)
        shows = np.where((known < CLASSES)[None], 0.85 * exact + 0.15 * shows, shows)
    day = np.asarray(picture, np.float32) / 255
    base, light = paint(Scene(day, shows.astype(np.float32), not path.name.startswith(_STANDING)))
    picture.save(out / f"{path.stem}_day.png")
    for name, layer in (("base", base), ("light", np.sqrt(light))):
        Image.fromarray((layer * 255).round().astype(np.uint8)).save(out / f"{path.stem}_{name}.png")

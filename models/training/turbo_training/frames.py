"""Frames of videos, as pictures to paint or to keep calm on (needs ffmpeg and ffprobe on the PATH)."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from .pictures import save_whole
from .survey import OVERHEAD


def take_frames(videos: list[Path], out: Path, count: int = 7) -> list[Path]:
    """A few frames of each video, spread over its length."""
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

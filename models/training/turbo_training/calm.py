"""How calm a translated video is: how much the output changes from frame to frame, beside how much the input does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
from scipy import ndimage

from .running import Sequence, run

STILL = 12
"""A pixel that never changes by this much of 255 between two frames is still."""


def calm(graph: Path, clip: Path, frames: int = 40) -> dict[str, object]:
    """Ratios of change, output to input; what falls through the picture is held still.

    `all`: over all pixels; `relative`: that divided by the loss of contrast; `still`: over still pixels only;
    `stillByGain`: over still pixels, after dividing by how much the effect raises or lowers contrast around each;
    `wanderIn`, `wanderOut`: mean change of the whole frame's brightness, in percent of it; `wanderOfWhiteIn`, `wanderOfWhiteOut`: in
    percent of white.
    One session sees all frames, as the engine has it by default; `twoSessions` has the same with two that take frames in turn,
    each with its own memory, and `withoutMemory` with every frame translated alone.
    """
    before = _read(clip, frames)
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    one, two = Sequence(session), Sequence(session, 2)
    return {
        **_ratios(before, np.stack([one.next(f[None], 1.0)[0] for f in before])),
        "twoSessions": _ratios(before, np.stack([two.next(f[None], 1.0)[0] for f in before])),
        "withoutMemory": _ratios(before, np.stack([run(session, f[None], 1.0)[0] for f in before])),
    }


def _ratios(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    x, y = before.astype(np.float32), after.astype(np.float32)
    dx, dy = np.abs(np.diff(x, axis=0)), np.abs(np.diff(y, axis=0))
    still = dx.max((0, 3)) < STILL
    contrast = y.std((1, 2)).mean() / x.std((1, 2)).mean()
    gain = _local_contrast(y[0]) / _local_contrast(x[0])
    ratios = {
        "all": dy.mean() / dx.mean(),
        "relative": dy.mean() / dx.mean() / contrast,
        "still": dy[:, still].mean() / max(float(dx[:, still].mean()), 1e-3),
        "stillByGain": dy[:, still].mean() / max(float((dx * gain[None, ..., None])[:, still].mean()), 1e-3),
        "wanderIn": 100 * _wander(x) / x.mean(),
        "wanderOut": 100 * _wander(y) / y.mean(),
        "wanderOfWhiteIn": 100 * _wander(x) / 255,
        "wanderOfWhiteOut": 100 * _wander(y) / 255,
    }
    return {name: round(float(value), 3) for name, value in ratios.items()}


def _local_contrast(frame: np.ndarray) -> np.ndarray:
    """Standard deviation around each pixel, at least that of a little noise."""
    grey = frame.mean(-1)
    mean = ndimage.gaussian_filter(grey, 6)
    return np.sqrt(np.clip(ndimage.gaussian_filter(grey * grey, 6) - mean * mean, 0, None) + 1.0)


def _wander(video: np.ndarray) -> float:
    """How much the mean brightness changes from frame to frame, of 255."""
    return float(np.abs(np.diff(video.mean((1, 2, 3)))).mean())


def _read(clip: Path, frames: int, width: int = 640, height: int = 360) -> np.ndarray:
    """Frames from the second second on (needs ffmpeg on the PATH)."""
    command = ["ffmpeg", "-v", "error", "-ss", "1", "-i", str(clip), "-frames:v", str(frames)]
    command += ["-vf", f"scale={width}:{height}", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)

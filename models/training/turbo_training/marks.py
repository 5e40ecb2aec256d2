"""What someone saw in pictures, and marked in the files of `marks`, in percent of the width or the height of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .config import Config
from .scene import Box, Mark, Windows

SPOT = 0.5
"""Radius of a spot that was judged, in percent of the picture's width."""


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


def read_bonnets(config: Config) -> dict[str, tuple[float, ...]]:
    """Where the car that films begins, by picture, as `Scene.bonnet` has it; in the file, in percent."""
    return {stem: tuple(height / 100 for height in heights) for stem, heights in _read(config.data.bonnets).items()}


def read_skylines(config: Config) -> dict[str, tuple[float | None, ...]]:
    """Where the sky ends in photographs of night, by picture, as `skies.between` has it; in the file, in percent."""
    return {stem: tuple(None if mark is None else mark / 100 for mark in marks) for stem, marks in _read(config.data.skies).items()}


def _read(file: str) -> dict[str, Any]:
    return json.loads((Path(__file__).parent.parent / file).read_text(encoding="utf-8")) if file else {}


def _marks(percent: list[list[float]]) -> tuple[Mark, ...]:
    return tuple(Mark(x / 100, y / 100, (radius[0] if radius else SPOT) / 100) for x, y, *radius in percent)

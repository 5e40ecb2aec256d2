"""A large detector of street lamps and windows, far too slow to ship, from which the light head learns what marks alone can't teach it:
a few hundred pictures are soon known by heart, but what was learnt from ImageNet's million holds elsewhere, too.

It is a pyramid (`pyramid.py`) down to cells of 4x4 pixels, as the light head's are, of pictures half as large again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from .blocks import FOLD, STRIDE
from .device import CPU
from .light_head import LIGHTS
from .pictures import read, tensor, widened
from .pyramid import WIDTH, Pyramid

LONGEST = 960
"""Longest side of the pictures that it sees."""


class Detector(nn.Module):
    """Logits [B, LIGHTS, H/4, W/4] of pictures [B, 3, H, W], 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.pyramid = Pyramid()
        self.last = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.tell = nn.Conv2d(WIDTH, LIGHTS, 1)
        nn.init.constant_(self.tell.bias, -4.0)

    def forward(self, pictures: Tensor) -> Tensor:
        _, found = self.pyramid(pictures)
        return self.tell(found + F.relu(self.last(found)))


def look_at(path: Path) -> Image.Image:
    """A picture as the detector is taught by it and asked about it: its longest side is LONGEST, enlarged if need be."""
    picture = read(path, LONGEST)
    scale = LONGEST / max(picture.size)
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BICUBIC) if scale > 1 else picture


def answers(detector: Detector, picture: Image.Image, device: torch.device = CPU) -> np.ndarray:
    """The soft targets that the light head learns from: how sure the detector is of a lamp and of a window in each cell, as bytes,
    [H/4, W/4, LIGHTS].

    The picture and its mirror image are looked at, and the mean of the logits counts."""
    seen = tensor(picture)[None].to(device)
    height, width = seen.shape[2:]
    padded = widened(seen, STRIDE)
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
        both = torch.cat([padded, padded.flip(3)]).contiguous(memory_format=torch.channels_last)
        there, back = detector(both).float().chunk(2)
    sure = torch.sigmoid((there + back.flip(3)) / 2)[0, :, : -(-height // FOLD), : -(-width // FOLD)]
    return (sure * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def answers_folder(work: Path) -> Path:
    """Where the answers lie."""
    return work / "answers"


def answers_file(work: Path, stem: str) -> Path:
    """Where a picture's answers lie, two layers: of lamps and of windows."""
    return answers_folder(work) / f"{stem}.png"

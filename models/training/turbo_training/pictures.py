"""Reading pictures, cutting crops that are alike in several of them, and changing their light."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

Array = np.ndarray


def read(path: Path, longest: int = 640) -> Image.Image:
    """An RGB picture, reduced so that its longest side is at most `longest`."""
    picture = Image.open(path).convert("RGB")
    scale = longest / max(picture.size)
    if scale < 1:
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
    return picture


def tensor(picture: Image.Image | Array) -> Tensor:
    """[3, H, W], 0 to 1."""
    array = np.asarray(picture)
    if array.ndim == 2:
        array = array[..., None]
    return torch.from_numpy(array.copy()).permute(2, 0, 1).float().div_(255)


def image(picture: Tensor) -> Image.Image:
    """The picture of a [3, H, W] tensor."""
    return Image.fromarray((picture.detach().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy())


def crops(pictures: list[Image.Image], size: tuple[int, int], rng: np.random.Generator) -> list[Tensor]:
    """The same random crop, scale and flip of pictures that lie on top of each other."""
    height, width = size
    full_width, full_height = pictures[0].size
    smallest = max(width / full_width, height / full_height)
    scale = max(smallest, float(np.exp(rng.uniform(np.log(smallest), np.log(max(1.7, smallest * 1.2))))))
    stretch = rng.uniform(0.9, 1.1)
    box_width = min(full_width, width / scale * stretch)
    box_height = min(full_height, height / scale / stretch)
    left = rng.uniform(0, full_width - box_width)
    top = rng.uniform(0, full_height - box_height)
    flip = rng.random() < 0.5
    result = []
    for picture in pictures:
        cut = picture.resize((width, height), Image.Resampling.BILINEAR, box=(left, top, left + box_width, top + box_height))
        result.append(tensor(cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else cut))
    return result


def relight(picture: Tensor, rng: np.random.Generator, amount: float = 1.0) -> Tensor:
    """Another exposure, gamma, white balance, saturation and sensor noise, as another camera would give."""
    exposure = np.exp(rng.normal(0, 0.22 * amount))
    gamma = np.exp(rng.normal(0, 0.16 * amount))
    balance = np.exp(rng.normal(0, 0.06 * amount, (3, 1, 1))).astype(np.float32)
    changed = picture.clamp(1e-4, 1).pow(float(gamma)) * float(exposure) * torch.from_numpy(balance)
    grey = changed.mean(0, keepdim=True)
    saturation = float(np.clip(rng.normal(1, 0.25 * amount), 0.1, 1.7))
    changed = grey + (changed - grey) * saturation
    if rng.random() < 0.3 * amount:
        changed = changed * float(rng.uniform(0.65, 1)) + float(rng.uniform(0, 0.12))
    if rng.random() < 0.5:
        changed = changed + torch.randn(changed.shape) * float(rng.uniform(0, 0.025))
    return changed.clamp(0, 1)

"""Reading pictures, cutting crops that are alike in several of them, and changing their light."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .device import send

Array = np.ndarray

LARGEST = 1.7
"""How much crops are enlarged at most, unless they must be more."""


def read(path: Path, longest: int = 640) -> Image.Image:
    """An RGB picture, reduced so that its longest side is at most `longest`."""
    picture = Image.open(path).convert("RGB")
    scale = longest / max(picture.size)
    if scale < 1:
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
    return picture


def save_whole(picture: Image.Image, path: Path) -> None:
    """As PNG, the whole file or none: a run may be killed, and another effect be prepared at the same time."""
    unfinished = path.with_suffix(f".{os.getpid()}.partial")
    picture.save(unfinished, format="PNG", compress_level=1)
    unfinished.replace(path)


def save_state_whole(state: object, path: Path) -> None:
    """As `torch.save` does, the whole file or none."""
    unfinished = path.with_suffix(f".{os.getpid()}.partial")
    torch.save(state, unfinished)
    unfinished.replace(path)


def tensor(picture: Image.Image | Array) -> Tensor:
    """[3, H, W], 0 to 1."""
    array = np.asarray(picture)
    if array.ndim == 2:
        array = array[..., None]
    return torch.from_numpy(array.copy()).permute(2, 0, 1).float().div_(255)


def widened(pictures: Tensor, multiple: int) -> Tensor:
    """[B, C, H, W] with its right and lower edges repeated until `multiple` divides both sides."""
    height, width = pictures.shape[2:]
    return F.pad(pictures, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def image(picture: Tensor) -> Image.Image:
    """The picture of a [3, H, W] tensor."""
    return Image.fromarray((picture.detach().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy())


def pixels(*pictures: Image.Image) -> Tensor:
    """Pictures that lie on top of each other as one: their channels one after the other, [C, H, W], as bytes."""
    layers = [np.atleast_3d(np.asarray(picture)) for picture in pictures]
    return torch.from_numpy(np.concatenate(layers, 2)).permute(2, 0, 1).contiguous()


def one_of(pictures: list[Tensor], rng: np.random.Generator) -> Tensor:
    """One of them."""
    return pictures[rng.integers(len(pictures))]


def crop(picture: Tensor, size: tuple[int, int], rng: np.random.Generator, largest: float = LARGEST) -> Tensor:
    """A random crop, at a random scale and flipped half of the time, of what `pixels` made: [C, *size], 0 to 1.

    Scales go from the least that leaves no gap to `largest`, or a fifth beyond that least, if this is more.
    As PIL cuts with `box`, but boxes are of whole pixels, and what lies beside them doesn't count. It stays on its device."""
    height, width = size
    full_height, full_width = picture.shape[1:]
    smallest = max(width / full_width, height / full_height)
    scale = max(smallest, float(np.exp(rng.uniform(np.log(smallest), np.log(max(largest, smallest * 1.2))))))
    stretch = rng.uniform(0.9, 1.1)
    box_width = min(full_width, round(width / scale * stretch))
    box_height = min(full_height, round(height / scale / stretch))
    left = rng.integers(full_width - box_width + 1)
    top = rng.integers(full_height - box_height + 1)
    cut = picture[None, :, top : top + box_height, left : left + box_width].float()
    cut = F.interpolate(cut, size, mode="bilinear", antialias=True)[0] / 255
    return cut.flip(2) if rng.random() < 0.5 else cut


def crops(pictures: list[Tensor], size: tuple[int, int], rng: np.random.Generator, count: int) -> Tensor:
    """So many crops of any of them: [count, C, *size]."""
    return torch.stack([crop(one_of(pictures, rng), size, rng) for _ in range(count)])


def relight(pictures: Tensor, rng: np.random.Generator, amount: float = 1.0) -> Tensor:
    """Another exposure, gamma, white balance, saturation and sensor noise for each of [B, 3, H, W], as other cameras would give."""
    count = len(pictures)

    def normal(spread: float, *more: int) -> np.ndarray:
        return rng.normal(0, spread * amount, (count, *more))

    gamma, exposure = per_picture(np.exp(normal(0.16)), pictures), per_picture(np.exp(normal(0.22)[:, None] + normal(0.06, 3)), pictures)
    changed = pictures.clamp(1e-4, 1) ** gamma * exposure
    grey = changed.mean(1, keepdim=True)
    changed = grey + (changed - grey) * per_picture(np.clip(1 + normal(0.25), 0.1, 1.7), pictures)
    hazy, noisy = rng.random(count) < 0.3 * amount, rng.random(count) < 0.5
    changed = changed * per_picture(1 - hazy * rng.uniform(0, 0.35, count), pictures) + per_picture(
        hazy * rng.uniform(0, 0.12, count), pictures
    )
    return (changed + torch.randn_like(changed) * per_picture(noisy * rng.uniform(0, 0.025, count), pictures)).clamp(0, 1)


def per_picture(values: np.ndarray, like: Tensor) -> Tensor:
    """A number for each picture of `like`, [B, C, H, W], as [B, 1, 1, 1] (or [B, C, 1, 1] if there is one a channel)."""
    shaped = torch.from_numpy(values.astype(np.float32)).reshape(len(values), -1, 1, 1)
    return send(shaped, like.device)

"""A helper that names what each pixel shows, so that unlabelled pictures can be given a teacher's layers too.

It is trained on the labelled pictures alone, is used by `prepare`, and is no part of any shipped model.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from .pictures import read, relight, tensor
from .progress import Progress

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PERSON, BICYCLE, UNKNOWN = range(12)
CLASSES = 11
_WEIGHTS = (0.7, 1.0, 3.0, 0.7, 1.2, 1.0, 3.0, 1.5, 1.8, 2.0, 2.0)


class _Residual(nn.Module):
    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norms[0](self.first(x)))
        return F.relu(x + self.norms[1](self.second(y)))


class Segmenter(nn.Module):
    """Encoder-decoder from half the picture's size to 1/32 and back; class scores at half the size."""

    def __init__(self, widths: tuple[int, ...] = (24, 48, 96, 160, 192)) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(12, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU())
        self.downs = nn.ModuleList()
        self.narrows = nn.ModuleList()
        self.mixes = nn.ModuleList()
        for fine, coarse in zip(widths, widths[1:], strict=False):
            down = nn.Conv2d(fine, coarse, 3, stride=2, padding=1, bias=False)
            self.downs.append(nn.Sequential(down, nn.BatchNorm2d(coarse), nn.ReLU(), _Residual(coarse)))
            self.narrows.append(nn.Conv2d(coarse, fine, 1, bias=False))
            self.mixes.append(nn.Sequential(nn.BatchNorm2d(fine), nn.ReLU(), _Residual(fine)))
        self.context = nn.Sequential(*(_Residual(widths[-1], d) for d in (2, 4)))
        self.head = nn.Conv2d(widths[0], CLASSES, 1)

    def forward(self, picture: Tensor) -> Tensor:
        steps = [self.stem(F.pixel_unshuffle(picture, 2) - 0.5)]
        for down in self.downs:
            steps.append(down(steps[-1]))
        x = self.context(steps.pop())
        for narrow, mix in zip(reversed(self.narrows), reversed(self.mixes), strict=True):
            fine = steps.pop()
            x = mix(F.interpolate(narrow(x), size=fine.shape[-2:], mode="bilinear") + fine)
        return self.head(x)


def train_segmenter(pictures: Path, labels: Path, out: Path, steps: int, seed: int, batch: int = 8) -> Segmenter:
    """Learns from pictures that have a label file of the same name; keeps the result in `out`."""
    torch.manual_seed(seed)
    net = Segmenter().to(memory_format=torch.channels_last)
    if out.exists():
        net.load_state_dict(torch.load(out, weights_only=True))
        return net.eval()
    known = [(read(pictures / f"{p.stem}.jpg"), Image.open(p)) for p in sorted(labels.glob("*.png"))]
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, steps)
    rng, progress, weights = np.random.default_rng(seed), Progress("segmenter", steps), torch.tensor(_WEIGHTS)
    for step in range(steps):
        examples = [_crop(*known[rng.integers(len(known))], rng) for _ in range(batch)]
        x = torch.stack([e[0] for e in examples]).contiguous(memory_format=torch.channels_last)
        y = torch.stack([e[1] for e in examples])
        with torch.autocast("cpu", torch.bfloat16):
            scores = net(x)
        loss = F.cross_entropy(scores.float(), y, weights, ignore_index=UNKNOWN)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        progress.report(step + 1, loss=loss.item())
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_suffix(f".{os.getpid()}.partial")
    torch.save(net.state_dict(), unfinished)
    unfinished.replace(out)
    return net.eval()


@torch.no_grad()
def classify(net: Segmenter, picture: Image.Image) -> np.ndarray:
    """Class probabilities [CLASSES, H, W], averaged over the picture and its mirror image."""
    x = tensor(picture)[None]
    height, width = x.shape[-2:]
    padded = F.pad(x, (0, -width % 32, 0, -height % 32), mode="replicate")
    scores = net(padded).softmax(1) + net(padded.flip(3)).softmax(1).flip(3)
    full = F.interpolate(scores / 2, scale_factor=2.0, mode="bilinear")
    return full[0, :, :height, :width].float().numpy()


def _crop(picture: Image.Image, label: Image.Image, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    height, width = 256, 320
    scale = float(np.exp(rng.uniform(np.log(0.72), np.log(1.6))))
    box_width, box_height = min(picture.width, width / scale), min(picture.height, height / scale)
    left, top = rng.uniform(0, picture.width - box_width), rng.uniform(0, picture.height - box_height)
    box = (left, top, left + box_width, top + box_height)
    x = tensor(picture.resize((width, height), Image.Resampling.BILINEAR, box=box))
    fx, fy = label.width / picture.width, label.height / picture.height
    box = (box[0] * fx, box[1] * fy, box[2] * fx, box[3] * fy)
    y = torch.from_numpy(np.asarray(label.resize((width // 2, height // 2), Image.Resampling.NEAREST, box=box)).astype(np.int64))
    if rng.random() < 0.5:
        x, y = x.flip(2), y.flip(1)
    return relight(x[None], rng, 1.3)[0], y

"""A helper that names what each pixel shows, so that unlabelled pictures can be given a teacher's layers too.

It begins with what two networks know of other pictures (`backbone.py`, `vit.py`), learns from the labelled ones, is used by `prepare`, and
is no part of any shipped model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from . import vit
from .blocks import STRIDE, twice
from .device import CPU
from .pictures import read, relight, save_state_whole, tensor, widened
from .progress import Progress
from .pyramid import FINE, WIDTH, Pyramid, learning
from .vit import CELL, Vit, pretrained

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PERSON, BICYCLE, UNKNOWN = range(12)
CLASSES = 11
_NAMES = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "person", "bicycle")
RATE = 1e-3
_WEIGHTS = (0.7, 1.0, 3.0, 0.7, 1.2, 1.0, 3.0, 1.5, 1.8, 2.0, 2.0)
_HELD_OUT, _KEPT_EVERY = 6, 100
_EDGES = 32
"""Channels at half of the picture's size."""
_CROP, _SCALES = (320, 416), (0.85, 2.0)


class Segmenter(nn.Module):
    """Class scores [B, CLASSES, H/2, W/2] of pictures [B, 3, H, W], 0 to 1, and of what `Vit` says of them."""

    def __init__(self) -> None:
        super().__init__()
        self.pyramid = Pyramid(vit.CHANNELS)
        self.edges = nn.Conv2d(FINE, _EDGES, 3, padding=1)
        self.found = nn.Conv2d(WIDTH, _EDGES, 1)
        self.last = nn.Conv2d(_EDGES, _EDGES, 3, padding=1)
        self.tell = nn.Conv2d(_EDGES, CLASSES, 1)

    def forward(self, pictures: Tensor, meaning: Tensor) -> Tensor:
        fine, found = self.pyramid(pictures, meaning)
        x = F.relu(self.edges(fine) + twice(self.found(found)))
        return self.tell(x + F.relu(self.last(x)))


@dataclass(frozen=True)
class Classifier:
    """A segmenter that has learnt, and the transformer that it asks."""

    net: Segmenter
    transformer: Vit
    device: torch.device = CPU

    @torch.no_grad()
    def classify(self, picture: Image.Image) -> np.ndarray:
        """Class probabilities [CLASSES, H, W], averaged over the picture and its mirror image."""
        padded = self._padded(picture)
        both = torch.cat([padded, padded.flip(3)])
        with torch.autocast(self.device.type, torch.bfloat16):
            scores = self.net(both, self.transformer(both))
        there, back = scores.float().softmax(1).chunk(2)
        full = F.interpolate((there + back.flip(3)) / 2, scale_factor=2.0, mode="bilinear")
        return full[0, :, : picture.height, : picture.width].cpu().numpy()

    @torch.no_grad()
    def features(self, picture: Image.Image) -> Tensor:
        """What the transformer says of cells of 16x16 pixels, [CHANNELS, h, w], the last of which may lie over the picture's edge."""
        with torch.autocast(self.device.type, torch.bfloat16):
            seen = self.transformer(self._padded(picture))
        return seen[0, :, : -(-picture.height // CELL), : -(-picture.width // CELL)].float().cpu()

    def _padded(self, picture: Image.Image) -> Tensor:
        return widened(tensor(picture)[None].to(self.device), STRIDE)


def train_segmenter(
    pictures: Path, labels: Path, out: Path, steps: int, seed: int, batch: int = 8, device: torch.device = CPU
) -> Classifier:
    """Learns from pictures that have a label file of the same name, but for every sixth, by which it is judged then; keeps the result in
    `out`, and on the way how far it is."""
    torch.manual_seed(seed)
    net, transformer = Segmenter().to(device=device, memory_format=torch.channels_last), pretrained().to(device)
    half_taught = out.with_suffix(".half-taught")
    if out.exists():
        half_taught.unlink(missing_ok=True)
        try:
            net.load_state_dict(torch.load(out, map_location="cpu", weights_only=True))
        except RuntimeError as error:
            raise ValueError(f"{out} is of another kind of segmenter: remove it, and what was seen and painted by it") from error
        return Classifier(net.eval(), transformer, device)
    labelled = [(read(pictures / f"{p.stem}.jpg"), Image.open(p)) for p in sorted(labels.glob("*.png"))]
    if not labelled:
        raise ValueError(f"there are no labels in {labels}, from which the segmenter could learn")
    held_out = labelled[_HELD_OUT - 1 :: _HELD_OUT]
    known = [pair for index, pair in enumerate(labelled, 1) if index % _HELD_OUT]
    shares = learning(net)
    optimiser = torch.optim.AdamW([{"params": weights} for weights, _ in shares], weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [RATE * share for _, share in shares], steps)
    parts, first = {"net": net, "optimiser": optimiser, "schedule": schedule}, 0
    out.parent.mkdir(parents=True, exist_ok=True)
    if half_taught.exists():
        state = torch.load(half_taught, map_location="cpu", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        first = state["step"]
    rng, progress = np.random.default_rng(seed + first), Progress("segmenter", steps, first)
    weights = torch.tensor(_WEIGHTS, device=device)
    for step in range(first, steps):
        examples = [_crop(*known[rng.integers(len(known))], rng) for _ in range(batch)]
        x = torch.stack([e[0] for e in examples]).to(device, memory_format=torch.channels_last)
        y = torch.stack([e[1] for e in examples]).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            scores = net(x, transformer(x))
        loss = F.cross_entropy(scores.float(), y, weights, ignore_index=UNKNOWN)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        progress.report(step + 1, loss=loss.detach())
        if (step + 1) % _KEPT_EVERY == 0:
            save_state_whole({name: part.state_dict() for name, part in parts.items()} | {"step": step + 1}, half_taught)
    save_state_whole({name: value.cpu() for name, value in net.state_dict().items()}, out)
    half_taught.unlink(missing_ok=True)
    classifier = Classifier(net.eval(), transformer, device)
    if held_out:
        print(f"segmenter: {agreement(classifier, held_out)} on {len(held_out)} held-out pictures", flush=True)
    return classifier


def agreement(classifier: Classifier, labelled: list[tuple[Image.Image, Image.Image]]) -> str:
    """Intersection over union of what is told and what is labelled, of each class that occurs and their mean."""
    both, either = np.zeros(CLASSES), np.zeros(CLASSES)
    for picture, label in labelled:
        told = classifier.classify(picture).argmax(0)
        right = np.asarray(label.resize(picture.size, Image.Resampling.NEAREST))
        for index in range(CLASSES):
            said, shown = (told == index) & (right < CLASSES), right == index
            both[index] += (said & shown).sum()
            either[index] += (said | shown).sum()
    each = {name: both[index] / either[index] for index, name in enumerate(_NAMES) if either[index]}
    return f"mean IoU {np.mean(list(each.values())):.3f} ({', '.join(f'{name} {share:.2f}' for name, share in each.items())})"


def _crop(picture: Image.Image, label: Image.Image, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    height, width = _CROP
    scale = float(np.exp(rng.uniform(*np.log(_SCALES))))
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

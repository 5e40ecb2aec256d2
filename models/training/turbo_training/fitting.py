"""Fits the constants of the painter of rain to aligned pairs, and says how near it comes to pairs that it was not fitted to.

    python -m turbo_training.fitting --config configs/clear-to-rainy.yaml --data DATA --shared SHARED

SHARED is where `prepare` left its segmenter and its probe of distance. What this prints goes into `rain.FITTED`, by hand; what was there
before says nothing here.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import config as recipes
from . import depth
from .losses import structure
from .measures import apply_curve, fit_curve, psnr, ssim
from .pictures import tensor
from .rain import Fields, Tones, fields, layers
from .scene import Scene
from .segmenter import Classifier, train_segmenter
from .sources import Pair, read_pairs
from .survey import how_far

STEPS, RATE = 200, 0.03
REDUCED = 4
"""Pictures are compared at this part of their size while constants are fitted."""
SQUARED, STRUCTURE = 12.0, 0.5
"""Weights of the squared error and of what structure lacks."""
POSITIVE = ("thickness", "power", "dull", "gamma")
"""Constants that are fitted by their logarithms."""

PLAIN = Tones(
    thickness=torch.tensor(0.03),
    power=torch.tensor(1.0),
    dull=torch.tensor(0.85),
    gamma=torch.tensor(1.0),
    colour=torch.tensor(1.0),
    sun=torch.tensor(0.0),
    greyed=torch.tensor(0.0),
    air=torch.tensor(1.0),
    sky=torch.tensor([0.75, 0.75, 0.75]),
    clouds=torch.tensor(0.0),
)
"""What is fitted begins with these: a grey, hazy day."""

Example = tuple[Fields, Tensor]
"""What the painter goes by, and what should come out, [1, 3, H, W]."""


def example(pair: Pair, classifier: Classifier, probe: Tensor) -> Example:
    """A pair, as the painter sees it."""
    day = np.asarray(pair.picture, np.float32) / 255
    scene = Scene(day, classifier.classify(pair.picture).astype(np.float32), from_car=True)
    far = depth.enlarged(how_far(probe, classifier, pair.picture).numpy(), scene.luma)
    return fields(replace(scene, far=far)), tensor(pair.target)[None]


def fit(examples: list[Example], steps: int = STEPS) -> Tones:
    """The constants by which the painter comes nearest to these."""
    free = {k: (v.log() if k in POSITIVE else v.clone()).requires_grad_() for k, v in PLAIN._asdict().items()}
    optimiser = torch.optim.Adam(free.values(), RATE)
    small = [(Fields(*(F.avg_pool2d(x, REDUCED) for x in known)), F.avg_pool2d(target, REDUCED)) for known, target in examples]
    for _ in range(steps):
        optimiser.zero_grad()
        for known, target in small:
            out = sum(layers(known, _tones(free))).clamp(0, 1)
            loss = SQUARED * (out - target).square().mean() + STRUCTURE * (1 - structure(out, target)).mean()
            (loss / len(small)).backward()
        optimiser.step()
    return Tones(*(x.detach() for x in _tones(free)))


def _tones(free: dict[str, Tensor]) -> Tones:
    return Tones(**{k: v.exp() if k in POSITIVE else v for k, v in free.items()})


def judge(known: Fields, target: Tensor, tones: Tones) -> tuple[float, float]:
    """PSNR and SSIM of what the painter makes of it."""
    out = sum(layers(known, tones)).clamp(0, 1)
    return psnr(_array(out), _array(target)), ssim(_array(out), _array(target))


def _array(picture: Tensor) -> np.ndarray:
    return picture[0].permute(1, 2, 0).double().numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--shared", type=Path, required=True)
    options = parser.parse_args()
    config = recipes.load(options.config)
    known = [options.shared / name for name in ("segmenter.pt", "depth.pt")]
    if not all(path.exists() for path in known):
        parser.exit(2, f"{options.shared} lacks segmenter.pt or depth.pt: run prepare --shared {options.shared} first\n")
    labels = options.data / config.data.labels
    classifier = train_segmenter(options.data / config.data.labelled, labels, known[0], 0, config.seed)
    probe = torch.load(known[1], weights_only=True)
    pairs = read_pairs(options.data, config.data.pairs, 640)
    examples = [example(pair, classifier, probe) for pair in pairs]
    inputs = [np.asarray(pair.picture, np.float64) / 255 for pair in pairs]
    scores = []
    for fold in range(config.folds):
        rest = [index for index in range(len(pairs)) if index % config.folds != fold]
        tones = fit([examples[index] for index in rest])
        curve = fit_curve([inputs[index] for index in rest], [_array(examples[index][1]) for index in rest])
        for index in range(fold, len(pairs), config.folds):
            known, target = examples[index]
            curved = apply_curve(inputs[index], curve)
            scores.append((*judge(known, target, tones), psnr(curved, _array(target)), ssim(curved, _array(target))))
            print(pairs[index].name, *(f"{score:.3f}" for score in scores[-1]), flush=True)
    print("PSNR and SSIM of the painter, and of the best curve, fitted without each:", *(f"{x:.3f}" for x in np.mean(scores, 0)))
    tones = fit(examples)
    print("fitted to all:", *(f"{x:.3f}" for x in np.mean([judge(*e, tones) for e in examples], 0)))
    for name, value in tones._asdict().items():
        print(f"    {name}=torch.tensor({[round(x, 3) for x in value.tolist()] if value.ndim else round(value.item(), 3)}),")


if __name__ == "__main__":
    main()

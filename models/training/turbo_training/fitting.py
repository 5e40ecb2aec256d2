"""Fits the constants of the painters of rain and of clear weather to aligned pairs, and says how near they come to pairs that they were not
fitted to.

    python -m turbo_training.fitting --config configs/clear-to-rainy.yaml --data DATA --shared SHARED

SHARED is where `prepare` left its segmenter and its probe of distance. What this prints goes into `FITTED` of `rain.py` or
`clear_tones.py`, by hand; what was there before says nothing here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import clear, clear_tones, depth, rain
from . import config as recipes
from .losses import structure
from .measures import apply_curve, fit_curve, psnr, ssim
from .pictures import tensor
from .scene import Scene
from .segmenter import Classifier, train_segmenter
from .sources import Pair, read_pairs
from .survey import how_far

STEPS, RATE = 200, 0.03
REDUCED = 4
"""Pictures are compared at this part of their size while constants are fitted."""
SQUARED, STRUCTURE = 12.0, 0.5
"""Weights of the squared error and of what structure lacks."""


@dataclass(frozen=True)
class Formula:
    """A painter whose constants can be fitted."""

    plain: NamedTuple
    """The constants that fitting begins with."""
    positive: tuple[str, ...]
    """Which are fitted by their logarithms."""
    fields: Callable[[Scene], NamedTuple]
    """What it goes by, of a scene."""
    layers: Callable[..., tuple[Tensor, Tensor]]
    """Base and light, by fields and constants."""


FORMULAS = {
    "rain": Formula(rain.PLAIN, rain.POSITIVE, rain.fields, rain.layers),
    "clear": Formula(clear_tones.PLAIN, clear_tones.POSITIVE, clear.fields, clear.layers),
}

Example = tuple[NamedTuple, Tensor]
"""What a painter goes by, and what should come out, [1, 3, H, W]."""


def example(painter: Formula, pair: Pair, classifier: Classifier, probe: Tensor) -> Example:
    """A pair, as the painter sees it."""
    day = np.asarray(pair.picture, np.float32) / 255
    scene = Scene(day, classifier.classify(pair.picture).astype(np.float32), from_car=True)
    far = depth.enlarged(how_far(probe, classifier, pair.picture).numpy(), scene.luma)
    return painter.fields(replace(scene, far=far)), tensor(pair.target)[None]


def fit(painter: Formula, examples: list[Example], steps: int = STEPS) -> NamedTuple:
    """The constants by which the painter comes nearest to these."""
    plain = painter.plain._asdict()
    free = {k: (v.log() if k in painter.positive else v.clone()).requires_grad_() for k, v in plain.items()}
    optimiser = torch.optim.Adam(free.values(), RATE)
    small = [(type(known)(*(F.avg_pool2d(x, REDUCED) for x in known)), F.avg_pool2d(target, REDUCED)) for known, target in examples]
    for _ in range(steps):
        optimiser.zero_grad()
        for known, target in small:
            out = sum(painter.layers(known, _tones(painter, free))).clamp(0, 1)
            loss = SQUARED * (out - target).square().mean() + STRUCTURE * (1 - structure(out, target)).mean()
            (loss / len(small)).backward()
        optimiser.step()
    return type(painter.plain)(*(x.detach() for x in _tones(painter, free)))


def _tones(painter: Formula, free: dict[str, Tensor]) -> NamedTuple:
    return type(painter.plain)(**{k: v.exp() if k in painter.positive else v for k, v in free.items()})


def judge(painter: Formula, known: NamedTuple, target: Tensor, tones: NamedTuple) -> tuple[float, float]:
    """PSNR and SSIM of what the painter makes of it."""
    out = sum(painter.layers(known, tones)).clamp(0, 1)
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
    painter = FORMULAS.get(config.data.painter)
    if painter is None:
        parser.exit(2, f"{options.config}: the painter of {config.data.painter} has no constants to fit; {' and '.join(FORMULAS)} have\n")
    known = [options.shared / name for name in ("segmenter.pt", "depth.pt")]
    if not all(path.exists() for path in known):
        parser.exit(2, f"{options.shared} lacks segmenter.pt or depth.pt: run prepare --shared {options.shared} first\n")
    pairs = read_pairs(options.data, config.data.pairs, 640)
    labels = options.data / config.data.labels
    classifier = train_segmenter(options.data / config.data.labelled, labels, known[0], 0, config.seed)
    probe = torch.load(known[1], weights_only=True)
    examples = [example(painter, pair, classifier, probe) for pair in pairs]
    inputs = [np.asarray(pair.picture, np.float64) / 255 for pair in pairs]
    scores = []
    for fold in range(config.folds):
        rest = [index for index in range(len(pairs)) if index % config.folds != fold]
        tones = fit(painter, [examples[index] for index in rest])
        curve = fit_curve([inputs[index] for index in rest], [_array(examples[index][1]) for index in rest])
        for index in range(fold, len(pairs), config.folds):
            known, target = examples[index]
            curved = apply_curve(inputs[index], curve)
            scores.append((*judge(painter, known, target, tones), psnr(curved, _array(target)), ssim(curved, _array(target))))
            print(pairs[index].name, *(f"{score:.3f}" for score in scores[-1]), flush=True)
    print("PSNR and SSIM of the painter, and of the best curve, fitted without each:", *(f"{x:.3f}" for x in np.mean(scores, 0)))
    tones = fit(painter, examples)
    print("fitted to all:", *(f"{x:.3f}" for x in np.mean([judge(painter, *e, tones) for e in examples], 0)))
    for name, value in tones._asdict().items():
        print(f"    {name}=torch.tensor({[round(x, 3) for x in value.tolist()] if value.ndim else round(value.item(), 3)}),")


if __name__ == "__main__":
    main()

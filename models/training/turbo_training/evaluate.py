"""Measures a recipe: leave-one-out over the pairs, calm on a shaken still picture, and time a frame.

Leave-one-out trains the last phase again once a fold, from the weights that the earlier phases reached without any
pair, and judges each pair by a network that has never seen it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from .calm import calm
from .config import Config
from .graph import build, save
from .measures import apply_curve, fit_curve, psnr, ssim
from .network import Generator
from .package import load_generator, run
from .sheets import tile, translate
from .sources import Pair, glob, read_pairs
from .train import train

FOLDS = 5


def evaluate(config: Config, data: Path, work: Path, checkpoint: Path) -> dict[str, object]:
    """Prints the figures and keeps them in WORK/figures.json, from where `export` takes them to the manifest."""
    generator = load_generator(config, checkpoint)
    figures: dict[str, object] = leave_one_out(config, data, work)
    graph = work / "evaluate.onnx"
    save(build(generator, config.id), graph)
    figures["milliseconds"] = {"threads": 1, **{f"{w}x{h}": timing(graph, w, h) for w, h in ((640, 360), (960, 540), (1280, 720))}}
    figures["calm"] = {clip.stem: calm(graph, clip) for clip in glob(data, config.data.clips)}
    (work / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    return figures


def leave_one_out(config: Config, data: Path, work: Path) -> dict[str, object]:
    """Means over all pairs, each seen by a network, and by a colour curve, that were fitted without it."""
    pairs = read_pairs(data, config.data.pairs, 640)
    last = config.phases[-1]
    start = _before(config, work)
    scores: dict[str, list[tuple[float, float]]] = {"network": [], "input": [], "curve": [], "ownCurve": []}
    rows = []
    for fold in range(FOLDS):
        held = pairs[fold::FOLDS]
        rest = [pair for pair in pairs if pair not in held]
        where = work / f"fold-{fold}"
        finished = where / "final.pt"
        if not finished.exists():
            train(config, data, where, [pair.name for pair in held], start, last.name, work)
        generator = load_generator(config, finished)
        curve = fit_curve([_array(p.picture) for p in rest], [_array(p.target) for p in rest])
        for pair in held:
            rows.append(_judge(generator, pair, curve, scores))
    tile(rows, 400).save(work / "leave-one-out.png")
    means = {name: np.mean(values, axis=0) for name, values in scores.items()}
    return {
        "leaveOneOutPsnr": round(float(means["network"][0]), 2),
        "leaveOneOutSsim": round(float(means["network"][1]), 3),
        **{f"{name}Psnr": round(float(means[name][0]), 2) for name in ("input", "curve", "ownCurve")},
        **{f"{name}Ssim": round(float(means[name][1]), 3) for name in ("input", "curve", "ownCurve")},
        "pairs": len(pairs),
    }


def _before(config: Config, work: Path) -> Path:
    phase = config.phases[-2]
    return work / f"{phase.name}-{phase.steps:06d}.pt"


def _judge(generator: Generator, pair: Pair, curve: np.ndarray, scores: dict[str, list[tuple[float, float]]]) -> list[Image.Image]:
    picture, target = _array(pair.picture), _array(pair.target)
    out = translate(generator, pair.picture)
    curved = apply_curve(picture, curve)
    guesses = {"network": _array(out), "input": picture, "curve": curved}
    guesses["ownCurve"] = apply_curve(picture, fit_curve([picture], [target]))
    for name, guess in guesses.items():
        scores[name].append((psnr(guess, target), ssim(guess, target)))
    print(pair.name, {name: round(values[-1][0], 2) for name, values in scores.items()}, flush=True)
    return [pair.picture, out, pair.target, Image.fromarray((curved * 255).astype(np.uint8))]


def timing(graph: Path, width: int, height: int, threads: int = 1, frames: int = 15) -> float:
    """Median milliseconds of processor time a frame, sizes fixed as the engine fixes them."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_free_dimension_override_by_name("width", width)
    options.add_free_dimension_override_by_name("height", height)
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    frame = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), np.uint8)
    times = []
    for _ in range(frames + 3):
        began = time.process_time()
        run(session, frame, 1.0)
        times.append(1000 * (time.process_time() - began))
    return round(float(np.median(times[3:])), 1)


def _array(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, np.float64) / 255

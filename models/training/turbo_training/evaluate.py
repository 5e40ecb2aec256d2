"""Measures a recipe: leave-one-out over the pairs, likeness to real pictures, calm on clips, and time a frame.

Leave-one-out trains all phases from the first that sees pairs again, once a fold, from the weights that the earlier phases reached without
any pair, and judges each pair by a network that has never seen it; where no phase sees pairs, by the one that is measured.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import MISSING, fields, replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image

from .calm import calm
from .config import Config, Data, Phase
from .device import CPU
from .graph import build, save
from .marks import read_skylines
from .measures import apply_curve, fit_curve, psnr, ssim
from .network import Generator, Widths
from .package import load_generator
from .pictures import read
from .realism import compared, descriptors, distance, matching_curve, ready
from .running import run
from .sheets import tile, translate
from .sources import Pair, glob, read_pairs
from .train import train
from .weights import begin

PARTS = ("pairs", "realism", "calm", "speed")


def evaluate(
    config: Config,
    data: Path,
    work: Path,
    checkpoint: Path,
    parts: list[str] | None = None,
    prepared: Path | None = None,
    start: Path | None = None,
    device: torch.device = CPU,
) -> dict[str, object]:
    """Prints the figures and keeps them in WORK/figures.json, from where `export` takes them to the manifest.

    What is measured joins what was measured before; `parts` says what, of PARTS. `start` has the weights that leave-one-out begins
    from, which must not have seen a pair; the default is where the recipe stood before the first phase that learns from pairs.
    Where no phase does, leave-one-out takes the network as it is, and giving a start is a ValueError.
    """
    sees_pairs = _first(config) < len(config.phases)
    parts = parts or list(PARTS)
    if start and "pairs" in parts and config.data.pairs and not sees_pairs:
        raise ValueError(f"{config.id}: no phase sees pairs, so that leave-one-out measures the network as it is: it takes no --weights")
    file = work / "figures.json"
    figures: dict[str, object] = json.loads(file.read_text()) if file.exists() else {}
    generator = load_generator(config, checkpoint).to(device)
    graph = work / "evaluate.onnx"
    save(build(generator, config.id, None, config.mixed, config.steady, strips=True), graph)
    if "realism" in parts:
        figures["patchDistance"] = realism(config, data, work, generator)
    if "calm" in parts:
        figures["calm"] = {clip.stem: calm(graph, clip) for clip in glob(data, config.data.clips)}
    if "speed" in parts:
        figures["milliseconds"] = speed(graph)
    if "pairs" in parts and config.data.pairs:
        begins = start or (_before(without_heads(config), work) if sees_pairs else checkpoint)
        figures |= leave_one_out(config, data, work, prepared or work, begins, device)
    file.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    return figures


def realism(config: Config, data: Path, work: Path, generator: Generator) -> dict[str, float]:
    """Patch distance to real pictures of the target domain: of the output, of the input, of the best colour curve, and of
    one half of the real pictures to the other. Leaves a sheet of the frames that came out nearest, and farthest."""
    sources = compared(glob(data, config.data.examples or config.data.source))
    real = compared(glob(data, config.data.target))
    pictures = [read(path) for path in sources]
    outputs = [translate(generator, picture) for picture in pictures]
    x, y, z = [ready(p) for p in pictures], [ready(p) for p in outputs], [ready(read(p)) for p in real]
    wanted = descriptors(z)
    curve = matching_curve(x, z)
    found = {
        "network": distance(descriptors(y), wanted),
        "input": distance(descriptors(x), wanted),
        "curve": distance(descriptors([apply_curve(p, curve).astype(np.float32) for p in x]), wanted),
        "halfAgainstHalf": distance(descriptors(z[::2]), descriptors(z[1::2])),
        "pictures": len(x),
        "realPictures": len(z),
    }
    alone = [distance(descriptors([p]), wanted) for p in y]
    order = np.argsort(alone)
    for name, chosen in (("best", order[:6]), ("worst", order[-6:])):
        rows = [[picture for i in chosen[at : at + 2] for picture in (pictures[i], outputs[i])] for at in range(0, len(chosen), 2)]
        tile(rows, 400).save(work / f"{name}.png")
    return {name: round(float(value), 1) for name, value in found.items()}


def speed(graph: Path) -> dict[str, object]:
    """Milliseconds of processor time a frame, one thread."""
    return {"threads": 1, **{f"{w}x{h}": timing(graph, w, h) for w, h in ((640, 360), (1280, 720), (1920, 1080))}}


def leave_one_out(config: Config, data: Path, work: Path, prepared: Path, start: Path, device: torch.device = CPU) -> dict[str, object]:
    """Means over all pairs, each seen by a network, and by a colour curve, that were fitted without it.

    The network is judged without its heads, which learn apart and see no pair. Where no phase sees pairs, it is the one of `start`.
    """
    pairs = read_pairs(data, config.data.pairs, 640)
    whole = without_heads(config)
    fitted = replace(whole, phases=whole.phases[_first(whole) :])
    scores: dict[str, list[tuple[float, float]]] = {"network": [], "input": [], "curve": [], "ownCurve": []}
    rows, folds = [], work / _folds(fitted, start, prepared)
    count = config.folds or len(pairs)
    for fold in range(count):
        held = pairs[fold::count]
        rest = [pair for pair in pairs if pair not in held]
        where = folds / str(fold)
        finished = where / "final.pt"
        if fitted.phases and not finished.exists():
            train(fitted, data, where, [pair.name for pair in held], start, None, prepared, device)
        generator = _headless(fitted, finished if fitted.phases else start).to(device)
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
        "folds": count,
        # else the network is the one that is measured: it saw no pair
        "trainedWithoutEach": bool(fitted.phases),
    }


def _headless(fitted: Config, checkpoint: Path) -> Generator:
    generator = Generator(fitted.widths)
    begin(generator, checkpoint)
    return generator.eval()


def without_heads(config: Config) -> Config:
    """The recipe of the same network but for its heads."""
    phases = [phase for phase in config.phases if not phase.of_heads]
    return replace(config, phases=phases, widths=replace(config.widths, light=None, mirror=None))


def _folds(fitted: Config, start: Path, prepared: Path) -> Path:
    """The folder of the folds, named by what they are trained by: a finished one is taken again only where nothing of that has changed."""
    # these are told, shown, measured, or teach the light head only
    data = replace(fitted.data, used=[], shown=[], clips=[], judged="", unmarked=[], skies=_marked_skies(fitted))
    parts = [_said(part) for part in (*fitted.phases, fitted.widths, data)]
    learnt = (parts, fitted.seed, fitted.crop, fitted.relight, fitted.average)
    what = repr((learnt, str(start.resolve()), str(prepared.resolve())))
    steps = sum(phase.steps for phase in fitted.phases)
    return Path("folds") / f"{fitted.folds or 'each'}-{steps}-{hashlib.sha256(what.encode()).hexdigest()[:6]}"


def _marked_skies(fitted: Config) -> str:
    """What a phase learns skies by, which no other folder holds."""
    skies = read_skylines(fitted) if any(phase.learns == "skies" for phase in fitted.phases) else {}
    return repr(sorted(skies.items())) if skies else ""


def _said(part: Phase | Widths | Data) -> dict[str, object]:
    """What a part of a recipe says that isn't so by default: a key that recipes get later leaves folds as they are where it isn't used."""
    defaults = ((key.name, key.default if key.default_factory is MISSING else key.default_factory()) for key in fields(part))
    return {name: getattr(part, name) for name, default in defaults if getattr(part, name) != default}


def _first(config: Config) -> int:
    """The first phase that sees pairs: all from there on is fitted anew for each fold, and nothing where there is none."""
    return next((index for index, phase in enumerate(config.phases) if "pairs" in phase.mixture), len(config.phases))


def _before(config: Config, work: Path) -> Path:
    first = _first(config)
    if first == 0:
        raise ValueError(f"{config.id} sees pairs from the start: leave-one-out needs weights that never saw one, given by --weights")
    phase = config.phases[first - 1]
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

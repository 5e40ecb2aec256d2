"""The model package: graphs, checked against the trained network, and the manifest that vouches for them."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image

from .config import Config
from .falling import layers
from .graph import build, save, slim
from .look import padded, predict, reduction
from .manifest import write_manifest
from .network import Generator
from .pictures import read
from .quantise import COARSE, quantise
from .running import run
from .sheets import show
from .sources import glob
from .weights import read_weights

NEAR = 40.0
"""An int8 variant that is farther than this from fp32, in dB, is not shipped."""
SPARED: tuple[tuple[str, ...], ...] = (
    (),
    ("rise8",),
    ("rise8", "rise16", "blocks"),
    ("rise8", "rise16", "down8", "polish8", "down16", "polish16"),
)
"""What is left in floating point, too, where the int8 variant would be too far off: less first, more then."""
CUT = (None, 99.995)
"""The percentile at which features are cut off: none, or, if it is too far off with all of them, hardly any."""
SIZES = [(640, 360), (162, 122), (2, 2), (360, 640), (350, 290)]
"""Width and height at which an export is checked."""
LARGE = [(720, 1280), (1922, 1082), (2602, 1090)]
"""Sizes at which the network looks at the frame reduced; they are checked with fewer frames."""
SEEN = 24
"""Pictures on which halved weights are checked, at most."""


def load_generator(config: Config, checkpoint: Path) -> Generator:
    """The averaged weights of a checkpoint."""
    generator = Generator(config.widths)
    generator.load_state_dict(read_weights(checkpoint))
    return generator.eval()


def export(config: Config, data: Path, work: Path, checkpoint: Path, out: Path) -> None:
    """Writes the package and refuses to leave one that fails its checks.

    The int8 variant, which a CPU runs, goes through the frame in strips; the other, for a GPU, takes it whole.
    """
    generator = load_generator(config, checkpoint)
    out.mkdir(parents=True, exist_ok=True)
    graph = out / "model.onnx"
    falling = layers(config.falls) if config.falls else None
    full, stripped, *still = (work / f"{name}.onnx" for name in ("full", "strips", "still", "still-strips"))
    for path, falls, strips in ((full, falling, False), (stripped, falling, True), (still[0], None, False), (still[1], None, True)):
        save(build(generator, config.id, falls, config.mixed, config.steady, strips), path)
    worst = check(generator, still, config.mixed)
    save(slim(onnx.load(str(full))), graph)
    paths = glob(data, config.data.examples or config.data.source)
    lost, noisy = check_slim(full, graph, [read(path) for path in paths[:: max(1, len(paths) // SEEN)][:SEEN]])
    halved = f"halved weights change pictures by {lost}, noise by {noisy}"
    if lost > 1:
        shutil.copyfile(full, graph)
        halved += ", so they are kept whole"
    print(f"{graph}: {graph.stat().st_size / 1e6:.2f} MB, at most {worst} of 255 from the trained network; {halved}")
    nearness = export_int8(config, data, stripped, out / "model.int8.onnx")
    for path in (full, stripped, *still):
        path.unlink()
    figures_file = work / "figures.json"
    figures = json.loads(figures_file.read_text()) if figures_file.exists() else {}
    if nearness is not None:
        figures["int8PsnrToFp32"] = nearness
    write_manifest(config, generator, config.steps, figures, out, datetime.fromtimestamp(checkpoint.stat().st_mtime, UTC).date())
    show(graph, config, data, out)


def check_slim(full: Path, slimmed: Path, pictures: list[Image.Image], large: list[tuple[int, int]] = LARGE) -> tuple[int, int]:
    """Largest differences that storing the weights in half precision makes, on these pictures and on noise.

    Raises where strength 0 changes a bit.
    """
    sessions = [onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for path in (full, slimmed)]

    def lost(frame: np.ndarray, time: float) -> int:
        exact, halved = (run(session, frame, 1.0, time).astype(int) for session in sessions)
        return int(np.abs(exact - halved).max())

    rng = np.random.default_rng(1)
    worst = 0
    for width, height in [*SIZES, *large]:
        frame = rng.integers(0, 256, (1, height, width, 3), np.uint8)
        for time in (1.24,) if (width, height) in large else (0.0, 1.24, 3000.0):
            if not np.array_equal(run(sessions[1], frame, 0.0, time), frame):
                raise RuntimeError(f"strength 0 does not give the input back at {width}x{height}")
            worst = max(worst, lost(frame, time))
    seen = max(
        (lost(np.asarray(picture.resize(size))[None], 1.24) for picture in pictures for size in ((640, 360), (1280, 720))), default=0
    )
    return seen, worst


def export_int8(config: Config, data: Path, graph: Path, small: Path) -> float | None:
    """Adds the int8 variant, if it stays near enough to the graph; how near, in dB, on frames it was not calibrated on.

    What counts is the farther of two sizes: as the network learnt, and looked at reduced.
    """
    paths = glob(data, config.data.examples or config.data.source)
    pictures = [read(path).resize((640, 352)) for path in paths[:: max(1, len(paths) // 48)]]
    unseen = pictures[1::2]
    frames = [[np.asarray(p)[None] for p in unseen], [np.asarray(p.resize((1280, 704)))[None] for p in unseen[::4]]]
    odd = [np.asarray(unseen[0].resize(size))[None] for size in [*SIZES, *LARGE]]
    precise = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    wanted = [[run(precise, f, 1.0).astype(float) for f in some] for some in frames]
    for percentile, spared in product(CUT, SPARED):
        if spared and set(spared) <= set(config.floating):
            continue
        floating = (*config.floating, *spared)
        quantise(graph, small, pictures[::2], floating, percentile)
        save(slim(onnx.load(str(small)), (*COARSE, *floating)), small)
        session = onnxruntime.InferenceSession(str(small), providers=["CPUExecutionProvider"])
        got = [[run(session, f, 1.0) for f in some] for some in frames]
        nearness = min(_nearness(*both) for both in zip(got, wanted, strict=True))
        exact = all(np.array_equal(run(session, f, 0.0, 1.24), f) for f in [*frames[0], *frames[1], *odd])
        print(f"{small}: {small.stat().st_size / 1e6:.2f} MB, {nearness:.1f} dB from fp32, strength 0 {'exact' if exact else 'NOT exact'}")
        if nearness >= NEAR and exact:
            return round(nearness, 1)
    small.unlink()
    return None


def _nearness(got: list[np.ndarray], wanted: list[np.ndarray]) -> float:
    errors = [np.mean((g - w) ** 2) for g, w in zip(got, wanted, strict=True)]
    return float(10 * np.log10(255**2 / max(np.mean(errors), 1e-9)))


def check(generator: Generator, graphs: list[Path], mixed: bool = False, large: list[tuple[int, int]] = LARGE) -> int:
    """Largest difference between graphs and network; raises where strength 0 changes a bit or a picture breaks."""
    sessions = [onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"]) for graph in graphs]
    rng = np.random.default_rng(0)
    worst = 0
    for width, height in [*SIZES, *large]:
        noise = rng.integers(0, 256, (1, height, width, 3), np.uint8)
        smooth = np.linspace(0, 255, noise.size).reshape(noise.shape).astype(np.uint8)
        few = (width, height) in large
        both = np.where(np.arange(width)[:, None] // 64 % 2, noise, smooth)
        for frame in (both,) if few else (noise, smooth, np.zeros_like(noise), np.full_like(noise, 255)):
            if not all(np.array_equal(run(session, frame, 0.0), frame) for session in sessions):
                raise RuntimeError(f"strength 0 does not give the input back at {width}x{height}")
            for strength in (0.7,) if few else (0.5, 1.0):
                wanted = reference(generator, frame, strength, mixed).astype(int)
                worst = max(worst, *(int(np.abs(run(session, frame, strength) - wanted).max()) for session in sessions))
    if worst > 1:
        raise RuntimeError(f"the graph differs from the trained network by {worst} of 255")
    return worst


@torch.no_grad()
def reference(generator: Generator, frame: np.ndarray, strength: float, mixed: bool) -> np.ndarray:
    """One frame through the network, padded and reduced as the graph does."""
    _, height, width, _ = frame.shape
    wide, high = padded(width, height)
    x = torch.from_numpy(np.pad(frame, ((0, 0), (0, high - height), (0, wide - width), (0, 0)), mode="edge"))
    x = x.permute(0, 3, 1, 2).float() / 255
    out = (predict(generator, x, reduction(width, height)).apply(x, strength, mixed).clamp(0, 1) * 255).round().byte()
    return out[:, :, :height, :width].permute(0, 2, 3, 1).numpy()

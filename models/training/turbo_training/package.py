"""The model package: model.onnx, checked against the trained network, and the manifest that vouches for it."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, date, datetime
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
from .look import multiply_accumulates, padded, predict, reduction
from .memory import NOTHING, states
from .network import Generator
from .pictures import read
from .quantise import quantise
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
    steps = sum(phase.steps for phase in config.phases)
    write_manifest(config, generator, steps, figures, out, datetime.fromtimestamp(checkpoint.stat().st_mtime, UTC).date())
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
        quantise(graph, small, pictures[::2], spared, percentile)
        save(slim(onnx.load(str(small))), small)
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


def write_manifest(config: Config, generator: Generator, steps: int, figures: dict[str, object], out: Path, trained: date) -> None:
    """manifest.json beside the graphs that are in the folder."""
    manifest = {
        "formatVersion": 1,
        "id": config.id,
        "effect": config.effect,
        "title": config.title,
        "description": config.description,
        "version": config.version,
        "licence": config.licence,
        "source": "trained for this project, see models/training",
        "graphs": [_graph(out, name, precision) for name, precision in _GRAPHS if (out / name).exists()],
        "input": {"name": "frame", "sizeMultiple": 2, "minWidth": 2, "minHeight": 2, "maxWidth": 8192, "maxHeight": 8192},
        "output": {"name": "translated"},
        "states": [{"input": s.input, "output": s.output, "initialShape": s.shape, "initial": NOTHING} for s in states(generator.widths)],
        "conditions": [
            {"kind": "strength", "input": "strength", "minimum": 0, "maximum": 1, "default": 1},
            *([{"kind": "time", "input": "time", "minimum": 0, "default": 0}] if config.falls else []),
        ],
        "provenance": {
            "architecture": ARCHITECTURE + (MIXED if config.mixed else DUSK) + (LIGHT_HEAD if config.widths.light else ""),
            "notLearnt": "; ".join(
                [*([NOT_LEARNT[config.falls]] if config.falls else []), *([SHINES] if config.widths.light else []), MEMORY]
            ),
            "parameters": sum(p.numel() for p in generator.parameters()),
            "multiplyAccumulates": {f"{w}x{h}": multiply_accumulates(generator.widths, w, h) for w, h in ((640, 360), (1280, 720))},
            "objective": config.objective,
            "data": [{"name": s.name, "licence": s.licence} for s in config.data.used],
            **({"begins": config.begins} if config.begins else {}),
            "seed": config.seed,
            "steps": steps,
            "trainedOn": trained.isoformat(),
            "framework": f"PyTorch {torch.__version__.split('+')[0]}",
        },
        "figures": figures,
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (out / "manifest.json").write_text(text, encoding="utf-8")


_GRAPHS = (("model.onnx", "fp32"), ("model.int8.onnx", "int8"))

ARCHITECTURE = "one-step encoder-decoder on a space-to-depth of 4, zero-initialised 1x1 skips, dilated bottleneck at 1/32; "
DUSK = "out = x * exp(strength * gain(luma)) + strength * light"
MIXED = "out = x * (1 + strength * (exp(gain(luma)) - 1)) + strength * light"


LIGHT_HEAD = "; beside it a detector of street lamps, which are given round glows, and of windows, which are brightened and tinted"
SHINES = "how sure the detector has to be before it lights a cell, how far a glow reaches and how a lit window looks were set by hand"
NOT_LEARNT = {
    "rain": "the falling drops are textures that the graph moves with its time input (seconds)",
    "snow": "the falling flakes are textures that the graph moves with its time input (seconds)",
}
MEMORY = (
    "what is kept from frame to frame, where nothing moves, is a fixed rule on how much colours change, and what the network says of them; "
    "all else is learnt"
)


def _graph(out: Path, name: str, precision: str) -> dict[str, object]:
    content = (out / name).read_bytes()
    opset = next(o.version for o in onnx.load_from_string(content).opset_import if not o.domain)
    digest = hashlib.sha256(content).hexdigest()
    return {"precision": precision, "file": name, "bytes": len(content), "sha256": digest, "opset": opset}

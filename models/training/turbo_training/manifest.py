"""The manifest of a model package, which vouches for its graphs."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import onnx
import torch

from .config import Config
from .look import multiply_accumulates
from .memory import NOTHING, states
from .network import Generator, Widths


def write_manifest(config: Config, generator: Generator, steps: int, figures: dict[str, object], out: Path, trained: date) -> None:
    """manifest.json beside the graphs that are in the folder."""
    widths = generator.widths
    heads = [head for head, has in ((LIGHT_HEAD, widths.light), (MIRROR_HEAD, widths.mirror)) if has]
    manifest = {
        "formatVersion": 1,
        "id": config.id,
        "effect": config.effect,
        "title": config.title,
        "description": config.description,
        "version": config.version,
        "licence": config.licence,
        "source": "trained for this project, see models/training",
        "graphs": [_graph(out, name, precision, _split_at(widths)) for name, precision in _GRAPHS if (out / name).exists()],
        "input": {"name": "frame", "sizeMultiple": 2, "minWidth": 2, "minHeight": 2, "maxWidth": 8192, "maxHeight": 8192},
        "output": {"name": "translated"},
        "states": [{"input": s.input, "output": s.output, "initialShape": s.shape, "initial": NOTHING} for s in states(widths)],
        "conditions": [
            {"kind": "strength", "input": "strength", "minimum": 0, "maximum": 1, "default": 1},
            *([{"kind": "time", "input": "time", "minimum": 0, "default": 0}] if config.falls else []),
        ],
        "provenance": {
            "architecture": ARCHITECTURE + (MIXED if config.mixed else DUSK) + "".join(head.told for head in heads),
            "notLearnt": "; ".join([*([NOT_LEARNT[config.falls]] if config.falls else []), *(head.not_learnt for head in heads), MEMORY]),
            "parameters": sum(p.numel() for p in generator.parameters()),
            "multiplyAccumulates": {f"{w}x{h}": multiply_accumulates(widths, w, h) for w, h in ((640, 360), (1280, 720))},
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


class Head(NamedTuple):
    """What the manifest says of a head."""

    told: str
    not_learnt: str


LIGHT_HEAD = Head(
    "; beside it a detector of street lamps, which are given round glows, and of windows, which are brightened and tinted",
    "how sure the detector has to be before it lights a cell, how far a glow reaches and how a lit window looks were set by hand",
)
MIRROR_HEAD = Head(
    "; beside it a head that finds wet ground, and how far below the foot of what stands there each cell of it is, so that it mirrors what "
    "is as far above",
    "from where it fetches what is mirrored, that the mean is taken off, and how soft and how strong mirrors are were set by hand",
)
NOT_LEARNT = {
    "rain": "the falling drops are textures that the graph moves with its time input (seconds)",
    "snow": "the falling flakes are textures that the graph moves with its time input (seconds)",
}
MEMORY = (
    "what is kept from frame to frame, where nothing moves, is a fixed rule on how much colours change, and what the network says of them; "
    "all else is learnt"
)


def _split_at(widths: Widths) -> list[list[str]]:
    """What goes between parts of the graph that the engine runs beside each other: from the light head, which costs as much as all else
    that is predicted, what it says and what the layer that looks at the frame for both has seen; then what is predicted of a frame."""
    return [*([["stem.seen", "colours.flat", "light_head.sure"]] if widths.light else []), ["maps.all"]]


def _graph(out: Path, name: str, precision: str, split_at: list[list[str]]) -> dict[str, object]:
    content = (out / name).read_bytes()
    model = onnx.load_from_string(content)
    made = {tensor for node in model.graph.node for tensor in node.output}
    for tensor in chain.from_iterable(split_at):
        if tensor not in made:
            raise ValueError(f"{out / name} has no tensor {tensor} to be split at")
    opset = next(o.version for o in model.opset_import if not o.domain)
    digest = hashlib.sha256(content).hexdigest()
    return {"precision": precision, "file": name, "bytes": len(content), "sha256": digest, "opset": opset, "splitAt": split_at}

"""Weights to start from: those of a checkpoint, or of a shipped model package, whose graph holds them all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from .blocks import COLOURS, FOLD, PIXELS
from .light_head import LIKELY, SURE, rings
from .network import HEADS, Generator, Widths


def read_weights(path: Path) -> dict[str, Tensor]:
    """The generator's state: the moving average of a checkpoint (`.pt`), or what a package's `model.onnx` was built from."""
    if path.is_dir():
        path = path / "model.onnx"
    if path.suffix == ".onnx":
        return _of_graph(path)
    return torch.load(path, map_location="cpu", weights_only=True)["averaged"]


def begin(generator: Generator, path: Path) -> None:
    """Gives a generator these weights; a head that they lack stays as it was made, and one that it lacks is left out."""
    own = generator.state_dict()
    head = {name: value for name, value in own.items() if name.startswith(HEADS)}
    read = {name: value for name, value in read_weights(path).items() if name in own or not name.startswith(HEADS)}
    generator.load_state_dict(head | read)


def _of_graph(path: Path) -> dict[str, Tensor]:
    """Undoes what `graph.build` does to the weights, with the thresholds of the light head and the look of windows as they are now."""
    found = {c.name.removesuffix(".half"): numpy_helper.to_array(c).astype(np.float32) for c in onnx.load(str(path)).graph.initializer}
    if "see.weight" not in found or found.get("glow.weight", np.empty((3, 1))).shape[1] != 1:
        raise ValueError(f"{path} is not a graph that this version writes; start from a package that is shipped, or from a checkpoint")
    own = found["rise4.mix.weight"].shape[0]
    weight = found["see.weight"].reshape(-1, FOLD, FOLD, 3).transpose(0, 3, 1, 2).reshape(-1, 3 * PIXELS, 1, 1) * 255
    bias = found["see.bias"][:, 0] + 0.5 * weight.sum((1, 2, 3))
    for stem, rows in (("stem", slice(own)), ("light_head.stem", slice(own, -COLOURS))):
        found[f"{stem}.weight"], found[f"{stem}.bias"] = weight[rows], bias[rows]
    found["maps.weight"] = found.pop("maps.raw.weight")[:, :own]
    found["maps.bias"] = found["maps.bias"].reshape(-1)
    light = None
    if "glow.weight" in found:
        unit = np.array(SURE, np.float32) - LIKELY
        found["light_head.tell.weight"] = found["light_head.tell.weight"] * unit.reshape(-1, 1, 1, 1)
        found["light_head.tell.bias"] = found["light_head.tell.bias"] * unit + LIKELY
        light = (len(found["light_head.stem.bias"]), len(found["light_head.down8.bias"]), len(found["light_head.down16.bias"]))
        flat, kernel = rings().flatten(1).numpy(), found["glow.weight"]
        found["glow.weight"] = np.linalg.lstsq(flat.T, kernel.reshape(-1, flat.shape[1]).T, None)[0].T
    mirror = None
    if "mirror_head.tell.weight" in found:
        layers = ("block.spread", "narrow16", "narrow8", "narrow4")
        mirror = tuple(len(found[f"mirror_head.{layer}.bias"]) for layer in layers)
    widths = Widths(light=light, mirror=mirror)
    return {name: torch.from_numpy(np.ascontiguousarray(found[name], np.float32)) for name in Generator(widths).state_dict()}

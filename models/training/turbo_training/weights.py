"""Weights to start from: those of a checkpoint, or of a shipped model package, whose graph holds them all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from .network import LIGHT, LIKELY, PIXELS, SURE, Generator, Widths, rings


def read_weights(path: Path) -> dict[str, Tensor]:
    """The generator's state: the moving average of a checkpoint (`.pt`), or what a package's `model.onnx` was built from."""
    if path.is_dir():
        path = path / "model.onnx"
    if path.suffix == ".onnx":
        return _of_graph(path)
    return torch.load(path, map_location="cpu", weights_only=True)["averaged"]


def begin(generator: Generator, path: Path) -> None:
    """Gives a generator these weights; a light head that they lack stays as it was made, and one that it lacks is left out."""
    head = {name: value for name, value in generator.state_dict().items() if name.startswith(LIGHT)}
    read = {name: value for name, value in read_weights(path).items() if head or not name.startswith(LIGHT)}
    generator.load_state_dict(head | read)


def _of_graph(path: Path) -> dict[str, Tensor]:
    """Undoes what `graph.build` does to the weights: bytes instead of 0 to 1, the middle taken off."""
    found = {c.name.removesuffix(".half"): numpy_helper.to_array(c).astype(np.float32) for c in onnx.load(str(path)).graph.initializer}
    for stem in ("stem", "light_head.stem"):
        if f"{stem}.weight" in found:
            found[f"{stem}.weight"] = found[f"{stem}.weight"] * 255
            found[f"{stem}.bias"] = found[f"{stem}.bias"] + 0.5 * found[f"{stem}.weight"].sum((1, 2, 3))
    own = found["rise4.mix.weight"].shape[0]
    if "spark.weight" in found:
        found["spark.weight"] = found["spark.weight"][:, :own] / 255
    found["maps.weight"] = found.pop("maps.raw.weight")[:, :own]
    found["maps.bias"] = found["maps.bias"].reshape(-1)
    # a network that dropped its spark has none in its graph
    found.setdefault("spark.weight", np.zeros((3 * PIXELS, *found["maps.weight"].shape[1:]), np.float32))
    light = None
    if "glow.weight" in found:
        unit = np.array(SURE, np.float32) - LIKELY
        found["light_head.tell.weight"] = found["light_head.tell.weight"] * unit.reshape(-1, 1, 1, 1)
        found["light_head.tell.bias"] = found["light_head.tell.bias"] * unit + LIKELY
        light = (len(found["light_head.stem.bias"]), len(found["light_head.down8.bias"]), len(found["light_head.down16.bias"]))
        flat, kernel = rings().flatten(1).numpy(), found["glow.weight"]
        found["glow.weight"] = np.linalg.lstsq(flat.T, kernel.reshape(-1, flat.shape[1]).T, None)[0].T.reshape(*kernel.shape[:2], -1)
    widths = Widths(light=light)
    return {name: torch.from_numpy(np.ascontiguousarray(found[name], np.float32)) for name in Generator(widths).state_dict()}

"""Weights to start from: those of a checkpoint, or of a shipped model package, whose graph holds them all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from .network import PIXELS, Generator


def read_weights(path: Path) -> dict[str, Tensor]:
    """The generator's state: the moving average of a checkpoint (`.pt`), or what a package's `model.onnx` was built from."""
    if path.is_dir():
        path = path / "model.onnx"
    if path.suffix == ".onnx":
        return _of_graph(path)
    return torch.load(path, map_location="cpu", weights_only=True)["averaged"]


def _of_graph(path: Path) -> dict[str, Tensor]:
    """Undoes what `graph.build` does to the weights: bytes instead of 0 to 1, the middle taken off."""
    found = {c.name.removesuffix(".half"): numpy_helper.to_array(c).astype(np.float32) for c in onnx.load(str(path)).graph.initializer}
    found["stem.weight"] = found["stem.weight"] * 255
    if "spark.weight" in found:
        found["spark.weight"] = found["spark.weight"] / 255
    found["stem.bias"] = found["stem.bias"] + 0.5 * found["stem.weight"].sum((1, 2, 3))
    found["maps.weight"] = found.pop("maps.raw.weight")
    found["maps.bias"] = found["maps.bias"].reshape(-1)
    # a network that dropped its spark has none in its graph
    found.setdefault("spark.weight", np.zeros((3 * PIXELS, *found["maps.weight"].shape[1:]), np.float32))
    return {name: torch.from_numpy(np.ascontiguousarray(found[name])) for name in Generator().state_dict()}

"""The part of the graph that looks at the frame: the first layers, which are products with the bytes of whole cells."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from .blocks import COLOURS, FOLD, PIXELS
from .layout import by_reduction, shape, through
from .nodes import Nodes

Weights = dict[str, np.ndarray]


def see(g: Nodes, w: Weights, strips: bool) -> tuple[str, str, str | None]:
    """At the network's finest grid, [1, n, h, w] each: the first features, the mean colour of each cell, 0 to 1, and the light head's
    first features, if it has any. All are one product with the bytes of what a cell covers in the frame."""
    stems = [name for name in ("stem", "light_head.stem") if f"{name}.weight" in w]
    weight = np.concatenate([*(w[f"{name}.weight"].reshape(-1, 3, FOLD, FOLD) / 255.0 for name in stems), _means()])
    cells_of_all = g.constant(weight.transpose(0, 2, 3, 1)[:, :, None, :, None].astype(np.float32), "see.weight")
    bias = [w[f"{name}.bias"] - 127.5 / 255.0 * w[f"{name}.weight"].sum((1, 2, 3)) for name in stems]
    bias_of_all = g.constant(np.concatenate([*bias, np.zeros(COLOURS, np.float32)])[:, None].astype(np.float32), "see.bias")

    def at(ratio: int, b: Nodes) -> list[str]:
        side, name = FOLD * ratio, f"see.{ratio}"
        # every pixel of the reduced picture is a mean, so none need be made
        share = b.constant(np.full((ratio, 1, ratio, 1), 1 / ratio**2, np.float32), f"{name}.share")
        spread = b.add("Mul", [cells_of_all, share], f"{name}.spread")
        spread = b.add("Reshape", [spread, b.ints([len(weight), -1], f"{name}.rows")], f"{name}.weight")
        cells, flat = shape(b, f"{name}.cells", [-1, side, f"columns.{ratio}", side * 3]), b.ints([-1, side * side * 3], f"{name}.flat")

        def look(inner: Nodes, rows: str, _: list[str]) -> str:
            # by Split and Concat: onnxruntime's Transpose takes twice as long
            lines = inner.split(
                inner.add("Reshape", [rows, cells], f"{name}.in"), [f"{name}.line.{i}" for i in range(side)], [1] * side, axis=1
            )
            x = inner.add("Concat", lines, f"{name}.by.cell", axis=3)
            x = inner.add("Cast", [inner.add("Reshape", [x, flat], f"{name}.bytes")], f"{name}.pixels", to=TensorProto.FLOAT)
            return inner.add("Gemm", [spread, x, bias_of_all], f"{name}.product", transB=1)

        seen = through(b, ratio, [], strips, look, name)
        if strips:
            seen = b.add("Transpose", [seen], f"{name}.seen", perm=[1, 0, 2])
        return [b.add("Reshape", [seen, shape(b, f"{name}.grid", [1, len(weight), f"rows.{ratio}", f"columns.{ratio}"])], f"{name}.all")]

    seen = by_reduction(g, at, ["see"])[0]
    sizes = [len(w[f"{name}.bias"]) for name in stems]
    *first, colours = g.split(seen, [*(f"{name}.seen" for name in stems), "colours.flat"], [*sizes, COLOURS], axis=1)
    first = [g.relu(part) for part in first]
    return first[0], colours, first[1] if len(first) > 1 else None


def _means() -> np.ndarray:
    """Weights of a cell's mean colours, [3, 3, FOLD, FOLD]."""
    return np.eye(COLOURS, dtype=np.float32)[:, :, None, None] * np.full((FOLD, FOLD), 1 / (255.0 * PIXELS), np.float32)

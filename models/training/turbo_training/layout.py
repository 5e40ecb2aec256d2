"""How a frame lies in the graph: padded, and folded by transposes of bytes into [3, 16, H/4, W/4].

The first axis is the colour, the second a pixel's place in its cell of 4x4. So what is alike for all colours is broadcast,
and a map's three colours are a batch for a convolution with one input channel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from onnx import TensorProto

from .look import MOST, REDUCTIONS
from .network import FOLD, PIXELS, STRIDE
from .nodes import Nodes


def fold(g: Nodes) -> str:
    """The frame, folded: floats, 0 to 255. Others use what is named by the way: `size`, `paddedSize`, `rows`, `columns`,
    `large`, `larger` (whether it is reduced, and by more than 2), and shapes."""
    g.add("Shape", ["frame"], "size", start=1, end=3)
    _pad(g)
    g.add("Div", ["paddedSize", g.ints([FOLD, FOLD], "fold")], "grid")
    g.split("grid", ["rows", "columns"], [1, 1], axis=0)
    _shape(g, "shape.rows", ["rows", FOLD, -1])
    _shape(g, "shape.cells", [FOLD, -1, 3 * FOLD])
    _shape(g, "shape.pixels", [PIXELS, 3, -1])
    _shape(g, "shape.colours", [1, 3, "rows", "columns"])
    _shape(g, "shape.plane", [1, PIXELS, "rows", "columns"])
    _shape(g, "shape.folded", [3, PIXELS, "rows", "columns"])
    g.add("Reshape", ["padded", "shape.rows"], "fold.rows")
    g.add("Transpose", ["fold.rows"], "fold.rows.t", perm=[1, 0, 2])
    g.add("Reshape", ["fold.rows.t", "shape.cells"], "fold.cells")
    g.add("Transpose", ["fold.cells"], "fold.cells.t", perm=[0, 2, 1])
    g.add("Reshape", ["fold.cells.t", "shape.pixels"], "fold.pixels")
    g.add("Transpose", ["fold.pixels"], "fold.pixels.t", perm=[1, 0, 2])
    g.add("Reshape", ["fold.pixels.t", "shape.folded"], "folded.bytes")
    return g.add("Cast", ["folded.bytes"], "folded", to=TensorProto.FLOAT)


def unfold(g: Nodes, picture: str) -> None:
    """The way back: rounded, clamped and cast in one go, unfolded as bytes, cropped."""
    scale = g.constant(np.array(1.0, np.float32), "unit")
    point = g.constant(np.array(0, np.uint8), "unit.zero")
    _shape(g, "shape.out.colours", [3, PIXELS, -1])
    _shape(g, "shape.out.cells", [FOLD, 3 * FOLD, -1])
    _shape(g, "shape.out.rows", [FOLD, "rows", -1])
    _shape(g, "shape.out", [1, "paddedSize", 3])
    g.add("QuantizeLinear", [picture, scale, point], "out.bytes")
    g.add("Reshape", ["out.bytes", "shape.out.colours"], "unfold.colours")
    g.add("Transpose", ["unfold.colours"], "unfold.colours.t", perm=[1, 0, 2])
    g.add("Reshape", ["unfold.colours.t", "shape.out.cells"], "unfold.cells")
    g.add("Transpose", ["unfold.cells"], "unfold.cells.t", perm=[0, 2, 1])
    g.add("Reshape", ["unfold.cells.t", "shape.out.rows"], "unfold.rows")
    g.add("Transpose", ["unfold.rows"], "unfold.rows.t", perm=[1, 0, 2])
    g.add("Reshape", ["unfold.rows.t", "shape.out"], "unfolded")
    g.add("Slice", ["unfolded", g.ints([0, 0], "crop.from"), "size", g.ints([1, 2], "crop.axes")], "translated")


def fold_light(g: Nodes, plane: str) -> str:
    """A plane of bytes of the padded size, folded as the frame is, for all colours alike: bytes, [1, 16, H/4, W/4]."""
    _shape(g, "shape.light.rows", ["rows", FOLD, -1])
    _shape(g, "shape.light.cells", [FOLD, -1, FOLD])
    g.add("Reshape", [plane, "shape.light.rows"], f"{plane}.rows")
    g.add("Transpose", [f"{plane}.rows"], f"{plane}.rows.t", perm=[1, 0, 2])
    g.add("Reshape", [f"{plane}.rows.t", "shape.light.cells"], f"{plane}.cells")
    g.add("Transpose", [f"{plane}.cells"], f"{plane}.cells.t", perm=[0, 2, 1])
    return g.add("Reshape", [f"{plane}.cells.t", "shape.plane"], f"{plane}.folded")


def by_reduction(g: Nodes, plain: Callable[[Nodes], list[str]], by: Callable[[int, Nodes], list[str]], names: list[str]) -> list[str]:
    """`plain` where the network looks at the frame as it is, else `by` the reduction."""
    _, some, most = REDUCTIONS

    def reduced(b: Nodes) -> list[str]:
        return b.choose("larger", partial(by, most), partial(by, some), [f"{name}.reduced" for name in names])

    return g.choose("large", reduced, plain, names)


def _pad(g: Nodes) -> None:
    """`padded`: the frame, its last row and column repeated until a cell of the coarsest grid is full (see `look.padded`)."""
    pixels = g.add("ReduceProd", ["size"], "pixels", keepdims=1)
    step = g.ints([STRIDE], "step.1")
    for before, after, name in zip(REDUCTIONS, REDUCTIONS[1:], ("large", "larger"), strict=False):
        g.add("Greater", [pixels, g.ints([MOST * before**2], f"{name}.from")], name)
        step = g.add("Where", [name, g.ints([STRIDE * after], f"step.{after}.is"), step], f"step.{after}")
    g.add("Mod", ["size", step], "over")
    g.add("Sub", [step, "over"], "under")
    g.add("Mod", ["under", step], "missing")
    _shape(g, "pads", [0, 0, 0, 0, 0, "missing", 0])
    g.add("Pad", ["frame", "pads"], "padded", mode="edge")
    g.add("Add", ["size", "missing"], "paddedSize")


def _shape(g: Nodes, name: str, parts: list[int | str]) -> str:
    """A shape of numbers and of what the graph computes."""
    if all(isinstance(part, int) for part in parts):
        return g.ints([int(part) for part in parts], name)
    inputs = [part if isinstance(part, str) else g.ints([part], f"{name}.{index}") for index, part in enumerate(parts)]
    return g.add("Concat", inputs, name, axis=0)

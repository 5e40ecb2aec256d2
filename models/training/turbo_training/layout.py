"""How a frame lies in the graph: as it comes, in rows of bytes, padded; and cut into strips of rows.

What touches every pixel works on rows [W * 3], the colours of a pixel side by side, so that no floats are transposed at the frame's size.
A strip's worth of it stays in a core's own cache from one operation to the next, where a whole frame goes out to memory and back with
each: on a CPU the graph goes through the frame strip by strip (`Scan`). A GPU wants it whole.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from onnx import TensorProto

from .blocks import FOLD, STRIDE
from .look import MOST, REDUCTIONS
from .nodes import Nodes

ROWS = {1: 32, 2: 32, 4: 16}
"""Rows of pixels in a strip, by reduction: about half a megabyte of floats, and what every padded height is a multiple of."""
GROUP = 16
"""Pixels side by side that are one row of a product: 48 values, which fill a processor's registers."""


def lay_out(g: Nodes) -> None:
    """Names what others use: `padded`, `size`, `paddedSize`, `large` and `larger` (whether the frame is reduced, and by more than 2),
    `rows.1` and `columns.1` of the network's finest grid for each reduction, `rowBytes` (bytes of a row of the padded frame),
    and `paddedWidth`."""
    g.add("Shape", ["frame"], "size", start=1, end=3)
    _pad(g)
    for ratio in REDUCTIONS:
        grid = g.add("Div", ["paddedSize", g.ints([FOLD * ratio, FOLD * ratio], f"cell.{ratio}")], f"grid.{ratio}")
        g.split(grid, [f"rows.{ratio}", f"columns.{ratio}"], [1, 1], axis=0)
    wide = g.split("paddedSize", ["paddedHeight", "paddedWidth"], [1, 1], axis=0)[1]
    g.add("Mul", [wide, g.ints([3], "rowBytes.pixel")], "rowBytes")


def by_reduction(g: Nodes, at: Callable[[int, Nodes], list[str]], names: list[str]) -> list[str]:
    """What `at` gives for the reduction at which the network looks at the frame."""
    least, some, most = REDUCTIONS

    def reduced(b: Nodes) -> list[str]:
        return b.choose("larger", partial(at, most), partial(at, some), [f"{name}.reduced" for name in names])

    return g.choose("large", reduced, partial(at, least), names)


def through(
    g: Nodes, ratio: int, rest: list[tuple[str, int]], strips: bool, work: Callable[[Nodes, str, list[str]], str], name: str
) -> str:
    """What `work` makes of the padded frame's rows, bytes [rows, W * 3], and of its share of the `rest`, which lie strip by strip (names
    and types).

    In strips its results come one after the other, [strips, ...]; else it gets all at once, with the strips as the first axis.
    """
    cut = g.add("Reshape", ["padded", rows_of(g, ROWS[ratio], f"{name}.strips")], f"{name}.cut")
    if not strips:
        return work(g, cut, [part for part, _ in rest])
    return g.scan([(cut, TensorProto.UINT8), *rest], lambda b, parts: work(b, parts[0], parts[1:]), name)


def rows_of(g: Nodes, count: int, name: str) -> str:
    """A shape: strips of as many rows, each as wide as the frame, [strips, count, W * 3]."""
    return shape(g, name, [-1, count, "rowBytes"])


def give(g: Nodes, strips: str) -> None:
    """The translated frame of its strips, bytes; cropped."""
    shape(g, "shape.out", [1, "paddedSize", 3])
    g.add("Reshape", [strips, "shape.out"], "whole")
    g.add("Slice", ["whole", g.ints([0, 0], "crop.from"), "size", g.ints([1, 2], "crop.axes")], "translated")


def shape(g: Nodes, name: str, parts: list[int | str]) -> str:
    """A shape of numbers and of what the graph computes."""
    inputs = [part if isinstance(part, str) else g.ints([part], f"{name}.{index}") for index, part in enumerate(parts)]
    return g.add("Concat", inputs, name, axis=0)


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
    shape(g, "pads", [0, 0, 0, 0, 0, "missing", 0])
    g.add("Pad", ["frame", "pads"], "padded", mode="edge")
    g.add("Add", ["size", "missing"], "paddedSize")

"""The part of the graph in which wet ground mirrors what stands on it (see `mirror_head`)."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from .blocks import LUMA
from .mirror_head import AFTER, AROUND, BEFORE, EVEN, FLAT, LEAST, STEEP
from .nodes import Nodes
from .see import Weights


def mirror(g: Nodes, w: Weights, features: str, told: tuple[str, str], colours: str) -> str:
    """The light that wet ground adds by mirroring, [1, 3, h, w]; from the finest features, what the mirror head tells, and the mean colours
    of cells, 0 to 1."""
    sure, twice = told[0], _twice_below(g, told)
    rows = g.add("Shape", [twice], "mirror.rows", start=2, end=3)
    source, last = _source(g, twice, rows)
    seen = _blurred(g, _seen(g, w, features, colours), BEFORE, "mirror.soft")
    above = g.add("Floor", [source], "mirror.above")
    first = _fetched(g, seen, above, "mirror.first")
    under = g.add("Min", [g.add("Add", [above, g.floats([1], "mirror.one")], "mirror.next"), last], "mirror.under")
    step = g.add("Sub", [_fetched(g, seen, under, "mirror.second"), first], "mirror.step")
    part = g.add("Mul", [step, g.add("Sub", [source, above], "mirror.between")], "mirror.part")
    image = _blurred(g, g.add("Add", [first, part], "mirror.sharp"), AFTER, "mirror.image")
    of_ground = _around(g, g.add("Concat", [g.add("Mul", [image, sure], "mirror.of.ground"), sure], "mirror.to.mean", axis=1))
    total, count = g.split(of_ground, ["mirror.total", "mirror.ground"], [3, 1], axis=1)
    mean = g.add("Div", [total, g.add("Add", [count, g.floats([LEAST * AROUND**2], "mirror.least.of.all")], "mirror.some")], "mirror.mean")
    other = g.add("Sub", [image, mean], "mirror.other")
    return g.add("Mul", [other, _share(g, sure, twice, rows)], "mirror.added")


def _seen(g: Nodes, w: Weights, features: str, colours: str) -> str:
    """The cells' colours, translated."""
    maps = g.conv(features, w["maps.weight"], "mirror.maps", w["maps.bias"])
    dark, slope, light = g.split(maps, ["mirror.dark", "mirror.tilt", "mirror.light"], [3, 3, 3], axis=1)
    grey = g.conv(colours, np.array(LUMA, np.float32).reshape(1, 3, 1, 1), "mirror.luma")
    gain = g.add("Exp", [g.add("Add", [dark, g.add("Mul", [slope, grey], "mirror.slope")], "mirror.logGain")], "mirror.gain")
    seen = g.add("Add", [g.add("Mul", [colours, gain], "mirror.dimmed"), light], "mirror.lit")
    return g.add("Clip", [seen, *(g.constant(np.array(end, np.float32), f"mirror.seen.{end}") for end in (0, 1))], "mirror.seen")


def _twice_below(g: Nodes, told: tuple[str, str]) -> str:
    """Twice the distance of each cell to the foot, evened out as in `mirrored`."""
    sure, below = told
    weighed = g.add("Concat", [sure, g.add("Mul", [sure, below], "mirror.weighed")], "mirror.told", axis=1)
    around, evened = g.split(_blurred(g, weighed, EVEN, "mirror.even"), ["mirror.sure.around", "mirror.below.around"], [1, 1], axis=1)
    some = g.add("Add", [around, g.floats([LEAST], "mirror.least")], "mirror.sure.some")
    return g.add("Mul", [g.add("Div", [evened, some], "mirror.below"), g.floats([2], "mirror.two")], "mirror.twice")


def _source(g: Nodes, twice: str, rows: str) -> tuple[str, str]:
    """The row that each cell mirrors, [1, 1, h, w], and the last row there is."""
    counted = _counted(g, rows, "mirror.row")
    each = g.add("Unsqueeze", [g.add("Cast", [counted], "mirror.each", to=TensorProto.FLOAT), g.ints([1], "mirror.axis")], "mirror.row")
    last = g.add("ReduceMax", [each], "mirror.last", keepdims=0)
    up = g.add("Sub", [each, twice], "mirror.up")
    return g.add("Clip", [up, g.constant(np.array(0, np.float32), "mirror.top"), last], "mirror.source"), last


def _fetched(g: Nodes, seen: str, row: str, name: str) -> str:
    """What is seen in these rows of each column."""
    places = g.add("Cast", [row], f"{name}.places", to=TensorProto.INT64)
    return g.add("GatherElements", [seen, g.add("Expand", [places, g.add("Shape", [seen], f"{name}.size")], f"{name}.rows")], name, axis=2)


def _share(g: Nodes, sure: str, twice: str, rows: str) -> str:
    """How much of what a cell mirrors is added."""
    height = g.add("Cast", [rows], "mirror.height", to=TensorProto.FLOAT)
    steep = g.add("Div", [twice, height], "mirror.steepness")
    steep = g.add("Min", [steep, g.floats([1], "mirror.steepest")], "mirror.steep")
    less = g.add("Mul", [steep, g.floats([FLAT - STEEP], "mirror.fall")], "mirror.less")
    return g.add("Mul", [g.add("Sub", [g.floats([FLAT], "mirror.flat"), less], "mirror.most"), sure], "mirror.share")


def _blurred(g: Nodes, x: str, size: tuple[int, int], name: str) -> str:
    pads = [side // 2 for side in size] * 2
    return g.add("AveragePool", [x], name, kernel_shape=list(size), pads=pads, count_include_pad=0)


def _around(g: Nodes, x: str) -> str:
    """Sums of what is around each cell, AROUND cells down and aside: products with bands of ones, since onnxruntime's wide AveragePool
    takes ten times as long. No means: it would draw their factor out of the products, but not where bands are constants, as sizes are.
    """
    down, aside = (_band(g, x, axis, f"mirror.{name}") for axis, name in ((2, "down"), (3, "aside")))
    return g.add("MatMul", [g.add("MatMul", [down, x], "mirror.column"), aside], "mirror.around")


def _band(g: Nodes, x: str, axis: int, name: str) -> str:
    """Ones where two places along an axis are near enough, [n, n]."""
    each = _counted(g, g.add("Shape", [x], f"{name}.size", start=axis, end=axis + 1), name)
    first, second = (g.add("Unsqueeze", [each, g.ints([at], f"{name}.{at}")], f"{name}.each.{at}") for at in (0, 1))
    apart = g.add("Abs", [g.add("Sub", [first, second], f"{name}.between")], f"{name}.apart")
    near = g.add("LessOrEqual", [apart, g.ints([AROUND // 2], f"{name}.reach")], f"{name}.near")
    return g.add("Cast", [near], name, to=TensorProto.FLOAT)


def _counted(g: Nodes, count: str, name: str) -> str:
    """0, 1 and so on, as many as `count`, [1], says."""
    none, one = (g.constant(np.array(value, np.int64), f"{name}.from.{value}") for value in (0, 1))
    return g.add("Range", [none, g.add("ReduceSum", [count], f"{name}.count", keepdims=0), one], f"{name}.each")

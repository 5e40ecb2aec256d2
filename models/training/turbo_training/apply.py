"""The part of the graph that predicts maps and applies them: from the finest features to the picture.

Maps are enlarged linearly by two products, along rows and along columns, whose results lie as the frame's bytes do.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from .blocks import FOLD, LUMA
from .falls import fallen
from .layout import GROUP, ROWS, by_reduction, rows_of, shape, through
from .light_head import LIGHTS, REACH
from .nodes import Nodes
from .see import Weights

KINDS = ("dark", "slope", "light")
LUMA_GROUP = 4
"""Pixels that are one row of the product that gives luma, where most weights are zero."""


def apply(g: Nodes, w: Weights, features: str, mixed: bool, strips: bool, falling: str | None = None) -> str:
    """The translated frame's strips, bytes [strips, rows, W * 3].

    out = x * exp(strength * log_gain) + strength * light; mixed, x * (1 + strength * (exp(log_gain) - 1)) + strength * light.
    `falling` is the plane of what falls, if anything does.
    """
    maps = _predict(g, w, features, mixed)
    luma = g.constant(np.kron(np.eye(LUMA_GROUP), np.tile(np.array(LUMA)[:, None] / 255.0, 3)).astype(np.float32), "luma.weights")
    rest = g.add("Sub", [g.floats([1.0], "strength.one"), "strength"], "strength.rest") if mixed else None

    def at(ratio: int, b: Nodes) -> list[str]:
        inputs = [(windows, TensorProto.FLOAT) for windows in _windows(b, maps, ratio)]
        if falling:
            plane = shape(b, f"fall.{ratio}.strips", [-1, ROWS[ratio], "paddedWidth"])
            inputs.append((b.add("Reshape", [falling, plane], f"fall.{ratio}"), TensorProto.UINT8))

        def work(inner: Nodes, frame: str, parts: list[str]) -> str:
            x = inner.add("Cast", [frame], f"frame.{ratio}", to=TensorProto.FLOAT)
            large = _Larger(inner, ratio, strips)
            grey = inner.add("MatMul", [inner.add("Reshape", [x, large.luma], f"luma.{ratio}.in"), luma], f"luma.{ratio}.flat")
            grey = large.rows(grey, f"luma.{ratio}")
            dark, slope, light = (large(part, f"{kind}.{ratio}") for part, kind in zip(parts, KINDS, strict=False))
            log_gain = inner.add("Add", [dark, inner.add("Mul", [slope, grey], f"slope.luma.{ratio}")], f"logGain.{ratio}")
            gain = inner.add("Exp", [log_gain], f"gain.{ratio}")
            if rest:
                gain = inner.add("Add", [gain, rest], f"gain.mixed.{ratio}")
            picture = inner.add("Add", [light, inner.add("Mul", [x, gain], f"kept.{ratio}")], f"picture.{ratio}")
            if falling:
                picture = large.rows(fallen(inner, picture, parts[-1], ratio), f"fallen.{ratio}")
            # rounded, clamped and cast in one go
            return inner.add("QuantizeLinear", [picture, unit, zero], f"out.{ratio}")

        return [through(b, ratio, inputs, strips, work, f"apply.{ratio}")]

    unit, zero = g.constant(np.array(1.0, np.float32), "unit"), g.constant(np.array(0, np.uint8), "unit.zero")
    return by_reduction(g, at, ["out"])[0]


class _Larger:
    """Brings the windows of a strip's maps to the size of its rows."""

    def __init__(self, g: Nodes, ratio: int, strips: bool) -> None:
        self._g, self._strips, self._ratio = g, strips, ratio
        side = FOLD * ratio
        self._cells, self._group = ROWS[ratio] // side, GROUP // side
        across = np.einsum("og,cd->gcod", line(self._group, side), np.eye(3)).reshape(3 * (self._group + 2), 3 * GROUP)
        self._across = g.constant(across.astype(np.float32), f"enlarge.{ratio}.across")
        self._down = g.constant(line(self._cells, side), f"enlarge.{ratio}.down")
        self._flat = g.ints([-1, len(across)], f"enlarge.{ratio}.flat")
        self.luma = g.ints([-1, 3 * LUMA_GROUP], f"luma.{ratio}.shape")
        self._shapes: dict[int, str] = {}

    def __call__(self, windows: str, name: str) -> str:
        g = self._g
        wide = g.add("MatMul", [g.add("Reshape", [windows, self._flat], f"{name}.flat"), self._across], f"{name}.wide")
        return g.add("MatMul", [self._down, self.rows(wide, f"{name}.rows", self._cells + 2)], name)

    def rows(self, x: str, name: str, count: int | None = None) -> str:
        """x in rows as wide as the frame's, as many of them as a strip has, or `count`."""
        count = ROWS[self._ratio] if count is None else count
        if count not in self._shapes:
            what = f"enlarge.{self._ratio}.{count}"
            self._shapes[count] = self._g.ints([count, -1], what) if self._strips else rows_of(self._g, count, what)
        return self._g.add("Reshape", [x, self._shapes[count]], name)


def line(cells: int, side: int) -> np.ndarray:
    """Linear enlargement by `side` of cells, with one more at either end: [cells * side, cells + 2]."""
    weights = np.zeros((cells * side, cells + 2), np.float32)
    for pixel in range(cells * side):
        place = (pixel + 0.5) / side + 0.5
        before = int(place)
        weights[pixel, before] = before + 1 - place
        weights[pixel, before + 1] = place - before
    return weights


def _windows(g: Nodes, maps: str, ratio: int) -> list[str]:
    """Maps [1, 9, h, w] as the products take them, [strips, cells + 2, groups * (group + 2) * 3] each: what a strip's rows lie
    between, and for each group of cells side by side these and their neighbours."""
    side, name = FOLD * ratio, f"windows.{ratio}"
    cells, group = ROWS[ratio] // side, GROUP // side
    edged = g.add("Pad", [maps, g.ints([0, 0, 1, 1, 0, 0, 1, 1], f"{name}.edges")], f"{name}.padded", mode="edge")
    kinds = g.add("Reshape", [edged, g.ints([3, 3, 0, 0], f"{name}.shape.kinds")], f"{name}.kinds")
    x = g.add("Transpose", [kinds], f"{name}.colours", perm=[0, 2, 3, 1])
    x = g.add("Gather", [x, _places(g, f"columns.{ratio}", group, f"{name}.columns")], f"{name}.groups", axis=2)
    x = g.add("Reshape", [x, g.ints([0, 0, -1], f"{name}.shape.rows")], f"{name}.rows")
    x = g.add("Gather", [x, _places(g, f"rows.{ratio}", cells, f"{name}.strips")], f"{name}.all", axis=1)
    parts = g.split(x, [f"{kind}.{ratio}.alone" for kind in KINDS], [1, 1, 1], axis=0)
    axis = g.ints([0], f"{name}.axis")
    return [g.add("Squeeze", [part, axis], f"{kind}.{ratio}.windows") for part, kind in zip(parts, KINDS, strict=True)]


def _places(g: Nodes, count: str, group: int, name: str) -> str:
    """Places in a padded line of the cells of each group and of their neighbours: [groups, group + 2]."""
    none, one = (g.constant(np.array(value, np.int64), f"{name}.{value}") for value in (0, 1))
    many = g.add("Div", [count, g.ints([group], f"{name}.group")], f"{name}.many")
    first = g.add("Range", [none, g.add("ReduceSum", [many], f"{name}.number", keepdims=0), one], f"{name}.range")
    first = g.add("Mul", [g.add("Unsqueeze", [first, g.ints([1], f"{name}.axis")], f"{name}.each"), f"{name}.group"], f"{name}.first")
    return g.add("Add", [first, g.ints(list(range(group + 2)), f"{name}.within")], name)


def _predict(g: Nodes, w: Weights, features: str, mixed: bool) -> str:
    """Log-gains and light at the network's finest grid, [1, 9, h, w], with their share of strength; light from 0 to 255."""
    bias = g.constant(w["maps.bias"].reshape(1, 9, 1, 1), "maps.bias")
    if mixed:
        whole = g.add("Add", [g.conv(features, w["maps.weight"], "maps.raw"), bias], "maps.whole")
        dark, slope, light = g.split(whole, ["dark.whole", "slope.whole", "light.whole"], [3, 3, 3], axis=1)
        # the gain's share of strength is its logarithm, added while maps are small
        share = g.add("Log", [g.add("Max", ["strength", g.floats([1e-35], "strength.least")], "strength.positive")], "strength.log")
        tones = [g.add("Add", [dark, share], "dark.share"), slope]
        light = g.add("Mul", [light, "strength"], "light.share")
    else:
        scaled = g.add("Mul", [features, "strength"], "features.scaled")
        raw = g.conv(scaled, w["maps.weight"], "maps.raw")
        maps = g.add("Add", [raw, g.add("Mul", [bias, "strength"], "maps.bias.scaled")], "maps")
        tone, light = g.split(maps, ["tones", "light.share"], [6, 3], axis=1)
        tones = [tone]
    if "glow.weight" in w:
        light = g.add("Add", [light, _glow(g, w, features)], "light.all")
    light = g.add("Mul", [light, g.floats([255.0], "white")], "light.bytes")
    return g.add("Concat", [*tones, light], "maps.all", axis=1)


def _glow(g: Nodes, w: Weights, features: str) -> str:
    """Light around the lamps that the light head found: [1, 3, h, w]. Of the features they are the last but one, before windows."""
    rest = w["maps.weight"].shape[1] - LIGHTS
    lamps = g.split(features, ["glow.rest", "glow.lamps", "glow.windows"], [rest, 1, 1], axis=1)[1]
    return g.add("Mul", [g.conv(lamps, w["glow.weight"], "glow", pads=[REACH] * 4), "strength"], "glow.share")

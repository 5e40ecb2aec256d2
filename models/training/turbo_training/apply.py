"""The part of the graph that predicts maps and applies them: from the finest features to the picture, all in the folded layout."""

from __future__ import annotations

import numpy as np

from .layout import by_reduction
from .look import enlargement
from .network import FOLD, LUMA, PIXELS, REACH
from .nodes import Nodes

Weights = dict[str, np.ndarray]

_EDGES = [0, 0, 1, 1, 0, 0, 1, 1]


def apply(g: Nodes, w: Weights, folded: str, features: str, mixed: bool) -> str:
    """out = x * exp(strength * log_gain) + strength * light; mixed, x * (1 + strength * (exp(log_gain) - 1)) + strength * light."""
    tones, shine = _enlarge(g, *_predict(g, w, features, mixed))
    edged = g.add("Pad", [tones, g.ints(_EDGES, "tones.edges")], "tones.padded", mode="edge")
    dark, slope = (
        g.conv(part, enlargement(FOLD), part.removesuffix(".map")) for part in g.split(edged, ["dark.map", "slope.map"], [3, 3], axis=0)
    )
    log_gain = g.add("Add", [g.add("Mul", [slope, _luma(g, folded)], "slope.luma"), dark], "logGain")
    gain = g.add("Exp", [log_gain], "gain")
    if mixed:
        gain = g.add("Add", [gain, g.add("Sub", [g.floats([1.0], "strength.one"), "strength"], "strength.rest")], "gain.mixed")
    return g.add("Add", [g.add("Mul", [folded, gain], "kept"), shine], "picture")


def _predict(g: Nodes, w: Weights, features: str, mixed: bool) -> tuple[str, str]:
    """Log-gains at the network's finest grid, [1, 6, h, w], and light of each pixel that it looked at, [1, 48, h, w]; both with
    their share of strength."""
    scaled = g.add("Mul", [features, "strength"], "features.scaled")
    bias = g.constant(w["maps.bias"].reshape(1, 9, 1, 1), "maps.bias")
    if mixed:
        raw = g.conv(features, w["maps.weight"], "maps.raw")
        whole = g.add("Add", [raw, bias], "maps.whole")
        dark, slope, light = g.split(whole, ["dark.whole", "slope.whole", "light.whole"], [3, 3, 3], axis=1)
        # the gain's share of strength is its logarithm, added while maps are small
        share = g.add("Log", [g.add("Max", ["strength", g.floats([1e-35], "strength.least")], "strength.positive")], "strength.log")
        tones = g.add("Concat", [g.add("Add", [dark, share], "dark.share"), slope], "tones.map", axis=1)
        light = g.add("Mul", [light, "strength"], "light.map")
    else:
        raw = g.conv(scaled, w["maps.weight"], "maps.raw")
        maps = g.add("Add", [raw, g.add("Mul", [bias, "strength"], "maps.bias.scaled")], "maps")
        tones, light = g.split(maps, ["tones.map", "light.map"], [6, 3], axis=1)
    if "glow.weight" in w:
        light = g.add("Add", [light, _glow(g, w, features if mixed else scaled, mixed)], "light.all")
    edged = g.add("Pad", [light, g.ints(_EDGES, "light.edges")], "light.padded", mode="edge")
    smooth = g.conv(edged, _each_colour(enlargement(FOLD)) * 255.0, "light")
    if not w["spark.weight"].any():
        return tones, smooth
    return tones, g.add("Add", [smooth, g.conv(scaled, w["spark.weight"] * 255.0, "spark")], "shine.map")


def _glow(g: Nodes, w: Weights, features: str, mixed: bool) -> str:
    """Light of the lamps and windows that the light head found, whose features come last: [1, 3, h, w]."""
    rest = w["maps.weight"].shape[1] - w["glow.weight"].shape[1]
    sure = g.split(features, ["glow.rest", "glow.sure"], [rest, w["glow.weight"].shape[1]], axis=1)[1]
    glow = g.conv(sure, w["glow.weight"], "glow", pads=[REACH] * 4)
    return g.add("Mul", [glow, "strength"], "glow.share") if mixed else glow


def _enlarge(g: Nodes, tones: str, shine: str) -> tuple[str, str]:
    """Both at the frame's own grid, colours as a batch: [6, 1, H/4, W/4] and [3, 16, H/4, W/4]."""

    one_channel, colours = g.ints([6, 1, 0, 0], "shape.tones"), g.ints([3, PIXELS, 0, 0], "shape.shine")

    def plain(b: Nodes) -> list[str]:
        return [b.add("Reshape", [tones, one_channel], "tones.1"), b.add("Reshape", [shine, colours], "shine.1")]

    def by(ratio: int, b: Nodes) -> list[str]:
        scales = b.floats([1, 1, ratio, ratio], f"enlarge.{ratio}.scales")
        large = b.add("Resize", [tones, "", scales], f"enlarge.{ratio}.tones", mode="linear")
        cells = b.add("Reshape", [shine, colours], f"enlarge.{ratio}.shine")
        plane = b.add("DepthToSpace", [cells], f"enlarge.{ratio}.plane", blocksize=FOLD)
        edged = b.add("Pad", [plane, b.ints(_EDGES, f"enlarge.{ratio}.edges")], f"enlarge.{ratio}.padded", mode="edge")
        stride = FOLD // ratio
        return [
            b.add("Reshape", [large, one_channel], f"tones.{ratio}"),
            b.conv(edged, enlargement(ratio), f"shine.{ratio}", strides=[stride, stride]),
        ]

    return by_reduction(g, plain, by, ["tones", "shine"])


def _each_colour(weight: np.ndarray) -> np.ndarray:
    """A convolution with one input channel, [n, 1, k, k], given to each of three colours: [3 * n, 3, k, k]."""
    whole = np.zeros((3, len(weight), 3, *weight.shape[2:]), np.float32)
    for colour in range(3):
        whole[colour, :, colour] = weight[:, 0]
    return whole.reshape(-1, 3, *weight.shape[2:])


def _luma(g: Nodes, folded: str) -> str:
    """Luma of each pixel, [1, 16, H/4, W/4]: the colours' planes, weighed by a matrix product."""
    weights = g.constant(np.array([[LUMA]], np.float32) / 255.0, "luma.weights")
    planes = g.add("Reshape", [folded, g.ints([1, 3, -1], "shape.luma.planes")], "luma.planes")
    return g.add("Reshape", [g.add("MatMul", [weights, planes], "luma.flat"), "shape.plane"], "luma")

"""The part of the graph that adds what falls: textures moved by `time`. It is not learnt."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from .falling import HEIGHT, REFERENCE, WIDTH, Layer
from .layout import GROUP
from .nodes import Nodes


def fall(g: Nodes, falling: list[Layer]) -> str:
    """What falls at this `time`: a plane of bytes of the padded size, cut from repeated textures.

    Everything up to the cut depends on the frame's size alone, so that onnxruntime does it once, when the size is fixed.
    """
    real = TensorProto.FLOAT
    shorter = g.add("ReduceMin", ["size"], "fall.shorter", keepdims=1)
    scale = g.add("Cast", [shorter], "fall.shorter.float", to=real)
    scale = g.add("Div", [scale, g.floats([REFERENCE], "fall.reference")], "fall.scale.raw")
    limits = [g.constant(np.array(value, np.float32), f"fall.scale.{end}") for end, value in (("least", 0.5), ("most", 4.0))]
    scale = g.add("Clip", [scale, *limits], "fall.scale")
    tall = g.add("Mul", [scale, g.floats([HEIGHT, WIDTH], "fall.texture")], "fall.size.float")
    tall = g.add("Cast", [tall], "fall.size", to=TensorProto.INT64)
    repeats = g.add("Add", [g.add("Div", ["paddedSize", tall], "fall.times"), g.ints([2, 2], "fall.two")], "fall.repeats")
    scales = g.add("Concat", [g.ints([1, 1], "fall.ones"), tall], "fall.sizes", axis=0)
    total = ""
    for index, layer in enumerate(falling):
        name = f"fall.{index}"
        texture = g.constant(layer.texture[None, None].astype(np.uint8), f"{name}.texture")
        texture = g.add("Cast", [texture], f"{name}.float", to=real)
        texture = g.add("Resize", [texture, "", "", scales], f"{name}.resized", mode="linear", coordinate_transformation_mode="asymmetric")
        texture = g.add("Cast", [texture], f"{name}.bytes", to=TensorProto.UINT8)
        texture = g.add("Reshape", [texture, tall], f"{name}.flat")
        everywhere = g.add("Tile", [texture, repeats], f"{name}.everywhere")
        part = _cut(g, everywhere, tall, layer, name)
        total = g.add("Max", [total, part], f"{name}.max") if total else part
    return total


def fallen(g: Nodes, picture: str, plane: str, ratio: int) -> str:
    """Rows of a picture with what falls through them added, with its share of strength, to all colours alike: [n, 3 * GROUP]."""
    name = f"fallen.{ratio}"
    light = g.add("Cast", [plane], f"{name}.light", to=TensorProto.FLOAT)
    light = g.add("Reshape", [light, g.ints([-1, GROUP], f"{name}.groups")], f"{name}.in")
    colours = g.constant(np.kron(np.eye(GROUP), np.ones(3)).astype(np.float32), f"{name}.colours")
    light = g.add("MatMul", [light, g.add("Mul", [colours, "strength"], f"{name}.share")], f"{name}.flat")
    return g.add("Add", [light, g.add("Reshape", [picture, g.ints([-1, 3 * GROUP], f"{name}.shape")], f"{name}.picture")], f"{name}.sum")


def _cut(g: Nodes, everywhere: str, size: str, layer: Layer, name: str) -> str:
    """The part of the repeated texture that is seen at this time: a corner within the first texture, and the frame's size."""
    turns = g.add("Mul", ["time", g.floats([-layer.down, -layer.aside], f"{name}.speed")], f"{name}.turns")
    if layer.sway:
        swing = g.add("Sin", [g.add("Mul", ["time", g.floats([1.7], f"{name}.pace")], f"{name}.angle")], f"{name}.swing")
        sway = g.floats([0, layer.sway], f"{name}.sway")
        turns = g.add("Add", [turns, g.add("Mul", [swing, sway], f"{name}.aside")], f"{name}.swayed")
    phase = g.add("Sub", [turns, g.add("Floor", [turns], f"{name}.whole")], f"{name}.phase")
    corner = g.add("Mul", [phase, g.add("Cast", [size], f"{name}.size", to=TensorProto.FLOAT)], f"{name}.corner.float")
    corner = g.add("Cast", [corner], f"{name}.corner", to=TensorProto.INT64)
    end = g.add("Add", [corner, "paddedSize"], f"{name}.end")
    return g.add("Slice", [everywhere, corner, end, g.ints([0, 1], f"{name}.axes")], f"{name}.part")

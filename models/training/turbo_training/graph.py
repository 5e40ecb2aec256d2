"""Writes a trained generator as an ONNX graph that takes and gives bytes.

The graph is put together by hand rather than traced, since its speed lies in its layout: frames are
folded by two three-dimensional transposes of bytes, every wide operation runs on [1, 48, H/4, W/4], and
QuantizeLinear rounds, clamps and casts in one go before the bytes are folded back.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from .falling import HEIGHT, REFERENCE, WIDTH, Layer
from .network import FOLD, LUMA, PIXELS, STRIDE, Generator, interpolation

OPSET = 17
IR_VERSION = 9
_UNROLLED = 3 * FOLD


class _Builder:
    """Collects nodes and initialisers, naming as it goes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: np.ndarray, name: str) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def ints(self, values: list[int], name: str) -> str:
        return self.constant(np.array(values, np.int64), name)

    def add(self, op: str, inputs: list[str], name: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def conv(self, x: str, weight: np.ndarray, name: str, bias: np.ndarray | None = None, **attributes: object) -> str:
        inputs = [x, self.constant(weight.astype(np.float32), f"{name}.weight")]
        if bias is not None:
            inputs.append(self.constant(bias.astype(np.float32), f"{name}.bias"))
        return self.add("Conv", inputs, name, **attributes)

    def relu(self, x: str) -> str:
        return self.add("Relu", [x], f"{x}.relu")


def build(generator: Generator, name: str, falling: list[Layer] | None = None, mixed: bool = False) -> onnx.ModelProto:
    """The complete graph of a generator: frame and strength (and time, if something falls) in, translated frame out.

    `mixed` is how strength acts, see `Maps.apply`.
    """
    g = _Builder()
    w = {k: v.detach().float().cpu().numpy() for k, v in generator.state_dict().items()}
    folded = _fold(g)
    features = _features(g, w, folded, generator.widths.dilations)
    picture = _apply(g, w, folded, features, mixed)
    if falling:
        picture = _fall(g, picture, falling)
    _unfold(g, picture)
    inputs = [helper.make_tensor_value_info("strength", TensorProto.FLOAT, [1])]
    if falling:
        inputs.append(helper.make_tensor_value_info("time", TensorProto.FLOAT, [1]))
    graph = helper.make_graph(
        g.nodes,
        name,
        [
            helper.make_tensor_value_info("frame", TensorProto.UINT8, [1, "height", "width", 3]),
            *inputs,
        ],
        [helper.make_tensor_value_info("translated", TensorProto.UINT8, [1, "height", "width", 3])],
        g.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="turbo_training")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model


def slim(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its large weights stored in half precision, and cast back when it is loaded.

    The weights lose 13 of their 24 bits, which is far below what rounding the picture to bytes hides; the file is half as long.
    """
    slimmed = onnx.ModelProto()
    slimmed.CopyFrom(model)
    graph, casts = slimmed.graph, []
    for index, constant in enumerate(graph.initializer):
        value, name = numpy_helper.to_array(constant), constant.name
        if value.dtype == np.float32 and value.size > 512:
            graph.initializer[index].CopyFrom(numpy_helper.from_array(value.astype(np.float16), f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(slimmed, full_check=True)
    return slimmed


def save(model: onnx.ModelProto, path: Path) -> None:
    """Writes one self-contained file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(model, str(path), save_as_external_data=False)


def run(session: onnxruntime.InferenceSession, frame: np.ndarray, strength: float, time: float = 0.0) -> np.ndarray:
    """One frame through the graph, at a time in seconds if the graph takes one."""
    feeds = {"frame": frame, "strength": np.array([strength], np.float32), "time": np.array([time], np.float32)}
    return session.run(["translated"], {i.name: feeds[i.name] for i in session.get_inputs()})[0]


def _fold(g: _Builder) -> str:
    """Pads to the stride and folds 4x4 pixels into channels ordered (row, column, colour): floats, 0 to 255."""
    g.add("Shape", ["frame"], "size", start=1, end=3)
    stride = g.ints([STRIDE, STRIDE], "stride")
    g.add("Mod", ["size", stride], "over")
    g.add("Sub", [stride, "over"], "under")
    g.add("Mod", ["under", stride], "missing")
    zero = g.ints([0], "zero")
    g.add("Concat", [zero, zero, zero, zero, zero, "missing", zero], "pads", axis=0)
    g.add("Pad", ["frame", "pads"], "padded", mode="edge")
    g.add("Add", ["size", "missing"], "paddedSize")
    g.add("Div", ["paddedSize", g.ints([FOLD, FOLD], "fold")], "grid")
    g.add("Split", ["grid", g.ints([1, 1], "halves")], "rows", axis=0)
    g.nodes[-1].output.append("columns")
    fold, unrolled, rest = g.ints([FOLD], "foldOnly"), g.ints([_UNROLLED], "unrolled"), g.ints([-1], "rest")
    g.add("Concat", ["rows", fold, rest], "shape.rows", axis=0)
    g.add("Concat", [fold, rest, unrolled], "shape.pixels", axis=0)
    g.add("Concat", [g.ints([1, 3 * PIXELS], "channels"), "rows", "columns"], "shape.folded", axis=0)
    g.add("Reshape", ["padded", "shape.rows"], "fold.rows")
    g.add("Transpose", ["fold.rows"], "fold.rows.t", perm=[1, 0, 2])
    g.add("Reshape", ["fold.rows.t", "shape.pixels"], "fold.pixels")
    g.add("Transpose", ["fold.pixels"], "fold.pixels.t", perm=[0, 2, 1])
    g.add("Reshape", ["fold.pixels.t", "shape.folded"], "folded.bytes")
    return g.add("Cast", ["folded.bytes"], "folded", to=TensorProto.FLOAT)


def _features(g: _Builder, w: dict[str, np.ndarray], folded: str, dilations: tuple[int, ...]) -> str:
    stem = w["stem.weight"]
    bias = w["stem.bias"] - 0.5 * stem.sum((1, 2, 3))
    quarter = g.relu(g.conv(folded, _fold_inputs(stem) / 255.0, "stem", bias))
    steps = [quarter]
    for layer in ("down8", "down16", "down32"):
        x = g.conv(steps[-1], w[f"{layer}.weight"], layer, w[f"{layer}.bias"], strides=[2, 2], pads=[1, 1, 1, 1])
        x = g.relu(x)
        polish = layer.replace("down", "polish")
        if f"{polish}.mix.weight" in w:
            mixed = g.conv(x, w[f"{polish}.mix.weight"], f"{polish}.mix", w[f"{polish}.mix.bias"], pads=[1, 1, 1, 1])
            x = g.relu(g.add("Add", [mixed, x], f"{polish}.sum"))
        steps.append(x)
    deep = steps.pop()
    for index, dilation in enumerate(dilations):
        deep = _block(g, w, deep, f"blocks.{index}", dilation)
    for layer in ("rise16", "rise8", "rise4"):
        deep = _rise(g, w, deep, steps.pop(), layer)
    return deep


def _block(g: _Builder, w: dict[str, np.ndarray], x: str, name: str, dilation: int) -> str:
    spread = g.conv(
        x, w[f"{name}.spread.weight"], f"{name}.spread", w[f"{name}.spread.bias"], pads=[dilation] * 4, dilations=[dilation] * 2
    )
    gathered = g.conv(g.relu(spread), w[f"{name}.gather.weight"], f"{name}.gather", w[f"{name}.gather.bias"])
    return g.relu(g.add("Add", [gathered, x], f"{name}.sum"))


def _rise(g: _Builder, w: dict[str, np.ndarray], coarse: str, fine: str, name: str) -> str:
    narrow = g.conv(coarse, w[f"{name}.narrow.weight"], f"{name}.narrow", w[f"{name}.narrow.bias"])
    scales = g.constant(np.array([1, 1, 2, 2], np.float32), f"{name}.scales")
    up = g.add(
        "Resize", [narrow, "", scales], f"{name}.up", mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"
    )
    skip = g.conv(fine, w[f"{name}.skip.weight"], f"{name}.skip")
    mixed = g.relu(g.add("Add", [skip, up], f"{name}.sum"))
    return g.relu(g.conv(mixed, w[f"{name}.mix.weight"], f"{name}.mix", w[f"{name}.mix.bias"], pads=[1, 1, 1, 1]))


def _apply(g: _Builder, w: dict[str, np.ndarray], folded: str, features: str, mixed: bool) -> str:
    """out = x * exp(strength * log_gain) + strength * light, in the folded layout; mixed, x * (1 + strength * (exp(log_gain) - 1))."""
    scaled = g.add("Mul", [features, "strength"], "features.scaled")
    bias = g.constant(w["maps.bias"].reshape(1, 9, 1, 1), "maps.bias")
    if mixed:
        raw = g.conv(features, w["maps.weight"], "maps.raw")
        whole = g.add("Add", [raw, bias], "maps.whole")
        # the gain's share of strength is its logarithm, added while maps are small
        least = g.constant(np.array([1e-35], np.float32), "strength.least")
        share = g.add("Log", [g.add("Max", ["strength", least], "strength.positive")], "strength.log")
        dark = g.add("Add", [_channels(g, whole, 0, "dark.whole"), share], "dark.share")
        light = g.add("Mul", [_channels(g, whole, 6, "light.whole"), "strength"], "light.share")
        maps = g.add("Concat", [dark, _channels(g, whole, 3, "slope.whole"), light], "maps", axis=1)
    else:
        raw = g.conv(scaled, w["maps.weight"], "maps.raw")
        maps = g.add("Add", [raw, g.add("Mul", [bias, "strength"], "maps.bias.scaled")], "maps")
    maps = g.add("Pad", [maps, g.ints([0, 0, 1, 1, 0, 0, 1, 1], "maps.edges")], "maps.padded", mode="edge")
    enlarge = _enlarge()
    dark, slope, light = (
        g.conv(_channels(g, maps, 3 * index, name), enlarge * unit, name)
        for index, (name, unit) in enumerate((("dark", 1.0), ("slope", 1.0), ("light", 255.0)))
    )
    spark = g.conv(scaled, _fold_outputs(w["spark.weight"]) * 255.0, "spark")
    shine = g.add("Add", [spark, light], "shine")
    y = g.conv(folded, _luma() / 255.0, "luma")
    log_gain = g.add("Add", [g.add("Mul", [y, slope], "slope.luma"), dark], "logGain")
    gain = g.add("Exp", [log_gain], "gain")
    if mixed:
        rest = g.add("Sub", [g.constant(np.array([1.0], np.float32), "strength.one"), "strength"], "strength.rest")
        gain = g.add("Add", [gain, rest], "gain.mixed")
    kept = g.add("Mul", [folded, gain], "kept")
    return g.add("Add", [kept, shine], "picture")


def _fall(g: _Builder, picture: str, falling: list[Layer]) -> str:
    """Adds what falls, moved by `time`: cut from repeated textures as bytes, folded like the frame, given to all colours alike.

    Everything up to the cut depends on the frame's size alone, so that onnxruntime does it once, when the size is fixed.
    """
    real = TensorProto.FLOAT
    shorter = g.add("ReduceMin", ["size"], "fall.shorter", keepdims=1)
    scale = g.add("Cast", [shorter], "fall.shorter.float", to=real)
    scale = g.add("Div", [scale, g.constant(np.array([REFERENCE], np.float32), "fall.reference")], "fall.scale.raw")
    limits = [g.constant(np.array(value, np.float32), f"fall.scale.{end}") for end, value in (("least", 0.5), ("most", 4.0))]
    scale = g.add("Clip", [scale, *limits], "fall.scale")
    tall = g.add("Mul", [scale, g.constant(np.array([HEIGHT, WIDTH], np.float32), "fall.texture")], "fall.size.float")
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
    g.add("Concat", ["rows", "foldOnly", "rest"], "shape.fall.rows", axis=0)
    g.add("Concat", ["foldOnly", "rest", "foldOnly"], "shape.fall.pixels", axis=0)
    g.add("Concat", [g.ints([PIXELS, 1], "fall.channels"), "rows", "columns"], "shape.fall", axis=0)
    g.add("Concat", [g.ints([PIXELS, 3], "fall.colours"), "rows", "columns"], "shape.fall.picture", axis=0)
    g.add("Reshape", [total, "shape.fall.rows"], "fall.rows")
    g.add("Transpose", ["fall.rows"], "fall.rows.t", perm=[1, 0, 2])
    g.add("Reshape", ["fall.rows.t", "shape.fall.pixels"], "fall.pixels")
    g.add("Transpose", ["fall.pixels"], "fall.pixels.t", perm=[0, 2, 1])
    g.add("Reshape", ["fall.pixels.t", "shape.fall"], "fall.folded")
    g.add("Cast", ["fall.folded"], "fall.light", to=real)
    g.add("Mul", ["fall.light", "strength"], "fall.scaled")
    g.add("Reshape", [picture, "shape.fall.picture"], "fall.picture")
    return g.add("Add", ["fall.picture", "fall.scaled"], "fall.added")


def _cut(g: _Builder, everywhere: str, size: str, layer: Layer, name: str) -> str:
    """The part of the repeated texture that is seen at this time: a corner within the first texture, and the frame's size."""
    speed = g.constant(np.array([-layer.down, -layer.aside], np.float32), f"{name}.speed")
    turns = g.add("Mul", ["time", speed], f"{name}.turns")
    if layer.sway:
        pace = g.constant(np.array([1.7], np.float32), f"{name}.pace")
        swing = g.add("Sin", [g.add("Mul", ["time", pace], f"{name}.angle")], f"{name}.swing")
        sway = g.constant(np.array([0, layer.sway], np.float32), f"{name}.sway")
        turns = g.add("Add", [turns, g.add("Mul", [swing, sway], f"{name}.aside")], f"{name}.swayed")
    phase = g.add("Sub", [turns, g.add("Floor", [turns], f"{name}.whole")], f"{name}.phase")
    corner = g.add("Mul", [phase, g.add("Cast", [size], f"{name}.size", to=TensorProto.FLOAT)], f"{name}.corner.float")
    corner = g.add("Cast", [corner], f"{name}.corner", to=TensorProto.INT64)
    end = g.add("Add", [corner, "paddedSize"], f"{name}.end")
    return g.add("Slice", [everywhere, corner, end, g.ints([0, 1], f"{name}.axes")], f"{name}.part")


def _channels(g: _Builder, x: str, first: int, name: str) -> str:
    """Three channels of x, from `first` on."""
    ends = [g.ints([value], f"{name}.{end}") for end, value in (("from", first), ("to", first + 3), ("axis", 1))]
    return g.add("Slice", [x, *ends], f"{name}.map")


def _unfold(g: _Builder, picture: str) -> None:
    scale = g.constant(np.array(1.0, np.float32), "unit")
    point = g.constant(np.array(0, np.uint8), "unit.zero")
    g.add("QuantizeLinear", [picture, scale, point], "out.bytes")
    g.add("Concat", ["foldOnly", "unrolled", "rest"], "shape.out.channels", axis=0)
    g.add("Concat", ["foldOnly", "rows", "rest"], "shape.out.rows", axis=0)
    g.add("Concat", [g.ints([1], "one"), "paddedSize", g.ints([3], "three")], "shape.out", axis=0)
    g.add("Reshape", ["out.bytes", "shape.out.channels"], "unfold.channels")
    g.add("Transpose", ["unfold.channels"], "unfold.channels.t", perm=[0, 2, 1])
    g.add("Reshape", ["unfold.channels.t", "shape.out.rows"], "unfold.rows")
    g.add("Transpose", ["unfold.rows"], "unfold.rows.t", perm=[1, 0, 2])
    g.add("Reshape", ["unfold.rows.t", "shape.out"], "unfolded")
    g.add("Slice", ["unfolded", g.ints([0, 0], "crop.from"), "size", g.ints([1, 2], "crop.axes")], "translated")


def _fold_inputs(weight: np.ndarray) -> np.ndarray:
    """Torch folds colour first, the graph colour last: reorder the input channels of a 1x1 convolution."""
    out = weight.shape[0]
    return weight.reshape(out, 3, FOLD, FOLD).transpose(0, 2, 3, 1).reshape(out, 3 * PIXELS, 1, 1)


def _fold_outputs(weight: np.ndarray) -> np.ndarray:
    return _fold_inputs(weight.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)


def _enlarge() -> np.ndarray:
    """The fixed interpolation of three maps to all pixels of the fold: [48, 3, 3, 3]."""
    phases = interpolation()[:PIXELS, 0].numpy()
    weight = np.zeros((PIXELS, 3, 3, 3, 3), np.float32)
    for colour in range(3):
        weight[:, colour, colour] = phases
    return weight.reshape(3 * PIXELS, 3, 3, 3)


def _luma() -> np.ndarray:
    """Each pixel's luma, given to its three colours: a 48x48 matrix."""
    weight = np.zeros((PIXELS, 3, PIXELS, 3), np.float32)
    for pixel in range(PIXELS):
        weight[pixel, :, pixel, :] = np.array(LUMA, np.float32)
    return weight.reshape(3 * PIXELS, 3 * PIXELS, 1, 1)

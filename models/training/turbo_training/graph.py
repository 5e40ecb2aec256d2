"""Writes a trained generator as an ONNX graph that takes and gives bytes.

The graph is put together by hand rather than traced, since its speed lies in its layout (`layout`): frames are folded as
bytes, every wide operation runs on [3, 16, H/4, W/4], and large frames are looked at reduced (`look`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .apply import Weights, apply
from .config import STEADY
from .falling import Layer
from .falls import fall
from .layout import by_reduction, fold, unfold
from .memory import remember, states
from .network import DILATIONS, FOLD, LIGHTS, LIKELY, PIXELS, REACH, SURE, Generator
from .nodes import Nodes

OPSET = 17
IR_VERSION = 9


def build(
    generator: Generator, name: str, falling: list[Layer] | None = None, mixed: bool = False, steady: float | None = STEADY
) -> onnx.ModelProto:
    """The complete graph of a generator: frame and strength (and time, if something falls) in, translated frame out.

    `mixed` is how strength acts, see `Maps.apply`. Unless `steady` is None the graph remembers: it takes and gives the states of
    `memory.states`, too.
    """
    g = Nodes()
    w = {k: v.detach().float().cpu().numpy() for k, v in generator.state_dict().items()}
    if generator.glow is not None:
        w["glow.weight"] = generator.glow.kernel().detach().float().cpu().numpy()
    folded = fold(g)
    features = _features(g, w, folded, generator.widths.dilations)
    if "glow.weight" in w:
        w |= _over_all(w)
    if steady is not None:
        features = remember(g, w, folded, features, steady)
    picture = apply(g, w, folded, features, mixed)
    if falling:
        picture = fall(g, picture, falling)
    unfold(g, picture)
    inputs = [helper.make_tensor_value_info("strength", TensorProto.FLOAT, [1])]
    if falling:
        inputs.append(helper.make_tensor_value_info("time", TensorProto.FLOAT, [1]))
    inputs.insert(0, helper.make_tensor_value_info("frame", TensorProto.UINT8, [1, "height", "width", 3]))
    outputs = [helper.make_tensor_value_info("translated", TensorProto.UINT8, [1, "height", "width", 3])]
    for state in states(generator.widths) if steady is not None else []:
        for info, name_of, when in ((inputs, state.input, "previous"), (outputs, state.output, "next")):
            shape = [1, state.channels, f"{when}Rows", f"{when}Columns"]
            info.append(helper.make_tensor_value_info(name_of, TensorProto.FLOAT, shape))
    graph = helper.make_graph(g.nodes, name, inputs, outputs, g.constants)
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


def _over_all(w: Weights) -> Weights:
    """Weights of what is predicted from the finest features, [n, features, 1, 1], where those of the light head come last: what it finds
    counts as a change where it is, but its glow is added apart (`apply`)."""
    maps, spark = (np.pad(w[f"{name}.weight"], ((0, 0), (0, LIGHTS), (0, 0), (0, 0))) for name in ("maps", "spark"))
    seen = maps.copy()
    seen[6:, -LIGHTS:, 0, 0] = w["glow.weight"][:, :, REACH, REACH]
    return {"maps.weight": maps, "seen.weight": seen, "spark.weight": spark}


def _stem(g: Nodes, w: Weights, flat: str, reduces: bool) -> str:
    """The first layer. Where it `reduces` the picture it is one convolution over all cells of the frame that a cell of the reduced
    picture covers: every pixel of the reduced picture is a mean, so no reduced picture need be made. Else `flat` is reduced already."""
    weight = w["stem.weight"] / 255.0
    inputs = [flat, g.constant(weight, "stem.weight"), g.constant(w["stem.bias"] - 127.5 * weight.sum((1, 2, 3)), "stem.bias")]

    if not reduces:
        return g.relu(g.add("Conv", inputs, "stem"))

    def plain(b: Nodes) -> list[str]:
        return [b.add("Conv", inputs, "stem.1")]

    def by(ratio: int, b: Nodes) -> list[str]:
        reduced = b.constant(_spread_over(weight, ratio), f"stem.{ratio}.weight")
        return [b.add("Conv", [inputs[0], reduced, inputs[2]], f"stem.{ratio}", strides=[ratio, ratio])]

    return g.relu(by_reduction(g, plain, by, ["stem"])[0])


def _features(g: Nodes, w: Weights, folded: str, dilations: tuple[int, ...]) -> str:
    """The finest features, at a quarter of what the network looks at; those of the light head come last, if there is one."""
    flat = g.add("Reshape", [folded, g.ints([1, 3 * PIXELS, 0, 0], "shape.network")], "network.folded")
    headed = "glow.weight" in w
    looked = _looked_at(g, flat) if headed else flat
    steps = [_stem(g, w, looked, not headed)]
    for layer in ("down8", "down16", "down32"):
        x = g.conv(steps[-1], w[f"{layer}.weight"], layer, w[f"{layer}.bias"], strides=[2, 2], pads=[1, 1, 1, 1])
        x = g.relu(x)
        polish = layer.replace("down", "polish")
        steps.append(_polish(g, w, x, polish) if f"{polish}.mix.weight" in w else x)
    deep = steps.pop()
    for index, dilation in enumerate(dilations):
        deep = _block(g, w, deep, f"blocks.{index}", dilation)
    for layer in ("rise16", "rise8", "rise4"):
        deep = _rise(g, w, deep, steps.pop(), layer)
    return g.add("Concat", [deep, _light_head(g, w, looked)], "features.all", axis=1) if headed else deep


def _light_head(g: Nodes, w: Weights, looked: str) -> str:
    """How sure the light head is of each kind of light, 0 to 1: [1, LIGHTS, h, w]."""
    name = "light_head"
    weight = w[f"{name}.stem.weight"] / 255.0
    grey = g.constant(np.array(127.5, np.float32), f"{name}.grey")
    edged = g.add("Pad", [looked, g.ints([0, 0, 1, 1, 0, 0, 1, 1], f"{name}.edges"), grey], f"{name}.edged")
    x = g.relu(g.conv(edged, weight, f"{name}.stem", w[f"{name}.stem.bias"] - 127.5 * weight.sum((1, 2, 3))))
    steps = []
    for layers, down in (("near", "down8"), ("wide", "down16"), ("deep", "")):
        x = _polished(g, w, x, f"{name}.{layers}", DILATIONS[layers])
        if down:
            steps.append(x)
            bias = w[f"{name}.{down}.bias"]
            x = g.relu(g.conv(x, w[f"{name}.{down}.weight"], f"{name}.{down}", bias, strides=[2, 2], pads=[1, 1, 1, 1]))
    for narrow, layers in (("narrow8", "back"), ("narrow4", "last")):
        up = _twice(g, w, x, f"{name}.{narrow}")
        x = _polished(g, w, g.relu(g.add("Add", [steps.pop(), up], f"{name}.{narrow}.sum")), f"{name}.{layers}", DILATIONS[layers])
    likely, spread = np.array(LIKELY, np.float32), 1 / (np.array(SURE, np.float32) - LIKELY)
    bias = (w[f"{name}.tell.bias"] - likely) * spread
    sure = g.conv(x, w[f"{name}.tell.weight"] * spread.reshape(-1, 1, 1, 1), f"{name}.tell", bias)
    none, whole = (g.constant(np.array(value, np.float32), f"{name}.{key}") for key, value in (("none", 0), ("whole", 1)))
    return g.add("Clip", [sure, none, whole], f"{name}.sure")


def _polished(g: Nodes, w: Weights, x: str, name: str, dilations: tuple[int, ...]) -> str:
    for index, dilation in enumerate(dilations):
        x = _polish(g, w, x, f"{name}.{index}", dilation)
    return x


def _looked_at(g: Nodes, flat: str) -> str:
    """The folded picture that the network looks at: the frame's, or, reduced, means of its pixels."""

    def plain(b: Nodes) -> list[str]:
        return [b.add("Identity", [flat], "looked.1")]

    alone = np.eye(3 * PIXELS, dtype=np.float32).reshape(3 * PIXELS, 3 * PIXELS, 1, 1)
    half = g.constant(_spread_over(alone, 2), "looked.half")

    def by(ratio: int, b: Nodes) -> list[str]:
        x = flat
        while ratio > 1:
            x = b.add("Conv", [x, half], f"{x}.half", strides=[2, 2])
            ratio //= 2
        return [x]

    return by_reduction(g, plain, by, ["looked"])[0]


def _spread_over(weight: np.ndarray, ratio: int) -> np.ndarray:
    """What a 1x1 convolution on the folded reduced picture is on the folded frame: every pixel of the reduced one is a mean."""
    spread = weight.reshape(-1, 3, FOLD, FOLD).repeat(ratio, 2).repeat(ratio, 3) / ratio**2
    spread = spread.reshape(-1, 3, ratio, FOLD, ratio, FOLD).transpose(0, 1, 3, 5, 2, 4)
    return spread.reshape(-1, 3 * PIXELS, ratio, ratio)


def _polish(g: Nodes, w: Weights, x: str, name: str, dilation: int = 1) -> str:
    reach = {"pads": [dilation] * 4, "dilations": [dilation] * 2}
    mixed = g.conv(x, w[f"{name}.mix.weight"], f"{name}.mix", w[f"{name}.mix.bias"], **reach)
    return g.relu(g.add("Add", [mixed, x], f"{name}.sum"))


def _block(g: Nodes, w: Weights, x: str, name: str, dilation: int) -> str:
    spread = g.conv(
        x, w[f"{name}.spread.weight"], f"{name}.spread", w[f"{name}.spread.bias"], pads=[dilation] * 4, dilations=[dilation] * 2
    )
    gathered = g.conv(g.relu(spread), w[f"{name}.gather.weight"], f"{name}.gather", w[f"{name}.gather.bias"])
    return g.relu(g.add("Add", [gathered, x], f"{name}.sum"))


def _rise(g: Nodes, w: Weights, coarse: str, fine: str, name: str) -> str:
    up = _twice(g, w, coarse, f"{name}.narrow")
    skip = g.conv(fine, w[f"{name}.skip.weight"], f"{name}.skip")
    mixed = g.relu(g.add("Add", [skip, up], f"{name}.sum"))
    return g.relu(g.conv(mixed, w[f"{name}.mix.weight"], f"{name}.mix", w[f"{name}.mix.bias"], pads=[1, 1, 1, 1]))


def _twice(g: Nodes, w: Weights, coarse: str, name: str) -> str:
    """Coarse features narrowed by the 1x1 convolution of this name, and brought to twice their size."""
    narrow = g.conv(coarse, w[f"{name}.weight"], name, w[f"{name}.bias"])
    scales = g.constant(np.array([1, 1, 2, 2], np.float32), f"{name}.scales")
    return g.add(
        "Resize", [narrow, "", scales], f"{name}.up", mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"
    )

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
from .network import FOLD, PIXELS, Generator
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
    folded = fold(g)
    features = _features(g, w, _stem(g, w, folded), generator.widths.dilations)
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


def _stem(g: Nodes, w: Weights, folded: str) -> str:
    """The first layer. On the reduced picture it is one convolution over all cells of the frame that a cell of the reduced
    picture covers: every pixel of the reduced picture is a mean, so no reduced picture need be made."""
    weight = w["stem.weight"] / 255.0
    flat = g.add("Reshape", [folded, g.ints([1, 3 * PIXELS, 0, 0], "shape.network")], "network.folded")
    inputs = [flat, g.constant(weight, "stem.weight"), g.constant(w["stem.bias"] - 127.5 * weight.sum((1, 2, 3)), "stem.bias")]

    def plain(b: Nodes) -> list[str]:
        return [b.add("Conv", inputs, "stem.1")]

    def by(ratio: int, b: Nodes) -> list[str]:
        spread = weight.reshape(-1, 3, FOLD, FOLD).repeat(ratio, 2).repeat(ratio, 3) / ratio**2
        spread = spread.reshape(-1, 3, ratio, FOLD, ratio, FOLD).transpose(0, 1, 3, 5, 2, 4)
        reduced = b.constant(spread.reshape(-1, 3 * PIXELS, ratio, ratio), f"stem.{ratio}.weight")
        return [b.add("Conv", [inputs[0], reduced, inputs[2]], f"stem.{ratio}", strides=[ratio, ratio])]

    return g.relu(by_reduction(g, plain, by, ["stem"])[0])


def _features(g: Nodes, w: Weights, quarter: str, dilations: tuple[int, ...]) -> str:
    """The finest features, at a quarter of what the network looks at."""
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


def _block(g: Nodes, w: Weights, x: str, name: str, dilation: int) -> str:
    spread = g.conv(
        x, w[f"{name}.spread.weight"], f"{name}.spread", w[f"{name}.spread.bias"], pads=[dilation] * 4, dilations=[dilation] * 2
    )
    gathered = g.conv(g.relu(spread), w[f"{name}.gather.weight"], f"{name}.gather", w[f"{name}.gather.bias"])
    return g.relu(g.add("Add", [gathered, x], f"{name}.sum"))


def _rise(g: Nodes, w: Weights, coarse: str, fine: str, name: str) -> str:
    narrow = g.conv(coarse, w[f"{name}.narrow.weight"], f"{name}.narrow", w[f"{name}.narrow.bias"])
    scales = g.constant(np.array([1, 1, 2, 2], np.float32), f"{name}.scales")
    up = g.add(
        "Resize", [narrow, "", scales], f"{name}.up", mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"
    )
    skip = g.conv(fine, w[f"{name}.skip.weight"], f"{name}.skip")
    mixed = g.relu(g.add("Add", [skip, up], f"{name}.sum"))
    return g.relu(g.conv(mixed, w[f"{name}.mix.weight"], f"{name}.mix", w[f"{name}.mix.bias"], pads=[1, 1, 1, 1]))

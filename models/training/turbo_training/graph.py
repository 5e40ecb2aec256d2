"""Writes a trained generator as an ONNX graph that takes and gives bytes.

The graph is put together by hand rather than traced, since its speed lies in its layout (`layout`): what touches every pixel works on
rows of the frame as they come, strip by strip on a CPU, and large frames are looked at reduced (`look`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .apply import apply
from .blocks import COLOURS
from .config import STEADY
from .falling import Layer
from .falls import fall
from .layout import give, lay_out
from .light_head import DILATIONS, LIGHTS, LIKELY, REACH, SURE, window_maps
from .memory import remember, states
from .mirror import mirror
from .mirror_head import DILATIONS as MIRROR_DILATIONS
from .mirror_head import UNIT
from .network import RISES, Generator
from .nodes import Nodes
from .see import Weights, see

OPSET = 17
IR_VERSION = 9


def build(
    generator: Generator,
    name: str,
    falling: list[Layer] | None = None,
    mixed: bool = False,
    steady: float | None = STEADY,
    strips: bool = False,
) -> onnx.ModelProto:
    """The complete graph of a generator: frame and strength (and time, if something falls) in, translated frame out.

    `mixed` is how strength acts, see `Maps.apply`. Unless `steady` is None the graph remembers: it takes and gives the states of
    `memory.states`, too. In `strips` it is for a CPU (see `layout`).
    """
    g = Nodes()
    w = {k: v.detach().float().cpu().numpy() for k, v in generator.state_dict().items()}
    if generator.glow is not None:
        w["glow.weight"] = generator.glow.kernel().detach().float().cpu().numpy()
    lay_out(g)
    first, colours, light = see(g, w, strips)
    decoded = _features(g, w, first, generator.widths.dilations, generator.widths.edged)
    features = decoded[-1]
    if light is not None:
        features = g.add("Concat", [features, _light_head(g, w, light)], "features.all", axis=1)
        w |= _over_all(w)
    if generator.mirror_head is not None:
        features = g.add("Concat", [features, mirror(g, w, features, _mirror_head(g, w, decoded), colours)], "features.all", axis=1)
        w |= _with_mirrors(w)
    if steady is not None:
        features = remember(g, w, colours, features, steady)
    give(g, apply(g, w, features, mixed, strips, fall(g, falling) if falling else None))
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


def slim(model: onnx.ModelProto, coarse: tuple[str, ...] = ()) -> onnx.ModelProto:
    """The same graph with its large weights stored in half precision, and cast back when it is loaded.

    The weights lose 13 of their 24 bits, which is far below what rounding the picture to bytes hides; the file is half as long. Those of
    the layers `coarse`, and of what is in them, are stored as bytes, with a scale for each output (weight-only quantisation).
    """
    slimmed = onnx.ModelProto()
    slimmed.CopyFrom(model)
    graph, larger = slimmed.graph, list[onnx.NodeProto]()
    for index, constant in enumerate(list(graph.initializer)):
        value, name = numpy_helper.to_array(constant), constant.name
        if value.dtype != np.float32 or value.size <= 512:
            continue
        if value.ndim == 4 and below(name, coarse):
            scale = np.abs(value).max((1, 2, 3), keepdims=True) / 127 + 1e-12
            graph.initializer[index].CopyFrom(numpy_helper.from_array((value / scale).round().astype(np.int8), f"{name}.byte"))
            graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), f"{name}.scale"))
            larger.append(helper.make_node("Cast", [f"{name}.byte"], [f"{name}.whole"], name=f"{name}.cast", to=TensorProto.FLOAT))
            larger.append(helper.make_node("Mul", [f"{name}.whole", f"{name}.scale"], [name], name=f"{name}.scaled"))
        else:
            graph.initializer[index].CopyFrom(numpy_helper.from_array(value.astype(np.float16), f"{name}.half"))
            larger.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*larger, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(slimmed, full_check=True)
    return slimmed


def below(name: str, layers: tuple[str, ...]) -> bool:
    """Whether this is one of the layers, or in one of them."""
    return any(name == layer or name.startswith(f"{layer}.") for layer in layers)


def save(model: onnx.ModelProto, path: Path) -> None:
    """Writes one self-contained file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(model, str(path), save_as_external_data=False)


def _over_all(w: Weights) -> Weights:
    """Weights of what is predicted from the finest features, [n, features, 1, 1], where those of the light head come last: a lamp that it
    finds counts as a change where it is, but its glow is added apart (`apply`)."""
    maps = np.pad(w["maps.weight"], ((0, 0), (0, LIGHTS), (0, 0), (0, 0)))
    maps[:, -1, 0, 0] = window_maps()
    seen = maps.copy()
    seen[6:, -LIGHTS, 0, 0] = w["glow.weight"][:, 0, REACH, REACH]
    return {"maps.weight": maps, "seen.weight": seen}


def _with_mirrors(w: Weights) -> Weights:
    """Weights of what is predicted from the finest features, where the light that wet ground adds comes last: it is light already. Memory
    goes by what the rest predicts (`seen.weight`) and, by a rule of its own, by that light (`mirrors.weight`)."""
    maps = np.pad(w["maps.weight"], ((0, 0), (0, COLOURS), (0, 0), (0, 0)))
    mirrors = np.zeros((COLOURS, *maps.shape[1:]), np.float32)
    mirrors[range(COLOURS), range(-COLOURS, 0)] = 1
    light = maps.copy()
    light[6:] += mirrors
    return {"maps.weight": light, "seen.weight": maps, "mirrors.weight": mirrors}


def _features(g: Nodes, w: Weights, first: str, dilations: tuple[int, ...], edged: tuple[str, ...]) -> list[str]:
    """Features at 1/32, 1/16, 1/8 and 1/4 of the picture, from the first ones."""
    steps = [first]
    for layer in ("down8", "down16", "down32"):
        x = g.conv(steps[-1], w[f"{layer}.weight"], layer, w[f"{layer}.bias"], strides=[2, 2], pads=[1, 1, 1, 1])
        x = g.relu(x)
        polish = layer.replace("down", "polish")
        steps.append(_polish(g, w, x, polish) if f"{polish}.mix.weight" in w else x)
    deep = steps.pop()
    for index, dilation in enumerate(dilations):
        deep = _block(g, w, deep, f"blocks.{index}", dilation)
    decoded = [deep]
    for layer in RISES:
        decoded.append(_rise(g, w, decoded[-1], steps.pop(), layer, layer in edged))
    return decoded


def _light_head(g: Nodes, w: Weights, first: str) -> str:
    """How sure the light head is of each kind of light, 0 to 1, from its first features: [1, LIGHTS, h, w]."""
    name, x = "light_head", first
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


def _mirror_head(g: Nodes, w: Weights, decoded: list[str]) -> tuple[str, str]:
    """What the mirror head tells of the features at 1/32 to 1/4 of the picture: how surely each cell is wet ground, and how many cells
    below a foot, [1, 1, h, w] each."""
    name = "mirror_head"
    x = _block(g, w, decoded[0], f"{name}.block", *MIRROR_DILATIONS["block"])
    for fine, size, layers in ((decoded[1], 16, "wide"), (decoded[2], 8, "near"), (decoded[3], 4, "last")):
        skip = g.conv(fine, w[f"{name}.skip{size}.weight"], f"{name}.skip{size}")
        x = g.relu(g.add("Add", [skip, _twice(g, w, x, f"{name}.narrow{size}")], f"{name}.sum{size}"))
        x = _polished(g, w, x, f"{name}.{layers}", MIRROR_DILATIONS[layers])
    told = g.conv(x, w[f"{name}.tell.weight"], f"{name}.tell", w[f"{name}.tell.bias"])
    sure, below = g.split(told, [f"{name}.sure.logit", f"{name}.below.logit"], [1, 1], axis=1)
    sure = g.add("Sigmoid", [sure], f"{name}.sure")
    scaled = g.add("Mul", [sure, g.floats([UNIT], f"{name}.unit")], f"{name}.scaled")
    return sure, g.add("Mul", [g.add("Softplus", [below], f"{name}.soft"), scaled], f"{name}.below")


def _polished(g: Nodes, w: Weights, x: str, name: str, dilations: tuple[int, ...]) -> str:
    for index, dilation in enumerate(dilations):
        x = _polish(g, w, x, f"{name}.{index}", dilation)
    return x


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


def _rise(g: Nodes, w: Weights, coarse: str, fine: str, name: str, edged: bool) -> str:
    up = _twice(g, w, coarse, f"{name}.narrow")
    skip = g.conv(fine, w[f"{name}.skip.weight"], f"{name}.skip")
    mixed, pads = g.relu(g.add("Add", [skip, up], f"{name}.sum")), [1, 1, 1, 1]
    if edged:
        around = g.ints([0, 0, *pads[:2], 0, 0, *pads[2:]], f"{name}.around")
        mixed, pads = g.add("Pad", [mixed, around], f"{name}.edged", mode="edge"), [0, 0, 0, 0]
    return g.relu(g.conv(mixed, w[f"{name}.mix.weight"], f"{name}.mix", w[f"{name}.mix.bias"], pads=pads))


def _twice(g: Nodes, w: Weights, coarse: str, name: str) -> str:
    """Coarse features narrowed by the 1x1 convolution of this name, and brought to twice their size."""
    narrow = g.conv(coarse, w[f"{name}.weight"], name, w[f"{name}.bias"])
    scales = g.constant(np.array([1, 1, 2, 2], np.float32), f"{name}.scales")
    return g.add(
        "Resize", [narrow, "", scales], f"{name}.up", mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"
    )

"""Makes the tiny model packages in test/fixtures/models, one for each thing a graph can get right or wrong.

Run it with `pip install onnx==1.19.1`:  python test/oracle/make-model-fixtures.py
It also prints the graph that src/generator/probe-graph.ts carries as base64.
"""

import base64
import hashlib
import json
import struct
from pathlib import Path

import onnx
from onnx import TensorProto, helper

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "models"
OPSET = 17
FRAME = [1, "height", "width", 3]


def scalar(name: str, value: float) -> onnx.TensorProto:
    return helper.make_tensor(name, TensorProto.FLOAT, [], [value])


def ints(name: str, values: list[int]) -> onnx.TensorProto:
    return helper.make_tensor(name, TensorProto.INT64, [len(values)], values)


def value(name: str, kind: int, shape: list) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs, outputs, constants, opset: int = OPSET) -> bytes:
    graph = helper.make_graph(nodes, "fixture", inputs, outputs, constants)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    proto.ir_version = 9
    proto.producer_name = "make-model-fixtures"
    return proto.SerializeToString()


def invert(
    frame: str = "frame",
    strength: str | None = "strength",
    kind: int = TensorProto.UINT8,
    shape: list = FRAME,
    output: str = "translated",
    opset: int = OPSET,
    cast: str = "Cast",
    extra: tuple = (),
) -> bytes:
    """y = x + strength * (255 - 2x): the picture at strength 0, its negative at 1."""
    nodes = [
        helper.make_node(cast, [frame], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["x", "minusTwo"], ["twice"]),
        helper.make_node("Add", ["twice", "white"], ["way"]),
        helper.make_node("Mul", ["way", strength or "one"], ["step"]),
        helper.make_node("Add", ["x", "step"], ["blend"]),
        helper.make_node("Round", ["blend"], ["rounded"]),
        helper.make_node("Cast", ["rounded"], [output], to=kind),
    ]
    inputs = [value(frame, kind, shape)]
    if strength:
        inputs.append(value(strength, TensorProto.FLOAT, [1]))
    constants = [scalar("minusTwo", -2), scalar("white", 255)] + ([] if strength else [scalar("one", 1)])
    return model(nodes, [*inputs, *extra], [value(output, kind, shape)], constants, opset)


def slow(layers: int = 24) -> bytes:
    """The picture, after much work that has no effect on it but can't be left out: about 1 MMAC a pixel."""
    fill = helper.make_tensor("fill", TensorProto.FLOAT, [1], [1e-4])
    nodes = [
        helper.make_node("Cast", ["frame"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["x"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("ConstantOfShape", ["first"], ["widen"], value=fill),
        helper.make_node("ConstantOfShape", ["middle"], ["mix"], value=fill),
        helper.make_node("ConstantOfShape", ["last"], ["narrow"], value=fill),
        helper.make_node("Conv", ["planes", "widen"], ["h0"], pads=[1, 1, 1, 1]),
    ]
    for i in range(layers):
        nodes.append(helper.make_node("Conv", [f"h{i}", "mix"], [f"c{i}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Tanh", [f"c{i}"], [f"h{i + 1}"]))
    nodes += [
        helper.make_node("Conv", [f"h{layers}", "narrow"], ["end"], pads=[1, 1, 1, 1]),
        helper.make_node("Mul", ["end", "nothing"], ["none"]),
        helper.make_node("Add", ["planes", "none"], ["sum"]),
        helper.make_node("Transpose", ["sum"], ["rows"], perm=[0, 2, 3, 1]),
        helper.make_node("Round", ["rows"], ["rounded"]),
        helper.make_node("Cast", ["rounded"], ["translated"], to=TensorProto.UINT8),
    ]
    constants = [ints("first", [64, 3, 3, 3]), ints("middle", [64, 64, 3, 3]), ints("last", [3, 64, 3, 3]), scalar("nothing", 0)]
    return model(nodes, [value("frame", TensorProto.UINT8, FRAME)], [value("translated", TensorProto.UINT8, FRAME)], constants)


def running_mean(previous: list = [1, "seen_height", "seen_width", 3], result: list = FRAME) -> bytes:
    """The mean of all pictures so far, and how many there were. A picture whose first byte is 255 makes the run fail."""
    nodes = [
        helper.make_node("Cast", ["frame"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["count", "one"], ["newCount"]),
        helper.make_node("Sub", ["x", "mean"], ["difference"]),
        helper.make_node("Div", ["difference", "newCount"], ["step"]),
        helper.make_node("Add", ["mean", "step"], ["newMean"]),
        helper.make_node("Slice", ["frame", "zeros", "ones", "axes"], ["corner"]),
        helper.make_node("Cast", ["corner"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["bytesAllowed", "index"], ["nothing"]),
        helper.make_node("Add", ["newMean", "nothing"], ["sum"]),
        helper.make_node("Round", ["sum"], ["rounded"]),
        helper.make_node("Cast", ["rounded"], ["translated"], to=TensorProto.UINT8),
    ]
    inputs = [
        value("frame", TensorProto.UINT8, FRAME),
        value("mean", TensorProto.FLOAT, previous),
        value("count", TensorProto.FLOAT, [1]),
    ]
    outputs = [
        value("translated", TensorProto.UINT8, FRAME),
        value("newMean", TensorProto.FLOAT, result),
        value("newCount", TensorProto.FLOAT, [1]),
    ]
    constants = [
        scalar("one", 1),
        ints("zeros", [0, 0, 0, 0]),
        ints("ones", [1, 1, 1, 1]),
        ints("axes", [0, 1, 2, 3]),
        helper.make_tensor("bytesAllowed", TensorProto.FLOAT, [255], [0.0] * 255),
    ]
    return model(nodes, inputs, outputs, constants)


def growing() -> bytes:
    """The picture; as its state all pictures so far, one below the other."""
    nodes = [
        helper.make_node("Cast", ["frame"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Concat", ["before", "x"], ["after"], axis=1),
        helper.make_node("Identity", ["frame"], ["translated"]),
    ]
    return model(
        nodes,
        [value("frame", TensorProto.UINT8, FRAME), value("before", TensorProto.FLOAT, [1, "seen_height", "seen_width", 3])],
        [value("translated", TensorProto.UINT8, FRAME), value("after", TensorProto.FLOAT, [1, "rows", "columns", 3])],
        [],
    )


def chooses_by_size() -> tuple[bytes, bytes]:
    """Each column + its number + 1, or + 2 where the picture is higher than 40 rows; any height, but 64 columns only.

    The frame's dimensions are named everywhere, and the numbers are weights in a file of their own.
    """
    columns = TensorProto(name="columns", data_type=TensorProto.FLOAT, dims=[64, 1], data_location=TensorProto.EXTERNAL)
    for key, entry in {"location": "model.onnx.data", "offset": "0", "length": "256"}.items():
        columns.external_data.add(key=key, value=entry)

    def branch(name: str, addend: str) -> onnx.GraphProto:
        result = value(name, TensorProto.FLOAT, FRAME)
        return helper.make_graph([helper.make_node("Add", ["x", addend], [name])], name, [], [result])

    nodes = [
        helper.make_node("Cast", ["frame"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["pixels", "columns"], ["x"]),
        helper.make_node("Shape", ["frame"], ["height"], start=1, end=2),
        helper.make_node("Greater", ["height", "forty"], ["isHigh"]),
        helper.make_node("If", ["isHigh"], ["sum"], then_branch=branch("high", "two"), else_branch=branch("low", "one")),
        helper.make_node("Cast", ["sum"], ["translated"], to=TensorProto.UINT8),
    ]
    frame = value("frame", TensorProto.UINT8, FRAME)
    for dimension, denotation in zip(frame.type.tensor_type.shape.dim, ["N", "ROWS", "COLUMNS", "C"]):
        dimension.denotation = denotation
    graph = helper.make_graph(
        nodes,
        "fixture",
        [frame],
        [value("translated", TensorProto.UINT8, FRAME)],
        [columns, ints("forty", [40]), scalar("one", 1), scalar("two", 2)],
        value_info=[value(name, TensorProto.FLOAT, FRAME) for name in ("pixels", "x", "sum")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    proto.ir_version = 9
    proto.producer_name = "make-model-fixtures"
    return proto.SerializeToString(), struct.pack("<64f", *range(64))


MEAN = {"input": "mean", "output": "newMean", "initialShape": [1, 1, 1, 3], "initial": -1000}
COUNT = {"input": "count", "output": "newCount", "initialShape": [1], "initial": 0}
GROWING = {"input": "before", "output": "after", "initialShape": [1, 1, 64, 3], "initial": 0}


def write(
    name: str,
    graph: bytes,
    strength: bool = True,
    opset: int = OPSET,
    states: tuple = (),
    weights: bytes = b"",
) -> None:
    folder = FIXTURES / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(graph)
    condition = {"kind": "strength", "input": "strength", "minimum": 0, "maximum": 1, "default": 1}
    manifest = {
        "formatVersion": 1,
        "id": name,
        "effect": name,
        "title": name.replace("-", " "),
        "description": "A test graph.",
        "version": "1.0.0",
        "licence": "MIT",
        "source": "test/oracle/make-model-fixtures.py",
        "graphs": [
            {
                "precision": "fp32",
                "file": "model.onnx",
                "bytes": len(graph),
                "sha256": hashlib.sha256(graph).hexdigest(),
                "opset": opset,
            }
        ],
        "input": {"name": "frame", "sizeMultiple": 2, "minWidth": 2, "minHeight": 2, "maxWidth": 1024, "maxHeight": 1024},
        "output": {"name": "translated"},
        "conditions": [condition] if strength else [],
        "provenance": {"madeBy": "test/oracle/make-model-fixtures.py"},
    }
    if states:
        manifest["states"] = states
    if weights:
        (folder / "model.onnx.data").write_bytes(weights)
        data = {"file": "model.onnx.data", "bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
        manifest["graphs"][0]["externalData"] = [data]
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    print(f"{name}: {len(graph)} bytes")


def main() -> None:
    write("invert", invert())
    write("slow", slow(), strength=False)
    write("wrong-input", invert(frame="image"))
    write("wrong-output", invert(output="picture"))
    write("float-input", invert(kind=TensorProto.FLOAT))
    write("channels-first", invert(shape=[1, 3, "height", "width"]))
    write("extra-input", invert(extra=(value("mask", TensorProto.FLOAT, [1]),)))
    write("strength-missing", invert(strength=None))
    write("fixed-size", invert(shape=[1, 48, 64, 3]))
    write("unknown-opset", invert(opset=99), opset=99)
    write("unknown-operator", invert(cast="Translate"))
    write("truncated", invert()[:300])
    write("running-mean", running_mean(), strength=False, states=(MEAN, COUNT))
    write("shared-dimension", running_mean(previous=[1, "rows", "columns", 3], result=[1, "rows", "columns", 3]), False, states=(MEAN, COUNT))
    write("frame-dimension", running_mean(previous=FRAME), strength=False, states=(MEAN, COUNT))
    write("growing-state", growing(), strength=False, states=(GROWING,))
    graph, weights = chooses_by_size()
    write("chooses-by-size", graph, strength=False, weights=weights)
    print(base64.b64encode(invert(strength=None)).decode())


main()

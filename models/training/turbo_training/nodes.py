"""Puts an ONNX graph together node by node."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Nodes:
    """Collects nodes and initialisers, naming as it goes."""

    def __init__(self, constants: list[onnx.TensorProto] | None = None) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = [] if constants is None else constants

    def constant(self, value: np.ndarray, name: str) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def ints(self, values: list[int], name: str) -> str:
        return self.constant(np.array(values, np.int64), name)

    def floats(self, values: list[float], name: str) -> str:
        return self.constant(np.array(values, np.float32), name)

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

    def split(self, x: str, names: list[str], sizes: list[int], axis: int) -> list[str]:
        """Parts of x along an axis."""
        inputs = [x, self.ints(sizes, f"{names[0]}.sizes")]
        self.nodes.append(helper.make_node("Split", inputs, names, name=names[0], axis=axis))
        return names

    def choose(
        self, condition: str, then: Callable[[Nodes], list[str]], otherwise: Callable[[Nodes], list[str]], names: list[str]
    ) -> list[str]:
        """What `then` or `otherwise` gives. Where sizes are fixed onnxruntime knows the condition when it loads the graph, and
        keeps one branch's nodes, as if there had been no other. Constants stay with the whole graph."""
        branches = {}
        for key, make in (("then_branch", then), ("else_branch", otherwise)):
            branch = Nodes(self.constants)
            outputs = [helper.make_empty_tensor_value_info(output) for output in make(branch)]
            branches[key] = helper.make_graph(branch.nodes, f"{names[0]}.{key}", [], outputs)
        self.nodes.append(helper.make_node("If", [condition], names, name=names[0], **branches))
        return names

    def scan(self, inputs: list[tuple[str, int]], work: Callable[[Nodes, list[str]], str], name: str) -> str:
        """What `work` gives for each part of the inputs (names and types) along their first axis, one after the other. Constants stay with
        the whole graph."""
        body = Nodes(self.constants)
        parts = [f"{name}.part.{index}" for index in range(len(inputs))]
        result = work(body, parts)
        takes = [helper.make_tensor_value_info(part, kind, None) for part, (_, kind) in zip(parts, inputs, strict=True)]
        gives = [helper.make_empty_tensor_value_info(result)]
        graph = helper.make_graph(body.nodes, f"{name}.body", takes, gives)
        self.nodes.append(
            helper.make_node("Scan", [whole for whole, _ in inputs], [name], name=name, body=graph, num_scan_inputs=len(inputs))
        )
        return name

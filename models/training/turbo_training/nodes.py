"""Puts an ONNX graph together node by node."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Nodes:
    """Collects nodes and initialisers, naming as it goes."""

    def __init__(self, constants: list[onnx.TensorProto] | None = None) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = [] if constants is None else constants

    def constant(self, value: np.ndarray, name: str) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
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
            outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None) for output in make(branch)]
            branches[key] = helper.make_graph(branch.nodes, f"{names[0]}.{key}", [], outputs)
        self.nodes.append(helper.make_node("If", [condition], names, name=names[0], **branches))
        return names

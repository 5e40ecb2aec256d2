"""An int8 variant of an exported graph: static quantisation of the convolutions inside the network.

The first layer, the maps, what applies them and the mirror head stay in floating point: they decide exactness.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

from .graph import below
from .running import start

FLOATING = (
    "rise4.narrow",
    "rise4.skip",
    "rise4.mix",
    "maps.raw",
    "change",
    "light_head.tell",
    "glow",
    "mirror_head",
    "mirror.maps",
    "mirror.luma",
)
"""Convolutions that are left as they are: those near the output, where rounding shows most, what memory goes by, and the small
head that tells how far below a foot ground lies, by which what is mirrored would move."""
COARSE = ("mirror_head.block", "mirror_head.wide")
"""Of these, layers whose weights are stored as bytes all the same (weight-only quantisation), as are those that a recipe or an export
spares: what they give isn't rounded."""


class _Frames(CalibrationDataReader):
    def __init__(self, graph: Path, pictures: list[Image.Image]) -> None:
        rest = start(onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"]))
        self.feeds: Iterator[dict[str, np.ndarray]] = iter([{"frame": np.asarray(p.convert("RGB"))[None], **rest} for p in pictures])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.feeds, None)


def quantise(graph: Path, out: Path, pictures: list[Image.Image], spared: tuple[str, ...] = (), percentile: float | None = None) -> None:
    """Writes the int8 variant of `graph`, calibrated on these pictures; what is in the layers of `spared` is left, too.

    Features beyond `percentile` are cut off (None keeps all): where few are far larger than the rest, the rest would be coarse.
    """
    # by default a percentile's range is as wide below zero as above, which wastes levels
    options = {"CalibPercentile": percentile, "CalibTensorRangeSymmetric": False}
    cut = {} if percentile is None else {"calibrate_method": CalibrationMethod.Percentile, "extra_options": options}
    left = FLOATING + spared
    convolutions = [n.name for n in onnx.load(str(graph)).graph.node if n.op_type == "Conv" and not below(n.name, left)]
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.onnx"
        quant_pre_process(str(graph), str(ready), skip_symbolic_shape=True, skip_optimization=True)
        quantize_static(
            str(ready),
            str(out),
            _Frames(ready, pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_quantize=convolutions,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            **cut,
        )
    _sort(out)


def _sort(path: Path) -> None:
    """Puts nodes after all that they need; the quantiser overlooks what the branches of an `If` take from around it."""
    model = onnx.load(str(path))
    graph = model.graph
    waiting, ready = list(graph.node), {""} | {i.name for i in graph.input} | {c.name for c in graph.initializer}
    graph.ClearField("node")
    while waiting:
        able = [node for node in waiting if _needs(node) <= ready]
        if not able:
            raise RuntimeError(f"{path}: nothing gives what {waiting[0].name} needs")
        graph.node.extend(able)
        ready |= {output for node in able for output in node.output}
        waiting = [node for node in waiting if node.output[0] not in ready]
    onnx.save_model(model, str(path))


def _needs(node: onnx.NodeProto) -> set[str]:
    needs = set(node.input)
    for attribute in node.attribute:
        inner = {output for n in attribute.g.node for output in n.output} | {i.name for i in attribute.g.input}
        needs |= {name for n in attribute.g.node for name in _needs(n)} - inner
    return needs

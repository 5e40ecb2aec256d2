"""An int8 variant of an exported graph: static quantisation of the convolutions inside the network.

The first layer and everything that touches full-size pixels stay in floating point: they decide exactness and cost little.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

FLOATING = ("stem", "rise4.narrow", "rise4.skip", "rise4.mix", "maps.raw", "spark", "dark", "slope", "light")
"""Convolutions that are left as they are: the first, and those near the output, where rounding shows most."""


class _Frames(CalibrationDataReader):
    def __init__(self, pictures: list[Image.Image], falls: bool) -> None:
        rest = {"strength": np.ones(1, np.float32), **({"time": np.zeros(1, np.float32)} if falls else {})}
        self.feeds: Iterator[dict[str, np.ndarray]] = iter([{"frame": np.asarray(p.convert("RGB"))[None], **rest} for p in pictures])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.feeds, None)


def quantise(graph: Path, out: Path, pictures: list[Image.Image], falls: bool = False, spared: tuple[str, ...] = ()) -> None:
    """Writes the int8 variant of `graph`, calibrated on these pictures; layers whose names begin as `spared` says are left, too."""
    convolutions = [n.name for n in onnx.load(str(graph)).graph.node if n.op_type == "Conv" and not n.name.startswith(FLOATING + spared)]
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.onnx"
        quant_pre_process(str(graph), str(ready), skip_symbolic_shape=True, skip_optimization=True)
        quantize_static(
            str(ready),
            str(out),
            _Frames(pictures, falls),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_quantize=convolutions,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )

"""safetensors files written a tensor at a time, so that a model of any size fits through little memory."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch


def write_safetensors(
    path: Path, shapes: Mapping[str, torch.Size], make: Callable[[str, torch.Size], torch.Tensor]
) -> None:
    """`make` is asked for each tensor, float32, when its turn comes."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, shape in shapes.items():
        end = offset + 4 * shape.numel()
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes.items():
            file.write(memoryview(make(name, shape).contiguous().numpy()).cast("B"))

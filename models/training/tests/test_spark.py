"""Without spark, light is no finer than the maps, and as bright on the whole as it was."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch

from turbo_training.graph import build, save
from turbo_training.network import FOLD, Generator
from turbo_training.package import check
from turbo_training.weights import read_weights


def test_dropped_spark_leaves_its_mean_and_no_pattern() -> None:
    torch.manual_seed(0)
    generator = Generator().eval()
    torch.nn.init.normal_(generator.spark.weight, std=0.05)
    picture = torch.full((1, 3, 64, 96), 0.4)
    with torch.no_grad():
        before = generator(picture).light
        generator.drop_spark()
        after = generator(picture).light
    inner = (..., slice(16, -16), slice(16, -16))
    cells = after[inner].unfold(2, FOLD, FOLD).unfold(3, FOLD, FOLD)
    assert torch.allclose(after[inner].mean((2, 3)), before[inner].mean((2, 3)), atol=1e-3)
    assert (cells - cells.mean((-1, -2), keepdim=True)).mean((2, 3)).abs().max() < 0.05 * (before - after).abs().max()
    assert not generator.spark.weight.requires_grad


def test_dropped_spark_is_not_in_the_graph(tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator = Generator().eval()
    torch.nn.init.normal_(generator.maps.weight, std=0.02)
    generator.drop_spark()
    save(build(generator, "test"), tmp_path / "model.onnx")
    assert not [n.name for n in onnx.load(str(tmp_path / "model.onnx")).graph.node if n.name.startswith("spark")]
    assert check(generator, tmp_path / "model.onnx", False, []) <= 1
    assert not read_weights(tmp_path / "model.onnx")["spark.weight"].any()

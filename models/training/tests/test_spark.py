"""Without spark, light is no finer than the maps, and as bright on the whole as it was."""

from __future__ import annotations

import torch

from turbo_training.network import FOLD, Generator


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

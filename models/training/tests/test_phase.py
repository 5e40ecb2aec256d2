"""What a phase may have of its own: a size of crops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from turbo_training import config, train
from turbo_training.losses import Batch
from turbo_training.train import Run


def test_a_phase_may_learn_from_crops_of_its_own_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pairs").mkdir()
    for name in ("01_in", "01_out"):
        Image.new("RGB", (192, 128), (90, 120, 60)).save(tmp_path / "pairs" / f"{name}.jpg")
    text = (Path(__file__).parent.parent / "configs" / "day-to-night.yaml").read_text()
    file = tmp_path / "recipe.yaml"
    file.write_text(text[: text.index("phases:")])
    phases = "phases:\n- {name: small, steps: 1, rate: 1.0e-3, mixture: {pairs: 2}}\n"
    phases += "- {name: large, steps: 1, rate: 1.0e-3, mixture: {pairs: 2}, crop: [96, 160]}\n"
    file.write_text(file.read_text().replace("crop: [224, 384]", "crop: [64, 96]") + phases)
    recipe = config.load(file)
    seen: list[tuple[int, ...]] = []

    def step(run: Run, phase: config.Phase, batch: Batch, _: object) -> tuple[Tensor, dict[str, Tensor]]:
        seen.append(tuple(batch.picture.shape[2:]))
        return torch.zeros(()), {}

    monkeypatch.setattr(train, "_step", step)
    monkeypatch.setattr(train, "sample_sheet", lambda *_: None)
    train.train(replace(recipe, data=replace(recipe.data, pairs=["pairs"])), tmp_path, tmp_path / "work", [])
    assert seen == [(64, 96), (96, 160)]

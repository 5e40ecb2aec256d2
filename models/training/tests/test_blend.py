"""What a phase may have of its own: a blend with what was before it, and a size of crops."""

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

RECIPE = config.load(Path(__file__).parent.parent / "configs" / "day-to-night.yaml")


def test_a_blended_phase_lies_between_what_was_before_and_what_it_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a kill in its midst, too."""
    first = Run(RECIPE).averaged.state_dict()["maps.bias"].clone()
    killed = [True]

    def phase(run: Run, phase: config.Phase, *_: object) -> None:
        with torch.no_grad():
            run.averaged.maps.bias += 1
        run.step += 1
        if killed[0]:
            run.save(tmp_path / "latest.pt")
            raise KeyboardInterrupt

    monkeypatch.setattr(train, "_train_phase", phase)
    monkeypatch.setattr(train, "open_sources", lambda *_: {})
    monkeypatch.setattr(train, "sample_sheet", lambda *_: None)
    recipe = replace(RECIPE, phases=[config.Phase("joined", 2, 1e-3, {}, blend=0.75)])
    with pytest.raises(KeyboardInterrupt):
        train.train(recipe, tmp_path, tmp_path, [])
    killed[0] = False
    final = train.train(recipe, tmp_path, tmp_path, [])

    def bias(name: str) -> Tensor:
        return torch.load(final, weights_only=True)[name]["maps.bias"]

    for name in ("averaged", "generator"):
        assert torch.allclose(bias(name), first + 0.75 * 2), "what comes next goes on from there"
    kept = torch.load(tmp_path / "joined-000002.pt", weights_only=True)
    assert torch.equal(kept["averaged"]["maps.bias"], bias("averaged")), "leave-one-out begins from such a file"


def test_a_checkpoint_without_what_was_before_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(RECIPE)
    run.step = 1
    run.save(tmp_path / "latest.pt")
    monkeypatch.setattr(train, "open_sources", lambda *_: {})
    with pytest.raises(ValueError, match=r"latest\.pt does not hold the weights before phase joined"):
        train.train(replace(RECIPE, phases=[config.Phase("joined", 2, 1e-3, {}, blend=0.75)]), tmp_path, tmp_path, [])


@pytest.mark.parametrize("share", [0, 1.5])
def test_a_share_that_is_none_is_refused(share: float, tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    text = (Path(__file__).parent.parent / "configs" / "day-to-night.yaml").read_text()
    assert "blend: 0.8" in text
    file.write_text(text.replace("blend: 0.8", f"blend: {share}"))
    with pytest.raises(ValueError, match=r"joined takes .* blend is more than 0 and at most 1"):
        config.load(file)


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

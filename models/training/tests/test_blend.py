"""A phase that is blended with what was before it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from turbo_training import config, train
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

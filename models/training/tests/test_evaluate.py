"""What leave-one-out may begin from, and which finished folds it may take again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from turbo_training import config
from turbo_training import evaluate as evaluating
from turbo_training.evaluate import _before, _first, _folds, _said, leave_one_out, without_heads
from turbo_training.network import Generator
from turbo_training.sources import Pair

RECIPE = Path(__file__).parents[1] / "configs" / "day-to-night.yaml"


def test_leave_one_out_fits_all_that_saw_a_pair() -> None:
    recipe = without_heads(config.load(RECIPE))
    assert recipe.widths.light is None
    alone, *together = recipe.phases
    assert "pairs" not in alone.mixture and len(together) > 1 and all("pairs" in phase.mixture for phase in together)
    assert recipe.phases[_first(recipe) :] == together
    assert _before(recipe, Path("work")) == Path(f"work/{alone.name}-{alone.steps:06d}.pt")


def test_where_no_phase_sees_a_pair_the_network_is_judged_as_it_is() -> None:
    recipe = config.load(RECIPE)
    alone = replace(recipe.phases[0], name="other")
    unpaired = replace(recipe, phases=[recipe.phases[0], alone])
    assert unpaired.phases[_first(unpaired) :] == []
    with pytest.raises(ValueError, match="as it is: it takes no --weights"):
        evaluating.evaluate(unpaired, Path(), Path(), Path("last.pt"), ["pairs"], start=Path("start.pt"))


def test_what_saw_no_pair_is_judged_again_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = without_heads(config.load(RECIPE))
    unpaired = replace(recipe, phases=recipe.phases[:1])
    grey = Image.new("RGB", (32, 32), (90, 90, 90))
    judged: list[float] = []

    def judge(generator: Generator, _: Pair, __: object, scores: dict[str, list[tuple[float, float]]]) -> list[Image.Image]:
        judged.append(next(generator.parameters()).mean().item())
        for found in scores.values():
            found.append((0, 0))
        return [grey]

    monkeypatch.setattr(evaluating, "read_pairs", lambda *_: [Pair(f"pair/{number}", grey, grey) for number in range(recipe.folds)])
    monkeypatch.setattr(evaluating, "_judge", judge)
    for value in (0.25, 0.5):
        weights = {name: torch.full_like(weight, value) for name, weight in Generator(recipe.widths).state_dict().items()}
        torch.save({"generator": weights, "averaged": weights}, tmp_path / "last.pt")
        found = leave_one_out(unpaired, tmp_path, tmp_path, tmp_path, tmp_path / "last.pt")
        assert found["trainedWithoutEach"] is False
    assert judged == [0.25] * recipe.folds + [0.5] * recipe.folds
    monkeypatch.setattr(evaluating, "save", lambda *_: None)
    evaluating.evaluate(unpaired, tmp_path, tmp_path, tmp_path / "last.pt", ["pairs"])
    assert judged[-recipe.folds :] == [0.5] * recipe.folds and len(judged) == 3 * recipe.folds, "by the weights that are measured"
    trained: list[Path] = []

    def learn(_: config.Config, __: Path, work: Path, *___: object) -> None:
        trained.append(work)
        work.mkdir(parents=True)
        torch.save(torch.load(tmp_path / "last.pt"), work / "final.pt")

    monkeypatch.setattr(evaluating, "train", learn)
    found = leave_one_out(recipe, tmp_path, tmp_path, tmp_path, tmp_path / "last.pt")
    assert found["trainedWithoutEach"] is True and len(set(trained)) == recipe.folds


def test_a_recipe_that_sees_pairs_from_the_start_asks_for_weights() -> None:
    recipe = without_heads(config.load(RECIPE))
    with pytest.raises(ValueError, match="--weights"):
        _before(replace(recipe, phases=recipe.phases[-1:]), Path("work"))


def test_other_marked_skies_give_other_folds(tmp_path: Path) -> None:
    recipe = config.load(RECIPE.parent / "night-to-day.yaml")
    marks = tmp_path / "skies.json"
    recipe = replace(recipe, data=replace(recipe.data, skies=str(marks)))

    def folder(text: str, fitted: config.Config) -> Path:
        marks.write_text(text)
        return _folds(fitted, Path("start.pt"), Path("work"))

    marked, others, none = '{"a": [5]}', '{"a": [6]}', replace(recipe, phases=recipe.phases[:-1])
    assert folder(marked, recipe) == folder(marked + " ", recipe) != folder(others, recipe)
    assert folder(marked, none) == folder(others, none)


def test_a_fold_is_taken_again_only_where_what_trains_it_is_the_same() -> None:
    recipe = config.load(RECIPE)
    last = recipe.phases[-1]

    def folder(start: str = "start.pt", prepared: str = "work", relight: float = recipe.relight, **changed: object) -> Path:
        return _folds(replace(recipe, relight=relight, phases=[replace(last, **changed)]), Path(start), Path(prepared))

    assert folder().as_posix().startswith(f"folds/5-{last.steps}-")
    assert folder() == _folds(replace(config.load(RECIPE), phases=[last], title="Another title"), Path("start.pt"), Path("work"))
    elsewhere = replace(recipe, phases=[last], data=replace(recipe.data, unmarked=[], judged="other.json"))
    assert folder() == _folds(elsewhere, Path("start.pt"), Path("work")), "what teaches the light head alone"
    assert _said(config.Phase("a", 1, 1e-3, {"pairs": 2}, halo=1)) == dict(name="a", steps=1, rate=1e-3, mixture={"pairs": 2}, halo=1)
    wider = replace(recipe, phases=[last], widths=replace(recipe.widths, inner=24))
    other_pairs = replace(recipe, phases=[last], data=replace(recipe.data, pairs=["other"]))
    assert len({folder(), *(_folds(changed, Path("start.pt"), Path("work")) for changed in (wider, other_pairs))}) == 3
    others = [
        folder("other.pt"),
        folder(prepared="other"),
        folder(relight=0.5),
        folder(steps=7),
        folder(trust=0.3),
        folder(halo=9),
        folder(crop=(96, 96)),
    ]
    assert len({folder(), *others}) == 8
    each = _folds(replace(recipe, folds=0, phases=[last]), Path("start.pt"), Path("work"))
    assert each.as_posix().startswith(f"folds/each-{last.steps}-")

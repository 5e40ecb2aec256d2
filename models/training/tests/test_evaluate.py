"""What leave-one-out may begin from, and which finished folds it may take again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from turbo_training import config
from turbo_training.evaluate import _before, _first, _folds, _said, without_heads

RECIPE = Path(__file__).parents[1] / "configs" / "day-to-night.yaml"


def test_leave_one_out_fits_all_that_saw_a_pair() -> None:
    recipe = without_heads(config.load(RECIPE))
    assert recipe.widths.light is None
    alone, *together = recipe.phases
    assert "pairs" not in alone.mixture and len(together) > 1 and all("pairs" in phase.mixture for phase in together)
    assert recipe.phases[_first(recipe) :] == together
    assert _before(recipe, Path("work")) == Path(f"work/{alone.name}-{alone.steps:06d}.pt")


def test_where_no_phase_sees_a_pair_the_last_is_fitted() -> None:
    recipe = config.load(RECIPE)
    alone = replace(recipe.phases[0], name="other")
    assert _first(replace(recipe, phases=[recipe.phases[0], alone])) == 1


def test_a_recipe_of_one_phase_asks_for_weights() -> None:
    recipe = config.load(RECIPE)
    with pytest.raises(ValueError, match="--weights"):
        _before(replace(recipe, phases=recipe.phases[-1:]), Path("work"))


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

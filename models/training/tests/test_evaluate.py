"""What leave-one-out may begin from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from turbo_training import config
from turbo_training.evaluate import _before

RECIPE = Path(__file__).parents[1] / "configs" / "day-to-night.yaml"


def test_leave_one_out_begins_before_the_last_phase() -> None:
    assert _before(config.load(RECIPE), Path("work")) == Path("work/taught-000450.pt")


def test_a_recipe_of_one_phase_asks_for_weights() -> None:
    recipe = config.load(RECIPE)
    with pytest.raises(ValueError, match="--weights"):
        _before(replace(recipe, phases=recipe.phases[-1:]), Path("work"))

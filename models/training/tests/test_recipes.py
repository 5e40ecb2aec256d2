"""Recipes are read strictly, and curves found."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from turbo_training import config
from turbo_training.manifest import write_manifest
from turbo_training.measures import apply_curve, fit_curve, psnr
from turbo_training.network import Generator

RECIPE = Path(__file__).parents[1] / "configs" / "day-to-night.yaml"


def test_recipe_is_read() -> None:
    recipe = config.load(RECIPE)
    size = sum(p.numel() for p in Generator(recipe.widths).parameters()) * (2 + 1)
    assert recipe.id == "day-to-night"
    assert size < 4e6, "a package holds them in half precision and as bytes"
    assert all(source.licence for source in recipe.data.used)


@pytest.mark.parametrize("recipe", sorted(path.stem for path in RECIPE.parent.glob("*.yaml")))
def test_shipped_manifests_say_what_their_recipes_say(recipe: str, tmp_path: Path) -> None:
    package = RECIPE.parents[2] / recipe
    shipped = json.loads((package / "manifest.json").read_text(encoding="utf-8"))
    for graph in package.glob("*.onnx"):
        shutil.copy(graph, tmp_path)
    loaded = config.load(RECIPE.parent / f"{recipe}.yaml")
    write_manifest(loaded, Generator(loaded.widths), loaded.steps, {}, tmp_path, date.today())
    wanted = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    for part in (shipped, wanted):
        del part["figures"]
        for measured in ("trainedOn", "framework"):
            del part["provenance"][measured]
    assert shipped == wanted
    lights = [["stem.seen", "colours.flat", "light_head.sure"]] if recipe == "day-to-night" else []
    split_at = [*lights, ["maps.all"]]
    assert [graph["splitAt"] for graph in shipped["graphs"]] == [split_at, split_at]


@pytest.mark.parametrize(("recipe", "missing"), [("day-to-night", "stem.seen"), ("clear-to-foggy", "maps.all")])
def test_a_graph_without_a_tensor_to_split_at_has_no_manifest(recipe: str, missing: str, tmp_path: Path) -> None:
    frame = helper.make_tensor_value_info("frame", TensorProto.UINT8, [1, 2, 2, 3])
    translated = helper.make_tensor_value_info("translated", TensorProto.UINT8, [1, 2, 2, 3])
    copy = helper.make_graph([helper.make_node("Identity", ["frame"], ["translated"])], "copy", [frame], [translated])
    onnx.save(helper.make_model(copy), tmp_path / "model.onnx")
    loaded = config.load(RECIPE.parent / f"{recipe}.yaml")
    with pytest.raises(ValueError, match=f"no tensor {missing}"):
        write_manifest(loaded, Generator(loaded.widths), loaded.steps, {}, tmp_path, date.today())


def test_unknown_key_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(RECIPE.read_text().replace("seed:", "sead:"))
    with pytest.raises(ValueError, match="sead"):
        config.load(wrong)


@pytest.mark.parametrize("term", ["veil", "halo", "painted"])
def test_a_term_of_whole_pictures_without_likeness_is_refused(tmp_path: Path, term: str) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(RECIPE.read_text().replace("likeness: 0.5, painted: 1, wholes: 3", f"{term}: 1"))
    with pytest.raises(ValueError, match=f"phase lit sets {term} but no likeness"):
        config.load(wrong)


def test_painted_layers_backwards_and_a_single_fold_are_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    backwards = (RECIPE.parent / "night-to-day.yaml").read_text()
    wrong.write_text(backwards.replace("halo:", "painted: 1, halo:"))
    with pytest.raises(ValueError, match="backwards no layers"):
        config.load(wrong)
    wrong.write_text(backwards.replace("folds: 5", "folds: 1"))
    with pytest.raises(ValueError, match="one fold"):
        config.load(wrong)


def test_a_crop_that_no_network_takes_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(RECIPE.read_text().replace("wholes: 3}", "wholes: 3, crop: [200, 384]}"))
    with pytest.raises(ValueError, match=r"phase lit learns from crops of \(200, 384\); sides are multiples of 32"):
        config.load(wrong)


def test_a_stage_that_is_none_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((RECIPE.parent / "rainy-to-clear.yaml").read_text().replace("edged: [rise8, rise4]", "edged: [rise8, rise2]"))
    with pytest.raises(ValueError, match=r"widths\.edged is rise8, rise2; it takes rise16, rise8, rise4"):
        config.load(wrong)


def test_a_detector_that_comes_too_late_is_refused(tmp_path: Path) -> None:
    wrong, recipe = tmp_path / "wrong.yaml", RECIPE.read_text()
    detector = next(line for line in recipe.splitlines() if "learns: detector" in line)
    wrong.write_text(recipe.replace(f"{detector}\n", "").rstrip() + f"\n{detector}\n")
    with pytest.raises(ValueError, match="learns detector after one that learns lamps"):
        config.load(wrong)


def test_a_curve_is_found_again() -> None:
    picture = np.random.default_rng(0).random((64, 64, 3))
    assert psnr(apply_curve(picture, fit_curve([picture], [picture**2])), picture**2) > 35

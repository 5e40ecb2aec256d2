"""The mirror head: what wet ground mirrors, what the head is taught, and that all else stays as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from turbo_training import config, train
from turbo_training.evaluate import without_heads
from turbo_training.graph import build, save
from turbo_training.mirror_head import FLAT, ground, mirrored
from turbo_training.mirrors import below_feet, mistaken
from turbo_training.network import Generator, Widths
from turbo_training.running import start
from turbo_training.weights import begin, read_weights

SMALL = Widths(quarter=16, eighth=16, sixteenth=24, thirtysecond=32, inner=24, mirror=(12, 12, 8, 8))
RECIPES = Path(__file__).parent.parent / "configs"


def test_ground_lies_below_what_stands_on_it() -> None:
    sure = torch.zeros(1, 1, 64, 32)
    sure[:, :, 32:, :16] = 1
    sure[:, :, :, 16:] = 1
    below, known = below_feet(sure)
    assert below[0, 0, 8:, 0].tolist() == [0.625 + row for row in range(8)], "of cells of four rows; a foot is the last row of no ground"
    assert known[0, 0, 8:, :4].all() and not known[0, 0, :8, :4].any()
    assert not known[0, 0, :, 4:].any(), "ground that goes on beyond the upper edge"


def test_what_is_told_rightly_costs_least() -> None:
    sure = torch.zeros(2, 1, 64, 64)
    sure[:, :, 32:] = 1
    below, _ = below_feet(sure)
    right = torch.cat([16 * (below > 0).float() - 8, torch.log(torch.expm1((below / 16).clamp(min=1e-6)))], 1)
    nowhere, elsewhere = right.clone(), right.clone()
    nowhere[:, 0], elsewhere[:, 1] = -8, 1
    assert torch.allclose(ground(right)[:, 1:], below, atol=0.01)
    assert mistaken(right, sure) < 0.01 < 0.3 < min(mistaken(nowhere, sure), mistaken(elsewhere, sure))


def test_a_wet_road_shows_what_stands_on_it_upside_down() -> None:
    colours = torch.full((1, 3, 24, 8), 0.3)
    colours[:, :, :6] = 0.8  # the sky
    colours[:, 0, 8:10], colours[:, 1:, 8:10] = 0.9, 0.05  # a red band on a dark wall, whose foot is at row 12
    told = torch.zeros(1, 2, 24, 8)
    told[:, 0, 12:, :4] = 1
    told[:, 1, 12:, :4] = torch.arange(12.0)[:, None] + 0.5
    light = mirrored(torch.zeros(1, 9, 24, 8), told, colours)
    assert not light[..., 4:].any() and not light[:, :, :12].any(), "what is dry stays as it is"
    wet = light[0, :, 12:, 1]
    redness = wet[0] - wet[1]
    assert redness.argmax() <= 4 and redness.max() > 0.15 * FLAT
    assert wet[1].argmax() >= 6, "the sky is mirrored below what stands before it"
    assert (light[..., 3] - light[..., 0]).abs().max() < 0.02, "it doesn't bend where the road ends"
    assert wet.mean().abs() < 0.03, "the road is as bright as it was"


def test_nothing_is_wet_before_the_head_is_taught() -> None:
    torch.manual_seed(0)
    dry, wet = Generator(replace(SMALL, mirror=None)), Generator(SMALL)
    wet.load_state_dict(dry.state_dict(), strict=False)
    picture = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert (wet(picture).apply(picture) - dry(picture).apply(picture)).abs().max() < 0.01


def _work(tmp_path: Path) -> Path:
    """A working folder with one painted street: a striped wall on a grey road."""
    work = tmp_path / "work"
    (work / "taught").mkdir(parents=True)
    day = np.full((64, 96, 3), 90, np.uint8)
    day[:30] = np.where(np.arange(96)[None, :, None] // 6 % 2, 200, 40)
    sure = np.where(np.arange(64)[:, None] >= 30, np.uint8(255), np.uint8(0)).repeat(96, 1)
    for name, layer in (("day", day), ("base", day // 2), ("light", day // 3), ("sure", sure)):
        Image.fromarray(layer).save(work / "taught" / f"a_{name}.png")
    return work


def test_the_phase_that_teaches_it_leaves_all_else_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "sample_sheet", lambda *_: None)
    mirrors = config.Phase("mirrors", 160, 1e-2, {"teacher": 2}, learns="mirror")
    recipe = replace(config.load(RECIPES / "clear-to-rainy.yaml"), widths=SMALL, crop=(64, 96), phases=[mirrors], average=0.9)
    torch.manual_seed(3)
    before = Generator(replace(SMALL, mirror=None)).eval()
    save(build(before, "test"), tmp_path / "model.onnx")
    work = _work(tmp_path)
    after = Generator(SMALL).eval()
    after.load_state_dict(read_weights(train.train(recipe, tmp_path, work, [], tmp_path / "model.onnx")))
    for name, value in read_weights(tmp_path / "model.onnx").items():
        assert torch.equal(after.state_dict()[name], value), name
    picture = torch.from_numpy(np.array(Image.open(work / "taught" / "a_day.png"))).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        sure, below = ground(after.reflections(picture))[0]
    assert sure[9:].mean() > 0.8 and sure[:6].mean() < 0.2
    assert abs(below[12].mean() - 5) < 1.5
    headless = Generator(replace(SMALL, mirror=None))
    begin(headless, work / "final.pt")
    assert torch.equal(headless.stem.weight, after.stem.weight)


def test_what_is_mirrored_is_not_remembered_where_it_no_longer_is(tmp_path: Path) -> None:
    torch.manual_seed(4)
    save(build(Generator(SMALL).eval(), "test", None, True), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    frame = np.full((1, 64, 96, 3), 120, np.uint8)
    names = [output.name for output in session.get_outputs()]
    seen = dict(zip(names, session.run(names, {"frame": frame, **start(session)}), strict=True))
    light = seen["nextFeatures"][:, -3:]
    for by, kept in ((0.05, True), (0.2, False)):
        features = seen["nextFeatures"].copy()
        features[:, -3:] += by
        states = {"previousFeatures": features, "previousCells": seen["nextCells"], "previousAge": np.full_like(seen["nextAge"], 1000)}
        again = session.run(["nextFeatures"], {"frame": frame, **start(session), **states})[0][:, -3:]
        assert np.allclose(again, light + (by if kept else 0), atol=0.001)


def test_its_lesson_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "sample_sheet", lambda *_: None)
    mirrors = config.Phase("mirrors", 203, 1e-2, {"teacher": 1}, learns="mirror")
    recipe = replace(config.load(RECIPES / "clear-to-rainy.yaml"), widths=SMALL, crop=(64, 96), phases=[mirrors])
    work, steps, step = _work(tmp_path), list[int](), train._step

    def counted(run: train.Run, *rest: object) -> object:
        steps.append(run.step)
        if len(steps) == 202:
            raise KeyboardInterrupt
        return step(run, *rest)

    monkeypatch.setattr(train, "_step", counted)
    with pytest.raises(KeyboardInterrupt):
        train.train(recipe, tmp_path, work, [])
    half = read_weights(work / "latest.pt")
    whole = read_weights(train.train(recipe, tmp_path, work, []))
    assert steps[202:] == [200, 201, 202], "what was learnt is not learnt again"
    for name, value in half.items():
        assert name.startswith("mirror_head.") or torch.equal(whole[name], value), name
    assert not torch.equal(half["mirror_head.tell.weight"], whole["mirror_head.tell.weight"])


def test_a_network_without_one_may_begin_from_a_package_with_one(tmp_path: Path) -> None:
    save(build(Generator(SMALL).eval(), "test"), tmp_path / "model.onnx")
    headless = Generator(replace(SMALL, mirror=None))
    begin(headless, tmp_path)
    assert torch.allclose(headless.stem.weight, read_weights(tmp_path)["stem.weight"])
    assert "mirror_head.tell.weight" in read_weights(tmp_path)


def test_leave_one_out_is_without_it() -> None:
    recipe = without_heads(config.load(RECIPES / "clear-to-rainy.yaml"))
    assert recipe.widths.mirror is None and [phase.name for phase in recipe.phases] == ["wet", "drawn", "dusk"]


def test_a_recipe_that_teaches_a_mirror_head_has_one_and_paints_rain(tmp_path: Path) -> None:
    text, file = (RECIPES / "clear-to-rainy.yaml").read_text(), tmp_path / "recipe.yaml"
    file.write_text(text.replace(", mirror: [48, 40, 32, 16]", ""))
    with pytest.raises(ValueError, match=r"phase mirrors teaches the mirror head, which takes widths\.mirror"):
        config.load(file)
    file.write_text(text.replace("painter: rain", "painter: fog"))
    with pytest.raises(ValueError, match=r"widths\.mirror is for rain that is painted"):
        config.load(file)
    for widths, message in (
        ("mirror: [48, 40, 32, 16], light: [8, 8, 16]", "not both"),
        ("mirror: [48, 40]", r"widths\.mirror has 2 numbers; it takes 4"),
    ):
        file.write_text(text.replace("mirror: [48, 40, 32, 16]", widths))
        with pytest.raises(ValueError, match=message):
            config.load(file)
    for mistake in ("mixture: {teacher: 4, pairs: 1}, crop: [320, 576]", "mixture: {teacher: 4}, likeness: 1.0, crop: [320, 576]"):
        file.write_text(text.replace("mixture: {teacher: 4}, crop: [320, 576]", mistake))
        with pytest.raises(ValueError, match="the mirror head"):
            config.load(file)

"""Skies at night and at dusk: what marked skylines tell, what networks are taught by them, and that all else stays as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from turbo_training import config, train
from turbo_training.evaluate import without_heads
from turbo_training.losses import Batch
from turbo_training.marks import read_skylines
from turbo_training.network import Generator, Maps, Widths
from turbo_training.skies import HORIZON, OVERCAST, ZENITH, Dusk, Skies, between, clouded, layered_night

RECIPE = Path(__file__).parent.parent / "configs" / "night-to-day.yaml"
SMALL = Widths(quarter=16, eighth=16, sixteenth=24, thirtysecond=32, inner=24)


def night(path: Path, skyline: int) -> None:
    """A photograph of a dark street below an even darker sky that ends in this row, of 180."""
    picture = np.full((180, 320, 3), 6, np.uint8)
    picture[skyline:] = (60, 48, 36)
    Image.fromarray(picture).save(path, quality=98)


def test_every_marked_skyline_can_be_read() -> None:
    skylines = read_skylines(config.load(RECIPE))
    assert len(skylines) > 200
    for name, skyline in skylines.items():
        known = [mark for mark in skyline if mark is not None]
        assert len(skyline) == 17 and known and all(0 <= mark <= 1 for mark in known), name


def test_sky_is_what_is_above_both_neighbouring_marks() -> None:
    # a house from the second mark on, and from the fourth on nobody can tell
    told = between((0.5, 0.5, 0.1, 0.1, None), np.full((100, 401, 3), 0.02, np.float32))
    assert told.sky[:48, :100].all() and not told.sky[50:].any()
    assert told.sky[:8, :299].all() and not told.sky[12:, 110:].any()
    assert told.known[:48, :100].all() and told.known[52:, :100].all() and not told.known[50, :100].any(), "marks are coarse"
    assert not told.known[20:40, 110:190].any(), "between marks of a house and of what is beside it"
    assert not told.known[:70, 310:].any() and told.known[75:].all(), "roads are known wherever marks are not"
    assert told.up[0, 0] > told.up[40, 0] > 0 and not told.up[50:].any()


def test_lamps_and_poles_before_the_sky_are_left_open() -> None:
    picture = np.full((100, 400, 3), 0.01, np.float32)
    picture[20:24, 100:104], picture[10:60, 200:203] = 0.9, 0.12
    told = between((0.6, 0.6, 0.6), picture)
    assert not told.known[20:24, 100:104].any() and not told.known[10:58, 200:203].any()
    assert told.known[:58, 300:].all() and told.known[22, 60] == 1


def test_sky_that_is_told_rightly_costs_least(tmp_path: Path) -> None:
    night(tmp_path / "night.jpg", 90)
    layers = layered_night(tmp_path / "night.jpg", (0.5,) * 17)
    batch = Skies([layers], [], [], (96, 160)).draw(np.random.default_rng(1), 4)
    sky = (batch.light.amax(1, keepdim=True) > 0).float()
    assert 0.1 < sky.mean() < 0.9 and (batch.sure * sky == sky).all()
    lowest = int(sky[0, 0, :, 0].nonzero().max())
    assert (batch.light[0, :, lowest, 0] - torch.tensor(HORIZON)).abs().max() < 0.03
    assert batch.light[0, 0, lowest, 0] - batch.light[0, 0, 0, 0] > 0.02, "bluer above"
    nothing = torch.zeros_like(batch.light)
    before = Maps(nothing, nothing, nothing + 0.05)

    def cost_of(maps: Maps) -> float:
        return float(clouded(maps, before, batch, night=True).mean())

    def cost(light: Tensor, dark: Tensor) -> float:
        return cost_of(Maps(dark, nothing, light))

    right = cost(batch.light + (1 - sky) * 0.05, -8 * sky + nothing)
    assert right < 0.05
    assert cost(before.light, nothing) > 5 * right, "no sky"
    assert cost(batch.light + (1 - sky) * 0.6, -8 * sky + nothing) > 5 * right, "sky everywhere"
    for maps in (
        Maps(before.dark + 0.5, nothing, before.light),
        Maps(nothing, nothing + 0.5, before.light),
        Maps(nothing, nothing, nothing),
    ):
        changed = Maps(*(sky * told + (1 - sky) * now for told, now in zip((nothing - 8, nothing, batch.light), maps, strict=True)))
        assert cost_of(changed) > right + 0.01, "other streets"
        unknown = replace(batch, sure=torch.zeros_like(batch.sure))
        assert not clouded(maps, before, unknown, night=True).any(), "nothing is asked where nothing is known"


def test_what_is_unknown_before_the_sky_may_be_sky() -> None:
    """Holes of what nobody knows have no edges, in whatever is laid over them."""
    nothing, sure = torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    light = nothing + 0.7
    sure[..., 20:40, 20:40], light[..., 20:40, 20:40] = 0, 0
    batch = Batch.of(nothing, light, (nothing, light), sure)
    filled = Maps(nothing - 8, nothing, nothing + 0.7)
    assert clouded(filled, Maps(nothing, nothing, nothing), batch, night=True).item() < 1e-3


def test_skies_that_lay_on_streets_are_taken_off() -> None:
    street = torch.full((1, 3, 64, 64), 0.05)
    batch = Batch.of(street, torch.zeros_like(street), (torch.zeros_like(street),) * 2, torch.ones(1, 1, 64, 64))
    light, dark = torch.full_like(street, 0.1), torch.full_like(street, 0.5)
    before = Maps(dark.clone(), torch.zeros_like(dark), light.clone())
    before.light[..., :16], before.dark[..., :16] = 0.7, -6
    even, spotted = Maps(dark, before.slope, light), before
    assert clouded(even, before, batch, night=True).item() < 0.5 * clouded(spotted, before, batch, night=True).item()
    assert clouded(even, even, batch, night=True).item() < 1e-6
    undimmed = Maps(before.dark, before.slope, light)
    assert clouded(even, before, batch, night=True).item() < 0.5 * clouded(undimmed, before, batch, night=True).item()
    nowhere = Maps(dark, torch.zeros_like(dark), torch.full_like(street, 0.7))
    as_it_was = clouded(Maps(dark, nowhere.slope, light), nowhere, batch, night=True)
    assert as_it_was < clouded(Maps(dark * 0, nowhere.slope, light), nowhere, batch, night=True), "of a crop that is all mistaken"


def test_dark_streets_keep_their_skies_and_what_painters_know_of_them() -> None:
    day, base, light = (torch.full((3, 96, 160), level, dtype=torch.uint8) for level in (150, 70, 80))
    day[:, :40], base[:, :40], light[:, :40] = 200, 0, 240
    light[:, 60:] = 240  # haze before what is bright
    base[:, 50:60], light[:, 50:60] = 0, 160  # dark, and of light that is below a half, though its root isn't
    layers = torch.cat([day, base, light, torch.zeros(1, 96, 160, dtype=torch.uint8)])
    batch = Dusk([layers], (64, 96)).draw(np.random.default_rng(2), 40)
    sky = batch.light.amax(1) > 0
    assert sky[0].any()
    assert 0.1 < sky.float().mean() < 0.8 and (batch.sure == 1).all()
    assert torch.allclose(batch.light[0, :, sky[0]], torch.tensor(OVERCAST)[:, None])
    pairs = zip(batch.picture.mean(1), sky, strict=True)
    levels = [(float(grey[where].mean()), float(grey[~where].mean())) for grey, where in pairs if where.any() and not where.all()]
    assert min(above for above, _ in levels) < 0.25 and max(above for above, _ in levels) > 0.7
    assert all(above > below for above, below in levels), "dark, but brighter than what is below"


def test_days_and_dark_roads_have_no_sky(tmp_path: Path) -> None:
    night(tmp_path / "night.jpg", 90)
    day, road = (torch.full((3, 96, 160), level, dtype=torch.uint8) for level in (200, 130))
    batch = Skies([layered_night(tmp_path / "night.jpg", (0.5,) * 17)], [day], [road], (64, 96)).draw(np.random.default_rng(3), 200)
    without = (batch.sure.mean((1, 2, 3)) == 1) & (batch.light.amax((1, 2, 3)) == 0)
    dark = batch.picture.mean((1, 2, 3)) < 0.35
    assert 20 < (without & ~dark).sum() < 60 and 8 < (without & dark).sum() < 60
    assert (batch.light.amax((1, 2, 3)) > 0).sum() > 80


def test_what_is_frozen_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "night").mkdir()
    night(tmp_path / "night" / "a.jpg", 90)
    (tmp_path / "skies.json").write_text(json.dumps({"a": [50] * 17}))
    monkeypatch.setattr(train, "sample_sheet", lambda *_: None)
    recipe = config.load(RECIPE)
    data = replace(recipe.data, skies=str(tmp_path / "skies.json"), target=[])
    phase = config.Phase("skies", 3, 1e-2, {"skies": 1}, crop=(64, 96), learns="skies", frozen=["rise4", "maps"])
    recipe = replace(recipe, data=data, phases=[phase], widths=SMALL)
    before = train.Run(recipe).averaged.state_dict()
    after = torch.load(train.train(recipe, tmp_path, tmp_path / "work", []), weights_only=True)["averaged"]
    for name, value in after.items():
        assert torch.equal(value, before[name]) == name.startswith(("rise4", "maps")), name


def test_what_the_network_lacks_cannot_be_frozen(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text((RECIPE.parent / "clear-to-rainy.yaml").read_text().replace("frozen: [rise4, maps]", "frozen: [rise2, maps]"))
    with pytest.raises(ValueError, match="phase dusk has rise2 in frozen, which the network hasn't"):
        config.load(file)


def test_skies_that_are_those_of_the_effect_already_stay_as_they_were() -> None:
    street = torch.full((1, 3, 64, 64), 0.2)
    overcast, nothing = torch.full_like(street, 0.78), torch.zeros_like(street)
    batch = Batch.of(street, overcast, (nothing, overcast), torch.ones(1, 1, 64, 64))
    bright, dark = (Maps(nothing - 8, nothing, torch.full_like(street, level)) for level in (0.7, 0.3))
    assert clouded(bright, bright, batch, night=False).item() < 0.03
    assert clouded(Maps(nothing - 8, nothing, overcast), dark, batch, night=False).item() < 0.03
    assert clouded(dark, dark, batch, night=False).item() > 0.5


def test_a_network_learns_where_the_sky_is_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("night", "day"):
        (tmp_path / folder).mkdir()
    for index in range(4):
        night(tmp_path / "night" / f"{index}.jpg", 70 + 10 * index)
        Image.new("RGB", (320, 180), (150, 160, 90)).save(tmp_path / "day" / f"{index}.jpg")
    marks = tmp_path / "skies.json"
    marks.write_text(json.dumps({str(index): [100 * (70 + 10 * index) / 180] * 17 for index in range(4)}))
    monkeypatch.setattr(train, "sample_sheet", lambda *_: None)
    recipe = config.load(RECIPE)
    data = replace(recipe.data, skies=str(marks), examples=["night/*.jpg"], target=["day/*.jpg"])
    phase = config.Phase("skies", 240, 3e-3, {"skies": 4}, crop=(96, 160), learns="skies")
    recipe = replace(recipe, data=data, phases=[phase], widths=SMALL, average=0.9)
    begun = train.Run(recipe)
    with torch.no_grad():
        begun.averaged.maps.bias.copy_(torch.tensor([0.4] * 3 + [0.0] * 3 + [0.1] * 3))
    begun.save(tmp_path / "begun.pt")
    train.train(recipe, tmp_path, tmp_path / "work", [], tmp_path / "begun.pt")
    assert torch.load(tmp_path / "work" / "final.pt", weights_only=True)["before"] is None
    taught = torch.load(tmp_path / "work" / "skies-000240.pt", weights_only=True)
    assert all(torch.equal(value, begun.averaged.state_dict()[name]) for name, value in taught["before"].items()), "kept for who goes on"
    after, before = Generator(SMALL), begun.averaged
    after.load_state_dict(taught["averaged"])
    dark, day = (torch.from_numpy(_shown(tmp_path / folder / "2.jpg")) for folder in ("night", "day"))
    with torch.no_grad():
        over = after(dark).light[0, :, 4:70].mean((1, 2))
        streets = [net(dark).apply(dark)[..., 120:180, :].mean() for net in (after, before)]
        days = [net(day).apply(day).mean() for net in (after, before)]
    assert (over - torch.tensor((HORIZON, ZENITH)).mean(0)).abs().max() < 0.1
    assert (streets[0] - streets[1]).abs() < 0.02 < streets[1] and (days[0] - days[1]).abs() < 0.02


def _shown(path: Path) -> np.ndarray:
    picture = np.asarray(Image.open(path).resize((320, 192)), np.float32) / 255
    return picture.transpose(2, 0, 1)[None].copy()


def test_who_goes_on_keeps_to_what_the_network_was_before(tmp_path: Path) -> None:
    recipe = replace(config.load(RECIPE), widths=SMALL)
    run, again = train.Run(recipe), train.Run(replace(recipe, seed=1))
    run.remember()
    run.averaged.load_state_dict({name: value + 1 for name, value in run.averaged.state_dict().items()})
    run.save(tmp_path / "latest.pt")
    again.restore(tmp_path / "latest.pt")
    for name, value in again.before.state_dict().items():
        assert torch.equal(value, run.before.state_dict()[name]) and torch.equal(value + 1, again.averaged.state_dict()[name]), name


def test_marks_of_no_photograph_are_refused(tmp_path: Path) -> None:
    marks = tmp_path / "skies.json"
    marks.write_text('{"elsewhere": [50]}')
    recipe = config.load(RECIPE)
    phase = config.Phase("skies", 1, 1e-3, {"skies": 1}, learns="skies")
    recipe = replace(recipe, data=replace(recipe.data, skies=str(marks)), phases=[phase], widths=SMALL)
    with pytest.raises(ValueError, match=r"none of the photographs below .* of which .*skies\.json tells the skyline"):
        train.train(recipe, tmp_path, tmp_path / "work", [])


_TOGETHER = r"`learns: skies` and skies in the mixture go together"
_ALONE = "skies, beside which it can take still and passing, and no trust"
_KNOWN = r"skies: at night, backwards, by marks in data\.skies, or those of painted rain"


@pytest.mark.parametrize(
    ("effect", "phase", "marks", "message"),
    [
        ("night-to-day", "mixture: {skies: 1}", "x", _TOGETHER),
        ("night-to-day", "mixture: {pairs: 1}, learns: skies", "x", _TOGETHER),
        ("night-to-day", "mixture: {skies: 1, pairs: 1}, learns: skies", "x", _ALONE),
        ("night-to-day", "mixture: {skies: 1}, trust: 0.5, learns: skies", "x", _ALONE),
        ("night-to-day", "mixture: {skies: 1}, learns: skies", "''", _KNOWN),
        ("day-to-night", "mixture: {skies: 1}, learns: skies", "x", _KNOWN),
        ("clear-to-rainy", "mixture: {skies: 1}, learns: skies", "x", _KNOWN),
        ("clear-to-snowy", "mixture: {skies: 1}, learns: skies", "''", _KNOWN),
    ],
)
def test_skies_are_learnt_from_known_skies_alone(tmp_path: Path, effect: str, phase: str, marks: str, message: str) -> None:
    text = (RECIPE.parent / f"{effect}.yaml").read_text().replace("  skies: marks/night-skies.json\n", "")
    text = text[: text.index("phases:")].replace("\ndata:\n", f"\ndata:\n  skies: {marks}\n")
    file = tmp_path / "recipe.yaml"
    file.write_text(text + f"phases:\n- {{name: last, steps: 1, rate: 1.0e-3, {phase}}}\n")
    with pytest.raises(ValueError, match=f"phase last.*{message}"):
        config.load(file)


def test_a_checkpoint_of_a_recipe_that_learnt_no_skies_there_is_refused(tmp_path: Path) -> None:
    recipe = replace(config.load(RECIPE), widths=SMALL)
    run = train.Run(recipe)
    run.phase, run.step = len(recipe.phases) - 1, 7
    (tmp_path / "work").mkdir()
    run.save(tmp_path / "work" / "latest.pt")
    with pytest.raises(ValueError, match=r"latest\.pt is of another recipe, in whose phase 4 no skies were learnt"):
        train.train(recipe, tmp_path, tmp_path / "work", [])


@pytest.mark.parametrize("recipe", ["night-to-day", "clear-to-rainy"])
def test_what_leave_one_out_judges_has_learnt_skies(recipe: str) -> None:
    learnt = [phase.learns for phase in without_heads(config.load(RECIPE.parent / f"{recipe}.yaml")).phases]
    assert learnt[-1] == "skies" and set(learnt[:-1]) == {"all"}

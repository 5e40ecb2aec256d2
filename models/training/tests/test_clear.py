"""What the painter that teaches clear weather makes of rainy streets of a few rectangles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streets import HORIZON, rainy_street, street

from turbo_training import clear, config, rain, rainy
from turbo_training import prepare as preparing
from turbo_training.prepare import bytes_of, paint_file, prepare
from turbo_training.scene import Scene
from turbo_training.segmenter import ROAD, SKY
from turbo_training.sources import read_taught

RECIPES = Path(__file__).parents[1] / "configs"


def _cleared(scene: Scene) -> np.ndarray:
    base, light, _ = clear.paint(scene)
    return np.clip(base + light, 0, 1)


def test_clear_weather_has_a_blue_sky_and_stronger_contrasts() -> None:
    scene = rainy_street()
    base, light, sure = clear.paint(scene)
    assert sure is None
    assert base[:50, 200:].max() < 0.1, "nothing is left of the grey sky"
    above, horizon = light[2, 200:].mean(0), light[HORIZON - 12, 200:].mean(0)
    assert above[2] > above[0] + 0.25, "what is there instead is blue"
    assert horizon[0] > above[0] + 0.1, "and paler above the horizon"
    assert light[HORIZON + 10 :, 215:].max() < 0.02
    assert light[HORIZON + 10 :].max() < 0.15, "hardly any on what is as bright as a sky and near one, either"
    before, after = scene.day[150, [20, 80]], base[150, [20, 80]]
    assert after[0].mean() / after[1].mean() > 1.3 * before[0].mean() / before[1].mean(), "a dark patch on the road is darker beside it"


def test_the_same_scene_in_another_light_is_another_day() -> None:
    """A dim street comes out dimmer than a bright one: that is what painting it anew teaches."""
    scene, rng = rainy_street(), np.random.default_rng(3)
    days = [rainy.otherwise_lit(scene, rng) for _ in range(20)]
    before, after = (np.array([day[150, 250:].mean() for day in drawn]) for drawn in ([d.day for d in days], [_cleared(d) for d in days]))
    assert before.min() < 0.35 < 0.5 < before.max()
    assert np.corrcoef(before, after)[0, 1] > 0.9
    assert all(0 <= day.day.min() and day.day.max() <= 1 and day.day.dtype == np.float32 for day in days)


def test_rain_that_is_hardly_hazy_comes_out_as_bright_as_it_was() -> None:
    """As photographs of rain mostly are: their streets are as dark as those of clear days, and only the large model's must darken."""
    hazy, crisp = rainy_street(), rainy_street()
    street = crisp.shows[SKY] < 0.5
    crisp.day[street] = (crisp.day[street] - 0.5) * 3 + 0.25
    crisp.day[HORIZON + 20 :, 20:60:2] = 0.98
    np.clip(crisp.day, 0.02, 1, out=crisp.day)
    assert hazy.day[street].std() / hazy.day[street].mean() < clear.FLAT
    assert crisp.day[street].std() / crisp.day[street].mean() > clear.CONTRASTY
    outs = [_cleared(scene) for scene in (hazy, crisp)]
    shares = [out[street].mean() / scene.day[street].mean() for out, scene in zip(outs, (hazy, crisp), strict=True)]
    assert shares[0] < 0.85 < 0.95 < shares[1] < 1.4
    painted, sky = (out[2, 200:].mean(0) for out in outs)
    assert painted[0] + 0.03 < sky[0] < sky[2] - 0.1, "its sky is paler, and blue"
    lines = [np.abs(np.diff(day[HORIZON + 30 : HORIZON + 50, 20:60, 1], axis=1)).mean() for day in (crisp.day, outs[1])]
    assert lines[1] > 1.1 * lines[0], "fine detail stands out"


def test_a_wall_in_crisp_rain_is_no_brighter_beside_the_sky() -> None:
    scene = rainy_street()
    scene.day[HORIZON:] = (scene.day[HORIZON:] - 0.5) * 3 + 0.25
    scene.day[HORIZON + 40 :, ::2] = 0.95
    np.clip(scene.day, 0.02, 1, out=scene.day)
    ground = scene.day[scene.shows[SKY] < 0.5]
    assert ground.std() / ground.mean() > clear.CONTRASTY
    wall = _cleared(scene)[21:60, 20:120].mean((1, 2))
    assert wall.max() < 1.03 * np.median(wall)


def test_spray_below_the_horizon_is_no_sky() -> None:
    """Not where it is as good as sure, nor where it may be sky or not: there, what is under a sky would be brought out."""
    scene = rainy_street()
    rng = np.random.default_rng(4)
    scene.day[HORIZON + 20 :] += rng.normal(0, 0.04, scene.day[HORIZON + 20 :].shape).astype(np.float32)
    for columns, sure in ((slice(30, 80), 1.0), (slice(80, 140), 0.45)):
        scene.shows[ROAD, HORIZON + 20 : HORIZON + 40, columns] = 1 - sure
        scene.shows[SKY, HORIZON + 20 : HORIZON + 40, columns] = sure
    known = clear.fields(scene)
    assert known.sky[0, 0, HORIZON + 22 : HORIZON + 38, 32:138].max() < 0.05
    assert known.sky[0, 0, :50, 200:].min() > 0.9
    beside = known.day[0, :, HORIZON + 22 : HORIZON + 38, 32:138].permute(1, 2, 0).numpy()
    assert np.abs(beside - scene.day[HORIZON + 22 : HORIZON + 38, 32:138]).max() < 0.02


def test_a_sky_has_no_edge_where_fog_hides_it() -> None:
    """As hard as the segmenter's guess would be seen, a blue patch in the fog; an edge that is seen stays sharp."""
    seen, hidden = rainy_street(), rainy_street()
    hidden.day[HORIZON:] = hidden.day[0, 200]
    steepest = [float(clear.fields(scene).sky[0, 0, :, 240:].diff(dim=0).abs().max()) for scene in (seen, hidden)]
    assert steepest[0] > 0.4 > 8 * steepest[1]
    fog = _cleared(hidden)[:, 240:]
    assert np.abs(np.diff(fog, axis=0)).max() < 0.05
    assert fog[2, :, 2].mean() > fog[2, :, 0].mean() + 0.1, "it is blue above, all the same"


@pytest.mark.parametrize("shown", ["sky", "street", "night"])
def test_a_picture_of_one_thing_alone_clears_up(shown: str) -> None:
    scene = street(from_above=True) if shown == "street" else rainy_street()
    if shown == "sky":
        scene.shows[:], scene.day[:] = 0, 0.8
        scene.shows[SKY] = 1
    if shown == "night":
        scene.day[:] = 0
    out = _cleared(scene)
    assert np.isfinite(out).all()
    if shown == "sky":
        assert out[2, :, 2].mean() > out[2, :, 0].mean() + 0.2
    if shown == "street":
        assert np.ptp(out.mean((0, 1))) < 0.1, "nothing of a sky is seen"


def test_clear_weather_leaves_a_low_suns_sky_and_what_is_crisp() -> None:
    warm = rainy_street((0.85, 0.7, 0.5))
    assert np.abs(_cleared(warm)[:50, 200:] - warm.day[:50, 200:]).max() < 0.1
    hazy, crisp = rainy_street(), rainy_street(darkest=0.0)
    changed = [np.abs(_cleared(scene) - scene.day)[HORIZON + 25 :, 220:].mean() for scene in (hazy, crisp)]
    assert changed[1] < 0.5 * changed[0], "a street with black in it needs less"


def test_clear_weather_takes_skies_of_which_no_pair_tells_for_the_nearest() -> None:
    """One that is burnt out, or a strong blue already, would turn white or violet by powers that were fitted to grey ones."""
    burnt_out, blue = (_cleared(rainy_street(sky))[2, 200:].mean(0) for sky in ((1.0, 1.0, 1.0), (0.3, 0.5, 0.9)))
    assert burnt_out[0] < 0.52 and burnt_out[2] - burnt_out[0] > 0.2
    assert blue[0] > 0.08 and 0.9 > blue[2] > blue[1] > blue[0]


def test_a_street_that_was_wetted_clears_up_again() -> None:
    scene = street()
    wetted, sure = rainy.wet(scene)
    painted = clear.paint(wetted)
    wet = rain.paint(scene)
    assert np.abs(wetted.day - (wet.base + wet.light)).max() < 1e-6
    assert wet.sure is not None and (sure == wet.sure).all(), "wet ground, that mirrors"
    sky = (painted.base + painted.light)[2, 200:].mean(0)
    assert np.ptp(wetted.day[:50, 200:].mean((0, 1))) < 0.1 and sky[2] > sky[0] + 0.2, "the grey sky is blue again"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Config:
    """That of clear weather, on two pictures of one street: rain.png as it is, and day.png to be wetted."""
    (tmp_path / "data").mkdir()
    for kind in ("rain", "day"):
        bytes_of(street().day).save(tmp_path / "data" / f"{kind}.png")
    monkeypatch.setattr(preparing, "train_segmenter", lambda *_, **__: None)
    monkeypatch.setattr(preparing, "survey", lambda *_: None)
    monkeypatch.setattr(preparing, "scene_of", lambda path, *_: replace(street(), day=np.asarray(Image.open(path), np.float32) / 255))
    recipe = config.load(RECIPES / "rainy-to-clear.yaml")
    return replace(recipe, data=replace(recipe.data, source=["rain.png"], wetted=["day.png"], overhead=[], still=[]))


def _layer(work: Path, name: str) -> np.ndarray:
    return np.asarray(Image.open(work / "taught" / f"{name}.png"), np.float32) / 255


def test_prepare_wets_clear_streets_and_leaves_rainy_ones(tmp_path: Path, recipe: config.Config) -> None:
    work = tmp_path / "work"
    prepare(recipe, tmp_path / "data", work)
    assert sorted(path.name for path in (work / "taught").glob("*_light.png")) == [
        f"{name}{light}_light.png" for name in ("rain", "wetted_day") for light in ("-lit1", "-lit2", "")
    ]
    assert np.abs(_layer(work, "rain_day") - street().day).max() < 0.01
    sure = sorted(path.name for path in (work / "taught").glob("*_sure.png"))
    assert sure == [f"wetted_day{light}_sure.png" for light in ("-lit1", "-lit2", "")], "where mirrors are drawn"
    assert np.ptp(_layer(work, "wetted_day_day")[:50, 200:].mean((0, 1))) < 0.1, "what goes in has a grey sky"
    skies = [_layer(work, f"wetted_day{light}_day")[:50, 200:].mean() for light in ("", "-lit1", "-lit2")]
    assert np.ptp(skies) > 0.04, "in other lights, too"
    painted = (work / "taught" / "wetted_day_light.png").stat().st_mtime_ns
    prepare(recipe, tmp_path / "data", work)
    assert (work / "taught" / "wetted_day_light.png").stat().st_mtime_ns == painted, "what is painted isn't painted again"


def test_what_is_seen_from_above_in_clear_weather_is_wetted_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: config.Config
) -> None:
    data = tmp_path / "data"
    for name in ("day2", "rain2", "overhead_x"):
        bytes_of(street().day).save(data / f"{name}.png")
    monkeypatch.setattr(preparing, "take_frames", lambda *_: [data / "overhead_x.png"])
    most = replace(recipe, data=replace(recipe.data, source=["rain*.png"], wetted=["day*.png"], most=1))
    prepare(most, data, tmp_path / "work")
    lit = (path.name.removesuffix("_light.png") for path in (tmp_path / "work" / "taught").glob("*_light.png"))
    painted = {name for name in lit if "-lit" not in name}
    assert "wetted_overhead_x" in painted and len(painted) == 3, "beside one of each kind"
    assert len([name for name in painted if name.startswith("wetted_day")]) == 1


def test_rare_views_are_drawn_more_often_when_they_are_wetted_too(tmp_path: Path) -> None:
    scene = street()
    (tmp_path / "taught").mkdir()
    for name in ("wetted_camvid_1", "wetted_bdd_1"):
        paint_file(rain.paint, scene, tmp_path / "taught" / name)
    assert len(read_taught(tmp_path)) == 3 + 1

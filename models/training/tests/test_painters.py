"""What the painters that teach night, rain and snow lay where, on streets of a few rectangles."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streets import HEIGHT, HORIZON, WIDTH, put, street

from turbo_training import config, night, rain, snow
from turbo_training import prepare as preparing
from turbo_training.examples import Taught
from turbo_training.frames import save_frames
from turbo_training.lamps import find_street_lamps
from turbo_training.losses import Batch, emission, layered
from turbo_training.marks import read_bonnets
from turbo_training.pictures import save_whole
from turbo_training.prepare import paint_file, prepare, redden
from turbo_training.scene import Box, Scene, Windows
from turbo_training.segmenter import BUILDING, CAR, CLASSES, POLE, ROAD, SIGN, SKY, TREE
from turbo_training.sources import read_taught


def _tail_lamp() -> Scene:
    """A grey car with a red lamp on a road under the sky."""
    scene = street()
    put(scene.day, scene.shows, CAR, slice(100, 130), slice(200, 240), (0.4, 0.4, 0.4))
    scene.day[112:116, 202:206] = (0.8, 0.1, 0.1)
    return scene


def test_night_darkens_the_sky_and_lights_red_lamps() -> None:
    base, light, sure = night.paint(_tail_lamp())
    assert base[:60, 160:].mean() < 0.12
    assert light[112:116, 202:206, 0].mean() > 0.2
    assert light[:60, 160:].mean() < 0.01
    assert np.isfinite(base).all() and np.isfinite(light).all()
    assert sure is not None and sure.max() == 0, "there are no windows"


def test_night_lights_windows_but_no_specks_eaves_or_walls_in_shadow() -> None:
    day = np.full((360, 640, 3), 0.7, np.float32)
    shows = np.zeros((CLASSES, 360, 640), np.float32)
    shows[BUILDING], shows[ROAD, 300:] = 1, 1
    shows[BUILDING, 300:] = 0
    window, speck, eave, shadow = np.s_[200:216, 100:112], np.s_[230:232, 200:202], np.s_[120:128, 20:300], np.s_[150:280, 400:520]
    for dark in (window, speck, eave, shadow):
        day[dark] = 0.2
    base, light, sure = night.paint(Scene(day, shows, True))
    assert sure is not None
    assert base[202:214, 102:110].mean() > base[240:260, 100:112].mean() + 0.2, "brighter than the wall, which is brighter by day"
    assert sure[202:214, 102:110].mean() > 0.3
    for unlit in (speck, eave, shadow):
        assert sure[unlit].mean() < 0.05
    assert light[200:216, 100:112].max() < 0.05, "a window counts as what the street keeps, not as a lamp"


def test_night_has_lamps_on_posts_but_not_on_roofs() -> None:
    def brightest(foot: int, columns: slice) -> float:
        scene = street()
        put(scene.day, scene.shows, BUILDING, slice(50, HORIZON), slice(140, 260), (0.7, 0.7, 0.65))
        put(scene.day, scene.shows, POLE, slice(foot - 30, foot), columns, (0.3, 0.3, 0.3))
        tip = scene.shows[POLE].nonzero()[0].min()
        return float(night.paint(scene).light[tip - 2 : tip + 6, columns].max())

    assert brightest(HORIZON + 4, slice(290, 294)) > 0.5, "a lamp post on the ground"
    assert brightest(50, slice(200, 204)) < 0.1, "a mast on a roof"


def test_night_has_no_lamp_on_a_spire_where_the_camera_stands() -> None:
    def lamps(kind: int) -> int:
        scene = street()
        put(scene.day, scene.shows, kind, slice(80, HORIZON), slice(240, 262), (0.5, 0.3, 0.2))
        put(scene.day, scene.shows, POLE, slice(50, 80), slice(249, 253), (0.3, 0.3, 0.3))
        return len(find_street_lamps(Scene(scene.day, scene.shows, False), HORIZON))

    assert lamps(BUILDING) == 0
    assert lamps(TREE) == 1, "a lamp post behind a hedge"


def test_night_has_lamps_at_the_ends_of_arms_and_one_on_a_post_in_pieces() -> None:
    scene = street()
    put(scene.day, scene.shows, POLE, slice(30, HORIZON + 4), slice(250, 253), (0.3, 0.3, 0.3))
    put(scene.day, scene.shows, POLE, slice(30, 33), slice(225, 250), (0.3, 0.3, 0.3))
    light = night.paint(scene).light.max(-1)
    assert light[31, 226] > 0.5, "the end of the arm"
    assert light[31, 251] < light[31, 226] / 2, "the top of the post"
    put(scene.day, scene.shows, SKY, slice(60, 68), slice(250, 253), (0.5, 0.6, 0.95))
    assert len(find_street_lamps(scene, HORIZON)) == 1


def test_night_lights_windows_where_someone_saw_them_and_none_where_someone_saw_none() -> None:
    def lit(windows: Windows) -> tuple[float, float]:
        """How sure it is of a dark pane, and of a piece of wall."""
        scene = replace(street(), windows=windows)
        scene.day[40:50, 60:70] = 0.2
        sure = night.paint(scene).sure
        return float(sure[45, 65]), float(sure[65, 105])

    pane, wall = Box(60 / WIDTH, 40 / HEIGHT, 70 / WIDTH, 50 / HEIGHT), Box(100 / WIDTH, 60 / HEIGHT, 110 / WIDTH, 70 / HEIGHT)
    for windows, wanted in (
        (Windows(), (1, 0)),
        (Windows((), (pane,)), (0, 0)),
        (Windows((wall,), (pane,)), (0, 1)),
        (Windows((pane, wall)), (1, 1)),
    ):
        assert lit(windows) == pytest.approx(wanted, abs=0.3)


def test_night_has_no_lamps_on_what_may_be_no_post_nor_where_wires_may_be() -> None:
    def lamps(sure: float, left: int = 0, right: int = 0) -> int:
        scene = street()
        put(scene.day, scene.shows, POLE, slice(30, HORIZON + 4), slice(250, 253), (0.3, 0.3, 0.3))
        scene.shows[POLE] *= sure
        scene.shows[POLE, 30:33, 250 - left : 250] = scene.shows[POLE, 30:33, 253 : 253 + right] = 0.2
        return len(find_street_lamps(scene, HORIZON))

    assert lamps(1.0) == 1
    assert lamps(0.36) == 0
    assert lamps(1.0, left=20, right=22) == 2, "the arms of a double lamp"
    assert lamps(1.0, left=12, right=40) == 0, "wires"


def test_night_has_no_lamps_where_towers_end_on_low_posts_and_under_signs() -> None:
    def lit(rows: slice, columns: slice, sign: bool = False) -> bool:
        scene = street()
        put(scene.day, scene.shows, POLE, rows, columns, (0.3, 0.3, 0.3))
        if sign:
            around = slice(rows.start, rows.start + 10), slice(columns.start - 8, columns.start)
            put(scene.day, scene.shows, SIGN, *around, (0.1, 0.2, 0.7))
        return len(find_street_lamps(scene, HORIZON)) > 0

    assert lit(slice(30, HORIZON + 4), slice(250, 253))
    assert not lit(slice(30, HORIZON + 4), slice(250, 253), sign=True)
    assert not lit(slice(30, HORIZON + 4), slice(139, 142)), "the edge of the house"
    assert lit(slice(4, HORIZON + 4), slice(250, 253)), "one whose top is just in the picture"
    assert lit(slice(30, HORIZON + 20), slice(250, 253)), "a lamp post that is near"
    assert not lit(slice(HORIZON - 20, HORIZON + 20), slice(250, 253)), "a bollard or a sign's post that is near"


def test_night_takes_no_roof_for_a_car_where_the_camera_stands() -> None:
    def reddest(wide: int, from_car: bool) -> float:
        scene = street()
        put(scene.day, scene.shows, CAR, slice(100, 130), slice(160, 160 + wide), (0.4, 0.4, 0.4))
        scene.day[112:116, 162:166] = (0.8, 0.1, 0.1)
        return float(night.paint(Scene(scene.day, scene.shows, from_car)).light[112:116, 162:166, 0].mean())

    assert reddest(60, from_car=True) > 0.2
    assert reddest(20, from_car=False) > 0.2
    assert reddest(60, from_car=False) < 0.05


def test_tail_lamps_light_themselves_and_no_mist_around_them() -> None:
    light = night.paint(_tail_lamp()).light[..., 0]
    assert light[112:116, 202:206].mean() > 0.2
    assert light[100:130, 222:240].max() < 0.1, "the other half of the car"
    assert light[60:90, 190:250].max() < 0.1, "what is behind it"


def test_what_is_painted_red_is_no_lamp() -> None:
    """Walls, cars and people in red or yellow are lit as before; a tail-lamp is, unless it was painted over."""
    before = _tail_lamp()
    painted = np.stack([redden(before.day, before.shows, np.random.default_rng(seed)) for seed in range(12)])
    sky, house, car = np.s_[:, 5:60, 160:], np.s_[:, 25:85, 5:135], np.s_[:, 120:128, 205:235]
    assert np.abs(painted - before.day)[sky].max() < 0.02
    for where in (house, car):
        redness = (painted[..., 0] - painted[..., 2])[where]
        assert redness.max() > 0.3, "some of them are"
        assert redness.min() < 0.1, "and some are not"
    lamp = np.s_[112:116, 202:206, 0]
    left, right = before.day.copy(), before.day.copy()
    left[100:130, 200:220], right[100:130, 222:240] = (0.8, 0.2, 0.1), (0.8, 0.2, 0.1)
    for day, lit in ((left, False), (right, True)):
        base, light, _ = night.paint_unlit_red(Scene(day, before.shows, True), before)
        assert (light[lamp].mean() > 0.2) == lit
        assert light[120:128, 222:240].max() < 0.1
    assert base[120:128, 225:235, 0].mean() > base[120:128, 225:235, 2].mean() + 0.03, "it keeps its colour"


def test_too_much_red_light_weighs_more_than_too_much_blue() -> None:
    dark = torch.zeros(1, 3, 4, 4)
    red, blue = dark.clone(), dark.clone()
    red[:, 0], blue[:, 2] = 0.3, 0.3
    assert emission(red, dark).mean() > 1.5 * emission(blue, dark).mean()
    assert emission(red, red).abs().max() == 0


def test_light_on_suspicion_costs_more_in_the_sky_than_on_a_wall() -> None:
    day, dark, nothing = (torch.full((1, 3, 64, 64), x) for x in (0.8, 0.0, 0.0))
    wall = torch.full((1, 3, 64, 64), 0.2)

    def loss(base: torch.Tensor, light: float, painted: float) -> float:
        shown = torch.full_like(base, painted)
        batch = Batch(day, base + shown, base, shown, torch.ones(1), torch.zeros(1) > 0, nothing[:, :1])
        return layered(base, torch.full_like(base, light), batch, lamps=True, trust=0.0).item()

    # of the wall the painter is not sure, so that nothing but its light counts there
    above, below = loss(dark, 0.1, 0.0), loss(wall, 0.1, 0.0)
    assert above > 3 * below > 0
    assert loss(dark, 0.1, 0.1) == pytest.approx(0, abs=1e-6), "a lamp before the sky may be lit"


def test_snow_lies_on_the_road_but_not_on_walls() -> None:
    scene = street()
    scene.day[118:122, 100:200] = 1.0
    base, light, sure = snow.paint(scene)
    shown = (base + light).mean(-1)
    assert shown[150, 100:200].min() > 0.6, "the asphalt is 0.4"
    assert shown[120, 150] > shown[135, 150] + 0.02, "a marking shows through"
    assert light[40:80, 20:120].mean() < light[150, 100:200].mean() - 0.15, "of a wall no more is hidden than by the air"
    assert np.isfinite(base).all() and np.isfinite(light).all()
    assert sure is None


def test_snow_lies_on_the_road_down_to_the_car_that_films_but_not_on_that() -> None:
    # road from its middle row on; the segmenter takes the bonnet below for road, too
    scene = replace(street(), bonnet=(1.0, 0.9, 0.85, 0.9, 1.0))
    covered, bare = snow.paint(scene), snow.paint(replace(scene, bonnet=(1.0,)))
    edge, middle = round(0.85 * HEIGHT), slice(WIDTH // 2 - 8, WIDTH // 2 + 8)
    assert covered.light[edge + 5 :, middle].max() < 0.05 and bare.light[edge + 5 :, middle].min() > 0.5
    np.testing.assert_allclose(covered.light[: edge - 5, middle], bare.light[: edge - 5, middle], atol=1e-6)
    assert covered.light[-5:, 0].min() > 0.5, "at the picture's corner there is no bonnet"
    assert snow.paint(replace(scene, bonnet=None)).light[-5:, middle].max() < 0.05, "where nobody looked, one may be there"


def test_bonnets_were_marked_in_pictures_from_cars_and_lie_in_their_lower_half() -> None:
    marked = read_bonnets(config.load(Path(__file__).parents[1] / "configs" / "clear-to-snowy.yaml"))
    assert {stem.split("_")[0] for stem in marked} == {"bdd", "bdds", "camvid", "carnd1", "carnd4", "ceit", "comma"}, "all taken from cars"
    assert sum(min(heights) < 1 for heights in marked.values()) > 400 and sum(min(heights) == 1 for heights in marked.values()) > 200
    assert all(len(heights) == 5 and 0.5 < min(heights) and max(heights) <= 1 for heights in marked.values())


def test_rain_is_sure_of_the_ground_and_hides_what_is_far() -> None:
    scene = street()
    base, light, sure = rain.paint(scene)
    assert sure is not None
    assert sure[HORIZON + 5 : 145].min() > 0.9
    assert sure[HORIZON + 5 :, :20].min() > 0.9
    assert sure[-5:, 120:200].max() < 0.1, "a bonnet or dashboard may lie there"
    marked = rain.paint(replace(scene, bonnet=(0.9, 1.0, 1.0, 1.0, 1.0))).sure
    assert marked is not None and marked[-5:, :20].max() < 0.1 < 0.9 < marked[-5:, 120:200].min(), "nothing is guessed where someone looked"
    assert rain.paint(replace(scene, from_car=False)).sure[HORIZON + 5 :].min() > 0.9
    assert sure[: HORIZON - 5].max() < 0.1
    below = light[HORIZON + 5 :].mean((1, 2))
    assert below[0] > 1.5 * below[-1], "haze lies on far ground"
    assert base[:50, 200:].max() < 0.05 and light[:50, 200:].min() > 0.5, "nothing is left of the blue sky"
    assert np.ptp(light[:50, 200:].mean((0, 1))) < 0.1, "and what is there instead is grey"
    from_above = street(from_above=True)
    assert rain.paint(from_above).sure.max() == 0
    between_houses = rain.paint(replace(from_above, from_car=True)).sure
    assert between_houses is not None and between_houses[:145].min() > 0.9, "from a car the horizon is in view, whatever hides the sky"


def test_what_is_sure_reaches_the_loss(tmp_path: Path) -> None:
    """Written beside the layers, cut with them, and counted where the rest is not."""
    scene = street()
    (tmp_path / "taught").mkdir()
    for name, painter in (("amos_1", rain.paint), ("amos_2", night.paint)):
        paint_file(painter, scene, tmp_path / "taught" / name)
    wet, dark = read_taught(tmp_path)
    assert wet[9].float().mean() > 100
    assert dark[9].float().max() == 0
    drawn = Taught([wet], (HEIGHT, WIDTH)).draw(np.random.default_rng(0), 3)
    assert drawn.sure.shape == (3, 1, HEIGHT, WIDTH)
    assert drawn.sure.max() > 0.9

    def loss(rows: slice, trust: float) -> float:
        picture, base = torch.full((1, 3, HEIGHT, WIDTH), 0.3), torch.full((1, 3, HEIGHT, WIDTH), 0.3)
        sure = torch.zeros(1, 1, HEIGHT, WIDTH)
        sure[..., HORIZON:, :] = 1
        off = base.clone()
        off[..., rows, :] += 0.2
        nothing = torch.zeros_like(base)
        batch = Batch(picture, base, base, nothing, torch.ones(1), torch.zeros(1) > 0, sure)
        return layered(off, nothing, batch, lamps=False, trust=trust).item()

    above, below = slice(10, 60), slice(100, 150)
    assert loss(above, 0.0) == pytest.approx(0, abs=1e-6)
    assert loss(below, 0.0) > 0.05
    assert loss(below, 1.0) > loss(above, 1.0) > 0.05


def test_drops_fall_all_over_a_crop() -> None:
    """Also over one that is larger than the texture, and anew in each picture."""
    size = (360, 640)
    taught = Taught([torch.full((10, *size), 90, dtype=torch.uint8)], size, "clear")
    rng = np.random.default_rng(0)
    drops = [found for found in taught._drops(torch.zeros(12, 3, *size), rng) if found.any()]
    assert 5 <= len(drops) <= 11
    assert (drops[0] != drops[1]).any()
    for part in (slice(0, 160), slice(480, 640)):
        assert drops[0][..., part].max() > 0.05
    assert taught.draw(rng, 2).picture.shape == (2, 3, *size)


def test_a_picture_that_was_not_written_whole_is_not_there(tmp_path: Path) -> None:
    """A killed run is given again, and goes by what is there."""

    class Killed(Image.Image):
        def save(self, path: Path, **_: object) -> None:
            Path(path).write_bytes(b"half a picture")
            raise KeyboardInterrupt

    file = tmp_path / "day.png"
    with pytest.raises(KeyboardInterrupt):
        save_whole(Killed(), file)
    assert not file.exists()
    save_whole(Image.new("RGB", (4, 4)), file)
    assert Image.open(file).size == (4, 4)


def test_a_killed_prepare_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that is painted red as well is done when both are there."""
    data, work = tmp_path / "data", tmp_path / "work"
    data.mkdir()
    for index in range(3):
        Image.new("RGB", (32, 32), (90, 90, 90)).save(data / f"{index}.png")
    recipe = config.load(Path(__file__).parent.parent / "configs" / "day-to-night.yaml")
    recipe = replace(recipe, data=replace(recipe.data, source=["*.png"], overhead=[], still=[]))
    shown = np.zeros((CLASSES, 32, 32), np.float32)
    shown[ROAD] = 1
    monkeypatch.setattr(preparing, "train_segmenter", lambda *_, **__: None)
    monkeypatch.setattr(preparing, "survey", lambda *_: None)
    monkeypatch.setattr(preparing, "scene_of", lambda path, *_: Scene(np.asarray(Image.open(path), np.float32) / 255, shown, True))
    written = save_whole

    def killed(picture: Image.Image, path: Path) -> None:
        if path.stem.endswith("-red_light"):
            raise KeyboardInterrupt
        written(picture, path)

    monkeypatch.setattr(preparing, "save_whole", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare(recipe, data, work)
    monkeypatch.setattr(preparing, "save_whole", written)
    prepare(recipe, data, work)
    assert len(list((work / "taught").glob("*_light.png"))) == 4, "three pictures, and one of them in red"
    assert len(list((work / "taught").glob("*-red_light.png"))) == 1
    for folder in ("shows", "far"):
        (work / folder).mkdir()
    (work / "segmenter.pt").touch()
    (work / "depth.pt").touch()
    windows = work / "taught" / "0_windows.png"
    windows.unlink()
    monkeypatch.setattr(preparing, "paint_file", None)
    prepare(recipe, data, work)
    assert np.asarray(Image.open(windows)).max() == 0, "what was painted before windows were judged isn't painted again, but judged"
    kept = [work / name for name in ("shows", "far", "depth.pt")]
    assert all(path.exists() for path in kept)
    (work / "segmenter.pt").unlink()
    prepare(recipe, data, work)
    assert not any(path.exists() for path in kept), "what another segmenter said is not gone by: this one is yet to learn"


def test_a_recipe_asks_no_painter_for_what_it_cannot(tmp_path: Path) -> None:
    recipes, file = Path(__file__).parent.parent / "configs", tmp_path / "recipe.yaml"
    for name, extra in (("clear-to-foggy", "backwards: true"), ("clear-to-rainy", "wetted: [day/*.jpg]")):
        file.write_text((recipes / f"{name}.yaml").read_text().replace("data:\n", f"data:\n  {extra}\n"))
        with pytest.raises(ValueError, match=f"recipe.yaml: .*{extra.split(':')[0]} is for the painter of"):
            config.load(file)


def test_a_video_that_ends_too_soon_is_named(tmp_path: Path) -> None:
    video = tmp_path / "short.mp4"
    made = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=32x32:rate=5:duration=1", str(video)]
    subprocess.run(made, check=True, stdin=subprocess.DEVNULL)
    save_frames(video, 0.2, [tmp_path / "0.png", tmp_path / "1.png"])
    assert Image.open(tmp_path / "1.png").size == (32, 32)
    with pytest.raises(ValueError, match=r"short\.mp4: fewer than 2 frames from 0\.8"):
        save_frames(video, 0.85, [tmp_path / "2.png", tmp_path / "3.png"])
    assert not (tmp_path / "2.png").exists()

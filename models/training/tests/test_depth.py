"""How far things are: what a probe learns of perspective, at the picture's size, and what a painter makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from turbo_training import depth, survey
from turbo_training.config import load
from turbo_training.prepare import Easel
from turbo_training.scene import GUESSED, HIDDEN, Scene, certainty, distance
from turbo_training.segmenter import BUILDING, CAR, CLASSES, ROAD, SIGN, SKY
from turbo_training.vit import CHANNELS
from turbo_training.workers import each

HEIGHT, WIDTH, HORIZON = 160, 240, 64


def _street() -> Scene:
    """Sky above houses, before which a road with two cars, the farther one half behind the other."""
    shows = np.zeros((CLASSES, HEIGHT, WIDTH), np.float32)
    shows[SKY, :32] = shows[BUILDING, 32:HORIZON] = shows[ROAD, HORIZON:] = 1
    for top, bottom, left, right in ((56, 80, 100, 140), (60, 110, 60, 120)):
        shows[:, top:bottom, left:right] = 0
        shows[CAR, top:bottom, left:right] = 1
    return Scene(np.full((HEIGHT, WIDTH, 3), 0.5, np.float32), shows, True)


def test_a_probe_learns_what_is_linear_and_evens_out_what_is_not() -> None:
    rng = torch.Generator().manual_seed(2)
    truth = 0.1 * torch.randn(CHANNELS, generator=rng)

    def example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        features = torch.randn(CHANNELS, 24, 40, generator=rng) * 0.3
        far = (torch.einsum("c,chw->hw", truth, features) + 2).exp()
        wrong = torch.rand(24, 40, generator=rng) < 0.2
        return features, torch.where(wrong, far * 3, far), torch.where(wrong, 0.01, 1.0)

    probe = depth.fit(example() for _ in range(8))
    features, far, _ = example()
    exact = (torch.einsum("c,chw->hw", truth, features) + 2).exp()
    told = depth.tell(probe, features)
    assert (told / exact).log().abs().mean() < 0.1 < (told / far).log().abs().mean() < 0.4
    assert depth.tell(probe * 100, features).min() >= 1 and depth.tell(probe * 100, features).max() <= depth.FARTHEST * 1.001


def test_cells_become_pixels_with_the_pictures_edges() -> None:
    luma = np.full((92, 470), 0.7, np.float32)
    luma[:, 235:] = 0.2
    coarse = np.full((6, 30), 30.0, np.float32)
    coarse[:, 15:] = 5
    far = depth.enlarged(coarse, luma)
    assert far.shape == luma.shape
    step = np.abs(np.diff(np.log(far[40])))
    assert step.argmax() == 234 and step[234] > 3 * np.delete(step, 234).max(), "the edge lies where the picture has it"
    assert far[:, 200].min() > 25 and far[:, 280].max() < 6


def test_with_a_probe_a_row_of_cars_is_not_as_near_as_the_nearest() -> None:
    scene = _street()
    alone = distance(scene)
    assert alone[62, 130] == alone[100, 80], "one patch of cars: all of it stands where the nearest does"
    far = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    far[:72, 120:] = 9.0
    far[:50] = 20.0
    told = distance(replace(scene, far=far))
    assert told[62, 130] == pytest.approx(9) and told[100, 80] == alone[100, 80]
    assert told[40, 10] == 20 and np.array_equal(told[120:, 150:], alone[120:, 150:]), "ground lies where perspective puts it"


def test_a_foot_that_is_hidden_is_not_gone_by() -> None:
    shows = np.zeros((CLASSES, HEIGHT, WIDTH), np.float32)
    shows[SKY, :HORIZON] = shows[ROAD, HORIZON:] = 1
    shows[:, 50:70, 100:140] = 0
    shows[CAR, 50:70, 100:140] = 1
    scene = Scene(np.full((HEIGHT, WIDTH, 3), 0.5, np.float32), shows, True)
    assert distance(scene)[60, 120] > 2 * HIDDEN * 2, "by its foot, as that is seen, it is much farther"
    assert distance(replace(scene, far=np.full((HEIGHT, WIDTH), 2.0, np.float32)))[60, 120] == pytest.approx(HIDDEN * 2)


def test_what_is_surely_known_counts_more() -> None:
    street = _street()
    street.shows[:, 34:44, 200:220] = 0
    street.shows[SIGN, 34:44, 200:220] = 1
    sure = certainty(street)
    assert sure[120, 20] == sure[100, 80] == 1 and sure[40, 10] == GUESSED and sure[10, 10] == 0
    assert sure[40, 210] == GUESSED, "of a sign above the horizon no foot is seen"


def test_a_survey_is_made_once_and_teaches_the_painter(tmp_path: Path) -> None:
    street, asked = _street(), list[str]()
    paths = [tmp_path / f"bdd_{index}.png" for index in range(2)]
    for path in paths:
        Image.fromarray((street.day * 255).astype(np.uint8)).save(path)

    def features(_: Image.Image) -> torch.Tensor:
        asked.append("features")
        rows = torch.linspace(-1, 1, HEIGHT // 16)[None, :, None]
        return torch.cat([rows, rows**2, torch.zeros(CHANNELS - 2, HEIGHT // 16, 1)]).expand(CHANNELS, HEIGHT // 16, WIDTH // 16)

    def classify(_: Image.Image) -> np.ndarray:
        asked.append("classify")
        return street.shows

    classifier = SimpleNamespace(classify=classify, features=features)
    survey.survey(classifier, paths, tmp_path / "labels", tmp_path / "shared")  # type: ignore[arg-type]
    assert sorted(asked) == ["classify"] * 2 + ["features"] * 6
    seen = survey.scene_of(paths[0], tmp_path / "labels", tmp_path / "shared")
    assert seen.from_car and seen.far is not None and np.array_equal(seen.shows, street.shows)
    assert 1 <= seen.far[150, 20] < 3 < seen.far[70, 20] <= depth.FARTHEST, "the lower, the nearer"
    survey.survey(classifier, paths, tmp_path / "labels", tmp_path / "shared")  # type: ignore[arg-type]
    assert len(asked) == 8, "what is known isn't asked again"
    (tmp_path / "shared" / "far" / "bdd_1.png").unlink()
    kept = (tmp_path / "shared" / "depth.pt").read_bytes()
    survey.survey(classifier, paths, tmp_path / "labels", tmp_path / "shared")  # type: ignore[arg-type]
    (tmp_path / "shared" / "depth.pt").unlink()
    survey.survey(classifier, paths, tmp_path / "labels", tmp_path / "shared")  # type: ignore[arg-type]
    assert (tmp_path / "shared" / "depth.pt").read_bytes() == kept, "it is fitted to perspective, not to what one before it said"
    assert len(asked) == 16 and (tmp_path / "shared" / "depth.pt").read_bytes() == kept


def test_where_nothing_is_known_no_probe_is_fitted() -> None:
    with pytest.raises(ValueError, match="no picture"):
        depth.fit(iter(()))


def test_labels_count_and_from_above_there_is_no_sky(tmp_path: Path) -> None:
    street, shared = _street(), tmp_path / "shared"
    labels = tmp_path / "labels"
    labels.mkdir()
    path, above = tmp_path / "amos_1.png", tmp_path / "overhead_1.png"
    right = np.full((HEIGHT, WIDTH), CAR, np.uint8)
    right[:10] = CLASSES
    Image.fromarray(right).save(labels / "amos_1.png")
    for picture in (path, above):
        Image.fromarray((street.day * 255).astype(np.uint8)).save(picture)

    def features(picture: Image.Image) -> torch.Tensor:
        return torch.ones(CHANNELS, -(-picture.height // 16), -(-picture.width // 16))

    classifier = SimpleNamespace(classify=lambda _: street.shows, features=features)
    survey.survey(classifier, [path, above], labels, shared)  # type: ignore[arg-type]
    scene = survey.scene_of(path, labels, shared)
    assert not scene.from_car and scene.shows[CAR, 60, 10] == pytest.approx(0.85) and scene.shows[SKY, 5, 10] == 1
    assert survey.scene_of(above, labels, shared).shows[ROAD, 5, 10] == 1


def test_a_picture_of_any_size_has_a_distance_everywhere() -> None:
    scene = _street()
    odd = Scene(scene.day[:150, :231], scene.shows[:, :150, :231], True)
    far = depth.enlarged(np.linspace(2, 40, 10 * 15, dtype=np.float32).reshape(10, 15), odd.luma)
    assert far.shape == (150, 231) and np.isfinite(distance(replace(odd, far=far))).all()


@pytest.mark.parametrize(("effect", "files"), [("clear-to-foggy", 3), ("clear-to-snowy", 3), ("rainy-to-clear", 3 * 4)])
def test_painters_side_by_side_paint_what_one_does(tmp_path: Path, effect: str, files: int) -> None:
    street, recipe = _street(), load(Path(__file__).parent.parent / "configs" / f"{effect}.yaml")
    paths = [tmp_path / f"bdd_{index}.png" for index in range(3)]
    for index, path in enumerate(paths):
        Image.fromarray((street.day * (200 + index)).astype(np.uint8)).save(path)

    def features(_: Image.Image) -> torch.Tensor:
        return torch.linspace(-1, 1, HEIGHT // 16)[None, :, None].expand(CHANNELS, HEIGHT // 16, WIDTH // 16)

    classifier = SimpleNamespace(classify=lambda _: street.shows, features=features)
    survey.survey(classifier, paths, tmp_path / "labels", tmp_path)  # type: ignore[arg-type]
    painted = list[dict[str, np.ndarray]]()
    for workers in (1, 2):
        work = tmp_path / str(workers)
        (work / "taught").mkdir(parents=True)
        easel = Easel(recipe, tmp_path / "labels", work, tmp_path, {}, {}, {"bdd_1": (0.7,), "bdd_0": (1.0,)})
        list(each(easel.paint, [(index, path, effect == "rainy-to-clear") for index, path in enumerate(paths, 1)], workers))
        painted.append({path.name: np.asarray(Image.open(path), int) for path in (work / "taught").iterdir()})
    assert len(painted[0]) == 3 * files and painted[0].keys() == painted[1].keys()
    # sums come out otherwise in one thread
    assert max(np.abs(alone - painted[1][name]).max() for name, alone in painted[0].items()) <= (effect == "rainy-to-clear")
    if effect == "clear-to-snowy":
        covered, bonnet = (painted[0][f"bdd_{index}_light.png"][-20:, 130:].min() for index in range(2))
        assert bonnet < 0.4 * covered, "the easel hands on where bonnets were marked"

"""Training on CUDA, as far as a machine without a GPU can tell: what is computed with lies on one device, and comes back from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from turbo_training import device, train, weights
from turbo_training.cli import main
from turbo_training.config import Phase, load
from turbo_training.evaluate import without_heads
from turbo_training.examples import Pairs, Passing, Still, Taught
from turbo_training.folders import Folders
from turbo_training.likeness import Likeness, Wholes
from turbo_training.losses import _blurring
from turbo_training.network import Generator, Widths
from turbo_training.objectives import Duel, _descend
from turbo_training.skies import Dusk, Skies
from turbo_training.train import Run, _batches, _step, _Unpaired

RECIPE = load(Path(__file__).parents[1] / "configs" / "day-to-night.yaml")
SMALL = replace(without_heads(RECIPE), widths=Widths(quarter=16, eighth=16, sixteenth=24, thirtysecond=32, inner=24))
CUDA = torch.device("cuda:0")


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tensors without values, which claim any device and refuse, as CUDA does, to be computed with across two. Forwards only: torch
    goes backwards on real devices alone."""

    def to(module: nn.Module, device: torch.device, memory_format: torch.memory_format | None = None) -> nn.Module:
        for inner in module.modules():
            for name, value in inner._parameters.items():
                inner._parameters[name] = None if value is None else nn.Parameter(value.detach().to(device), value.requires_grad)
            for name, value in inner._buffers.items():
                inner._buffers[name] = None if value is None else value.to(device)
        return module

    take = Tensor.__getitem__

    def chosen(self: Tensor, key: object) -> Tensor:
        if isinstance(key, Tensor):
            assert key.device == self.device
        return take(self, key)

    monkeypatch.setattr(nn.Module, "to", to)
    monkeypatch.setattr(Tensor, "__getitem__", chosen)
    monkeypatch.setattr(Tensor, "__bool__", lambda _: True)
    monkeypatch.setattr(Tensor, "pin_memory", lambda x: x)
    # every other of a batch
    monkeypatch.setattr(Tensor, "nonzero", lambda x: torch.arange(0, len(x), 2, device=x.device)[:, None])
    monkeypatch.setattr(Tensor, "item", lambda _: 0.5)
    monkeypatch.setattr(Tensor, "backward", lambda _: None)
    # a copied network stays in the same pretence
    monkeypatch.setattr(FakeTensorMode, "__deepcopy__", lambda mode, _: mode, raising=False)
    # what is kept from step to step would be kept from test to test
    _blurring.cache_clear()
    with FakeTensorMode():
        yield
    _blurring.cache_clear()


def _on_cuda(*modules: nn.Module) -> bool:
    return all(value.device == CUDA for module in modules for value in module.state_dict().values())


@pytest.mark.usefixtures("pretended")
def test_pretended_devices_do_not_mix() -> None:
    with pytest.raises(RuntimeError, match="cuda:0 and cpu"):
        torch.rand(2).to(CUDA) + torch.rand(2)


@pytest.mark.usefixtures("pretended")
def test_a_step_of_a_recipe_stays_on_its_device() -> None:
    run = Run(SMALL, CUDA)
    rng = np.random.default_rng(0)
    pictures = [torch.zeros(10, 80, 96, dtype=torch.uint8).to(CUDA)]
    sources = {
        "teacher": Taught(pictures, (64, 64)),
        "backwards": Taught(pictures, (64, 64), backwards=True),
        "wet": Taught(pictures, (64, 64), "clear"),
        "pairs": Pairs([pictures[0][:6]], (64, 64), 0.15),
        "still": Still([pictures[0][:6]], (64, 64)),
        "passing": Passing([pictures[0][:3]], (64, 64)),
    }
    batches = _batches(sources, dict.fromkeys(sources, 1) | {"teacher": 2}, 0)
    whole = torch.zeros(10, 352, 640, dtype=torch.uint8).to(CUDA)
    unpaired = _Unpaired(Wholes([whole]), Likeness([torch.rand(3, 176, 320)], 1, CUDA), rng)
    for _ in range(2):
        _step(run, replace(SMALL.phases[-1], likeness=1.0, veil=1.0, halo=1.0, painted=1.0), next(batches), unpaired)
    assert _on_cuda(run.generator, run.averaged)


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize("marks", ["marks/night-skies.json", ""])
def test_a_step_that_teaches_skies_stays_on_its_device(marks: str) -> None:
    run = Run(replace(SMALL, data=replace(SMALL.data, skies=marks)), CUDA)
    run.remember()
    picture = torch.zeros(10, 80, 96, dtype=torch.uint8).to(CUDA)
    skies = Skies([picture[:6]], [picture[:3]], [picture[:3]], (64, 64)) if marks else Dusk([picture], (64, 64))
    sources = {"skies": skies, "still": Still([picture[:6]], (64, 64))}
    phase = Phase("skies", 1, 1e-3, {"skies": 6, "still": 1}, learns="skies")
    _step(run, phase, next(_batches(sources, phase.mixture, 0)), None)
    assert _on_cuda(run.generator, run.averaged, run.before)


def test_pictures_are_kept_on_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pairs").mkdir()
    for name in ("01_in", "01_out"):
        Image.new("RGB", (96, 64)).save(tmp_path / "pairs" / f"{name}.jpg")
    recipe = replace(SMALL, data=replace(SMALL.data, pairs=["pairs"]), phases=[Phase("joined", 1, 1e-3, {"pairs": 1})])
    meta, seen = torch.device("meta"), list[Tensor]()

    def phase(run: Run, phase: Phase, sources: dict[str, Pairs], *_: object) -> None:
        seen.extend(sources["pairs"].pairs)

    monkeypatch.setattr(train, "_train_phase", phase)
    monkeypatch.setattr(train, "sample_sheet", lambda *_: None)
    train.train(recipe, tmp_path, tmp_path / "work", [], device=meta)
    assert [picture.device for picture in seen] == [meta]
    (tmp_path / "input").mkdir()
    Image.new("RGB", (96, 64)).save(tmp_path / "input" / "1.png")
    assert Folders(tmp_path, (64, 64), meta).input[0].device == meta


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize("objective", ["paired", "unpaired"])
def test_a_step_of_two_folders_stays_on_its_device(objective: str) -> None:
    duel = Duel(SMALL, CUDA)
    pictures = (torch.rand(2, 3, 64, 64).to(CUDA) for _ in range(2))
    loss, critic, _ = getattr(duel, objective)(*pictures)
    _descend(duel, SMALL.phases[0], loss, critic)
    assert _on_cuda(duel.generator, duel.averaged, duel.critics, duel.perceptual)


def test_a_checkpoint_of_a_gpu_is_read_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved, run = tmp_path / "final.pt", Run(SMALL)
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda _: "cuda:0")
        run.save(saved)
    with pytest.raises(RuntimeError, match="CUDA"):
        torch.load(saved, weights_only=True)
    Generator(SMALL.widths).load_state_dict(weights.read_weights(saved))
    Run(SMALL).restore(saved)


def test_the_device_is_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.choose("auto") == device.choose("cpu") == torch.device("cpu")
    recipe = ["--config", str(Path(__file__).parents[1] / "configs" / "day-to-night.yaml")]
    with pytest.raises(SystemExit) as ended:
        main(["train", *recipe, "--work", str(tmp_path), "--device", "cuda"])
    assert ended.value.code == 2
    assert "--device cpu" in capsys.readouterr().err
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert device.choose("auto") == device.choose("cuda") == torch.device("cuda", 1)
    assert device.choose("cpu") == torch.device("cpu")

"""The training loop: phases one after the other, resumable after a kill."""

from __future__ import annotations

import copy
import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from .config import Config, Phase
from .device import CPU
from .examples import Source
from .lights import ask_detector, teach
from .likeness import Likeness, Wholes, open_likeness
from .losses import Batch, excess, halo, judged, kept, layered, lit, restless, roughness, veil
from .mirrors import mistaken
from .network import HEADS, Generator, Maps
from .pictures import save_state_whole
from .progress import Progress
from .share import RANK, agree, join, portion, spread, wait
from .sheets import sample_sheet
from .skies import clouded
from .sources import open_sources
from .weights import begin

_LEARNING = {"glow": "glow.", "mirror": "mirror_head."}
"""How the names of the weights begin that a phase teaches, where it doesn't teach all but the heads, or lamps."""


class Run:
    """Everything that a checkpoint holds."""

    def __init__(self, config: Config, device: torch.device = CPU) -> None:
        torch.manual_seed(config.seed)
        self.config, self.device = config, device
        self.generator = Generator(config.widths).to(device=device, memory_format=torch.channels_last)
        self.averaged = copy.deepcopy(self.generator).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.generator.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=1e-3)
        self.before: Generator | None = None
        """What the network was when a phase began that keeps what it doesn't teach."""
        self.phase, self.step, self.seconds = 0, 0, 0.0

    def save(self, path: Path) -> None:
        state = {
            "generator": self.generator.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "before": None if self.before is None else self.before.state_dict(),
            "phase": self.phase,
            "step": self.step,
            "seconds": self.seconds,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        save_state_whole(state, path)

    def restore(self, path: Path) -> None:
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.generator.load_state_dict(state["generator"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        if state.get("before"):
            self.remember()
            self.before.load_state_dict(state["before"])
        self.phase, self.step, self.seconds = state["phase"], state["step"], state["seconds"]

    def remember(self) -> None:
        """Takes the network as it ships so far for what it was before."""
        self.before = copy.deepcopy(self.averaged)

    def average(self, decay: float) -> None:
        decay = min(decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            get_ema_multi_avg_fn(decay)(list(self.averaged.parameters()), list(self.generator.parameters()), None)


def train(
    config: Config,
    data: Path,
    work: Path,
    hold_out: list[str],
    start: Path | None = None,
    only: str | None = None,
    prepared: Path | None = None,
    device: torch.device = CPU,
) -> Path:
    """Runs the recipe, going on from the latest checkpoint in `work` (or from the weights in `start`).

    `prepared` is where `prepare` left its layers, if that is not `work`.
    """
    join()
    run, latest = Run(config, device), work / "latest.pt"
    if latest.exists():
        run.restore(latest)
        print(f"resuming at phase {run.phase + 1}, step {run.step}", flush=True)
    elif start is not None:
        begin(run.generator, start)
        run.averaged.load_state_dict(run.generator.state_dict())
    if only not in (None, *(phase.name for phase in config.phases)):
        raise ValueError(f"--only {only}: {config.id} has the phases {', '.join(phase.name for phase in config.phases)}")
    for index, phase in enumerate(config.phases):
        # one that is asked for runs, anew where it is done; what was cut short goes on
        if phase.name == only or (only is None and index >= run.phase):
            if index != run.phase:
                run.phase, run.step = index, 0
            sized = replace(config, crop=phase.crop or config.crop)
            if phase.learns != "all" and run.step == 0:
                # what ships is the average, which stays as it is but for what such a phase teaches
                run.generator.load_state_dict(run.averaged.state_dict())
            if phase.learns == "skies" and run.step == 0:
                run.remember()
            elif phase.learns == "skies" and run.before is None:
                raise ValueError(f"{latest} is of another recipe, in whose phase {index + 1} no skies were learnt: begin in another folder")
            marked = phase.learns in ("detector", "lamps")
            names = set[str]() if marked else set(phase.mixture)
            sources = open_sources(sized, data, prepared or work, names, hold_out, device)
            unpaired = _unpaired(run, phase, data, prepared or work) if phase.likeness else None
            if phase.learns == "detector":
                ask_detector(config, phase, data, prepared or work, work, _half_taught(work, phase), device)
            elif phase.learns == "lamps":
                _teach_lamps(run, phase, data, prepared or work, work)
            else:
                _train_phase(run, phase, sources, unpaired, data, work)
            if phase.learns != "detector":
                _keep(run, phase, data, work)
            run.phase, run.step, run.before = index + 1, 0, None
            if RANK == 0:
                run.save(latest)
                _half_taught(work, phase).unlink(missing_ok=True)
            # before the next phase's pictures are read
            del sources, unpaired
    if RANK == 0:
        run.save(work / "final.pt")
    wait()
    return work / "final.pt"


def _half_taught(work: Path, phase: Phase) -> Path:
    """What a light head, or the detector that it learns from, has learnt so far."""
    return work / f"half-taught-{phase.name}.pt"


def _teach_lamps(run: Run, phase: Phase, data: Path, prepared: Path, work: Path) -> None:
    answered = work if any(other.learns == "detector" for other in run.config.phases) else None
    teach(run.generator.light_head, run.config, phase, data, prepared, _half_taught(work, phase), answered, run.device)
    # each process folded its own batches' means into its head
    spread(run.generator.light_head)
    run.averaged.light_head.load_state_dict(run.generator.light_head.state_dict())
    run.step = phase.steps


@dataclass
class _Unpaired:
    wholes: Wholes
    likeness: Likeness
    rng: np.random.Generator


def _unpaired(run: Run, phase: Phase, data: Path, prepared: Path) -> _Unpaired:
    wholes, likeness = open_likeness(run.config, data, run.device, prepared if phase.painted else None)
    return _Unpaired(wholes, likeness, np.random.default_rng(_seed(run)))


def _seed(run: Run) -> int:
    return run.config.seed + 1000 * run.phase + run.step + 7919 * RANK


def _train_phase(run: Run, phase: Phase, sources: dict[str, Source], unpaired: _Unpaired | None, data: Path, work: Path) -> None:
    progress = Progress(phase.name, phase.steps, run.step)
    for name, parameter in run.generator.named_parameters():
        belongs = name.startswith(_LEARNING[phase.learns]) if phase.of_heads else not name.startswith(HEADS)
        parameter.requires_grad_(belongs and name.split(".")[0] not in phase.frozen)
    torch.manual_seed(_seed(run))
    batches = _batches(sources, phase.mixture, _seed(run))
    while run.step < phase.steps:
        began = time.perf_counter()
        loss, parts = _step(run, phase, next(batches), unpaired)
        run.step += 1
        run.seconds += time.perf_counter() - began
        if RANK > 0:
            continue
        progress.report(run.step, loss=loss, **parts)
        if run.step % 200 == 0:
            run.save(work / "latest.pt")
        if run.step % 1000 == 0 and run.step < phase.steps:
            _keep(run, phase, data, work)


def _keep(run: Run, phase: Phase, data: Path, work: Path) -> None:
    """A checkpoint that stays, and a sheet of samples."""
    if RANK == 0:
        file = work / f"{phase.name}-{run.step:06d}.pt"
        run.save(file)
        sample_sheet(run.averaged, run.config, data, file.with_suffix(".png"))


def _step(run: Run, phase: Phase, batch: Batch, unpaired: _Unpaired | None) -> tuple[Tensor, dict[str, Tensor]]:
    for group in run.optimiser.param_groups:
        group["lr"] = phase.rate_at(run.step)
    if phase.learns in ("glow", "mirror"):
        loss = _of_head(run, phase, batch)
        _learn(run, loss)
        return loss.detach(), {}
    maps = _maps(run, batch.picture)
    loss, parts = 0.02 * roughness(maps), dict[str, Tensor]()
    known, twin = (which.nonzero().flatten() for which in (~batch.twin, batch.twin))
    if len(known):
        distance, parts = _distance(run, phase, maps.where(known), batch.where(known))
        loss = loss + distance
    if len(twin):
        twins = batch.where(twin)
        unrest = restless(maps.where(twin), _maps(run, twins.target), twins)
        loss, parts["unrest"] = loss + phase.calm * unrest, unrest.detach()
    if unpaired is not None:
        more, seen = _whole(run, phase, unpaired)
        loss, parts = loss + more, parts | seen
    _learn(run, loss)
    return loss.detach(), parts


def _distance(run: Run, phase: Phase, maps: Maps, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    if phase.learns != "skies":
        return judged(maps, batch, run.config.lamps, phase.trust)
    with torch.no_grad(), torch.autocast(batch.picture.device.type, torch.bfloat16):
        before = run.before(batch.picture.contiguous(memory_format=torch.channels_last))
    distance = clouded(maps, before, batch, night=bool(run.config.data.skies)).mean()
    return distance, {"skies": distance.detach()}


def _of_head(run: Run, phase: Phase, batch: Batch) -> Tensor:
    picture = batch.picture.contiguous(memory_format=torch.channels_last)
    half = torch.autocast(picture.device.type, torch.bfloat16)
    if phase.learns == "mirror":
        with half:
            told = run.generator.reflections(picture)
        return mistaken(told.float(), batch.sure)
    with half:
        light, glow = run.generator.lights(picture)
    return lit(light, glow, batch).mean()


def _learn(run: Run, loss: Tensor) -> None:
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    agree(run.generator)
    norm = nn.utils.clip_grad_norm_(run.generator.parameters(), 1.0)
    if math.isfinite(norm.item()):
        run.optimiser.step()
        run.average(run.config.average)


def _whole(run: Run, phase: Phase, unpaired: _Unpaired) -> tuple[Tensor, dict[str, Tensor]]:
    """What is asked of whole pictures."""
    batch = unpaired.wholes.draw(phase.wholes, unpaired.rng)
    maps = _maps(run, batch.picture)
    dimmed = kept(maps, batch.picture)
    out = dimmed + maps.light
    unlike = unpaired.likeness.distance(out)
    loss = phase.likeness * unlike + 0.2 * excess(out) + 0.02 * roughness(maps)
    parts = {"unlike": unlike.detach()}
    if phase.veil:
        loss = loss + phase.veil * veil(maps.light, batch.picture).mean()
    if phase.halo:
        invented = halo(out, batch.picture, batch.sure).mean()
        loss, parts["halo"] = loss + phase.halo * invented, invented.detach()
    if phase.painted:
        painted = layered(dimmed, maps.light, batch, run.config.lamps, phase.trust).mean()
        loss, parts["painted"] = loss + phase.painted * painted, painted.detach()
    return loss, parts


def _maps(run: Run, picture: Tensor) -> Maps:
    with torch.autocast(picture.device.type, torch.bfloat16):
        return run.generator(picture.contiguous(memory_format=torch.channels_last))


def _batches(sources: dict[str, Source], mixture: dict[str, int], seed: int) -> Iterator[Batch]:
    rng = np.random.default_rng(seed)
    while True:
        yield Batch.join([sources[name].draw(rng, count) for name, count in Counter(portion(mixture)).items()])

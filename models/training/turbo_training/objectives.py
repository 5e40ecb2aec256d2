"""The two objectives of img2img-turbo at this scale, and the loop that pursues them.

Paired (pix2pix-Turbo): L2, 5 perceptual, 0.5 adversarial. Unpaired (CycleGAN-Turbo): cycle and identity, each L1 and
perceptual, and 0.5 adversarial, with one generator for both directions told apart by a condition. The weights are the
paper's; its CLIP text-image similarity has no counterpart, since there is no text.
"""

from __future__ import annotations

import copy
import itertools
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import Config, Phase
from .critic import Critic, convince, judge
from .device import CPU
from .direction import TwoWay
from .folders import Folders
from .perceptual import Perceptual
from .pictures import save_state_whole
from .progress import Progress
from .sheets import sample_sheet
from .weights import begin

THERE, BACK = 0, 1


class Duel:
    """The generator, its critics and all that a checkpoint holds."""

    def __init__(self, config: Config, device: torch.device = CPU) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.generator = TwoWay(config.widths).to(device)
        self.averaged = copy.deepcopy(self.generator).requires_grad_(False)
        self.critics = nn.ModuleList([Critic(), Critic()]).to(device)
        self.perceptual = Perceptual().to(device)
        self.optimisers = [
            torch.optim.AdamW(self.generator.parameters(), betas=(0.5, 0.99), weight_decay=1e-3),
            torch.optim.AdamW(self.critics.parameters(), betas=(0.5, 0.99), weight_decay=1e-3),
        ]
        self.step = 0

    def paired(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, dict[str, float]]:
        """Losses of the generator and of its critic."""
        out = self.generator.translate(first, THERE)
        near, look = F.mse_loss(out, second), self.perceptual(out, second)
        fooled = convince(self._unlearning(0, out))
        critic = judge(self.critics[0](second), True) + judge(self.critics[0](out.detach().clamp(0, 1)), False)
        loss = near + 5 * look + 0.5 * fooled + self._excess(out)
        return loss, critic, {"l2": near.item(), "perceptual": look.item(), "fooled": fooled.item(), "critic": critic.item()}

    def unpaired(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, dict[str, float]]:
        """Losses of the generator and of both critics."""
        loss, critic = first.new_zeros(()), first.new_zeros(())
        parts = dict.fromkeys(("cycle", "identity", "fooled", "critic"), 0.0)
        for way, back, own, other in ((THERE, BACK, first, second), (BACK, THERE, second, first)):
            out = self.generator.translate(own, way)
            again = self.generator.translate(out.clamp(0, 1), back)
            kept = self.generator.translate(other, way)
            cycle = F.l1_loss(again, own) + 10 * self.perceptual(again, own)
            identity = F.l1_loss(kept, other) + self.perceptual(kept, other)
            fooled = convince(self._unlearning(way, out))
            judged = judge(self.critics[way](other), True) + judge(self.critics[way](out.detach().clamp(0, 1)), False)
            loss = loss + cycle + identity + 0.5 * fooled + self._excess(out)
            critic = critic + judged
            for name, value in zip(parts, (cycle, identity, fooled, judged), strict=True):
                parts[name] += value.item() / 2
        return loss, critic, parts

    def save(self, path: Path) -> None:
        """Everything that going on needs, and one direction's plain weights for `evaluate` and `export`."""
        state = {
            "averaged": self.averaged.folded(THERE).state_dict(),
            "twoWay": [self.generator.state_dict(), self.averaged.state_dict()],
            "critics": self.critics.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "step": self.step,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        save_state_whole(state, path)

    def restore(self, path: Path) -> None:
        state = torch.load(path, map_location="cpu", weights_only=True)
        for net, weights in zip((self.generator, self.averaged), state["twoWay"], strict=True):
            net.load_state_dict(weights)
        self.critics.load_state_dict(state["critics"])
        for optimiser, inner in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(inner)
        self.step = state["step"]

    def average(self) -> None:
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for slow, fast in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)

    def _unlearning(self, index: int, out: Tensor) -> list[Tensor]:
        """A critic's scores, with gradients for the picture but not for the critic."""
        frozen = {name: p.detach() for name, p in self.critics[index].named_parameters()}
        return torch.func.functional_call(self.critics[index], frozen, (out.clamp(0, 1),))

    @staticmethod
    def _excess(out: Tensor) -> Tensor:
        return 0.2 * (F.relu(-out) + F.relu(out - 1)).mean()


def train_folders(config: Config, data: Path, work: Path, start: Path | None = None, device: torch.device = CPU) -> Path:
    """Runs the recipe of two folders, going on from WORK/latest.pt if it is there, or else from the weights in `start`."""
    duel, latest, phase = Duel(config, device), work / "latest.pt", config.phases[0]
    if latest.exists():
        duel.restore(latest)
        print(f"resuming at step {duel.step}", flush=True)
    elif start is not None:
        for net in (duel.generator, duel.averaged):
            begin(net.generator, start)
    print(f"perceptual distance: {duel.perceptual.kind}", flush=True)
    folders = Folders(data, phase.crop or config.crop, device)
    draw = folders.pair if config.learn == "paired" else folders.apart
    objective = duel.paired if config.learn == "paired" else duel.unpaired
    progress = Progress(phase.name, phase.steps, duel.step)
    rng = np.random.default_rng(config.seed + duel.step)
    size = max(phase.mixture.values())
    while duel.step < phase.steps:
        first, second = (torch.stack(side) for side in zip(*(draw(rng) for _ in range(size)), strict=True))
        loss, critic, parts = objective(first, second)
        _descend(duel, phase, loss, critic)
        duel.step += 1
        progress.report(duel.step, loss=loss.item(), **parts)
        if duel.step % min(100, max(1, phase.steps // 4)) == 0 or duel.step == phase.steps:
            duel.save(latest)
        if duel.step % 1000 == 0 or duel.step == phase.steps:
            sample_sheet(duel.averaged.folded(THERE), config, data, work / f"{phase.name}-{duel.step:06d}.png")
    duel.save(work / "final.pt")
    return work / "final.pt"


def _descend(duel: Duel, phase: Phase, loss: Tensor, critic: Tensor) -> None:
    warm = min(1.0, (duel.step + 1) / 100)
    rate = phase.rate * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * duel.step / phase.steps)))
    for optimiser, total, modules in zip(duel.optimisers, (loss, critic), (duel.generator, duel.critics), strict=True):
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        norm = nn.utils.clip_grad_norm_(itertools.chain(modules.parameters()), 1.0)
        if math.isfinite(norm.item()):
            optimiser.step()
    duel.average()

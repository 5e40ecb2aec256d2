"""How the light head learns to find street lamps and windows: from lamps that were marked by eye, from spots that an earlier head took
for lamps and someone judged, from boxes of which someone said whether a window is in them; and from what a larger detector
(`detector.py`), which learns from the same, says of these and more pictures (Hinton et al., Distilling the knowledge in a neural network,
2015).

What is rare isn't drowned (Lin et al., Focal loss for dense object detection, 2017; Li et al., Generalized focal loss, 2020). The head is
normalised by batches while it learns, which is folded into its weights then.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.optim.swa_utils import get_ema_multi_avg_fn

from .blocks import FOLD, Polish
from .config import Config, Phase
from .detector import LONGEST, Detector, answers, answers_file, answers_folder, look_at
from .device import CPU
from .light_head import LightHead
from .marked import CROP, Marked, Wanted, asked, example, read_marked
from .pictures import relight, save_state_whole, save_whole
from .progress import Progress
from .pyramid import learning
from .share import PROCESSES, RANK, agree, portion, wait

Net = TypeVar("Net", bound=nn.Module)
RELIT = 0.8
BLURRED = 0.25
"""Share of batches that are reduced and enlarged again, to half of their size at the least."""
WINDOWS = 0.5
"""Weight of windows beside lamps."""
DECAY = 0.995


def missed(logits: Tensor, wanted: Wanted) -> Tensor:
    """The focal losses of lamps and of windows, of logits [B, LIGHTS, h, w] and what is wanted, [B, 1, h, w] each."""
    lamp, pane = logits.split(1, 1)
    sure, is_lamp = torch.sigmoid(lamp), wanted.is_lamp * wanted.known
    found = is_lamp * (1 - sure).square() * F.logsigmoid(lamp)
    false = (wanted.known - is_lamp) * (1 - wanted.near).pow(4) * sure.square() * F.logsigmoid(-lamp)
    is_window = wanted.is_window > 0
    right = torch.where(is_window, torch.sigmoid(pane), torch.sigmoid(-pane))
    panes = torch.where(is_window, 0.7, 0.3) * (1 - right).square() * -torch.log(right.clamp(min=1e-6)) * wanted.known_windows
    return -(found + false).sum() / is_lamp.sum().clamp(min=10) + WINDOWS * panes.sum() / is_window.sum().clamp(min=50)


def contradicted(logits: Tensor, wanted: Wanted) -> Tensor:
    """How far logits are from a detector's soft targets for the same cells (distillation): quality focal loss, of lamps and of windows."""

    def of(logit: Tensor, told: Tensor, least: float) -> Tensor:
        far = (torch.sigmoid(logit) - told).square() * F.binary_cross_entropy_with_logits(logit, told, reduction="none")
        return (far * wanted.told).sum() / (told > 0.5).sum().clamp(min=least)

    lamp, pane = logits.split(1, 1)
    return of(lamp, wanted.told_lamp, 10) + WINDOWS * of(pane, wanted.told_window, 50)


def teach(
    head: LightHead,
    config: Config,
    phase: Phase,
    data: Path,
    prepared: Path,
    kept: Path,
    answered: Path | None = None,
    device: torch.device = CPU,
) -> None:
    """Teaches a new head from scratch and puts its weights into `head`; `kept` has how far it is, for the next time if it is killed.
    `answered` is the working folder in which a detector left its answers, if one did."""
    torch.manual_seed(config.seed)
    net = normalised(LightHead(config.widths.light))
    marked = read_marked(config, data, prepared, answered=answered)

    def cost(pictures: Tensor, wanted: Wanted) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            logits = net(F.pixel_unshuffle(pictures, FOLD).contiguous(memory_format=torch.channels_last) - 0.5)
        return missed(logits.float(), wanted) + contradicted(logits.float(), wanted)

    average = _learn(net, [(list(net.parameters()), 1.0)], cost, marked, CROP, config.seed, phase, kept, device)
    head.load_state_dict(folded(average).state_dict())


def ask_detector(config: Config, phase: Phase, data: Path, prepared: Path, work: Path, kept: Path, device: torch.device = CPU) -> None:
    """Teaches a detector, and writes to the working folder what it says of each picture that it is `asked` about."""
    torch.manual_seed(config.seed)
    net = Detector()
    crop = (CROP[0] * LONGEST // 640, CROP[1] * LONGEST // 640)  # as much is seen of a larger picture

    def cost(pictures: Tensor, wanted: Wanted) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            logits = net(pictures.contiguous(memory_format=torch.channels_last))
        return missed(logits.float(), wanted)

    marked = read_marked(config, data, prepared, look_at)
    detector = _learn(net, learning(net), cost, marked, crop, config.seed, phase, kept, device)
    files = list(asked(config, data, prepared).items())[RANK::PROCESSES]
    progress = Progress("answers", len(files))
    answers_folder(work).mkdir(parents=True, exist_ok=True)
    for done, (stem, path) in enumerate(files, 1):
        told = answers(detector, look_at(path), device)
        save_whole(Image.merge("LA", [Image.fromarray(layer) for layer in np.moveaxis(told, 2, 0)]), answers_file(work, stem))
        if RANK == 0:
            progress.report(done)
    wait()


def _learn(
    net: Net,
    groups: list[tuple[list[nn.Parameter], float]],
    cost: Callable[[Tensor, Wanted], Tensor],
    marked: list[Marked],
    crop: tuple[int, int],
    seed: int,
    phase: Phase,
    kept: Path,
    device: torch.device,
) -> Net:
    """The moving average of a net that learns from crops of marked pictures; each group of its weights at its own share of the rate."""
    net.to(device=device, memory_format=torch.channels_last)
    average = copy.deepcopy(net).requires_grad_(False)
    optimiser = torch.optim.AdamW([{"params": weights} for weights, _ in groups], weight_decay=1e-2)
    first = 0
    # none reads what another has yet to remove, or writes anew
    wait()
    if kept.exists():
        state = torch.load(kept, map_location="cpu", weights_only=True)
        for part, name in ((net, "net"), (average, "average"), (optimiser, "optimiser")):
            part.load_state_dict(state[name])
        first = state["step"]
    seed = seed + first + 7919 * RANK
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    progress, count = Progress(phase.name, phase.steps, first), len(portion(phase.mixture))
    for step in range(first, phase.steps):
        drawn = (example(marked[rng.integers(len(marked))], rng, crop) for _ in range(count))
        pictures, wanted = (torch.stack(part) for part in zip(*drawn, strict=True))
        seen = relight(_blurred(pictures, rng), rng, RELIT).to(device)
        loss = cost(seen, Wanted(*wanted.to(device).split(1, 1)))
        for group, (_, share) in zip(optimiser.param_groups, groups, strict=True):
            group["lr"] = phase.rate_at(step) * share
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        agree(net)
        if math.isfinite(nn.utils.clip_grad_norm_(net.parameters(), 5.0).item()):
            optimiser.step()
            _follow(average, net, min(DECAY, (1 + step) / (10 + step)))
        if RANK > 0:
            continue
        progress.report(step + 1, loss=loss.detach())
        if (step + 1) % 200 == 0:
            state = {"net": net.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1}
            save_state_whole(state, kept)
    return average


def _blurred(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Some batches with less detail, as other cameras and codecs leave."""
    if rng.random() >= BLURRED:
        return pictures
    size, scale = pictures.shape[2:], rng.uniform(0.5, 1)
    reduced = F.interpolate(pictures, [round(side * scale) for side in size], mode="bilinear", antialias=True)
    return F.interpolate(reduced, size, mode="bilinear")


def normalised(head: LightHead) -> LightHead:
    """The same head with its stem and each 3x3 convolution normalised by batches; what is mixed in adds nothing yet."""
    for parent in list(head.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d) and (child.kernel_size == (3, 3) or child is head.stem):
                norm = nn.BatchNorm2d(child.out_channels)
                if isinstance(parent, Polish):
                    nn.init.zeros_(norm.weight)
                    child.reset_parameters()
                setattr(parent, name, nn.Sequential(child, norm))
    nn.init.constant_(head.tell.bias, -4.0)
    return head


def folded(head: LightHead) -> LightHead:
    """The head with its normalisation folded into its weights."""
    plain = copy.deepcopy(head).eval()
    for parent in list(plain.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Sequential):
                setattr(parent, name, fuse_conv_bn_eval(child[0], child[1]))
    return plain


def _follow(average: nn.Module, net: nn.Module, decay: float) -> None:
    pairs = [(a, b) for a, b in zip(average.state_dict().values(), net.state_dict().values(), strict=True) if a.is_floating_point()]
    with torch.no_grad():
        get_ema_multi_avg_fn(decay)([a for a, _ in pairs], [b for _, b in pairs], None)

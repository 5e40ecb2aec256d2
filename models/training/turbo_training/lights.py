"""How the light head learns to find street lamps and windows: from lamps that were marked by eye, from spots that an earlier head took
for lamps and someone judged, and from boxes of which someone said whether a window is in them.

A detector by cells (Zhou et al., Objects as points, 2019): each lamp is a peak on a grid of cells, and what is rare isn't drowned (Lin et
al., Focal loss for dense object detection, 2017). It is normalised by batches while it learns, which is folded into its weights then.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.optim.swa_utils import get_ema_multi_avg_fn

from .blocks import FOLD, Polish
from .config import Config, Phase
from .device import CPU
from .light_head import LightHead
from .pictures import pixels, read, relight
from .prepare import read_judged, read_marks, read_windows, windows_file
from .progress import Progress
from .scene import Mark
from .share import RANK, agree, portion, wait
from .sources import glob
from .windows import UNKNOWN

CROP = (192, 320)
NEAR_A_LAMP = 0.65
"""Share of crops that hold one, where all of a picture's lamps are marked; in others all crops hold a spot that was judged, if any was."""
SCALES = (0.75, 1.6)
SMALLEST = 0.9
"""How wide the peak of a small lamp is, in cells; that of a large one is six tenths of its radius."""
RELIT = 0.8
WINDOWS = 0.5
"""Weight of windows beside lamps."""
IS_WINDOW, IS_NONE = 0.6, 0.25
"""Share of a cell from which on it counts as a window, and up to which as none. What is unknown counts as half (`judged_panes`), so
that a cell at the edge of a window, before a wall of which nothing is known, may be either."""
DECAY = 0.995
NEAR_A_SPOT = 3.0
"""How many cells around a spot that was judged are known, where not all of the picture is."""


@dataclass(frozen=True)
class Marked:
    """A picture, [3, H, W], bytes, or [4, H, W] with what is known of its windows; and the lamps in it."""

    picture: Tensor
    lamps: tuple[Mark, ...]
    others: tuple[Mark, ...] | None = None
    """What looks like a lamp and is none, in a picture of which no more is known than this and these lamps; None: every lamp of
    the picture is marked."""


def read_marked(config: Config, data: Path, prepared: Path) -> list[Marked]:
    """All pictures in which someone has marked the lamps, or judged spots or windows."""
    judged = read_judged(config)
    files = {path.stem: path for path in glob(data, config.data.source)} | {Path(name).stem: data / name for name in judged}

    def picture(stem: str) -> Tensor | None:
        prepared_file, windows = prepared / "taught" / f"{stem}_day.png", windows_file(prepared, stem)
        file = prepared_file if prepared_file.exists() else files.get(stem)
        if file is None or not file.exists():
            return None
        layers = (Image.open(windows),) if windows.exists() else ()
        return pixels(read(file), *layers)

    known = {stem: (lamps, None) for stem, lamps in read_marks(config).items()}
    known |= {Path(name).stem: spots for name, spots in judged.items()}
    known = {stem: ((), ()) for stem in read_windows(config)} | known
    found = [Marked(seen, *known[stem]) for stem in sorted(known) if (seen := picture(stem)) is not None]
    if not any(len(of.picture) > 3 for of in found):
        raise ValueError(f"{config.id}: of no marked picture are windows known; `prepare` writes {prepared / 'taught'} by data.windows")
    print(f"{len(found)} of {len(known)} marked or judged pictures are here", flush=True)
    return found


class Wanted(NamedTuple):
    """What is wanted of cells, [..., h, w] each."""

    near: Tensor
    """How near a lamp's middle is."""
    is_lamp: Tensor
    is_window: Tensor
    known: Tensor
    """Whether it is known if there is a lamp here."""
    known_windows: Tensor


def example(of: Marked, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A crop, [3, H, W], and what is wanted of its cells, stacked as `Wanted`."""
    tall, wide = of.picture.shape[1:]
    scale = float(np.exp(rng.uniform(*np.log(SCALES))))
    height, width = min(tall, round(CROP[0] / scale)), min(wide, round(CROP[1] / scale))
    across, down = rng.uniform(0, wide), rng.uniform(0, tall)
    spots = of.lamps + (of.others or ())
    if spots and (of.others is not None or rng.random() < NEAR_A_LAMP):
        spot = spots[rng.integers(len(spots))]
        across, down = spot.x * wide + rng.uniform(-0.4, 0.4) * width, spot.y * tall + rng.uniform(-0.4, 0.4) * height
    left, top = int(np.clip(across - width / 2, 0, wide - width)), int(np.clip(down - height / 2, 0, tall - height))
    cut = of.picture[None, :, top : top + height, left : left + width].float() / 255
    cut = F.interpolate(cut, CROP, mode="bilinear", antialias=True)[0]
    rows, columns = (torch.arange(side // FOLD) for side in CROP)

    def apart(mark: Mark) -> tuple[float, float, Tensor]:
        """Where a mark is, in cells, and how far from there each cell is, squared."""
        row = (mark.y * tall - top) / height * len(rows) - 0.5
        column = (mark.x * wide - left) / width * len(columns) - 0.5
        return row, column, (rows[:, None] - row).square() + (columns - column).square()

    near, is_lamp, known = torch.zeros(3, len(rows), len(columns))
    for lamp in of.lamps:
        row, column, far = apart(lamp)
        if not (-1 < row < len(rows) and -1 < column < len(columns)):
            continue
        spread = max(SMALLEST, 0.6 * lamp.radius * wide / width * len(columns))
        peak = torch.exp(-far / (2 * spread**2))
        near, is_lamp = torch.maximum(near, peak), torch.maximum(is_lamp, (peak > 0.6).float())
        is_lamp[min(max(round(row), 0), len(rows) - 1), min(max(round(column), 0), len(columns) - 1)] = 1
    if of.others is None:
        known = torch.ones_like(known)
    else:
        for spot in spots:
            known = torch.maximum(known, (apart(spot)[2] < NEAR_A_SPOT**2).float())
    window = F.avg_pool2d(cut[None, 3:], FOLD)[0, 0] if len(cut) > 3 else torch.full_like(near, UNKNOWN)
    is_window = window > IS_WINDOW
    wanted = torch.stack(Wanted(near, is_lamp, is_window.float(), known, (is_window | (window < IS_NONE)).float()))
    return (cut[:3].flip(2), wanted.flip(2)) if rng.random() < 0.5 else (cut[:3], wanted)


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


def teach(head: LightHead, config: Config, phase: Phase, data: Path, prepared: Path, kept: Path, device: torch.device = CPU) -> None:
    """Teaches a new head from scratch and puts its weights into `head`; `kept` has how far it is, for the next time if it is killed."""
    marked = read_marked(config, data, prepared)
    torch.manual_seed(config.seed)
    net = normalised(LightHead(config.widths.light)).to(device=device, memory_format=torch.channels_last)
    average = copy.deepcopy(net).requires_grad_(False)
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    first = 0
    # none reads what another has yet to remove, or writes anew
    wait()
    if kept.exists():
        state = torch.load(kept, map_location="cpu", weights_only=True)
        for part, name in ((net, "net"), (average, "average"), (optimiser, "optimiser")):
            part.load_state_dict(state[name])
        first = state["step"]
    seed = config.seed + first + 7919 * RANK
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    progress, count = Progress(phase.name, phase.steps, first), len(portion(phase.mixture))
    for step in range(first, phase.steps):
        pictures, wanted = zip(*(example(marked[rng.integers(len(marked))], rng) for _ in range(count)), strict=True)
        relit = relight(torch.stack(pictures), rng, RELIT).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            logits = net(F.pixel_unshuffle(relit, FOLD).contiguous(memory_format=torch.channels_last) - 0.5)
        loss = missed(logits.float(), Wanted(*torch.stack(wanted).to(device).split(1, 1)))
        for group in optimiser.param_groups:
            group["lr"] = phase.rate_at(step)
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
            torch.save(state, kept.with_suffix(".partial"))
            kept.with_suffix(".partial").replace(kept)
    head.load_state_dict(folded(average).state_dict())


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

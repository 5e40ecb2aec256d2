"""What a translated picture is judged by."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .blocks import luma
from .device import send
from .network import Maps


@dataclass
class Batch:
    """Examples stacked: [B, 3, H, W], and which of them have known layers [B]."""

    picture: Tensor
    target: Tensor
    base: Tensor
    light: Tensor
    split: Tensor
    """1 where there are layers, else 0; kept on the CPU, as `twin` is, so that a GPU needn't be asked."""
    twin: Tensor
    """Which of them have no target, but what the same camera sees a moment later."""
    sure: Tensor
    """Where the painter's tones count whatever the trust: [B, 1, H, W], 0 to 1."""

    @classmethod
    def of(
        cls, picture: Tensor, target: Tensor, layers: tuple[Tensor, Tensor] | None = None, sure: Tensor | None = None, twin: bool = False
    ) -> Batch:
        """Examples of one kind; without `layers` they have none, and without `sure` the painter is nowhere."""
        nothing = torch.zeros_like(target)
        base, light = layers or (nothing, nothing)
        split, twins = torch.full((len(target),), float(layers is not None)), torch.full((len(target),), twin)
        return cls(picture, target, base, light, split, twins, nothing[:, :1] if sure is None else sure)

    @classmethod
    def join(cls, parts: list[Batch]) -> Batch:
        """The examples of all of them."""
        return cls(*(torch.cat([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    def where(self, chosen: Tensor) -> Batch:
        """Some of the examples, by their numbers (on the CPU)."""
        there = send(chosen, self.picture.device)
        return Batch(*(getattr(self, f.name).index_select(0, chosen if f.name in ("split", "twin") else there) for f in fields(self)))


def root(x: Tensor) -> Tensor:
    """Square root of brightness: darkness counts as the eye sees it."""
    return torch.sqrt(x.clamp(0, 1) + 1e-3)


def judged(maps: Maps, batch: Batch, lamps: bool, trust: float = 1.0) -> tuple[Tensor, dict[str, Tensor]]:
    """Distance to the target; where a painter knows base and light, each map is supervised by its own layer.

    `trust` is how much the tones of the painter's base count. At 0 it teaches what is emitted, where the sky goes and what it is sure
    of alone, and the pairs of a large model, judged by `near`, say how everything else looks. `lamps` says that light is emitted by
    few, small things rather than spread over the picture like fog.
    """
    dimmed = kept(maps, batch.picture)
    out = dimmed + maps.light
    split = send(batch.split, out.device)
    layers = split * layered(dimmed, maps.light, batch, lamps, trust) if batch.split.any() else torch.zeros_like(split)
    whole = (1 - split) * near(out, batch.target)
    if lamps:
        # a pair doesn't tell what is emitted in it; without this, the light lies over everything as a veil
        whole = whole + (1 - split) * 0.7 * veil(maps.light, batch.target)
    total = (whole + layers).mean() + 0.2 * excess(out)
    return total, {"whole": whole.mean().detach(), "layers": layers.mean().detach()}


def kept(maps: Maps, picture: Tensor) -> Tensor:
    """What the gain leaves of a picture; it is held within bounds, or one pixel could lead a whole step."""
    return picture * torch.exp(maps.log_gain(picture).clamp(-8, 2.5))


def excess(out: Tensor) -> Tensor:
    """How far a picture goes beyond black and white."""
    return (F.relu(-out) + F.relu(out - 1)).mean()


def veil(light: Tensor, picture: Tensor) -> Tensor:
    """Light that is laid over what is dark in the picture."""
    return (F.relu(0.4 - luma(picture)) * light.abs()).mean((1, 2, 3))


HALO = (4, 16)
"""Sizes in pixels of the cells between which `halo` looks for edges."""


def halo(out: Tensor, picture: Tensor, sure: Tensor) -> Tensor:
    """How far differences between neighbouring cells exceed twice what they were in the picture [B], of the root of brightness.

    Not where the painter is `sure`, [B, 1, H, W]: what is wet, or lit from behind, may have edges that it had not.
    """

    def edges(x: Tensor, cell: int) -> tuple[Tensor, Tensor]:
        coarse = root(F.avg_pool2d(x, cell))
        return (coarse[..., 1:] - coarse[..., :-1]).abs().amax(1), (coarse[..., 1:, :] - coarse[..., :-1, :]).abs().amax(1)

    total = out.new_zeros(len(out))
    for cell in HALO:
        for after, before, where in zip(edges(out, cell), edges(picture, cell), _between(1 - sure, cell), strict=True):
            total = total + (where * F.relu(after - 2 * before)).mean((1, 2))
    return total


def _between(free: Tensor, cell: int) -> tuple[Tensor, Tensor]:
    """How free both cells of a neighbouring pair are throughout, aside and down."""
    least = -F.max_pool2d(-free, cell)[:, 0]
    return torch.minimum(least[..., 1:], least[..., :-1]), torch.minimum(least[..., 1:, :], least[..., :-1, :])


def near(out: Tensor, target: Tensor) -> Tensor:
    """Distance of each picture to its target [B]: squared and absolute, as shown and as the eye sees darkness, of edges and structure.

    It is weighed so that a few pairs aren't drowned by the lamps of many painted streets.
    """
    error = out - target
    seen = (root(out) - root(target)).abs()
    return (
        4 * (6 * error.square() + 0.4 * error.abs() + 0.4 * seen).mean((1, 2, 3)) + 1.5 * slopes(out, target) + 1 - structure(out, target)
    )


def structure(out: Tensor, target: Tensor) -> Tensor:
    """Structural similarity of the luma of each picture [B], as `measures.ssim` has it."""
    aside, down = (_blurring(side, out.device) for side in (out.shape[3], out.shape[2]))

    def blur(x: Tensor) -> Tensor:
        return down.T @ (x @ aside)

    x, y = luma(out), luma(target)
    mx, my, xx, yy, xy = blur(torch.cat([x, y, x * x, y * y, x * y])).chunk(5)
    vx, vy, vxy = xx - mx * mx, yy - my * my, xy - mx * my
    alike = (2 * mx * my + 1e-4) * (2 * vxy + 9e-4) / ((mx * mx + my * my + 1e-4) * (vx + vy + 9e-4))
    return alike.mean((1, 2, 3))


@cache
def _blurring(side: int, device: torch.device) -> Tensor:
    """The matrix that blurs a row as `measures.ssim` does, [side, side - 10].

    A product with it, since the way back of a convolution of one channel is slow: on a GPU it took half of the step.
    """
    line = torch.exp(-0.5 * (torch.arange(-5.0, 6.0) / 1.5).square())
    line, places = line / line.sum(), torch.arange(side - 10)
    matrix = torch.zeros(side, side - 10)
    for offset in range(11):
        matrix[places + offset, places] = line[offset]
    return matrix.to(device)


SURE_OF_GROUND, SURE_OF_WINDOWS = 3.0, 8.0
"""How much the painter's tones count where it is sure: wet ground is plain, a lit window small, and either would be lost among the rest."""


SKY = 6.0
"""Weight of light where the sky goes and the painter has less: missing lamps weigh so much that it would be laid there on suspicion."""


def layered(kept: Tensor, light: Tensor, batch: Batch, lamps: bool, trust: float) -> Tensor:
    """Distance of each picture's layers to the painter's [B]."""
    out = kept + light
    # what was bright and of which nothing is kept: the sky, and what is lost in haze
    gone = ((luma(batch.picture) > 0.35) & (luma(batch.base) < 0.1)).float()
    toned = trust + ((SURE_OF_WINDOWS if lamps else SURE_OF_GROUND) - trust) * batch.sure
    counts = torch.maximum(trust + (1 - trust) * gone, toned)
    bright = 1 + 3 * batch.target.amax(1, keepdim=True) if lamps else 1.5
    whole = (counts * bright * (root(out) - root(batch.target)).abs()).mean((1, 2, 3))
    coarse = sum(
        (F.avg_pool2d(toned, k) * (root(F.avg_pool2d(out.clamp(0, 1), k)) - root(F.avg_pool2d(batch.target, k))).abs()).mean((1, 2, 3))
        for k in (4, 16)
    )
    base = (counts * (root(kept) - root(batch.base)).abs()).mean((1, 2, 3))
    if lamps:
        emitted = emission(light, batch.light) + SKY * gone * F.relu(light - batch.light)
    else:
        emitted = 2 * counts * (light - batch.light).abs()
    edges = slopes(root(out), root(batch.target), toned) + slopes(light, batch.light, torch.ones_like(toned) if lamps else toned)
    return whole + 0.5 * coarse + base + emitted.mean((1, 2, 3)) + edges


def lit(light: Tensor, glow: Tensor, batch: Batch) -> Tensor:
    """Distance of each picture's light, with the glow of the lamps that the light head found, to the painter's [B]. Where the painter's
    light is red there is no glow: the rest knows red lamps by their colour.

    Light that is missing weighs more than light that is too much, but not so much more as in `emission`, with which the head would glow
    wherever it isn't quite sure; and light that is too much weighs more where the sky goes.
    """
    red = _reddish(batch.light)
    wanted = torch.where(red, light, batch.light)
    whole = light + glow
    missing, false = F.relu(wanted - whole), F.relu(whole - wanted)
    white = ((batch.light[:, 1:2] > 0.2) & ~red).float()
    gone = ((luma(batch.picture) > 0.35) & (luma(batch.base) < 0.1)).float()
    total = (1 + 12 * white) * missing + (2.5 + 2 * gone) * false
    return total.mean((1, 2, 3)) + slopes(whole, wanted)


def _reddish(light: Tensor) -> Tensor:
    """Where light is red, or white with red around it, as the core of a tail-lamp is: [B, 1, H, W]."""
    redder = F.avg_pool2d(F.relu(light[:, :1] - light[:, 1:2] - 0.06), 5, 1, 2)
    # aside, then down: 17 by 17 at once would be the slowest thing of the step
    return F.max_pool2d(F.max_pool2d((redder > 0.04).float(), (1, 17), 1, (0, 8)), (17, 1), 1, (8, 0)) > 0


def restless(first: Maps, second: Maps, batch: Batch) -> Tensor:
    """How much what the same camera sees a moment later differs in the output where it doesn't in the input, noise aside."""
    before, after = first.apply(batch.picture), second.apply(batch.target)
    still = ((batch.picture - batch.target).abs().amax(1, keepdim=True) < 0.05).float()
    noise = (batch.picture - batch.target).abs()
    return (still * F.relu((before - after).abs() - 0.7 * noise)).mean() + 0.5 * (still * (before - after)).mean((2, 3)).abs().mean()


def slopes(x: Tensor, target: Tensor, counts: Tensor | None = None) -> Tensor:
    """Distance of the differences between neighbouring pixels [B]: edges stay where they are, and no grid is laid over what is smooth.

    `counts` says how much each pixel does, [B, 1, H, W]; without it all do.
    """
    error = x - target
    aside, down = (error[..., 1:] - error[..., :-1]).abs(), (error[..., 1:, :] - error[..., :-1, :]).abs()
    if counts is not None:
        aside, down = aside * counts[..., 1:], down * counts[..., 1:, :]
    return aside.mean((1, 2, 3)) + down.mean((1, 2, 3))


REDDER = 6.0
"""Weight of light that is redder than it should be, beside what all light that is too much costs."""


def emission(light: Tensor, target: Tensor) -> Tensor:
    """Lamps are few pixels: they weigh more than darkness, and a lamp that is missing weighs more than one too many.

    White lamps, known by their green, weigh most: unlike tail lamps, no colour gives away where they are. Light that is redder than it
    should be weighs more than other light that is too much, or all that is red would glow.
    """
    missing = target - light
    redder = F.relu((light - target)[:, :1] - (light - target)[:, 1:2])
    peak = target.amax(1, keepdim=True)
    weight = (0.8 + 40 * peak).clamp(max=12) + 20 * F.relu(peak - 0.5) + 80 * F.relu(target[:, 1:2] - 0.2)
    return weight * (F.relu(missing) * 2 + F.relu(-missing)) + 30 * missing.square() + REDDER * redder


def roughness(maps: Maps) -> Tensor:
    """How much the gain changes from pixel to pixel: a little of it keeps blotches away."""
    return sum((m[..., 1:] - m[..., :-1]).abs().mean() + (m[..., 1:, :] - m[..., :-1, :]).abs().mean() for m in (maps.dark, maps.slope))

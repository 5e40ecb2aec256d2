"""What a translated picture is judged by."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from .network import Maps


@dataclass
class Batch:
    """Examples stacked: [B, 3, H, W], and which of them have known layers [B]."""

    picture: Tensor
    target: Tensor
    base: Tensor
    light: Tensor
    split: Tensor
    twin: Tensor

    def where(self, chosen: Tensor) -> Batch:
        """Some of the examples."""
        return Batch(*(getattr(self, f.name)[chosen] for f in fields(self)))


def root(x: Tensor) -> Tensor:
    """Square root of brightness: darkness counts as the eye sees it."""
    return torch.sqrt(x.clamp(0, 1) + 1e-3)


def paired(maps: Maps, batch: Batch, lamps: bool) -> tuple[Tensor, dict[str, float]]:
    """Distance to the target; where a teacher knows base and light, each map is supervised by its own layer.

    `lamps` says that light is emitted by few, small things rather than spread over the picture like fog.
    """
    kept = batch.picture * torch.exp(maps.log_gain(batch.picture).clamp(-8, 2.5))
    out = kept + maps.light
    split = batch.split.view(-1, 1, 1, 1)
    bright = 1 + 3 * batch.target.amax(1, keepdim=True) if lamps else 1.5
    whole = (bright * (root(out) - root(batch.target)).abs()).mean((1, 2, 3))
    coarse = sum((root(F.avg_pool2d(out.clamp(0, 1), k)) - root(F.avg_pool2d(batch.target, k))).abs().mean((1, 2, 3)) for k in (4, 16))
    base = (root(kept) - root(batch.base)).abs()
    light = emission(maps.light, batch.light) if lamps else 2 * (maps.light - batch.light).abs()
    layers = (split * (base + light)).mean((1, 2, 3))
    edges = slopes(root(out), root(batch.target)) + slopes(split * maps.light, split * batch.light)
    excess = (F.relu(-out) + F.relu(out - 1)).mean()
    total = (whole + 0.5 * coarse).mean() + layers.mean() + edges + 0.2 * excess
    return total, {"whole": whole.mean().item(), "layers": layers.mean().item(), "edges": edges.item()}


def restless(first: Maps, second: Maps, batch: Batch) -> Tensor:
    """How much neighbouring frames differ in the output where they don't in the input, noise aside."""
    before, after = first.apply(batch.picture), second.apply(batch.target)
    still = ((batch.picture - batch.target).abs().amax(1, keepdim=True) < 0.05).float()
    noise = (batch.picture - batch.target).abs()
    return (still * F.relu((before - after).abs() - 0.7 * noise)).mean() + 0.5 * (still * (before - after)).mean((2, 3)).abs().mean()


def slopes(x: Tensor, target: Tensor) -> Tensor:
    """Distance of the differences between neighbouring pixels: edges stay where they are, and no grid is laid over what is smooth."""
    error = x - target
    return (error[..., 1:] - error[..., :-1]).abs().mean() + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()


def emission(light: Tensor, target: Tensor) -> Tensor:
    """Lamps are few pixels: they weigh more than darkness, and a lamp that is missing weighs more than one too many.

    White lamps, known by their green, weigh most: unlike tail lamps, no colour gives away where they are.
    """
    missing = target - light
    peak = target.amax(1, keepdim=True)
    weight = (0.4 + 40 * peak).clamp(max=20) + 60 * F.relu(peak - 0.5) + 80 * F.relu(target[:, 1:2] - 0.2)
    return weight * (F.relu(missing) * 2 + F.relu(-missing)) + 30 * missing.square()


def roughness(maps: Maps) -> Tensor:
    """How much the gain changes from pixel to pixel: a little of it keeps blotches away."""
    return sum((m[..., 1:] - m[..., :-1]).abs().mean() + (m[..., 1:, :] - m[..., :-1, :]).abs().mean() for m in (maps.dark, maps.slope))

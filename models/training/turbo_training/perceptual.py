"""How far apart two pictures look.

LPIPS if the package `lpips` is installed and its weights can be had; otherwise a substitute, which `train` names when it
begins: distances between the features of a fixed network with random weights, which sees structure but no meaning.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Perceptual(nn.Module):
    """Distance of pictures [B, 3, H, W], 0 to 1; `kind` says what measures it."""

    def __init__(self) -> None:
        super().__init__()
        self.kind, self.measure = _lpips() or ("fixed random features", _Features(_random()))
        self.requires_grad_(False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.measure(a.clamp(0, 1) * 2 - 1, b.clamp(0, 1) * 2 - 1).mean()


class _Features(nn.Module):
    """Compares unit-length features after each of a few layers."""

    def __init__(self, layers: nn.ModuleList) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        total = a.new_zeros(())
        for layer in self.layers:
            a, b = layer(a), layer(b)
            total = total + (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1).mean()
        return total / len(self.layers)


def _lpips() -> tuple[str, nn.Module] | None:
    try:
        import lpips

        return "LPIPS (AlexNet)", lpips.LPIPS(net="alex", verbose=False)
    except Exception:  # not installed, or its weights can't be fetched: the substitute is named by `kind`
        return None


def _random() -> nn.ModuleList:
    sizes = [3, 24, 48, 96]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 3, stride=2, padding=1), nn.LeakyReLU(0.2))
            for before, after in zip(sizes, sizes[1:], strict=False)
        )

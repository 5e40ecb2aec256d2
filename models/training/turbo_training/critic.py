"""The adversary: judges patches of a picture at three sizes, so that both texture and the whole of a street count.

It stands in for the CLIP-feature discriminator of the paper, whose weights are larger than everything trained here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class Critic(nn.Module):
    """Scores of patches, [B, 1, h, w] at three sizes: above 0 means real."""

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.scales = nn.ModuleList(_patches(channels) for _ in range(3))

    def forward(self, picture: Tensor) -> list[Tensor]:
        scores = []
        for scale in self.scales:
            scores.append(scale(2 * picture - 1))
            picture = F.avg_pool2d(picture, 2)
        return scores


def judge(scores: list[Tensor], real: bool) -> Tensor:
    """What the critic minimises (hinge loss)."""
    return torch.stack([F.relu(1 - s if real else 1 + s).mean() for s in scores]).mean()


def convince(scores: list[Tensor]) -> Tensor:
    """What the generator minimises."""
    return torch.stack([-s.mean() for s in scores]).mean()


def _patches(channels: int) -> nn.Sequential:
    sizes = [3, channels, 2 * channels, 4 * channels]
    layers: list[nn.Module] = []
    for before, after in zip(sizes, sizes[1:], strict=False):
        layers += [spectral_norm(nn.Conv2d(before, after, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(sizes[-1], 1, 3, padding=1)))

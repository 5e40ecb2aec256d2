"""What the segmenter and the detector of lights are made of: a feature pyramid (Lin et al., 2017) on a network that learnt from ImageNet,
far too slow to ship. It runs at training time only.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .backbone import CHANNELS, STAGES, pretrained
from .blocks import twice

WIDTH = 96
FINE = CHANNELS[0]
SLOWER = 0.1
"""How much more slowly than the rest the backbone's later stages learn."""
KEPT_STAGES = 3
"""How many of its stages, the first ones, stay as they are; so does what is depthwise, whose way back took two thirds of a step."""
_SIXTEENTH = 2
"""Which of the pyramid's levels what else is known is added to."""


class Pyramid(nn.Module):
    """Features [B, FINE, H/2, W/2] and [B, WIDTH, H/4, W/4] of pictures [B, 3, H, W], 0 to 1; and of what else is known of them,
    `context` channels at a sixteenth of their size, if there are any."""

    def __init__(self, context: int = 0) -> None:
        super().__init__()
        self.backbone = pretrained()
        self.fine = nn.Conv2d(FINE, WIDTH, 3, stride=2, padding=1)
        self.lateral = nn.ModuleList(nn.Conv2d(channels, WIDTH, 1) for channels in CHANNELS[1:])
        self.context = nn.Sequential(nn.Conv2d(context, 2 * WIDTH, 1), nn.ReLU(), nn.Conv2d(2 * WIDTH, WIDTH, 1)) if context else None
        self.smooth = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 3, padding=1) for _ in CHANNELS[1:])
        kept = sum(stage[4] for stage in STAGES[:KEPT_STAGES])
        for part in (self.backbone.stem, *self.backbone.blocks[:kept], *(block.depthwise for block in self.backbone.blocks)):
            part.requires_grad_(False)

    def forward(self, pictures: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        fine, *features = self.backbone(pictures)
        features = [lateral(feature) for lateral, feature in zip(self.lateral, features, strict=True)]
        features[0] = features[0] + self.fine(fine)
        if (context is None) != (self.context is None):
            raise ValueError("a pyramid takes what else is known of pictures if it was made to, and only then")
        if self.context is not None:
            features[_SIXTEENTH] = features[_SIXTEENTH] + self.context(context)
        found = F.relu(self.smooth[-1](features[-1]))
        for smooth, feature in zip(self.smooth[-2::-1], features[-2::-1], strict=True):
            found = F.relu(smooth(feature + twice(found)))
        return fine, found


def learning(net: nn.Module) -> list[tuple[list[nn.Parameter], float]]:
    """What learns of a net with a pyramid, and how fast beside the recipe's rate."""
    learns = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
    slow = [p for name, p in learns if _is_backbone(name)]
    return [(slow, SLOWER), ([p for name, p in learns if not _is_backbone(name)], 1.0)]


def _is_backbone(name: str) -> bool:
    return name.startswith("pyramid.backbone.")

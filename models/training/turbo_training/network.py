"""The one-step generator: a small encoder-decoder that predicts *maps*, not pixels.

The network looks at the picture through a space-to-depth of 4, and its last layer gives nine maps at a
quarter of the size: two log-gains a colour channel (one for dark pixels, one for bright ones) and the
light that is added. They are brought to full size by a fixed linear interpolation, and then

    out = x * exp(strength * log_gain(luma(x))) + strength * light

Because the picture itself is multiplied, edges and lettering stay sharp; because light is added, lamps
can glow; because the gain depends on the pixel's own luma, bright sky between dark branches darkens
without a halo. A strength of 0 leaves x alone, and in between lies dusk rather than a cross-fade. For
weather, where half the strength is half the fog, the gain itself goes from 1 to exp(log_gain) instead.

In the paper's spirit there is one forward pass, with skip connections that are 1x1 convolutions
initialised to zero. No normalisation, ReLU only: that is what runs fast in onnxruntime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import COLOURS, FOLD, PIXELS, Block, Polish, Rise, luma
from .device import send
from .light_head import LIGHTS, Glow, LightHead, sureness, window_maps
from .mirror_head import MirrorHead, ground, mirrored

RISES = ("rise16", "rise8", "rise4")
"""The decoder's stages, in order."""
HEADS = ("light_head.", "glow.", "mirror_head.")
"""How the names of the weights of the heads begin, which are taught apart."""


@dataclass(frozen=True)
class Widths:
    """Channels at 1/4, 1/8, 1/16 and 1/32 of the picture, and inside a bottleneck block."""

    quarter: int = 32
    eighth: int = 48
    sixteenth: int = 80
    thirtysecond: int = 128
    inner: int = 96
    dilations: tuple[int, ...] = (1, 2, 4, 1)
    edged: tuple[str, ...] = ()
    """Those of `RISES` whose 3x3 convolution sees the picture's edges repeated beyond it. The others see zeros there, by which the rows and
    columns of a plain sky at its edges may come out darker than the rest."""
    light: tuple[int, int, int] | None = None
    """Channels at 1/4, 1/8 and 1/16 of the light head; without them there is none."""
    mirror: tuple[int, int, int, int] | None = None
    """Channels of the mirror head, inside a block at 1/32 and at 1/16, 1/8 and 1/4; without them there is none."""

    @property
    def told(self) -> int:
        """How many numbers a head adds to the finest features of a cell."""
        return (LIGHTS if self.light else 0) + (COLOURS if self.mirror else 0)


class Maps(NamedTuple):
    """What the network predicts, all at full size: [B, 3, H, W]."""

    dark: Tensor
    """Log-gain of a black pixel."""
    slope: Tensor
    """What is added to the log-gain as luma goes from 0 to 1."""
    light: Tensor
    """Added light, in units of white; where wet ground mirrors what is dark it may be below zero."""

    def where(self, chosen: Tensor) -> Maps:
        """Those of some pictures, by their numbers (on the CPU)."""
        there = send(chosen, self.light.device)
        # not by brackets, the way back of which sorts: most of a GPU's step went there
        return Maps(*(m.index_select(0, there) for m in self))

    def log_gain(self, picture: Tensor) -> Tensor:
        """The log-gain of each pixel of this picture."""
        return self.dark + self.slope * luma(picture)

    def apply(self, picture: Tensor, strength: float | Tensor = 1.0, mixed: bool = False) -> Tensor:
        """The translated picture (not clamped); `mixed` goes straight from the picture to it, as thinner fog does."""
        if mixed:
            gain = 1 + strength * (torch.exp(self.log_gain(picture)) - 1)
            return picture * gain + strength * self.light
        return picture * torch.exp(strength * self.log_gain(picture)) + strength * self.light


class Generator(nn.Module):
    """Picture in, maps out. Sizes must be multiples of STRIDE (the exported graph pads by itself)."""

    def __init__(self, widths: Widths | None = None) -> None:
        super().__init__()
        w = self.widths = widths or Widths()
        self.stem = nn.Conv2d(3 * PIXELS, w.quarter, 1)
        self.down8 = nn.Conv2d(w.quarter, w.eighth, 3, stride=2, padding=1)
        self.down16 = nn.Conv2d(w.eighth, w.sixteenth, 3, stride=2, padding=1)
        self.down32 = nn.Conv2d(w.sixteenth, w.thirtysecond, 3, stride=2, padding=1)
        self.polish8 = Polish(w.eighth)
        self.polish16 = Polish(w.sixteenth)
        self.blocks = nn.ModuleList(Block(w.thirtysecond, w.inner, d) for d in w.dilations)
        self.rise16 = Rise(w.thirtysecond, w.sixteenth, "rise16" in w.edged)
        self.rise8 = Rise(w.sixteenth, w.eighth, "rise8" in w.edged)
        self.rise4 = Rise(w.eighth, w.quarter, "rise4" in w.edged)
        self.maps = nn.Conv2d(w.quarter, 9, 1)
        self.light_head = LightHead(w.light) if w.light else None
        self.glow = Glow() if w.light else None
        trunk = (w.thirtysecond, w.sixteenth, w.eighth, w.quarter)
        self.mirror_head = MirrorHead(w.mirror, trunk) if w.mirror else None
        nn.init.normal_(self.maps.weight, std=1e-3)
        nn.init.zeros_(self.maps.bias)

    def features(self, picture: Tensor) -> Tensor:
        """The finest features, at a quarter of the picture's size; what the heads tell of each cell comes last, if there are any."""
        folded = F.pixel_unshuffle(picture, FOLD) - 0.5
        features = self._decoded(folded)
        finest = features[-1]
        if self.light_head is not None:
            return torch.cat([finest, sureness(self.light_head(folded))], 1)
        if self.mirror_head is not None:
            told, colours = ground(self.mirror_head(*features)), F.avg_pool2d(picture, FOLD)
            return torch.cat([finest, mirrored(self.maps(finest), told, colours)], 1)
        return finest

    def reflections(self, picture: Tensor) -> Tensor:
        """The mirror head's logits, [B, TOLD, H/4, W/4]; only it learns by them."""
        with torch.no_grad():
            features = self._decoded(F.pixel_unshuffle(picture, FOLD) - 0.5)
        return self.mirror_head(*features)

    def _decoded(self, folded: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features at 1/32, 1/16, 1/8 and 1/4 of the picture's size, as they lead up to the maps."""
        quarter = F.relu(self.stem(folded))
        eighth = self.polish8(F.relu(self.down8(quarter)))
        sixteenth = self.polish16(F.relu(self.down16(eighth)))
        deep = F.relu(self.down32(sixteenth))
        for block in self.blocks:
            deep = block(deep)
        sixteenth = self.rise16(deep, sixteenth)
        eighth = self.rise8(sixteenth, eighth)
        return deep, sixteenth, eighth, self.rise4(eighth, quarter)

    def coarse_maps(self, features: Tensor) -> Tensor:
        """The nine maps, at the size of the finest features."""
        maps, told = self.maps(features[:, : self.widths.quarter]), features[:, self.widths.quarter :]
        if self.widths.told == 0:
            return maps
        tones, light = maps.split([6, 3], 1)
        if self.glow is None:
            return torch.cat([tones, light + told], 1)
        lamps, windows = told.split(1, 1)
        tones, light = (maps + windows * window_maps().to(maps)[:, None, None]).split([6, 3], 1)
        return torch.cat([tones, light + self.glow(lamps)], 1)

    def forward(self, picture: Tensor) -> Maps:
        features = self.features(picture)
        return Maps(*enlarged(self.coarse_maps(features)).split(3, dim=1))

    def lights(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """The light that is added but for the light head's, and the glow of the lamps that this found: [B, 3, H, W] each."""
        own, lamps, _ = self.features(picture).split([self.widths.quarter, 1, 1], 1)
        return enlarged(self.maps(own)[:, 6:]), enlarged(self.glow(lamps))


def enlarged(maps: Tensor, factor: int = FOLD) -> Tensor:
    """Maps of one value a cell at the picture's size."""
    return F.interpolate(maps.float(), scale_factor=factor, mode="bilinear")

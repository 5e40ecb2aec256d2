"""Contact sheets: input and output side by side, to be looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image

from .config import Config
from .look import padded, predict, reduction
from .network import Generator
from .pictures import image, read, tensor
from .realism import compared, descriptors, distance, ready
from .running import run
from .sources import glob, read_pairs


@torch.no_grad()
def translate(generator: Generator, picture: Image.Image, strength: float = 1.0) -> Image.Image:
    """The picture as the exported graph would give it."""
    x = tensor(picture)[None].to(generator.stem.weight.device)
    height, width = x.shape[-2:]
    wide, high = padded(width, height)
    x = torch.nn.functional.pad(x, (0, wide - width, 0, high - height), mode="replicate")
    out = predict(generator, x.contiguous(memory_format=torch.channels_last), reduction(width, height)).apply(x, strength)
    return image(out[0, :, :height, :width])


def tile(rows: list[list[Image.Image]], width: int) -> Image.Image:
    """Pictures in a grid, each fitted to one width."""
    fitted = [[p.resize((width, round(p.height * width / p.width)), Image.Resampling.LANCZOS) for p in row] for row in rows]
    heights = [max(p.height for p in row) for row in fitted]
    sheet = Image.new("RGB", (width * max(len(row) for row in fitted), sum(heights)))
    top = 0
    for row, height in zip(fitted, heights, strict=True):
        for column, picture in enumerate(row):
            sheet.paste(picture, (column * width, top))
        top += height
    return sheet


def sample_sheet(generator: Generator, config: Config, data: Path, path: Path, count: int = 12) -> None:
    """Two pairs (input, output, target) and a few other pictures of the source domain."""
    rows = []
    for pair in read_pairs(data, config.data.pairs, 640)[:2]:
        rows.append([pair.picture, translate(generator, pair.picture), pair.target, pair.picture])
    others = glob(data, config.data.examples or config.data.source)
    chosen = [read(others[len(others) * i // count]) for i in range(count)]
    halves = [[p, translate(generator, p)] for p in chosen]
    rows += [halves[i] + halves[i + 1] for i in range(0, count - 1, 2)]
    path.parent.mkdir(parents=True, exist_ok=True)
    tile(rows, 400).save(path)


def show(graph: Path, config: Config, data: Path, out: Path, count: int = 6) -> None:
    """best.png and worst.png in the package's folder: freely licensed pictures whose translation is nearest to real pictures
    of the target domain, and farthest from them (patch distance), each beside its input."""
    paths = glob(data, config.data.shown)
    if not paths:
        return
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    inputs = [_even(read(path)) for path in paths]
    outputs = [Image.fromarray(run(session, np.asarray(p)[None], 1.0, 0.4)[0]) for p in inputs]
    real = descriptors([ready(read(path)) for path in compared(glob(data, config.data.target))])
    order = np.argsort([distance(descriptors([ready(p)]), real) for p in outputs])
    for name, chosen in (("best", order[:count]), ("worst", order[::-1][:count])):
        rows = [[p for i in chosen[at : at + 2] for p in (_wide(inputs[i]), _wide(outputs[i]))] for at in range(0, count, 2)]
        tile(rows, 270).quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(out / f"{name}.png", optimize=True)


def _even(picture: Image.Image) -> Image.Image:
    return picture.crop((0, 0, picture.width // 2 * 2, picture.height // 2 * 2))


def _wide(picture: Image.Image) -> Image.Image:
    """The middle of the picture as 16:9."""
    tall = min(picture.height, round(picture.width * 9 / 16))
    top = (picture.height - tall) // 2
    return picture.crop((0, top, picture.width, top + tall))

"""Runs a reference generator at full size, and says how long a frame takes and how much memory.

    python test/oracle/run-full-size.py --base DIR --checkpoint FILE --prompt TEXT --frames FOLDER
        [--input picture|edges|sketch] [--direction a2b|b2a] [--guidance R] [--threads 2] [--repeat 3]
        [--sizes 256x256 512x512]

PyTorch eager, fp32, CPU. FOLDER holds WIDTHxHEIGHT.rgb, the frame of that size (uint8 [H, W, 3]), and gets
WIDTHxHEIGHT.INPUT.f32, its translation (float32 [3, H, W], -1 to 1). Only what a frame goes through is held while frames are
timed: no text encoder, no second autoencoder.

Prints JSON: for the adapters beside their layers, as the authors run them, and then merged into them, milliseconds and
peak memory a size.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import cv2
import numpy as np
import torch
from transformers import AutoTokenizer, CLIPTextModel

from networks.cyclegan_turbo import CycleganTurbo
from networks.lora import lora_layers
from networks.one_step import denoise, one_step_scheduler
from networks.pix2pix_turbo import Pix2pixTurbo
from networks.skip_autoencoder import decode, encode


def peak_memory_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


@torch.inference_mode()
def embedding(base: Path, prompt: str) -> torch.Tensor:
    tokenizer = AutoTokenizer.from_pretrained(base / "tokenizer")
    encoder = CLIPTextModel.from_pretrained(base / "text_encoder").eval()
    ids = tokenizer(prompt, max_length=77, padding="max_length", truncation=True, return_tensors="pt").input_ids
    return encoder(ids)[0]


def prepared(frame: np.ndarray, kind: str) -> torch.Tensor:
    """What the generator is given of a frame: [1, 3, H, W]."""
    if kind == "edges":
        frame = np.repeat(cv2.Canny(frame, 100, 200)[:, :, None], 3, axis=2)
    pixels = torch.from_numpy(frame.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous()
    if kind == "sketch":
        return (pixels < 0.5).float()
    return pixels if kind == "edges" else pixels * 2 - 1


class Cyclegan:
    can_merge = True

    def __init__(self, options):
        model = CycleganTurbo.load(options.base, options.checkpoint)
        self.unet, self.vae = model.unet, model.vae if options.direction == "a2b" else model.vae_b2a
        self.scheduler = one_step_scheduler(model.base)

    def translate(self, pixels: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        _, x0 = denoise(self.unet, self.scheduler, encode(self.vae, pixels, None), text)
        return decode(self.vae, x0)


class Pix2pix:
    def __init__(self, options):
        self.model = Pix2pixTurbo.load(options.base, options.checkpoint)
        self.unet, self.vae = self.model.unet, self.model.vae
        self.guidance = options.guidance
        # With a guidance that may change from frame to frame nothing can be merged.
        self.can_merge = not self.model.stochastic
        # The square of noise that is compiled in, for seed 0.
        self.noise = torch.randn(1, 4, 128, 128, generator=torch.Generator().manual_seed(0))

    def translate(self, pixels: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        height, width = pixels.shape[-2] // 8, pixels.shape[-1] // 8
        return self.model.run(pixels, text, self.guidance, self.noise[..., :height, :width])["output"]


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("base", "checkpoint", "frames"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--input", choices=["picture", "edges", "sketch"], default="picture")
    parser.add_argument("--direction", choices=["a2b", "b2a"], default="a2b")
    parser.add_argument("--guidance", type=float, default=0.4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sizes", nargs="+", default=["256x256", "512x512"])
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)

    text = embedding(options.base, options.prompt)
    generator = (Cyclegan if options.input == "picture" else Pix2pix)(options)
    generator.unet.requires_grad_(False)
    generator.vae.requires_grad_(False)

    results: dict = {"threads": options.threads, "torch": torch.__version__}
    for form in ("adapters beside", "adapters merged") if generator.can_merge else ("adapters beside",):
        if form == "adapters merged":
            for layer in [*lora_layers(generator.unet).values(), *lora_layers(generator.vae).values()]:
                layer.merge()
        results[form] = {}
        for size in options.sizes:
            width, height = map(int, size.split("x"))
            frame = np.fromfile(options.frames / f"{size}.rgb", np.uint8).reshape(height, width, 3)
            pixels = prepared(frame, options.input)
            forget_peak()
            milliseconds = []
            for _ in range(options.repeat + 1):
                start = time.perf_counter()
                with torch.inference_mode():
                    output = generator.translate(pixels, text)
                milliseconds.append((time.perf_counter() - start) * 1000)
            # The first run allocates what the others use again.
            results[form][size] = {"milliseconds": milliseconds[1:], "peakMb": peak_memory_mb()}
            if form == "adapters beside":
                output[0].numpy().tofile(options.frames / f"{size}.{options.input}.f32")
    print(json.dumps(results))


main()

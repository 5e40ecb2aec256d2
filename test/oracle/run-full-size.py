"""Runs the reference generator at full size, and says how long a frame takes and how much memory.

    python test/oracle/run-full-size.py --base DIR --checkpoint FILE --embedding FILE --direction a2b
        --frames FOLDER --threads 2 --repeat 3 --sizes 256x256 512x512

PyTorch eager, fp32, CPU. FOLDER holds WIDTHxHEIGHT.rgb, the frame of that size (uint8 [H, W, 3]), and gets
WIDTHxHEIGHT.reference.f32, its translation (float32 [3, H, W], -1 to 1). The embedding is that of the prompt, float32
[77, width]. Only what a frame goes through is held: no text encoder, no second autoencoder.

Prints JSON: for the adapters beside their layers, as the authors run them, and then merged into them, milliseconds and
peak memory a size.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from networks.cyclegan_turbo import CycleganTurbo
from networks.lora import lora_layers
from networks.one_step import denoise, one_step_scheduler
from networks.skip_autoencoder import decode, encode


def peak_memory_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("base", "checkpoint", "embedding", "frames"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--direction", choices=["a2b", "b2a"], default="a2b")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sizes", nargs="+", default=["256x256", "512x512"])
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)

    model = CycleganTurbo.load(options.base, options.checkpoint)
    unet, vae = model.unet, model.vae if options.direction == "a2b" else model.vae_b2a
    scheduler = one_step_scheduler(model.base)
    del model
    unet.requires_grad_(False)
    vae.requires_grad_(False)
    text = torch.from_numpy(np.fromfile(options.embedding, np.float32)).reshape(1, 77, -1)

    @torch.inference_mode()
    def translate(pixels: torch.Tensor) -> torch.Tensor:
        _, x0 = denoise(unet, scheduler, encode(vae, pixels, None), text)
        return decode(vae, x0)

    results: dict = {"threads": options.threads, "torch": torch.__version__}
    for form in ("adapters beside", "adapters merged"):
        if form == "adapters merged":
            for layer in [*lora_layers(unet).values(), *lora_layers(vae).values()]:
                layer.merge()
        results[form] = {}
        for size in options.sizes:
            width, height = map(int, size.split("x"))
            frame = np.fromfile(options.frames / f"{size}.rgb", np.uint8).reshape(height, width, 3)
            pixels = torch.from_numpy(frame.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None].contiguous()
            forget_peak()
            milliseconds = []
            for _ in range(options.repeat + 1):
                start = time.perf_counter()
                output = translate(pixels)
                milliseconds.append((time.perf_counter() - start) * 1000)
            # The first run allocates what the others use again.
            results[form][size] = {"milliseconds": milliseconds[1:], "peakMb": peak_memory_mb()}
            if form == "adapters beside":
                output[0].numpy().tofile(options.frames / f"{size}.reference.f32")
    print(json.dumps(results))


main()

"""Makes a base and checkpoints with the names, shapes and layout of the published ones, weights random.

    python test/oracle/make-full-size.py FOLDER [base] [day2night] [edge] [sketch]      # all: 6 GB there, 5 GB of memory

FOLDER/base is laid out as stabilityai/sd-turbo (fp32); FOLDER/day2night.pkl, edge_to_image_loras.pkl and
sketch_to_image_stochastic_lora.pkl as the published checkpoints of these names, with the ranks that the authors' training
programs set (UNet 128 and 8, VAE 4).
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from networks.cyclegan_turbo import CycleganTurbo
from networks.lora import fill_adapters
from networks.pix2pix_turbo import Pix2pixTurbo
from networks.streamed import write_safetensors
from networks.tiny_base import write_scheduler, write_tokenizer
from networks.weights import random_parameter
from transformers import CLIPTextConfig, CLIPTextModel

CYCLEGAN_RANK_UNET, PIX2PIX_RANK_UNET, RANK_VAE = 128, 8, 4

UNET = {
    "_class_name": "UNet2DConditionModel",
    "_diffusers_version": "0.24.0.dev0",
    "attention_head_dim": [5, 10, 20, 20],
    "block_out_channels": [320, 640, 1280, 1280],
    "cross_attention_dim": 1024,
    "sample_size": 64,
    "use_linear_projection": True,
}
VAE = {
    "_class_name": "AutoencoderKL",
    "_diffusers_version": "0.24.0.dev0",
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "sample_size": 768,
    "scaling_factor": 0.18215,
}
TEXT = {
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 1,
    "hidden_act": "gelu",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 77,
    "num_attention_heads": 16,
    "num_hidden_layers": 23,
    "projection_dim": 512,
    "vocab_size": 49408,
}

generator = torch.Generator().manual_seed(2024)


def make(name: str, shape: torch.Size) -> torch.Tensor:
    return random_parameter(name, shape, generator)


def write_part(folder: Path, model, file: str, prefix: str = "") -> None:
    """`model` lives on the meta device: it has names and shapes, and no numbers."""
    shapes = {prefix + name: parameter.shape for name, parameter in model.named_parameters()}
    write_safetensors(folder / file, shapes, make)
    count = sum(shape.numel() for shape in shapes.values())
    print(f"{folder.name}: {len(shapes)} tensors, {count / 1e6:.1f} M numbers", flush=True)


def write_base(base: Path) -> None:
    write_tokenizer(base / "tokenizer", None)
    write_scheduler(base)
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNET)
        vae = AutoencoderKL.from_config(VAE)
        text = CLIPTextModel(CLIPTextConfig(**TEXT))
    for name, model in (("unet", unet), ("vae", vae)):
        write_part(base / name, model, "diffusion_pytorch_model.safetensors")
        model.save_config(base / name)
    write_part(base / "text_encoder", text, "model.safetensors", "text_model.")
    configuration = {"architectures": ["CLIPTextModel"], "model_type": "clip_text_model", **TEXT}
    (base / "text_encoder" / "config.json").write_text(json.dumps(configuration, indent=2) + "\n")


def write_cyclegan(base: Path, file: Path) -> None:
    model = CycleganTurbo.create(base, CYCLEGAN_RANK_UNET, RANK_VAE)
    for vae in (model.vae, model.vae_b2a):
        for name, parameter in vae.named_parameters():
            parameter.data = make(name, parameter.shape)
        # Contrast enough to see every error, little enough that the final clamp hides none.
        vae.decoder.conv_out.base_layer.weight.data *= 0.7
    for part in (model.unet, model.vae, model.vae_b2a):
        fill_adapters(part, generator)
    torch.save(model.checkpoint(), file)


def write_pix2pix(base: Path, file: Path, stochastic: bool) -> None:
    model = Pix2pixTurbo.create(base, PIX2PIX_RANK_UNET, RANK_VAE, stochastic)
    for part in (model.unet, model.vae):
        fill_adapters(part, generator)
    for index in range(1, 5):
        skip = getattr(model.vae.decoder, f"skip_conv_{index}").base_layer
        skip.weight.data = make("skip", skip.weight.shape)
    trained = model.unet.conv_in.conv_in_curr if stochastic else model.unet.conv_in
    trained.weight.data += 0.05 * torch.randn(trained.weight.shape, generator=generator)
    torch.save(model.checkpoint(), file)


PARTS = {
    "base": write_base,
    "day2night": lambda base: write_cyclegan(base, base.parent / "day2night.pkl"),
    "edge": lambda base: write_pix2pix(base, base.parent / "edge_to_image_loras.pkl", stochastic=False),
    "sketch": lambda base: write_pix2pix(base, base.parent / "sketch_to_image_stochastic_lora.pkl", stochastic=True),
}


def main(folder: Path, parts: list[str]) -> None:
    for part in parts or PARTS:
        PARTS[part](folder / "base")
    for file in sorted(folder.rglob("*")):
        if file.stat().st_size > 1e6:
            print(f"{file.stat().st_size / 2**20:9.1f} MiB  {file.relative_to(folder)}")


main(Path(sys.argv[1]), sys.argv[2:])

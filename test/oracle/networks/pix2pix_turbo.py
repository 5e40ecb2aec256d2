"""pix2pix-Turbo: one adapter on the UNet, one on the autoencoder; the stochastic form mixes in noise."""

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.utils.peft_utils import set_weights_and_activate_adapters
from peft import LoraConfig

from .one_step import denoise, one_step_scheduler
from .skip_autoencoder import ADAPTER, VAE_TARGETS, add_skips, add_vae_adapter, decode, encode

UNET_TARGETS = [
    "to_k", "to_q", "to_v", "to_out.0", "conv", "conv1", "conv2", "conv_shortcut", "conv_out",
    "proj_in", "proj_out", "ff.net.2", "ff.net.0.proj",
]  # fmt: skip


class ConvInPair(torch.nn.Module):
    """The first convolution before and after training; out = (1 - r) * before + r * after."""

    def __init__(self, conv: torch.nn.Conv2d):
        super().__init__()
        self.conv_in_pretrained = copy.deepcopy(conv)
        self.conv_in_curr = copy.deepcopy(conv)
        self.r = 1.0

    def forward(self, sample):
        return (1 - self.r) * self.conv_in_pretrained(sample) + self.r * self.conv_in_curr(sample)


@dataclass
class Pix2pixTurbo:
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    base: Path
    rank_unet: int
    rank_vae: int
    stochastic: bool

    @staticmethod
    def create(base: Path, rank_unet: int, rank_vae: int, stochastic: bool) -> "Pix2pixTurbo":
        vae = add_skips(AutoencoderKL.from_pretrained(base, subfolder="vae"))
        add_vae_adapter(vae, rank_vae, VAE_TARGETS)
        unet = UNet2DConditionModel.from_pretrained(base, subfolder="unet")
        if stochastic:
            unet.conv_in = ConvInPair(unet.conv_in)
        # lora_alpha is left at peft's default of 8, as published.
        unet.add_adapter(LoraConfig(r=rank_unet, init_lora_weights="gaussian", target_modules=UNET_TARGETS))
        return Pix2pixTurbo(unet.eval(), vae.eval(), base, rank_unet, rank_vae, stochastic)

    @staticmethod
    def load(base: Path, checkpoint: Path) -> "Pix2pixTurbo":
        """The generator of a checkpoint, as the authors' program puts it together."""
        parts = torch.load(checkpoint, map_location="cpu", mmap=True, weights_only=True)
        stochastic = any("conv_in_curr" in name for name in parts["state_dict_unet"])
        model = Pix2pixTurbo.create(base, parts["rank_unet"], parts["rank_vae"], stochastic)
        for module, key in ((model.unet, "state_dict_unet"), (model.vae, "state_dict_vae")):
            result = module.load_state_dict(parts[key], strict=False)
            assert not result.unexpected_keys, result.unexpected_keys
        return model

    def checkpoint(self) -> dict:
        """The dict that the published files are `torch.save`d from."""
        return {
            "unet_lora_target_modules": UNET_TARGETS,
            "vae_lora_target_modules": VAE_TARGETS,
            "rank_unet": self.rank_unet,
            "rank_vae": self.rank_vae,
            "state_dict_unet": {
                k: v.detach() for k, v in self.unet.state_dict().items() if "lora" in k or "conv_in" in k
            },
            "state_dict_vae": {k: v.detach() for k, v in self.vae.state_dict().items() if "lora" in k or "skip" in k},
        }

    @torch.no_grad()
    def run(self, pixels, text, guidance: float = 1.0, noise_map=None, noise=None) -> dict[str, torch.Tensor]:
        """Every stage of one forward pass; `pixels` in [0, 1]. `guidance` is r, used by the stochastic form alone."""
        if self.stochastic:
            self.unet.set_adapters(["default"], weights=[guidance])
            set_weights_and_activate_adapters(self.vae, [ADAPTER], [guidance])
            self.unet.conv_in.r = guidance
            self.vae.decoder.gamma = guidance
        latent = encode(self.vae, pixels, noise)
        if self.stochastic:
            latent = guidance * latent + (1 - guidance) * noise_map
        epsilon, x0 = denoise(self.unet, one_step_scheduler(self.base), latent, text)
        return {"latent": latent, "epsilon": epsilon, "x0": x0, "output": decode(self.vae, x0)}

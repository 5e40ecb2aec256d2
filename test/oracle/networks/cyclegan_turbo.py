"""CycleGAN-Turbo: one UNet with three adapters, and one autoencoder a direction."""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from peft import LoraConfig

from .one_step import denoise, one_step_scheduler
from .skip_autoencoder import VAE_TARGETS, add_skips, add_vae_adapter, decode, encode

ADAPTERS = {"default_encoder": "sd_encoder", "default_decoder": "sd_decoder", "default_others": "sd_other"}
PATTERNS = [
    "to_k", "to_q", "to_v", "to_out.0", "conv", "conv1", "conv2", "conv_in", "conv_shortcut", "conv_out",
    "proj_out", "proj_in", "ff.net.2", "ff.net.0.proj",
]  # fmt: skip


def unet_targets(unet: UNet2DConditionModel) -> dict[str, list[str]]:
    """Full module names, sorted into the three adapters by where in the UNet a module stands."""
    lists: dict[str, list[str]] = {name: [] for name in ADAPTERS}
    for name, _ in unet.named_parameters():
        if "bias" in name or "norm" in name or not any(pattern in name for pattern in PATTERNS):
            continue
        if "down_blocks" in name or "conv_in" in name:
            group = "default_encoder"
        else:
            group = "default_decoder" if "up_blocks" in name else "default_others"
        lists[group].append(name.removesuffix(".weight"))
    return lists


class BothDirections(torch.nn.Module):
    """Only there for the names in its state dict: `vae.` is a2b, `vae_b2a.` is b2a."""

    def __init__(self, vae, vae_b2a):
        super().__init__()
        self.vae = vae
        self.vae_b2a = vae_b2a


@dataclass
class CycleganTurbo:
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    vae_b2a: AutoencoderKL
    base: Path
    rank_unet: int
    rank_vae: int
    targets: dict[str, list[str]]

    @staticmethod
    def create(base: Path, rank_unet: int, rank_vae: int) -> "CycleganTurbo":
        unet = UNet2DConditionModel.from_pretrained(base, subfolder="unet")
        targets = unet_targets(unet)
        for name, modules in targets.items():
            unet.add_adapter(
                LoraConfig(r=rank_unet, init_lora_weights="gaussian", target_modules=modules, lora_alpha=rank_unet),
                adapter_name=name,
            )
        unet.set_adapter(list(ADAPTERS))
        vae = add_skips(AutoencoderKL.from_pretrained(base, subfolder="vae"))
        vae_b2a = add_skips(AutoencoderKL.from_pretrained(base, subfolder="vae"))
        for autoencoder in (vae, vae_b2a):
            add_vae_adapter(autoencoder, rank_vae, VAE_TARGETS)
        return CycleganTurbo(unet.eval(), vae.eval(), vae_b2a.eval(), base, rank_unet, rank_vae, targets)

    @staticmethod
    def load(base: Path, checkpoint: Path) -> "CycleganTurbo":
        """The generator of a checkpoint, as the authors' program puts it together."""
        parts = torch.load(checkpoint, map_location="cpu", mmap=True, weights_only=True)
        model = CycleganTurbo.create(base, parts["rank_unet"], parts["rank_vae"])
        with torch.no_grad():
            for adapter, key in ADAPTERS.items():
                for name, parameter in model.unet.named_parameters():
                    if "lora" in name and f".{adapter}." in name:
                        parameter.copy_(parts[key][name.replace(f".{adapter}.weight", ".weight")])
            both = BothDirections(model.vae, model.vae_b2a)
            both.load_state_dict(parts["sd_vae_enc"])
            both.load_state_dict(parts["sd_vae_dec"])
        return model

    def checkpoint(self) -> dict:
        """The dict that the published files are `torch.save`d from."""
        parts = {}
        for adapter, key in ADAPTERS.items():
            parts[key] = {
                name.replace(f".{adapter}.weight", ".weight"): value.detach()
                for name, value in self.unet.named_parameters()
                if "lora" in name and f".{adapter}." in name
            }
        # Both wrappers hold both autoencoders whole, so the file names every storage twice and keeps it once.
        both = BothDirections(self.vae, self.vae_b2a)
        return {
            "rank_unet": self.rank_unet,
            "l_target_modules_encoder": self.targets["default_encoder"],
            "l_target_modules_decoder": self.targets["default_decoder"],
            "l_modules_others": self.targets["default_others"],
            **parts,
            "rank_vae": self.rank_vae,
            "vae_lora_target_modules": VAE_TARGETS,
            "sd_vae_enc": both.state_dict(),
            "sd_vae_dec": both.state_dict(),
        }

    @torch.no_grad()
    def run(self, pixels, text, direction: str, noise=None) -> dict[str, torch.Tensor]:
        """Every stage of one forward pass; `pixels` in [-1, 1]."""
        vae = self.vae if direction == "a2b" else self.vae_b2a
        latent = encode(vae, pixels, noise)
        epsilon, x0 = denoise(self.unet, one_step_scheduler(self.base), latent, text)
        return {"latent": latent, "epsilon": epsilon, "x0": x0, "output": decode(vae, x0)}

"""One denoising step at t = 999, as DDPMScheduler does it with the base's scheduler configuration."""

from pathlib import Path

import torch
from diffusers import DDPMScheduler

TIMESTEP = 999


def one_step_scheduler(base: Path) -> DDPMScheduler:
    scheduler = DDPMScheduler.from_pretrained(base, subfolder="scheduler")
    scheduler.set_timesteps(1)
    assert scheduler.timesteps.tolist() == [TIMESTEP]
    return scheduler


def denoise(
    unet, scheduler: DDPMScheduler, latent: torch.Tensor, text: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(epsilon, x0) of a scaled latent."""
    epsilon = unet(latent, torch.tensor([TIMESTEP]), encoder_hidden_states=text).sample
    return epsilon, scheduler.step(epsilon, TIMESTEP, latent).prev_sample

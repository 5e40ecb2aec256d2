"""diffusers' AutoencoderKL with the four skip convolutions that the one-step generators add to it."""

from types import MethodType

import torch
from diffusers import AutoencoderKL
from peft import LoraConfig

ADAPTER = "vae_skip"

# What the published VAE adapters cover: suffixes of module names, matched by whole dotted parts.
VAE_TARGETS = [
    "conv1",
    "conv2",
    "conv_in",
    "conv_shortcut",
    "conv",
    "conv_out",
    "skip_conv_1",
    "skip_conv_2",
    "skip_conv_3",
    "skip_conv_4",
    "to_k",
    "to_q",
    "to_v",
    "to_out.0",
]


def encode_and_remember(encoder, sample):
    """The encoder's forward pass; what enters each down block is kept for the decoder."""
    sample = encoder.conv_in(sample)
    entering = []
    for block in encoder.down_blocks:
        entering.append(sample)
        sample = block(sample)
    encoder.entering = entering
    sample = encoder.mid_block(sample)
    return encoder.conv_out(encoder.conv_act(encoder.conv_norm_out(sample)))


def decode_with_skips(decoder, sample, latent_embeds=None):
    """The decoder's forward pass; the deepest kept activation goes to the first up block."""
    sample = decoder.mid_block(decoder.conv_in(sample), latent_embeds)
    convs = [decoder.skip_conv_1, decoder.skip_conv_2, decoder.skip_conv_3, decoder.skip_conv_4]
    for block, conv, kept in zip(decoder.up_blocks, convs, reversed(decoder.kept)):
        sample = block(sample + conv(kept * decoder.gamma), latent_embeds)
    return decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(sample)))


def add_skips(vae: AutoencoderKL) -> AutoencoderKL:
    """Adds skip_conv_1..4 and swaps in the two forward passes that use them."""
    first, second, third, fourth = vae.config.block_out_channels
    for index, (kept, entering) in enumerate([(third, fourth), (second, fourth), (first, third), (first, second)], 1):
        conv = torch.nn.Conv2d(kept, entering, kernel_size=1, bias=False)
        setattr(vae.decoder, f"skip_conv_{index}", conv)
    vae.decoder.gamma = 1.0
    vae.decoder.kept = None
    vae.encoder.forward = MethodType(encode_and_remember, vae.encoder)
    vae.decoder.forward = MethodType(decode_with_skips, vae.decoder)
    return vae


def add_vae_adapter(vae: AutoencoderKL, rank: int, targets: list[str]) -> None:
    """One adapter for the whole autoencoder. lora_alpha is left at peft's default of 8, as published."""
    vae.add_adapter(LoraConfig(r=rank, init_lora_weights="gaussian", target_modules=targets), adapter_name=ADAPTER)


def encode(vae: AutoencoderKL, pixels: torch.Tensor, noise: torch.Tensor | None) -> torch.Tensor:
    """z: the posterior's mode, or mean + std * noise where noise is given; times the scaling factor."""
    posterior = vae.encode(pixels).latent_dist
    latent = posterior.mean if noise is None else posterior.mean + posterior.std * noise
    return latent * vae.config.scaling_factor


def decode(vae: AutoencoderKL, latent: torch.Tensor, encoder_of: AutoencoderKL | None = None) -> torch.Tensor:
    """The picture in [-1, 1] of a scaled latent, with the skips kept by the last call of `encode`."""
    vae.decoder.kept = (encoder_of or vae).encoder.entering
    return vae.decode(latent / vae.config.scaling_factor).sample.clamp(-1, 1)

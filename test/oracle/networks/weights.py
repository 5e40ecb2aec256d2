"""Random weights that keep activations of size one, and leave no norm, bias or adapter without effect."""

import torch


def random_parameter(name: str, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """Norms and biases are 1 and 0 when torch makes them, which would hide a forgotten one."""
    noise = torch.randn(shape, generator=generator)
    if name.endswith("bias"):
        return noise.mul_(0.2)
    if "norm" in name:
        return noise.mul_(0.2).add_(1)
    if len(shape) > 1:
        noise.mul_(0.8 / noise[0].numel() ** 0.5)
    # One step divides by sqrt(alpha_999) = 0.068: a small epsilon keeps x0 within what the decoder can show.
    return noise.mul_(0.1) if name == "conv_out.weight" else noise


def randomise(module: torch.nn.Module, generator: torch.Generator) -> None:
    for name, parameter in module.named_parameters():
        parameter.data = random_parameter(name, parameter.shape, generator)

"""Adapters as peft keeps them: filled with weights that count, listed, merged, and put at a wrong scale."""

from contextlib import contextmanager

import torch
from peft.tuners.lora import LoraLayer


def lora_layers(model: torch.nn.Module) -> dict[str, LoraLayer]:
    return {name: module for name, module in model.named_modules() if isinstance(module, LoraLayer)}


def fill_adapters(model: torch.nn.Module, generator: torch.Generator) -> None:
    """Random A and B so that an adapter changes its layer by about a third; peft makes every B zero."""
    for layer in lora_layers(model).values():
        for adapter in layer.active_adapters:
            if adapter not in layer.lora_A:
                continue
            down, up = layer.lora_A[adapter].weight, layer.lora_B[adapter].weight
            strength = 0.3 / (layer.scaling[adapter] * layer.r[adapter] ** 0.5)
            down.data = torch.randn(down.shape, generator=generator) / down[0].numel() ** 0.5
            up.data = torch.randn(up.shape, generator=generator) * strength


def adapted_modules(model: torch.nn.Module) -> list[str]:
    return sorted(lora_layers(model))


@torch.no_grad()
def merged_weight(layer: LoraLayer) -> torch.Tensor:
    weight = layer.get_base_layer().weight.clone()
    for adapter in layer.active_adapters:
        if adapter in layer.lora_A:
            weight += layer.get_delta_weight(adapter)
    return weight


@contextmanager
def scale_adapters(model: torch.nn.Module, factor: float):
    """Every adapter of the model at `factor` times its right scale."""
    layers = list(lora_layers(model).values())
    for layer in layers:
        layer.scaling = {adapter: scale * factor for adapter, scale in layer.scaling.items()}
    try:
        yield
    finally:
        for layer in layers:
            layer.scaling = {adapter: scale / factor for adapter, scale in layer.scaling.items()}

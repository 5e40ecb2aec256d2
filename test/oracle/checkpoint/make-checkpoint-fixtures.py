"""Makes test/fixtures/checkpoint with the libraries that write such files: torch, safetensors, peft and diffusers.

    pip install torch==2.15.0 safetensors peft diffusers transformers accelerate
    python test/oracle/checkpoint/make-checkpoint-fixtures.py

What a file holds is told by a JSON beside it. Of large tensors it tells four numbers: the sums of the elements, each with a
sign that is drawn by `signs`; a wrong element changes them.
"""

import copy
import json
import shutil
from collections import OrderedDict
from pathlib import Path

import numpy
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from huggingface_hub import save_torch_state_dict
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "checkpoint"


# --- what a tensor is, in few words


def signs(count: int, seed: int) -> numpy.ndarray:
    """+1 or -1, by a hash of the element's number (the one of splitmix, 32 bits)."""
    x = numpy.arange(count, dtype=numpy.uint32) + numpy.uint32((seed * 0x9E3779B9) & 0xFFFFFFFF)
    x ^= x >> numpy.uint32(16)
    x = x * numpy.uint32(0x85EBCA6B)
    x ^= x >> numpy.uint32(13)
    x = x * numpy.uint32(0xC2B2AE35)
    x ^= x >> numpy.uint32(16)
    return numpy.where(x & numpy.uint32(1), 1.0, -1.0)


def digest(tensor: torch.Tensor) -> dict:
    values = tensor.detach().to(torch.float64).contiguous().numpy().ravel()
    return {"shape": list(tensor.shape), "sums": [float(f"{(values * signs(values.size, seed)).sum():.9g}") for seed in range(4)]}


def digests(tensors: dict) -> dict:
    return {name: digest(tensor) for name, tensor in tensors.items()}


def plain(value):
    """A value as JSON; a tensor with all of its numbers, as float32 has them."""
    if isinstance(value, torch.Tensor):
        numbers = value.detach().to(torch.float32).contiguous().flatten().tolist()
        return {"tensor": {"shape": list(value.shape), "numbers": [n if abs(n) < float("inf") else str(n) for n in numbers]}}
    if isinstance(value, dict):
        return {"dictionary": [[key, plain(item)] for key, item in value.items()]}
    if isinstance(value, (list, tuple, torch.Size)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    if isinstance(value, bytes):
        return {"bytes": list(value)}
    if isinstance(value, (torch.dtype, torch.device)):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
        return {"integer": str(value)}
    return value


def write_json(path: Path, value) -> None:
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")


# --- files of torch.save


def torch_values() -> dict:
    torch.manual_seed(1)
    whole = torch.randn(6, 8)
    halves = torch.tensor([0.0, -0.0, 1.0, -2.5, 65504.0, 6e-8, 1e-5, float("inf"), -float("inf"), 0.333], dtype=torch.float16)
    return {
        "fp32": torch.randn(3, 4),
        "fp64": torch.randn(3, dtype=torch.float64),
        "fp16": halves,
        "bf16": torch.randn(5, 3).to(torch.bfloat16),
        "int64": torch.tensor([[1, -2], [2**40, 77]]),
        "int32": torch.tensor([1, -70000], dtype=torch.int32),
        "int16": torch.tensor([1, -700], dtype=torch.int16),
        "int8": torch.tensor([1, -7], dtype=torch.int8),
        "uint8": torch.tensor([1, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "shared whole": whole,
        "shared transposed": whole.t(),
        "shared sliced": whole[1:5:2, 2:7:3],
        "shared row": whole[3],
        "permuted": torch.randn(2, 3, 4, 5).permute(3, 0, 2, 1),
        "channels last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "fp16 transposed": torch.randn(4, 3).half().t(),
        "bf16 sliced": torch.randn(9).bfloat16()[2::3],
        "expanded": torch.randn(1, 3).expand(4, 3),
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
        "state": torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).state_dict(),
        "ordered": OrderedDict([("b", 1), ("a", [1, 2.5, None, True, False, "näme"])]),
        "tuple": (1, (2, (3,)), (), (1, 2, 3, 4)),
        "integers": [0, 255, 256, 65535, 65536, -1, 2**31, -(2**31), 2**40, 2**53 + 2, -(2**62)],
        "set": {"to_k", "to_q"},
        "size": torch.Size([1, 2]),
        "dtype": torch.float16,
        "device": torch.device("cpu"),
        7: "a key that is a number",
    }


def make_torch_files(folder: Path) -> None:
    folder.mkdir()
    values = torch_values()
    for protocol in (2, 3, 4, 5):
        torch.save(values, folder / f"values-protocol-{protocol}.pt", pickle_protocol=protocol)
    write_json(folder / "values.json", plain(values))
    torch.save({"weight": torch.ones(2)}, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(2, 2), folder / "whole-module.pt")
    torch.save({"rank": numpy.float32(4)}, folder / "numpy-scalar.pt")
    torch.save({"weight": torch.ones(2, dtype=torch.complex64)}, folder / "complex.pt")
    torch.jit.save(torch.jit.script(torch.nn.Identity()), folder / "torchscript.pt")


# --- safetensors


def make_safetensors(folder: Path) -> None:
    folder.mkdir()
    names = ("fp32", "fp64", "fp16", "bf16", "int64", "int32", "int16", "int8", "uint8", "bool", "scalar", "empty")
    values = {name: tensor for name, tensor in torch_values().items() if name in names}
    save_file(values, folder / "formats.safetensors", metadata={"format": "pt"})
    write_json(folder / "formats.json", plain(values))
    sharded = folder / "sharded" / "unet"
    sharded.mkdir(parents=True)
    torch.manual_seed(2)
    weights = {f"layers.{i}.weight": torch.randn(8, 8) for i in range(4)}
    save_torch_state_dict(weights, sharded, filename_pattern="diffusion_pytorch_model{suffix}.safetensors", max_shard_size=600)
    write_json(folder / "sharded.json", digests(weights))


# --- adapters of peft


class Layers(torch.nn.Module):
    """One of each layer whose adapter merges in its own way, and names that are easily confused."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 5, 3)
        self.conv1 = torch.nn.Conv2d(5, 4, 3, stride=2, padding=1)
        self.shortcut = torch.nn.ModuleDict({"conv": torch.nn.Conv2d(4, 6, 1, bias=False)})
        self.wide = torch.nn.Conv2d(6, 3, (1, 5))
        self.to_out = torch.nn.ModuleList([torch.nn.Linear(7, 9)])
        self.to_out_2 = torch.nn.Linear(9, 7, bias=False)
        self.norm = torch.nn.GroupNorm(1, 3)


def fill(model: torch.nn.Module, seed: int, scale: float = 0.5) -> None:
    """Random everywhere: what is zero or one by default would hide a mistake."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * scale


def make_adapters(folder: Path) -> None:
    folder.mkdir()
    base = Layers()
    fill(base, 3)
    save_file(base.state_dict(), folder / "base.safetensors")
    targets = ["conv", "wide", "to_out.0"]
    expected = {}
    for name, settings in {
        "alpha-default": {"r": 4},
        "alpha-is-rank": {"r": 4, "lora_alpha": 4},
        "rank-over-alpha": {"r": 16},
        "rank-1": {"r": 1, "lora_alpha": 3},
    }.items():
        model = get_peft_model(copy.deepcopy(base), LoraConfig(target_modules=targets, **settings))
        randomize_adapters(model, 4)
        save_file(get_peft_model_state_dict(model), folder / f"{name}.safetensors")
        torch.save(model.base_model.model.state_dict(), folder / f"{name}-wrapped.pt")
        merged = model.merge_and_unload().state_dict()
        expected[name] = {**settings, "targets": targets, "merged": digests(merged)}
    write_json(folder / "expected.json", expected)


# --- the two kinds of generators, with the networks of SD-Turbo at a tiny size


def tiny_unet(cross_attention_dim: int = 6) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(4, 8),
        layers_per_block=1,
        norm_num_groups=2,
        attention_head_dim=(2, 4),
        cross_attention_dim=cross_attention_dim,
        use_linear_projection=True,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )


def tiny_vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(2, 4, 6, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=2,
        latent_channels=4,
    )


def add_skip_convs(vae: AutoencoderKL) -> None:
    for k, (inside, outside) in enumerate(((6, 8), (4, 8), (2, 6), (2, 4)), start=1):
        setattr(vae.decoder, f"skip_conv_{k}", torch.nn.Conv2d(inside, outside, 1, bias=False))


VAE_TARGETS = [
    "conv1", "conv2", "conv_in", "conv_shortcut", "conv", "conv_out",
    "skip_conv_1", "skip_conv_2", "skip_conv_3", "skip_conv_4", "to_k", "to_q", "to_v", "to_out.0",
]  # fmt: skip
UNET_TARGETS = [
    "to_k", "to_q", "to_v", "to_out.0", "conv", "conv1", "conv2", "conv_shortcut", "conv_out",
    "proj_in", "proj_out", "ff.net.2", "ff.net.0.proj",
]  # fmt: skip


def cyclegan_layers(unet: UNet2DConditionModel) -> tuple[list, list, list]:
    """Which adapter each layer of the UNet has: the rule of `initialize_unet`, in words of our own."""
    parts = ([], [], [])
    for name, _ in unet.named_parameters():
        if "bias" in name or "norm" in name or not any(word in name for word in [*UNET_TARGETS, "conv_in"]):
            continue
        part = 0 if "down_blocks" in name or "conv_in" in name else 1 if "up_blocks" in name else 2
        parts[part].append(name.removesuffix(".weight"))
    return parts


class Both(torch.nn.Module):
    """What the state dicts of CycleGAN-Turbo's encoder and decoder are of: the autoencoders of both directions."""

    def __init__(self, vae, vae_b2a):
        super().__init__()
        self.vae = vae
        self.vae_b2a = vae_b2a


def randomize_adapters(model: torch.nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora" in name or "skip_conv" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3


def merged_state(model: torch.nn.Module) -> dict:
    """The weights as peft itself merges them, under the names of layers that aren't wrapped."""
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        if hasattr(module, "base_layer"):
            module.merge()
    return {
        name.replace(".base_layer.", "."): tensor for name, tensor in model.state_dict().items() if ".lora_" not in name
    }


def make_base(folder: Path) -> tuple[UNet2DConditionModel, AutoencoderKL]:
    unet, vae = tiny_unet(), tiny_vae()
    fill(unet, 5)
    fill(vae, 6)
    for name, model in (("unet", unet), ("vae", vae)):
        (folder / name).mkdir(parents=True)
        save_file(model.state_dict(), folder / name / "diffusion_pytorch_model.safetensors")
    return unet, vae


def make_cyclegan(folder: Path, unet, vae) -> dict:
    unet, vae = copy.deepcopy(unet), copy.deepcopy(vae)
    encoder, decoder, others = cyclegan_layers(unet)
    for name, targets in (("default_encoder", encoder), ("default_decoder", decoder), ("default_others", others)):
        unet.add_adapter(LoraConfig(r=3, lora_alpha=3, init_lora_weights="gaussian", target_modules=targets), adapter_name=name)
    unet.set_adapters(["default_encoder", "default_decoder", "default_others"])
    randomize_adapters(unet, 7)
    add_skip_convs(vae)
    vae.add_adapter(LoraConfig(r=2, init_lora_weights="gaussian", target_modules=VAE_TARGETS), adapter_name="vae_skip")
    vae_b2a = copy.deepcopy(vae)
    randomize_adapters(vae, 8)
    randomize_adapters(vae_b2a, 9)
    both = Both(vae, vae_b2a)
    checkpoint = {
        "l_target_modules_encoder": encoder,
        "l_target_modules_decoder": decoder,
        "l_modules_others": others,
        "rank_unet": 3,
        "sd_encoder": get_peft_model_state_dict(unet, adapter_name="default_encoder"),
        "sd_decoder": get_peft_model_state_dict(unet, adapter_name="default_decoder"),
        "sd_other": get_peft_model_state_dict(unet, adapter_name="default_others"),
        "rank_vae": 2,
        "vae_lora_target_modules": VAE_TARGETS,
        "sd_vae_enc": both.state_dict(),
        "sd_vae_dec": both.state_dict(),
    }
    torch.save(checkpoint, folder / "cyclegan.pkl")
    return {
        "unet": digests(merged_state(unet)),
        "a2b": digests(merged_state(vae)),
        "b2a": digests(merged_state(vae_b2a)),
        "parts": {"encoder": encoder, "decoder": decoder, "others": others},
    }


class TwinConv(torch.nn.Module):
    def __init__(self, pretrained, current):
        super().__init__()
        self.conv_in_pretrained = copy.deepcopy(pretrained)
        self.conv_in_curr = copy.deepcopy(current)


def make_pix2pix(folder: Path, unet, vae, name: str, stochastic: bool, cross_attention_dim: int | None = None) -> dict:
    unet, vae = copy.deepcopy(unet), copy.deepcopy(vae)
    if cross_attention_dim is not None:
        unet = tiny_unet(cross_attention_dim)
    if stochastic:
        unet.conv_in = TwinConv(unet.conv_in, unet.conv_in)
        fill(unet.conv_in.conv_in_curr, 10)
    else:
        fill(unet.conv_in, 11)
    add_skip_convs(vae)
    vae.add_adapter(LoraConfig(r=2, init_lora_weights="gaussian", target_modules=VAE_TARGETS), adapter_name="vae_skip")
    unet.add_adapter(LoraConfig(r=3, init_lora_weights="gaussian", target_modules=UNET_TARGETS))
    randomize_adapters(unet, 12)
    randomize_adapters(vae, 13)
    checkpoint = {
        "unet_lora_target_modules": UNET_TARGETS,
        "vae_lora_target_modules": VAE_TARGETS,
        "rank_unet": 3,
        "rank_vae": 2,
        "state_dict_unet": {k: v for k, v in unet.state_dict().items() if "lora" in k or "conv_in" in k},
        "state_dict_vae": {k: v for k, v in vae.state_dict().items() if "lora" in k or "skip" in k},
    }
    torch.save(checkpoint, folder / f"{name}.pkl")
    expected = {"unet": digests(merged_state(unet)), "vae": digests(merged_state(vae))}
    if stochastic:
        unet.set_adapters(["default"], weights=[0.4])
        for module in vae.modules():
            if hasattr(module, "base_layer"):
                module.set_scale("vae_skip", 0.4)
        expected["at guidance 0.4"] = {"unet": digests(merged_state(unet)), "vae": digests(merged_state(vae))}
    return expected


def make_turbo(folder: Path) -> None:
    unet, vae = make_base(folder / "base")
    expected = {
        "cyclegan": make_cyclegan(folder, unet, vae),
        "pix2pix": make_pix2pix(folder, unet, vae, "pix2pix", stochastic=False),
        "sketch": make_pix2pix(folder, unet, vae, "sketch", stochastic=True),
    }
    write_json(folder / "expected.json", expected)


def main() -> None:
    shutil.rmtree(FIXTURES, ignore_errors=True)
    FIXTURES.mkdir(parents=True)
    make_torch_files(FIXTURES / "torch")
    make_safetensors(FIXTURES / "safetensors")
    make_adapters(FIXTURES / "lora")
    make_turbo(FIXTURES / "turbo")
    for path in sorted(FIXTURES.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:8} {path.relative_to(FIXTURES)}")


main()

"""Writes a base that lies in diffusers' folder layout as one file in the layout of the latent-diffusion program.

    python test/oracle/make-single-file-base.py                    # test/fixtures/networks/base to base-single-file.safetensors
    python test/oracle/make-single-file-base.py FOLDER FILE        # any other; a tensor at a time

The layout is that of sd_turbo.safetensors: UNet and autoencoder under their first names, the text encoder as OpenCLIP has it,
with the last block that Stable Diffusion 2 doesn't use, and a few tensors that nobody reads. The fixture is read back with
diffusers' own converters, which have to give the base again (they would hold a large one in memory twice).
"""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from diffusers.loaders import single_file_utils
from networks.streamed import write_safetensors
from safetensors import safe_open

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "networks"
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
CLIP = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def unet_name(name: str, attention_in_up: list[bool]) -> str:
    layer, kind = name.rsplit(".", 1)
    if layer in UNET_ENDS:
        return f"{UNET_ENDS[layer]}.{kind}"
    block, rest = re.match(r"((?:down|up)_blocks\.\d+|mid_block)\.(.*)", layer).groups()
    what, index, inside = re.match(r"(\w+)\.(\d+)\.(.*)", rest).groups()
    index = int(index)
    if what == "resnets":
        inside = RESNET[inside]
    if block == "mid_block":
        return f"middle_block.{1 if what == 'attentions' else 2 * index}.{inside}.{kind}"
    way, level = block.split("_blocks.")
    level = int(level)
    if what == "downsamplers":
        return f"input_blocks.{3 * level + 3}.0.op.{kind}"
    if what == "upsamplers":
        return f"output_blocks.{3 * level + 2}.{2 if attention_in_up[level] else 1}.conv.{kind}"
    number = f"input_blocks.{3 * level + index + 1}" if way == "down" else f"output_blocks.{3 * level + index}"
    return f"{number}.{1 if what == 'attentions' else 0}.{inside}.{kind}"


def vae_name(name: str) -> str:
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block.", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0\.", r"down.\1.downsample.", name)
    name = re.sub(r"up_blocks\.(\d+)\.resnets\.", lambda m: f"up.{3 - int(m[1])}.block.", name)
    name = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0\.", lambda m: f"up.{3 - int(m[1])}.upsample.", name)
    name = re.sub(r"mid_block\.resnets\.(\d+)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    match = re.fullmatch(r"(.*)mid_block\.attentions\.0\.(.*)\.(weight|bias)", name)
    return f"{match[1]}mid.attn_1.{VAE_ATTENTION[match[2]]}.{match[3]}" if match else name


class Folder:
    """The tensors of a base's folder, read one by one."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.unet = safe_open(folder / "unet" / "diffusion_pytorch_model.safetensors", "pt")
        self.vae = safe_open(folder / "vae" / "diffusion_pytorch_model.safetensors", "pt")
        self.text = safe_open(folder / "text_encoder" / "model.safetensors", "pt")

    def config(self, part: str) -> dict:
        return json.loads((self.folder / part / "config.json").read_text())


def single_file(base: Folder) -> dict:
    """Name in the file to (shape, how to get it)."""
    tensors: dict = {}

    def put(name: str, shape, read) -> None:
        assert name not in tensors, name
        tensors[name] = (torch.Size(shape), read)

    up = base.config("unet").get("up_block_types", ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3)
    for name in base.unet.keys():
        old = unet_name(name, [kind.startswith("CrossAttn") for kind in up])
        read = lambda name=name: base.unet.get_tensor(name)
        put(f"model.diffusion_model.{old}", base.unet.get_slice(name).get_shape(), read)
    for name in base.vae.keys():
        old, shape = vae_name(name), base.vae.get_slice(name).get_shape()
        if ".attn_1." in old and len(shape) == 2:
            shape = [*shape, 1, 1]
        read = lambda name=name, shape=shape: base.vae.get_tensor(name).reshape(shape)
        put(f"first_stage_model.{old}", shape, read)
    text_tensors(base, put)
    put("model_ema.decay", [1], lambda: torch.ones(1))
    put("alphas_cumprod", [1000], lambda: torch.linspace(0.99, 0.005, 1000))
    return tensors


def text_tensors(base: Folder, put) -> None:
    prefix = "cond_stage_model.model."
    layers = base.config("text_encoder")["num_hidden_layers"]
    width = base.config("text_encoder")["hidden_size"]
    text = lambda name: base.text.get_tensor(f"text_model.{name}")
    shape = lambda name: base.text.get_slice(f"text_model.{name}").get_shape()

    def copy(old: str, name: str) -> None:
        put(prefix + old, shape(name), lambda: text(name))

    copy("positional_embedding", "embeddings.position_embedding.weight")
    copy("token_embedding.weight", "embeddings.token_embedding.weight")
    # One more than the base has: OpenCLIP's last block, which the penultimate layer's output leaves out.
    for index in range(layers + 1):
        layer = f"encoder.layers.{min(index, layers - 1)}"
        block = f"transformer.resblocks.{index}"
        for kind in ("weight", "bias"):
            for new, old in CLIP.items():
                copy(f"{block}.{old}.{kind}", f"{layer}.{new}.{kind}")
            joined = [f"{layer}.self_attn.{part}_proj.{kind}" for part in "qkv"]
            put(
                f"{prefix}{block}.attn.in_proj_{kind}",
                [3 * width, *shape(joined[0])[1:]],
                lambda joined=joined: torch.cat([text(name) for name in joined]),
            )
    for kind in ("weight", "bias"):
        copy(f"ln_final.{kind}", f"final_layer_norm.{kind}")
    put(f"{prefix}text_projection", [width, width], lambda: torch.eye(width))
    put(f"{prefix}logit_scale", [], lambda: torch.tensor(4.6))


def check(base: Folder, path: Path) -> None:
    """diffusers finds the base in it."""
    with safe_open(path, "pt") as file:
        checkpoint = {name: file.get_tensor(name) for name in file.keys()}
    unet = single_file_utils.convert_ldm_unet_checkpoint(dict(checkpoint), {"layers_per_block": 2})
    four = ["block"] * 4
    vae = single_file_utils.convert_ldm_vae_checkpoint(
        dict(checkpoint), {"down_block_types": four, "up_block_types": four}
    )
    width = base.config("text_encoder")["hidden_size"]
    text_model = SimpleNamespace(config=SimpleNamespace(hidden_size=width))
    text = single_file_utils.convert_open_clip_checkpoint(text_model, dict(checkpoint))
    for found, expected in ((unet, base.unet), (vae, base.vae), (text, base.text)):
        names = [name for name in expected.keys() if not name.endswith("position_ids")]
        # Of the text encoder more is there: a last block, and the projection.
        assert set(found) >= set(names) if expected is base.text else set(found) == set(names)
        for name in names:
            assert torch.equal(found[name], expected.get_tensor(name)), name


def main(folder: Path, path: Path) -> None:
    base = Folder(folder)
    tensors = single_file(base)
    write_safetensors(path, {name: shape for name, (shape, _) in tensors.items()}, lambda name, _: tensors[name][1]())
    print(f"{path}: {len(tensors)} tensors, {path.stat().st_size / 1e6:.1f} MB")


if len(sys.argv) == 3:
    main(Path(sys.argv[1]), Path(sys.argv[2]))
else:
    fixture = FIXTURES / "base-single-file.safetensors"
    main(FIXTURES / "base", fixture)
    check(Folder(FIXTURES / "base"), fixture)

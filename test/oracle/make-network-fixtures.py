"""Makes test/fixtures/networks: a tiny base, three tiny checkpoints, and what the reference libraries compute with them.

    python test/oracle/make-network-fixtures.py

See requirements.txt for what it needs, and test/fixtures/networks/README.md for what it writes.
"""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from networks.cyclegan_turbo import CycleganTurbo
from networks.lora import adapted_modules, fill_adapters, merged_weight, scale_adapters
from networks.one_step import TIMESTEP
from networks.pix2pix_turbo import Pix2pixTurbo
from networks.tiny_base import write_tiny_base
from networks.weights import randomise
from safetensors.torch import save_file
from transformers import AutoTokenizer, CLIPTextModel

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "networks"
BASE = FIXTURES / "base"
SIZES = [(64, 64), (128, 72), (104, 56)]
PROMPTS = {
    "a2b": "driving in the night",
    "b2a": "driving in the day",
    "edge": "a street in the rain, oil painting",
    "sketch": "a red car!",
}
CANNY = (100, 200)

generator = torch.Generator().manual_seed(20240318)


def picture(width: int, height: int) -> np.ndarray:
    """A drawn scene, uint8 [height, width, 3]: soft gradients, hard shapes, thin lines and noise."""
    random = np.random.default_rng(width * 1000 + height)
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    scene = np.stack([90 + 120 * x, 200 - 110 * y, 120 + 100 * (1 - x) * y], axis=-1).astype(np.uint8).copy()
    for _ in range(9):
        corner = (int(random.integers(0, width)), int(random.integers(0, height)))
        colour = tuple(int(c) for c in random.integers(0, 256, 3))
        extent = int(random.integers(4, height // 3))
        shape = random.integers(0, 3)
        if shape == 0:
            cv2.circle(scene, corner, extent, colour, -1, cv2.LINE_AA)
        elif shape == 1:
            cv2.rectangle(scene, corner, (corner[0] + extent, corner[1] + extent), colour, -1)
        else:
            cv2.line(scene, corner, (int(random.integers(0, width)), int(random.integers(0, height))), colour, 1)
    noise = random.normal(0, 6, scene.shape)
    return np.clip(scene + noise, 0, 255).astype(np.uint8)


def planes(image: np.ndarray) -> torch.Tensor:
    """[height, width, 3] bytes to [1, 3, height, width] in [0, 1]."""
    return torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None]


def randn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator)


def save(name: str, tensors: dict[str, torch.Tensor]) -> None:
    save_file(
        {key: value.detach().clone().contiguous() for key, value in tensors.items()}, FIXTURES / f"{name}.safetensors"
    )


def text_fixtures() -> dict[str, torch.Tensor]:
    tokenizer = AutoTokenizer.from_pretrained(BASE / "tokenizer")
    encoder = CLIPTextModel.from_pretrained(BASE / "text_encoder").eval()
    embeddings, tensors = {}, {}
    for name, prompt in PROMPTS.items():
        ids = tokenizer(prompt, max_length=77, padding="max_length", truncation=True, return_tensors="pt").input_ids
        with torch.no_grad():
            embeddings[name] = encoder(ids)[0]
        tensors |= {f"{name}/ids": ids, f"{name}/embedding": embeddings[name]}
    save("text", tensors)
    return embeddings


@torch.no_grad()
def part_fixtures(text: torch.Tensor) -> None:
    """The base's autoencoder and UNet, each by itself, without skips and adapters."""
    vae = AutoencoderKL.from_pretrained(BASE, subfolder="vae").eval()
    unet = UNet2DConditionModel.from_pretrained(BASE, subfolder="unet").eval()
    vae_tensors, unet_tensors = {}, {"text": text}
    for width, height in SIZES:
        key = f"{width}x{height}"
        pixels = planes(picture(width, height)) * 2 - 1
        posterior = vae.encode(pixels).latent_dist
        latent = randn(1, 4, height // 8, width // 8)
        vae_tensors |= {
            f"{key}/mean": posterior.mean,
            f"{key}/standard_deviation": posterior.std,
            f"{key}/latent": latent,
            f"{key}/decoded": vae.decode(latent).sample,
        }
        unet_tensors[f"{key}/latent"] = latent
        unet_tensors[f"{key}/epsilon"] = unet(latent, torch.tensor([TIMESTEP]), encoder_hidden_states=text).sample
    save("autoencoder-kl", vae_tensors)
    save("unet-2d-condition", unet_tensors)


class Goldens:
    """Collects the cases of one generator; a case is a few settings and the tensors of every stage."""

    def __init__(self, name: str):
        self.name = name
        self.cases: list[dict] = []
        self.tensors: dict[str, torch.Tensor] = {}

    def add(self, key: str, settings: dict, inputs: dict, stages: dict) -> None:
        # The stages between are small; they tell where a difference begins.
        self.tensors |= {f"{key}/{name}": tensor for name, tensor in (inputs | stages).items() if tensor is not None}
        self.cases.append({"key": key, **settings})

    def save(self) -> None:
        save(self.name, self.tensors)
        (FIXTURES / f"{self.name}.json").write_text(json.dumps(self.cases, indent=2) + "\n")


def distance(right: dict, wrong: dict) -> float:
    return float((right["output"] - wrong["output"]).abs().max())


def save_checkpoint(checkpoint: dict, name: str) -> None:
    # The published files were saved from a GPU, and say so in every storage's tag.
    tag = torch.serialization.location_tag
    torch.serialization.location_tag = lambda _storage: "cuda:0"
    try:
        torch.save(checkpoint, FIXTURES / name)
    finally:
        torch.serialization.location_tag = tag


def cyclegan_fixtures(text: dict) -> dict:
    model = CycleganTurbo.create(BASE, rank_unet=2, rank_vae=3)
    randomise(model.vae, generator)
    randomise(model.vae_b2a, generator)
    for part in (model.unet, model.vae, model.vae_b2a):
        fill_adapters(part, generator)
    for vae in (model.vae, model.vae_b2a):
        vae.decoder.conv_out.base_layer.weight.data *= 0.7
    save_checkpoint(model.checkpoint(), "cyclegan-turbo.pkl")

    goldens = Goldens("cyclegan-turbo")
    for direction in ("a2b", "b2a"):
        for width, height in SIZES:
            key = f"{direction}/{width}x{height}/mode"
            pixels = planes(picture(width, height)) * 2 - 1
            stages = model.run(pixels, text[direction], direction)
            settings = {"direction": direction, "prompt": PROMPTS[direction], "width": width, "height": height}
            goldens.add(key, {**settings, "posterior": "mode"}, {}, stages)
        noise = randn(1, 4, 8, 8)
        stages = model.run(planes(picture(64, 64)) * 2 - 1, text[direction], direction, noise)
        settings = {"direction": direction, "prompt": PROMPTS[direction], "width": 64, "height": 64}
        goldens.add(f"{direction}/64x64/sample", {**settings, "posterior": "sample"}, {"noise": noise}, stages)
    goldens.save()

    pixels = planes(picture(64, 64)) * 2 - 1
    right = model.run(pixels, text["a2b"], "a2b")
    wrong: dict[str, float] = {
        "cyclegan-turbo: the other direction's autoencoder": distance(right, model.run(pixels, text["a2b"], "b2a")),
        "cyclegan-turbo: another prompt": distance(right, model.run(pixels, text["b2a"], "a2b")),
        "cyclegan-turbo: pixels in [0, 1]": distance(right, model.run(pixels * 0.5 + 0.5, text["a2b"], "a2b")),
        "cyclegan-turbo: posterior sampled": distance(right, model.run(pixels, text["a2b"], "a2b", randn(1, 4, 8, 8))),
    }
    with scale_adapters(model.vae, 3 / 8):
        wrong["cyclegan-turbo: VAE adapter at scale 1"] = distance(right, model.run(pixels, text["a2b"], "a2b"))
    with scale_adapters(model.unet, 8 / 2):
        wrong["cyclegan-turbo: UNet adapters at scale 8 / r"] = distance(right, model.run(pixels, text["a2b"], "a2b"))
    model.vae.decoder.gamma = 0.0
    wrong["cyclegan-turbo: no skips"] = distance(right, model.run(pixels, text["a2b"], "a2b"))
    model.vae.decoder.gamma = 1.0
    merged_fixture(model)
    return wrong


def merged_fixture(model: CycleganTurbo) -> None:
    """A few weights as peft merges them, and which modules each list of suffixes picks."""
    modules = {
        "unet": [
            "conv_in",
            "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
            "down_blocks.1.downsamplers.0.conv",
            "mid_block.resnets.0.conv1",
            "up_blocks.1.resnets.0.conv_shortcut",
            "up_blocks.3.attentions.2.transformer_blocks.0.ff.net.2",
        ],
        "vae": [
            "encoder.mid_block.attentions.0.to_out.0",
            "decoder.skip_conv_3",
            "decoder.up_blocks.1.upsamplers.0.conv",
        ],
    }
    tensors = {}
    for part, names in modules.items():
        for name in names:
            tensors[f"{part}/{name}.weight"] = merged_weight(getattr(model, part).get_submodule(name))
    save("merged", tensors)


def pix2pix_fixtures(text: dict) -> dict:
    model = Pix2pixTurbo.create(BASE, rank_unet=3, rank_vae=2, stochastic=False)
    for part in (model.unet, model.vae):
        fill_adapters(part, generator)
    randomise_skips(model.vae)
    model.unet.conv_in.weight.data += 0.05 * randn(*model.unet.conv_in.weight.shape)
    save_checkpoint(model.checkpoint(), "pix2pix-turbo.pkl")
    listed = {"unet": adapted_modules(model.unet), "vae": adapted_modules(model.vae)}
    (FIXTURES / "adapted-modules.json").write_text(json.dumps(listed, indent=1) + "\n")

    goldens, edges_of = Goldens("pix2pix-turbo"), {}
    for width, height in SIZES:
        edges = cv2.Canny(picture(width, height), *CANNY)
        edges_of[width, height] = planes(np.repeat(edges[:, :, None], 3, axis=2))
        stages = model.run(edges_of[width, height], text["edge"])
        settings = {"prompt": PROMPTS["edge"], "width": width, "height": height, "posterior": "mode"}
        kept = {"edges": torch.from_numpy(edges)[None, :, :, None]}
        goldens.add(f"{width}x{height}/mode", settings, kept, stages)
    noise = randn(1, 4, 8, 8)
    stages = model.run(edges_of[64, 64], text["edge"], noise=noise)
    settings = {"prompt": PROMPTS["edge"], "width": 64, "height": 64, "posterior": "sample"}
    goldens.add("64x64/sample", settings, {"noise": noise}, stages)
    goldens.save()

    right = model.run(edges_of[64, 64], text["edge"])
    wrong = {
        "pix2pix-turbo: pixels in [-1, 1]": distance(right, model.run(edges_of[64, 64] * 2 - 1, text["edge"])),
        "pix2pix-turbo: edges black on white": distance(right, model.run(1 - edges_of[64, 64], text["edge"])),
    }
    with scale_adapters(model.unet, 3 / 8):
        wrong["pix2pix-turbo: UNet adapter at scale 1"] = distance(right, model.run(edges_of[64, 64], text["edge"]))
    with scale_adapters(model.vae, 2 / 8):
        wrong["pix2pix-turbo: VAE adapter at scale 1"] = distance(right, model.run(edges_of[64, 64], text["edge"]))
    return wrong


def randomise_skips(vae: AutoencoderKL) -> None:
    """The base has no skip convolutions: the checkpoint brings them, and here they get weights that count."""
    for index in range(1, 5):
        weight = getattr(vae.decoder, f"skip_conv_{index}").base_layer.weight
        weight.data = randn(*weight.shape) / weight.shape[1] ** 0.5


def stochastic_fixtures(text: dict) -> dict:
    model = Pix2pixTurbo.create(BASE, rank_unet=3, rank_vae=2, stochastic=True)
    for part in (model.unet, model.vae):
        fill_adapters(part, generator)
    randomise_skips(model.vae)
    trained = model.unet.conv_in.conv_in_curr
    trained.weight.data += 0.15 * randn(*trained.weight.shape)
    trained.bias.data += 0.15 * randn(*trained.bias.shape)
    save_checkpoint(model.checkpoint(), "pix2pix-turbo-stochastic.pkl")

    goldens = Goldens("pix2pix-turbo-stochastic")
    right: dict[tuple, dict] = {}
    maps = {size: randn(1, 4, size[1] // 8, size[0] // 8) for size in SIZES}
    sketches = {size: (planes(picture(*size)) < 0.5).float() for size in SIZES}
    for size, guidance in [(SIZES[0], 0.0), (SIZES[0], 0.4), (SIZES[0], 1.0), (SIZES[1], 0.4), (SIZES[2], 0.4)]:
        key = f"{size[0]}x{size[1]}/{guidance}"
        right[size, guidance] = model.run(sketches[size], text["sketch"], guidance, maps[size])
        settings = {"prompt": PROMPTS["sketch"], "width": size[0], "height": size[1], "guidance": guidance}
        inputs = {"noise_map": maps[size]}
        goldens.add(key, {**settings, "posterior": "mode"}, inputs, right[size, guidance])
    noise = randn(1, 4, 8, 8)
    stages = model.run(sketches[64, 64], text["sketch"], 0.4, maps[64, 64], noise)
    settings = {"prompt": PROMPTS["sketch"], "width": 64, "height": 64, "guidance": 0.4, "posterior": "sample"}
    goldens.add("64x64/0.4/sample", settings, {"noise": noise, "noise_map": maps[64, 64]}, stages)
    goldens.save()
    return wrong_guidance(model, sketches[64, 64], text["sketch"], maps[64, 64], right[(64, 64), 0.4])


def wrong_guidance(model: Pix2pixTurbo, sketch, text, noise_map, right: dict) -> dict:
    """r = 0.4 forgotten in one of the five places where it counts."""
    wrong = {}
    for part in ("unet", "vae"):
        with scale_adapters(getattr(model, part), 1 / 0.4):
            name = {"unet": "UNet", "vae": "VAE"}[part]
            wrong[f"stochastic: {name} adapter not scaled by r"] = distance(
                right, run_as_is(model, sketch, text, noise_map)
            )
    wrong["stochastic: noise not mixed in"] = distance(right, run_as_is(model, sketch, text, None))
    model.unet.conv_in.r = 1.0
    wrong["stochastic: conv_in pair not mixed"] = distance(right, run_as_is(model, sketch, text, noise_map))
    model.unet.conv_in.r = 0.4
    model.vae.decoder.gamma = 1.0
    wrong["stochastic: skips not scaled by r"] = distance(right, run_as_is(model, sketch, text, noise_map))
    return wrong


def run_as_is(model: Pix2pixTurbo, sketch, text, noise_map) -> dict:
    """One pass at the weights, pair and gamma that are set, without setting them again from r."""
    model.stochastic = False
    from networks import pix2pix_turbo

    encode = pix2pix_turbo.encode
    if noise_map is not None:
        pix2pix_turbo.encode = lambda *arguments: 0.4 * encode(*arguments) + 0.6 * noise_map
    try:
        return model.run(sketch, text)
    finally:
        pix2pix_turbo.encode, model.stochastic = encode, True


def main() -> None:
    torch.manual_seed(7)
    if BASE.exists():
        shutil.rmtree(BASE)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    write_tiny_base(BASE, generator)
    text = text_fixtures()
    frames = {f"{w}x{h}": torch.from_numpy(picture(w, h))[None] for w, h in SIZES}
    save("frames", frames)
    part_fixtures(text["a2b"])
    traps = cyclegan_fixtures(text) | pix2pix_fixtures(text) | stochastic_fixtures(text)
    for name, value in traps.items():
        print(f"{value:8.4f}  {name}")
    # A golden that a wrong generator also meets would prove nothing; the tolerance of the tests is 2e-3.
    assert min(traps.values()) > 0.02, "a trap that the golden data would not notice"
    (FIXTURES / "traps.json").write_text(json.dumps(traps, indent=2) + "\n")


main()

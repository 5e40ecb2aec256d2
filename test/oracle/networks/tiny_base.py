"""A base in diffusers' folder layout: the published architecture at a width that fits a test fixture."""

import gzip
import importlib.util
import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from .weights import randomise

TEXT_WIDTH = 32
MERGES = 800


def make_unet(generator) -> UNet2DConditionModel:
    unet = UNet2DConditionModel(
        sample_size=64,
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 12, 16, 16),
        # As in the published configuration, these are numbers of heads, whatever the key is called.
        attention_head_dim=[1, 2, 4, 4],
        cross_attention_dim=TEXT_WIDTH,
        norm_num_groups=4,
        use_linear_projection=True,
    )
    randomise(unet, generator)
    unet.conv_out.bias.data *= 0.1
    return unet


def make_vae(generator) -> AutoencoderKL:
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=(4, 8, 16, 16),
        layers_per_block=2,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=768,
        scaling_factor=0.18215,
    )
    randomise(vae, generator)
    # Contrast enough to see every error, little enough that the final clamp hides none.
    vae.decoder.conv_out.weight.data *= 0.7
    return vae


def make_text_encoder(generator, vocabulary: int) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=77,
        hidden_act="gelu",
        projection_dim=16,
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=1,
    )
    model = CLIPTextModel(config).eval()
    randomise(model, generator)
    return model


def clip_merges(limit: int | None) -> list[str]:
    """CLIP's own merges in rank order (from open_clip_torch's copy, MIT); the first `limit` of them."""
    package = Path(importlib.util.find_spec("open_clip").origin).parent
    lines = gzip.decompress((package / "bpe_simple_vocab_16e6.txt.gz").read_bytes()).decode().split("\n")
    merges = lines[1 : 49152 - 256 - 2 + 1]
    return merges if limit is None else merges[:limit]


def byte_characters() -> list[str]:
    """The printable stand-ins of the 256 bytes, in the order of CLIP's vocabulary."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    characters = [chr(byte) for byte in kept]
    return characters + [chr(256 + index) for index in range(256 - len(kept))]


def write_tokenizer(folder: Path, limit: int | None) -> int:
    """vocab.json, merges.txt and the two configuration files as the base has them; returns the vocabulary's size."""
    merges = clip_merges(limit)
    characters = byte_characters()
    words = characters + [c + "</w>" for c in characters] + [merge.replace(" ", "") for merge in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: index for index, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")

    def added(content: str, normalized: bool) -> dict:
        return {
            "content": content,
            "lstrip": False,
            "normalized": normalized,
            "rstrip": False,
            "single_word": False,
        }

    start, end = added("<|startoftext|>", True), added("<|endoftext|>", True)
    (folder / "special_tokens_map.json").write_text(
        json.dumps({"bos_token": start, "eos_token": end, "pad_token": "!", "unk_token": end}, indent=2) + "\n"
    )
    decoder = {
        "0": {**added("!", False), "special": True},
        str(len(words) - 2): {**start, "special": True},
        str(len(words) - 1): {**added("<|endoftext|>", False), "special": True},
    }
    config = {
        "add_prefix_space": False,
        "added_tokens_decoder": decoder,
        "bos_token": "<|startoftext|>",
        "clean_up_tokenization_spaces": True,
        "do_lower_case": True,
        "eos_token": "<|endoftext|>",
        "errors": "replace",
        "model_max_length": 77,
        "pad_token": "!",
        "tokenizer_class": "CLIPTokenizer",
        "unk_token": "<|endoftext|>",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    return len(words)


SCHEDULER = {
    "_class_name": "EulerDiscreteScheduler",
    "_diffusers_version": "0.24.0.dev0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "interpolation_type": "linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "sample_max_value": 1.0,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "timestep_spacing": "trailing",
    "trained_betas": None,
    "use_karras_sigmas": False,
}


def write_scheduler(base: Path) -> None:
    folder = base / "scheduler"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scheduler_config.json").write_text(json.dumps(SCHEDULER, indent=2) + "\n")


def write_tiny_base(base: Path, generator: torch.Generator) -> None:
    vocabulary = write_tokenizer(base / "tokenizer", MERGES)
    write_scheduler(base)
    make_unet(generator).save_pretrained(base / "unet")
    make_vae(generator).save_pretrained(base / "vae")
    text_encoder = make_text_encoder(generator, vocabulary)
    text_encoder.save_pretrained(base / "text_encoder")
    # transformers 5 leaves out the prefix and the positions that the published file has.
    tensors = {f"text_model.{name}": value for name, value in text_encoder.state_dict().items()}
    tensors["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(tensors, base / "text_encoder" / "model.safetensors", metadata={"format": "pt"})

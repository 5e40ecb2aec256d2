"""Where the networks are trained: on the CPU, or on a CUDA GPU.

Pictures are kept, cut and changed where the networks are trained; what is random, but for noise, is drawn on the CPU.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor

DEVICES = ("auto", "cpu", "cuda")
CPU = torch.device("cpu")


class NoDevice(Exception):
    """The device that was asked for isn't there; the message says what to do."""


def choose(name: str) -> torch.device:
    """The device of this name; `auto` is CUDA where torch has it. Processes that share a batch take the GPUs in turn."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        built = "was built without CUDA" if torch.version.cuda is None else "finds no NVIDIA GPU or driver"
        raise NoDevice(f"--device cuda: torch {torch.__version__} {built}; mend that, or give --device cpu")
    if name == "cpu" or not available:
        return CPU
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def send(x: Tensor, device: torch.device) -> Tensor:
    """What the CPU drew, there: without waiting for what a GPU still has to do, for which memory must be pinned."""
    return x.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else x

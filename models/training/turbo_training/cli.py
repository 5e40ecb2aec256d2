"""The command line: parses, calls, prints; no logic of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import config as recipes
from .device import DEVICES, NoDevice, choose
from .folders import BadFolders, prepare_folders
from .workers import cores


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parser = argparse.ArgumentParser(prog="turbo_training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("prepare", "make the teacher's layers from labelled and unlabelled pictures"),
        ("train", "run the recipe, going on from the last checkpoint"),
        ("evaluate", "measure a checkpoint"),
        ("export", "write the model package"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--work", type=Path, required=True, help="folder for checkpoints and what is prepared")
        command.add_argument("--config", type=Path, help="recipe (default: WORK/config.yaml)")
        command.add_argument("--data", type=Path, help="folder of pictures (default: WORK/data)")
        if name in ("prepare", "train"):
            command.add_argument("--objective", choices=("taught", "paired", "unpaired"), help="default: what the recipe says")
        if name == "prepare":
            command.add_argument("--input", type=Path, help="folder of pictures to be translated (paired, unpaired)")
            command.add_argument("--output", type=Path, help="folder of pictures of what should come out (paired, unpaired)")
            command.add_argument("--id", default="my-model", help="what the model is called (paired, unpaired)")
            command.add_argument("--steps", type=int, default=6000, help="how long to train (paired, unpaired; default 6000)")
            command.add_argument("--crop", type=int, nargs=2, default=(192, 256), help="height and width learnt from (default 192 256)")
            command.add_argument("--shared", type=Path, help="working folder for what several effects share (default: WORK)")
        if name == "train":
            command.add_argument("--hold-out", nargs="*", default=[], help="pairs to leave out, as folder/number")
            command.add_argument("--only", help="run this phase alone, anew if it is done")
        if name in ("prepare", "train", "evaluate"):
            command.add_argument("--device", choices=DEVICES, default="auto", help="default: CUDA, if there is any")
        if name in ("train", "evaluate"):
            command.add_argument("--weights", type=Path, help="checkpoint, or folder of a model package, whose weights to start from")
            command.add_argument("--prepared", type=Path, help="working folder of another recipe whose painted layers to use")
        if name == "evaluate":
            command.add_argument("--parts", nargs="*", help="pairs, realism, calm, speed; default: all")
        if name in ("evaluate", "export"):
            command.add_argument("--checkpoint", type=Path, help="default: WORK/final.pt")
        if name == "export":
            command.add_argument("--out", type=Path, required=True, help="folder of the model package")
    options = parser.parse_args(arguments)
    try:
        _run(options)
    except (BadFolders, NoDevice) as error:
        parser.exit(2, f"{error}\n")
    return 0


def _run(options: argparse.Namespace) -> None:
    data = options.data or options.work / "data"
    if options.command == "prepare" and options.objective in ("paired", "unpaired"):
        if options.input is None or options.output is None:
            raise BadFolders(f"prepare --objective {options.objective} needs --input FOLDER and --output FOLDER")
        folders = options.input, options.output
        print(prepare_folders(options.objective, *folders, options.id, options.work, options.steps, tuple(options.crop)))
        return
    config = recipes.load(options.config or options.work / "config.yaml")
    checkpoint = getattr(options, "checkpoint", None) or options.work / "final.pt"
    if options.command == "prepare":
        from .prepare import prepare

        prepare(config, data, options.work, options.shared, device=choose(options.device), workers=cores())
    elif options.command == "train" and config.learn in ("paired", "unpaired"):
        from .objectives import train_folders

        if options.objective not in (None, config.learn):
            raise BadFolders(f"the pictures in {options.work} were prepared as {config.learn}; prepare them as {options.objective} first")
        print(train_folders(config, data, options.work, options.weights, choose(options.device)))
    elif options.command == "train":
        from .train import train

        rest = options.hold_out, options.weights, options.only, options.prepared, choose(options.device)
        print(train(config, data, options.work, *rest))
    elif options.command == "evaluate":
        from .evaluate import evaluate

        evaluate(config, data, options.work, checkpoint, options.parts, options.prepared, options.weights, choose(options.device))
    else:
        from .package import export

        export(config, data, options.work, checkpoint, options.out)

"""The command line: parses, calls, prints; no logic of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import config as recipes


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
        command.add_argument("--config", type=Path, required=True)
        command.add_argument("--data", type=Path, required=True, help="folder of pictures")
        command.add_argument("--work", type=Path, required=True, help="folder for checkpoints and what is prepared")
        if name == "prepare":
            command.add_argument("--shared", type=Path, help="working folder for what several effects share (default: WORK)")
        if name == "train":
            command.add_argument("--hold-out", nargs="*", default=[], help="pairs to leave out, as folder/number")
            command.add_argument("--weights", type=Path, help="checkpoint whose weights to start from")
            command.add_argument("--only", help="run this phase alone")
        if name in ("train", "evaluate"):
            command.add_argument("--prepared", type=Path, help="working folder of another recipe whose painted layers to use")
        if name == "evaluate":
            command.add_argument("--parts", nargs="*", help="pairs, realism, calm, speed; default: all")
        if name in ("evaluate", "export"):
            command.add_argument("--checkpoint", type=Path, help="default: WORK/final.pt")
        if name == "export":
            command.add_argument("--out", type=Path, required=True, help="folder of the model package")
    options = parser.parse_args(arguments)
    config = recipes.load(options.config)
    if options.command == "prepare":
        from .prepare import prepare

        prepare(config, options.data, options.work, options.shared)
    elif options.command == "train":
        from .train import train

        print(train(config, options.data, options.work, options.hold_out, options.weights, options.only, options.prepared))
    elif options.command == "evaluate":
        from .evaluate import evaluate

        evaluate(config, options.data, options.work, options.checkpoint or options.work / "final.pt", options.parts, options.prepared)
    else:
        from .package import export

        export(config, options.data, options.work, options.checkpoint or options.work / "final.pt", options.out)
    return 0

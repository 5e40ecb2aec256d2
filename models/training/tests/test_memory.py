"""What the graph remembers from frame to frame: what doesn't move is calmer, what does is as if there were no memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from turbo_training import config, package
from turbo_training.config import STEADY
from turbo_training.graph import build, save
from turbo_training.memory import states
from turbo_training.network import Generator, Widths
from turbo_training.quantise import quantise
from turbo_training.running import Sequence, run, start

Sessions = tuple[onnxruntime.InferenceSession, onnxruntime.InferenceSession]


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with weights at random that adds lively light, as graphs with memory and without."""
    torch.manual_seed(2)
    net = Generator(Widths(quarter=16, eighth=16, sixteenth=24, thirtysecond=32, inner=24))
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    with torch.no_grad():
        net.stem.weight *= 12
        net.maps.bias[6:] = 0.5
        net.maps.bias[:3] = -8.0  # of the picture itself hardly anything is seen
        net.maps.weight[6:].normal_(std=0.3)
    folder = tmp_path_factory.mktemp("memory")
    for memory in (True, False):
        save(build(net.eval(), "test", None, True, STEADY if memory else None), folder / f"{memory}.onnx")
    save(build(net, "test", None, True, strips=True), folder / "strips.onnx")
    return folder


@pytest.fixture(scope="module")
def sessions(graphs: Path) -> Sessions:
    remembering, forgetting = (onnxruntime.InferenceSession(str(graphs / f"{memory}.onnx")) for memory in (True, False))
    return remembering, forgetting


def _scene(seed: int, height: int, width: int, low: int, high: int) -> np.ndarray:
    blocks = np.random.default_rng(seed).integers(low, high, (1, -(-height // 16), -(-width // 16), 3))
    return blocks.repeat(16, 1).repeat(16, 2)[:, :height, :width].astype(np.uint8)


def _noisy(scene: np.ndarray, seed: int) -> np.ndarray:
    return (scene + np.random.default_rng(seed).normal(0, 2, scene.shape)).clip(0, 255).round().astype(np.uint8)


@pytest.mark.parametrize(("width", "height"), [(320, 180), (2, 2), (1280, 720), (2600, 1100)])
def test_the_first_frame_and_a_cut_are_as_without_memory(sessions: Sessions, width: int, height: int) -> None:
    remembering, forgetting = sessions
    sequence = Sequence(remembering)
    for picture in (_scene(1, height, width, 0, 90), _scene(2, height, width, 150, 256)):
        assert np.array_equal(sequence.next(picture, 1.0), run(forgetting, picture, 1.0))


def test_a_still_picture_is_calmer(sessions: Sessions) -> None:
    remembering, forgetting = sessions
    scene = _scene(3, 90, 160, 40, 200)
    frames = [_noisy(scene, seed) for seed in range(2800)]
    alone = _flicker([run(forgetting, frame, 1.0) for frame in frames[:24]])
    assert alone > 0.3
    # two sessions that take turns each lean on their own first frames, and take two minutes to agree
    for number, settled, most in ((1, 0, 0.3), (2, 2780, 0.6)):
        sequence = Sequence(remembering, number)
        assert _flicker([sequence.next(frame, 1.0) for frame in frames[: settled + 20]][settled:]) < most * alone


def _flicker(frames: list[np.ndarray]) -> float:
    """Mean change from frame to frame."""
    return float(np.abs(np.diff(np.stack(frames).astype(float), axis=0)).mean())


def test_what_moves_leaves_no_trail(sessions: Sessions) -> None:
    remembering, forgetting = sessions
    sequence = Sequence(remembering)
    scene = _scene(4, 180, 320, 60, 120)
    for index in range(8):
        frame = _noisy(scene, index)
        frame[:, 64:112, 32 * index : 32 * index + 32] = 230
        got, alone = (v.astype(int)[:, 68:108] for v in (sequence.next(frame, 1.0), run(forgetting, frame, 1.0)))
        came, went = slice(32 * index + 4, 32 * index + 28), slice(max(0, 32 * index - 28), max(0, 32 * index - 4))
        assert np.array_equal(got[:, :, came], alone[:, :, came])
        assert np.array_equal(got[:, :, went], alone[:, :, went])


def test_what_is_said_anew_of_the_same_colours_leaves_no_trail(sessions: Sessions) -> None:
    """The glow of a lamp that has gone on: the colours of the wall beside it were and are the same."""
    remembering, forgetting = sessions
    frame = _scene(7, 180, 320, 40, 200)
    names = [output.name for output in remembering.get_outputs()]
    first = dict(zip(names, remembering.run(names, {"frame": frame, **start(remembering)}), strict=True))
    alone, seen = first["translated"], []
    for size in (0.01, 1000.0):
        told = first["nextFeatures"] + size * np.random.default_rng(0).normal(size=first["nextFeatures"].shape).astype(np.float32)
        remembered = {"previousFeatures": told, "previousCells": first["nextCells"], "previousAge": first["nextAge"]}
        seen.append(remembering.run(["translated"], {"frame": frame, **start(remembering), **remembered})[0])
    assert np.array_equal(alone, run(forgetting, frame, 1.0))
    assert not np.array_equal(seen[0], alone), "a little is kept"
    assert np.array_equal(seen[1], alone), "much is not"


def test_what_a_cell_took_on_in_passing_is_outweighed(sessions: Sessions) -> None:
    """Beside what goes past, the network says other things of a plain sky; a sequence's first frame is as good as any."""
    remembering, _ = sessions
    frame = _scene(7, 180, 320, 40, 200)
    names = [output.name for output in remembering.get_outputs()]

    def given(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(names, remembering.run(names, {"frame": frame, **start(remembering), **state}), strict=True))

    def next_to(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name.replace("next", "previous"): value for name, value in found.items() if name.startswith("next")}

    first = given({})
    passing = 0.01 * np.random.default_rng(0).normal(size=first["nextFeatures"].shape).astype(np.float32)
    left = []
    for age in (1.0, 1000.0):
        state = {**next_to(first), "previousFeatures": first["nextFeatures"] + passing, "previousAge": np.full_like(first["nextAge"], age)}
        for _ in range(30):
            state = next_to(given(state))
        left.append(np.abs(state["previousFeatures"] - first["nextFeatures"]).mean() / np.abs(passing).mean())
    assert left[0] < 0.1
    assert left[1] > 0.9
    assert first["nextAge"].min() == 1000, "nothing has passed yet"


@pytest.mark.parametrize(("share", "least", "most"), [(0.04, 999, 1000), (0.4, 1, 3)])
def test_what_changes_is_young_and_much_change_makes_all_younger(sessions: Sessions, share: float, least: float, most: float) -> None:
    remembering, _ = sessions
    names = [output.name for output in remembering.get_outputs()]
    frame, state = _scene(7, 180, 320, 40, 200), start(remembering)
    wide = round(320 * share)
    for index in range(3):
        if index == 2:
            frame = frame.copy()
            frame[:, :, :wide] = 255
        found = dict(zip(names, remembering.run(names, {**state, "frame": frame}), strict=True))
        state = {**state, **{name.replace("next", "previous"): value for name, value in found.items() if name.startswith("next")}}
    age = found["nextAge"][0, 0]
    assert age[2:-2, : wide // 4 - 1].max() == 1, "it was seen once"
    assert least <= age[2:-2, -10:].min() <= age[2:-2, -10:].max() <= most


def test_strength_zero_changes_nothing_with_memory(sessions: Sessions) -> None:
    sequence = Sequence(sessions[0])
    for seed in range(3):
        frame = _noisy(_scene(5, 122, 162, 0, 256), seed)
        assert np.array_equal(sequence.next(frame, 0.0), frame)


def test_states_are_as_declared(graphs: Path) -> None:
    declared = states(Widths(quarter=16))
    session = onnxruntime.InferenceSession(str(graphs / "True.onnx"))
    inputs, outputs = ({v.name: v.shape for v in found} for found in (session.get_inputs(), session.get_outputs()))
    for state in declared:
        assert inputs[state.input][1] == outputs[state.output][1] == state.channels
    assert set(outputs) == {"translated", *(state.output for state in declared)}


@pytest.mark.parametrize("percentile", [None, 99.995])
def test_the_int8_variant_remembers_and_reduces(percentile: float | None, graphs: Path, tmp_path: Path) -> None:
    scenes = [_scene(seed, 180, 320, 0, 256) for seed in range(4)]
    quantise(graphs / "strips.onnx", tmp_path / "int8.onnx", [Image.fromarray(scene[0]) for scene in scenes], percentile=percentile)
    onnx.checker.check_model(str(tmp_path / "int8.onnx"), full_check=True)
    precise, small = (onnxruntime.InferenceSession(str(path)) for path in (graphs / "True.onnx", tmp_path / "int8.onnx"))
    assert any(node.op_type == "QuantizeLinear" and "polish8" in node.name for node in onnx.load(str(tmp_path / "int8.onnx")).graph.node)
    for width, height in ((320, 180), (1280, 720)):
        frame = _scene(6, height, width, 0, 256)
        assert np.abs(run(small, frame, 1.0).astype(int) - run(precise, frame, 1.0)).mean() < 4
        assert np.array_equal(run(small, frame, 0.0), frame)
    still = _scene(7, 90, 160, 40, 200)
    frames = [_noisy(still, seed) for seed in range(24)]
    sequence = Sequence(small)
    assert _flicker([sequence.next(frame, 1.0) for frame in frames]) < 0.4 * _flicker([run(small, frame, 1.0) for frame in frames])


@pytest.fixture()
def recipe(tmp_path: Path) -> config.Config:
    """One of a few pictures, by which an int8 variant is calibrated."""
    for seed in range(4):
        Image.fromarray(_scene(seed, 180, 320, 0, 256)[0]).save(tmp_path / f"{seed}.png")
    shipped = config.load(Path(__file__).parents[1] / "configs" / "clear-to-foggy.yaml")
    return replace(shipped, data=replace(shipped.data, source=["*.png"]))


def test_a_recipe_says_what_the_int8_variant_does_not_round(
    recipe: config.Config, graphs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "NEAR", 0)

    def rounded(floating: list[str]) -> set[str]:
        package.export_int8(replace(recipe, floating=floating), tmp_path, graphs / "strips.onnx", tmp_path / "int8.onnx")
        return {node.name for node in onnx.load(str(tmp_path / "int8.onnx")).graph.node if node.op_type == "QuantizeLinear"}

    everything, most = rounded([]), rounded(["rise8"])
    assert most < everything
    assert any("rise16" in name for name in most) and not any("rise8.mix" in name for name in most)
    stored = {constant.name for constant in onnx.load(str(tmp_path / "int8.onnx")).graph.initializer}
    assert "rise8.mix.weight.byte" in stored, "what isn't rounded takes no more room"
    assert "rise4.mix.weight.half" in stored


def test_what_an_export_spares_is_stored_as_bytes_and_tried_once(
    recipe: config.Config, graphs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried, small = list[tuple[str, ...]](), tmp_path / "int8.onnx"

    def once_more(graph: Path, out: Path, pictures: list[Image.Image], spared: tuple[str, ...], percentile: float | None) -> None:
        tried.append(spared)
        monkeypatch.setattr(package, "NEAR", 0 if len(spared) > 1 else 1e9)
        quantise(graph, out, pictures, spared, percentile)

    monkeypatch.setattr(package, "quantise", once_more)
    monkeypatch.setattr(package, "SPARED", ((), ("rise8",), ("rise16",)))
    assert package.export_int8(replace(recipe, floating=["rise8"]), tmp_path, graphs / "strips.onnx", small) is not None
    assert tried == [("rise8",), ("rise8", "rise16")]
    assert "rise16.mix.weight.byte" in {constant.name for constant in onnx.load(str(small)).graph.initializer}

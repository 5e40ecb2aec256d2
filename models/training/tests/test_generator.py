"""What must hold for any weights: shapes, strength 0, and a graph that computes what the network computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from turbo_training.apply import line
from turbo_training.falling import layers
from turbo_training.graph import build, save, slim
from turbo_training.look import multiply_accumulates, padded, reduction
from turbo_training.network import RISES, Generator, Widths
from turbo_training.package import check, check_slim
from turbo_training.running import run
from turbo_training.weights import read_weights

LARGE = [(702, 1282), (2590, 1090)]
"""Frames that are reduced by 2 and by 4."""


@pytest.fixture(
    scope="module",
    params=[{}, {"light": (8, 8, 16), "edged": RISES}, {"mirror": (12, 12, 8, 8), "edged": ("rise8",)}],
    ids=["", "light-head", "mirror-head"],
)
def generator(request: pytest.FixtureRequest) -> Generator:
    """A generator with weights at random, the zero-initialised ones too; without a head, and with either and with edges repeated."""
    torch.manual_seed(1)
    net = Generator(Widths(quarter=16, eighth=16, sixteenth=24, thirtysecond=32, inner=24, **request.param))
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    torch.nn.init.normal_(net.maps.weight, std=0.02)
    if net.mirror_head is not None:
        # as if it had been taught: all of a picture's cells tell something else
        torch.nn.init.normal_(net.mirror_head.tell.weight, std=1)
        torch.nn.init.zeros_(net.mirror_head.tell.bias)
    return net.eval()


def test_maps_have_the_size_of_the_picture(generator: Generator) -> None:
    maps = generator(torch.rand(2, 3, 64, 96))
    assert all(m.shape == (2, 3, 64, 96) for m in maps)


def test_edges_of_a_plain_picture_come_out_like_the_rest_where_they_are_repeated() -> None:
    def jump(edged: tuple[str, ...]) -> float:
        """From the uppermost rows to those below, of the light that is added."""
        torch.manual_seed(1)
        net = Generator(Widths(quarter=16, eighth=16, sixteenth=24, thirtysecond=32, inner=24, edged=edged)).eval()
        torch.nn.init.normal_(net.maps.weight, std=0.02)
        light = net(torch.full((1, 3, 512, 512), 0.5)).light[0, :, :, 256]
        return float((light[:, 0] - light[:, 16]).abs().max().detach())

    assert jump(RISES) < 0.1 * jump(())


def test_strength_zero_changes_nothing(generator: Generator) -> None:
    picture = torch.rand(1, 3, 64, 64)
    assert torch.equal(generator(picture).apply(picture, 0.0), picture)


@pytest.mark.parametrize("mixed", [False, True])
def test_graphs_are_the_network_at_every_size(generator: Generator, tmp_path: Path, mixed: bool) -> None:
    graphs = [tmp_path / "whole.onnx", tmp_path / "strips.onnx"]
    for graph, strips in zip(graphs, (False, True), strict=True):
        save(build(generator, "test", None, mixed, strips=strips), graph)
    assert check(generator, graphs, mixed, LARGE) <= 1


@pytest.mark.parametrize("strips", [False, True], ids=["whole", "strips"])
@pytest.mark.parametrize("kind", ["rain", "snow"])
def test_what_falls_moves_with_time_alone(generator: Generator, tmp_path: Path, kind: str, strips: bool) -> None:
    save(build(generator, "test", layers(kind), True, strips=strips), tmp_path / "falling.onnx")
    save(build(generator, "test", None, True), tmp_path / "still.onnx")
    picture = Image.new("RGB", (320, 180), (90, 120, 150))
    assert check_slim(tmp_path / "falling.onnx", tmp_path / "falling.onnx", [picture], LARGE[:1]) == (0, 0)
    assert check_slim(tmp_path / "falling.onnx", tmp_path / "still.onnx", [picture], [])[0] > 1
    falling, still = (onnxruntime.InferenceSession(str(tmp_path / f"{name}.onnx")) for name in ("falling", "still"))
    frame = np.full((1, 180, 320, 3), 40, np.uint8)
    first, again, later = (run(falling, frame, 1.0, time).astype(int) for time in (2.0, 2.0, 2.04))
    assert np.array_equal(first, again)
    assert (np.abs(first - later) > 8).sum() > 50
    assert (first >= run(still, frame, 1.0)).all()


@pytest.mark.parametrize("strips", [False, True], ids=["whole", "strips"])
@pytest.mark.parametrize(("width", "height"), [(162, 122), (1280, 720), (1920, 1080), (2560, 1440)])
def test_sizes_can_be_fixed_at_load(generator: Generator, tmp_path: Path, width: int, height: int, strips: bool) -> None:
    save(build(generator, "test", strips=strips), tmp_path / "model.onnx")
    options = onnxruntime.SessionOptions()
    options.add_free_dimension_override_by_name("width", width)
    options.add_free_dimension_override_by_name("height", height)
    options.optimized_model_filepath = str(tmp_path / "fixed.onnx")
    fixed = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), options)
    free = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    frame = np.random.default_rng(2).integers(0, 256, (1, height, width, 3), np.uint8)
    difference = run(fixed, frame, 1.0).astype(int) - run(free, frame, 1.0)
    assert fixed.get_inputs()[0].shape == [1, height, width, 3]
    assert np.abs(difference).max() <= 1
    assert not [n for n in onnx.load(str(tmp_path / "fixed.onnx")).graph.node if n.op_type == "If"]


def test_frames_are_reduced_from_720p_on() -> None:
    sizes = [(2, 2), (640, 360), (960, 540), (1280, 720), (720, 1280), (1920, 1080), (2560, 1440), (3840, 2160), (8192, 4320)]
    assert [reduction(*size) for size in sizes] == [1, 1, 1, 2, 2, 2, 4, 4, 4]
    assert padded(1920, 1080) == (1920, 1088)


@pytest.mark.parametrize("side", [4, 8, 16])
def test_enlarging_is_linear(side: int) -> None:
    plane = torch.rand(6, 10)
    edged = torch.nn.functional.pad(plane[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    down, across = (torch.from_numpy(line(cells, side)) for cells in plane.shape)
    wanted = torch.nn.functional.interpolate(plane[None, None], scale_factor=side, mode="bilinear")[0, 0]
    assert torch.allclose(down @ edged @ across.T, wanted, atol=1e-6)


@pytest.mark.parametrize("strips", [False, True], ids=["whole", "strips"])
def test_what_is_done_to_every_pixel_in_floats_is_done_in_strips(generator: Generator, strips: bool) -> None:
    def outside_strips(graph: onnx.GraphProto) -> set[str]:
        inner = (a.g for n in graph.node if n.op_type == "If" for a in n.attribute)
        # what is mirrored is fetched by cells
        return {node.op_type for node in graph.node if "mirror" not in node.name}.union(*(outside_strips(branch) for branch in inner))

    every = {"Cast", "Exp", "Gemm", "QuantizeLinear"}
    assert every & outside_strips(build(generator, "test", strips=strips).graph) == (set() if strips else every)


@pytest.mark.parametrize("kind", ["rain", "snow"])
def test_what_falls_through_strips_falls_as_through_the_whole(generator: Generator, tmp_path: Path, kind: str) -> None:
    graphs = [tmp_path / "whole.onnx", tmp_path / "strips.onnx"]
    for graph, strips in zip(graphs, (False, True), strict=True):
        save(build(generator, "test", layers(kind), True, strips=strips), graph)
    assert max(check_slim(*graphs, [], LARGE)) <= 1


def test_a_graph_of_another_version_is_told_from_one_of_this(tmp_path: Path) -> None:
    onnx.save_model(onnx.helper.make_model(onnx.helper.make_graph([], "old", [], [])), str(tmp_path / "model.onnx"))
    with pytest.raises(ValueError, match=r"model.onnx is not a graph .* start from a package that is shipped"):
        read_weights(tmp_path)


def test_a_large_frame_is_translated_as_its_reduced_picture_is(generator: Generator, tmp_path: Path) -> None:
    save(build(generator, "test", None, True), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    small = np.random.default_rng(3).integers(0, 256, (1, 12, 20, 3)).astype(np.uint8).repeat(32, 1).repeat(32, 2)
    large = small.repeat(2, 1).repeat(2, 2)
    difference = run(session, large, 1.0)[:, ::2, ::2].astype(int) - run(session, small, 1.0)
    assert np.abs(difference).mean() < 4


def test_cost_is_counted() -> None:
    assert 0.6e9 < multiply_accumulates(Widths(), 640, 360) < 0.8e9
    assert multiply_accumulates(Widths(), 1280, 720) < 1.5 * multiply_accumulates(Widths(), 640, 360)
    assert 0.09e9 < multiply_accumulates(Widths(mirror=(48, 40, 32, 16)), 640, 360) - multiply_accumulates(Widths(), 640, 360) < 0.2e9
    assert 0.8e9 < multiply_accumulates(Widths(light=(32, 48, 80)), 640, 360) - multiply_accumulates(Widths(), 640, 360) < 1e9


def test_weights_come_back_from_a_package(generator: Generator, tmp_path: Path) -> None:
    save(slim(build(generator, "test")), tmp_path / "model.onnx")
    for name, value in read_weights(tmp_path).items():
        assert torch.allclose(value, generator.state_dict()[name], rtol=2e-3, atol=1e-3), name


def test_coarse_weights_are_bytes_in_the_file_and_hardly_another_graph(generator: Generator, tmp_path: Path) -> None:
    whole = build(generator, "test")
    coarse = slim(whole, ("down32",))
    kept = {constant.name: constant for constant in coarse.graph.initializer}
    assert kept["down32.weight.byte"].data_type == onnx.TensorProto.INT8
    assert "down16.weight.half" in kept and "down16.weight.byte" not in kept
    sessions = []
    for name, model in (("whole", whole), ("coarse", coarse)):
        save(model, tmp_path / f"{name}.onnx")
        sessions.append(onnxruntime.InferenceSession(str(tmp_path / f"{name}.onnx"), providers=["CPUExecutionProvider"]))
    frame = np.random.default_rng(4).integers(0, 256, (1, 64, 96, 3), np.uint8)
    exact, near = (run(session, frame, 1.0).astype(int) for session in sessions)
    assert (exact != near).any()
    assert np.abs(exact - near).mean() < 1

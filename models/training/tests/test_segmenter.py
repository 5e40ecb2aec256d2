"""The segmenter: what its transformer sees, that it learns, and that what it learnt is kept without the transformer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from turbo_training import segmenter, vit
from turbo_training.pyramid import Pyramid
from turbo_training.segmenter import CLASSES, ROAD, SKY, agreement, train_segmenter


def test_the_transformer_sees_what_the_reference_does() -> None:
    graph = onnx.load(vit.graph_file())
    last = next(node.output[0] for node in graph.graph.node if node.op_type == "Add" and node.name == "/backbone/layernorm/Add_1")
    graph.graph.output.append(onnx.helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    torch.manual_seed(1)
    pictures = F.interpolate(torch.rand(2, 3, 12, 12), (256, 256), mode="bilinear")
    transformer = vit.pretrained()
    seen = F.interpolate(pictures, (224, 224), mode="bilinear", antialias=True)
    theirs = session.run([last], {"input_image": ((seen - transformer.mean) / transformer.spread).numpy()})[0][:, 1:]
    with torch.no_grad():
        ours = transformer(pictures)[:, -vit.WIDTH :].flatten(2).transpose(1, 2).numpy()
    assert ours.shape == theirs.shape == (2, 256, vit.WIDTH)
    assert np.linalg.norm(ours - theirs) < 2e-3 * np.linalg.norm(theirs)
    assert not any(p.requires_grad for p in transformer.parameters())


def test_without_its_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vit, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install -r requirements.txt"):
        vit.pretrained()


def test_it_learns_what_is_labelled_and_goes_on_from_what_it_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(segmenter, "_CROP", (64, 96))
    labels, labelled = tmp_path / "labels", list[tuple[Image.Image, Image.Image]]()
    labels.mkdir()
    out = tmp_path / "work" / "segmenter.pt"
    with pytest.raises(ValueError, match="no labels"):
        train_segmenter(tmp_path, labels, out, steps=30, seed=1)
    rng = np.random.default_rng(3)
    for index in range(6):
        horizon = int(rng.integers(24, 40))
        picture, label = rng.integers(40, 70, (64, 96, 3), dtype=np.uint8), np.full((64, 96), ROAD, np.uint8)
        picture[:horizon] = [120, 170, 230]
        label[:horizon] = SKY
        Image.fromarray(picture).save(tmp_path / f"{index}.jpg")
        Image.fromarray(label).save(labels / f"{index}.png")
        labelled.append((Image.open(tmp_path / f"{index}.jpg"), Image.fromarray(label)))
    killed = segmenter.save_state_whole

    def kill(state: object, path: Path) -> None:
        killed(state, path)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(segmenter, "_KEPT_EVERY", 10)
        patch.setattr(segmenter, "save_state_whole", kill)
        train_segmenter(tmp_path, labels, out, steps=30, seed=1, batch=2)
    assert not out.exists()
    state = torch.load(out.with_suffix(".half-taught"), weights_only=True)
    begun = list[bool]()
    learn = segmenter.Segmenter.forward

    def first(net: segmenter.Segmenter, *of: torch.Tensor) -> torch.Tensor:
        begun.append(all(torch.equal(value, state["net"][name]) for name, value in net.state_dict().items()))
        return learn(net, *of)

    monkeypatch.setattr(segmenter.Segmenter, "forward", first)
    cut, drawn = segmenter._crop, list[Image.Image]()
    monkeypatch.setattr(segmenter, "_crop", lambda picture, *rest: (drawn.append(picture), cut(picture, *rest))[1])
    taught = train_segmenter(tmp_path, labels, out, steps=30, seed=1, batch=2)
    assert len(drawn) == 40 and begun[0] and not begun[1], "ten steps of two were taken before it was killed, and it goes on from there"
    monkeypatch.setattr(segmenter.Segmenter, "forward", learn)
    assert "on 1 held-out pictures" in capsys.readouterr().out and len({id(picture) for picture in drawn}) == 5
    told = taught.classify(labelled[0][0])
    assert told.shape == (CLASSES, 64, 96) and np.allclose(told.sum(0), 1, atol=1e-3)
    sky = float(agreement(taught, labelled).split("sky ")[1][:4])
    assert sky > 0.9
    assert out.stat().st_size < 20e6, "what stays as it is in the transformer isn't kept"
    assert [path.name for path in out.parent.iterdir()] == ["segmenter.pt"]
    again = train_segmenter(tmp_path, labels, out, steps=30, seed=1, batch=2)
    assert np.array_equal(again.classify(labelled[0][0]), told)


def test_agreement_counts_what_is_told_and_what_is_there() -> None:
    right = np.array([[SKY, SKY, ROAD, segmenter.UNKNOWN]], np.uint8)

    class Told:
        def classify(self, _: Image.Image) -> np.ndarray:
            return np.eye(CLASSES)[[[SKY, ROAD, ROAD, ROAD]]].transpose(2, 0, 1)

    said = agreement(Told(), [(Image.new("RGB", (4, 1)), Image.fromarray(right))])  # type: ignore[arg-type]
    assert "sky 0.50" in said and "road 0.50" in said and "car" not in said, "what is unknown isn't counted, nor what isn't there"


def test_what_the_transformer_says_matters_and_what_is_asked_of_a_pyramid_is_asked() -> None:
    torch.manual_seed(1)
    net, pictures = segmenter.Segmenter().eval(), torch.rand(1, 3, 64, 96)
    meaning = torch.randn(1, vit.CHANNELS, 4, 6)
    with torch.no_grad():
        assert not torch.allclose(net(pictures, meaning), net(pictures, torch.randn(1, vit.CHANNELS, 4, 6)), atol=1e-3)
        with pytest.raises(ValueError, match="only then"):
            Pyramid()(pictures, meaning)


def test_a_segmenter_of_another_kind_is_named(tmp_path: Path) -> None:
    torch.save({"stem": torch.zeros(1)}, tmp_path / "segmenter.pt")
    with pytest.raises(ValueError, match="segmenter.pt is of another kind"):
        train_segmenter(tmp_path, tmp_path, tmp_path / "segmenter.pt", steps=1, seed=1)

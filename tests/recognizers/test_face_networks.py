"""The face networks with drawn weights: layouts of the published ports, windows, gradients."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from deid_bench.analyzers.base import FaceAnalysis
from deid_bench.analyzers.face_alignment import TEMPLATE
from deid_bench.datasets.base import Failure
from deid_bench.files import sha256_of
from deid_bench.recognizers.face.dlib_resnet_network import FACE_POINTS, DlibResnetNetwork, chip_window
from deid_bench.recognizers.face.face_network import MTCNN_BOX, AlignedFaceNetwork, Window, around_box, load_strictly
from deid_bench.recognizers.face.facenet import Facenet
from deid_bench.recognizers.face.facenet_network import InceptionResnetV1
from deid_bench.recognizers.face.mobilefacenet import MobileFaceNet
from deid_bench.recognizers.face.mobilefacenet_layouts import build
from deid_bench.recognizers.face.se_resnet50 import SeResnet50
from deid_bench.recognizers.face.se_resnet50_network import IrSe50, SeNet50
from deid_bench.recognizers.weight_files.network_weights import read_weights, weight_digest
from deid_bench.weights.files import WeightsError

from . import face_references as references
from .face_references import Drawn, drawn_faces, drawn_tensors

GOLDEN = Path(__file__).parent / "data" / "face_golden.npz"
FACES = torch.from_numpy((drawn_faces(2, 112) + 1) / 2)
IMAGENET = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def parameters(tensors: dict[str, NDArray[Any]]) -> int:
    """How many numbers are learned."""
    kept = ("running_mean", "running_var", "num_batches_tracked")
    return sum(array.size for name, array in tensors.items() if not name.endswith(kept))


def drawn_by(reference: Callable[[Drawn, torch.Tensor], torch.Tensor], faces: torch.Tensor) -> Any:
    drawn = Drawn()
    with torch.no_grad():
        return drawn.tensors, reference(drawn, faces)


@pytest.mark.parametrize(
    ("reference", "learned", "count"),
    [
        (references.treb1en, 1_200_512, 333),
        (references.cavaface, 1_200_512, 333),
        (references.arcface_torch, 1_200_512, 333),
        (references.arcface_torch_wide, 2_059_520, 333),
    ],
)
def test_mobilefacenet_reads_the_ports_layouts(reference: Any, learned: int, count: int) -> None:
    tensors, expected = drawn_by(reference, 2 * FACES - 1)
    assert (parameters(tensors), len(tensors)) == (learned, count)  # as counted in the ports themselves
    network = build(tensors, "drawn").eval()
    with torch.no_grad():
        torch.testing.assert_close(network.raw(FACES), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_mobilefacenet_reads_foamlius_layout_with_its_scaling_and_both_sides() -> None:
    mean, std = IMAGENET
    drawn = Drawn()
    with torch.no_grad():
        scaled = (FACES - mean) / std
        expected = references.foamliu(drawn, scaled) + references.foamliu(drawn, scaled.flip(3))
        assert (parameters(drawn.tensors), len(drawn.tensors)) == (999_936, 307)
        found = build(drawn.tensors, "drawn").eval().raw(FACES)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("change", ["less", "more", "shape"])
def test_other_networks_are_refused(change: str) -> None:
    tensors, _ = drawn_by(references.treb1en, FACES[:1])
    if change == "less":
        del tensors["conv_6_sep.bn.weight"]
    elif change == "more":
        tensors["attention.weight"] = np.zeros(3, np.float32)
    else:
        tensors["conv_34.conv.conv.weight"] = np.zeros((256, 64, 3, 3), np.float32)
    with pytest.raises(
        WeightsError, match=r"treb1en" if change != "shape" else r"blocks.5.expand.conv.weight of shape"
    ):
        build(tensors, "mine.pth")


def test_ir_se50_reads_its_layout(tmp_path: Path) -> None:
    tensors, expected = drawn_by(references.ir_se50, 2 * FACES[:1] - 1)
    assert (parameters(tensors), len(tensors)) == (43_797_696, 397)
    file = tmp_path / "model_ir_se50.pth"
    torch.save({name: torch.from_numpy(array) for name, array in tensors.items()}, file)
    network = SeResnet50(weights=str(file)).network()
    with torch.no_grad():
        expected = functional.normalize(expected)
        torch.testing.assert_close(network(FACES[:1]), expected, rtol=1e-3, atol=1e-5)


def test_senet50_reads_its_pickle_leaves_the_classifier_and_turns_to_bgr(tmp_path: Path) -> None:
    side = 1.3 * 224 / 256 * MTCNN_BOX[2]
    window = around_box(side, side, 224)
    blue_first = window(FACES[:1]).flip(1) * 255 - torch.tensor([91.4953, 103.8827, 131.0912]).view(3, 1, 1)
    tensors, expected = drawn_by(references.senet50, blue_first)
    assert parameters(tensors) == 26_039_024
    published = {name: array for name, array in tensors.items() if not name.endswith("num_batches_tracked")}
    published |= {"fc.weight": np.zeros((8631, 8), np.float32), "fc.bias": np.zeros(8631, np.float32)}
    file = tmp_path / "senet50_ft_weight.pkl"
    file.write_bytes(pickle.dumps(published, protocol=2))
    network = SeResnet50(weights=str(file)).network()
    with torch.no_grad():
        torch.testing.assert_close(network(FACES[:1]), functional.normalize(expected), rtol=1e-3, atol=1e-5)


@pytest.fixture(scope="module")
def inception() -> InceptionResnetV1:
    """The network with drawn tensors."""
    network = InceptionResnetV1()
    load_strictly(network, drawn_tensors({k: tuple(v.shape) for k, v in network.state_dict().items()}), "drawn")
    return network.eval().requires_grad_(False)


def test_facenet_is_facenet_pytorchs(inception: InceptionResnetV1) -> None:
    state = inception.state_dict()
    assert len(state) == 714
    assert sum(p.numel() for p in inception.parameters()) == 23_482_624
    with torch.no_grad():
        found = functional.normalize(inception(torch.from_numpy(drawn_faces(2, 160))))
    np.testing.assert_allclose(found.numpy(), np.load(GOLDEN)["facenet"], atol=1e-5)


def test_facenet_reads_a_file_with_its_classifier(inception: InceptionResnetV1, tmp_path: Path) -> None:
    file = tmp_path / "20180402-114759-vggface2.pt"
    published = {**inception.state_dict(), "logits.weight": torch.zeros(9, 512), "logits.bias": torch.zeros(9)}
    torch.save(published, file, _use_new_zipfile_serialization=False)  # as old as the published file
    network = Facenet(weights=str(file)).network()
    width, height = (length * 160 / 146 for length in MTCNN_BOX[2:])
    with torch.no_grad():
        chips = (around_box(width, height, 160)(FACES[:1]) * 255 - 127.5) / 128
        torch.testing.assert_close(network(FACES[:1]), functional.normalize(inception(chips)), rtol=1e-4, atol=1e-6)


# ------------------------------------------------------------------------------------------------ gradients


def slope_error(network: AlignedFaceNetwork, step: float = 1e-8) -> float:
    """Relative difference of the gradient along a drawn direction and the difference quotient, in double precision.

    The step is small because rectifiers bend: among millions of them a larger step always crosses some.
    """
    network = network.double().eval().requires_grad_(False)
    rng = np.random.default_rng(3)
    face = FACES[:1].double().requires_grad_()
    side = torch.from_numpy(rng.standard_normal(network(face.detach()).shape))
    direction = torch.from_numpy(rng.standard_normal(face.shape))
    (gradient,) = torch.autograd.grad((network(face) * side).sum(), face)
    with torch.no_grad():
        ahead, behind = ((network(face + sign * step * direction) * side).sum() for sign in (1, -1))
    quotient = float(ahead - behind) / (2 * step)
    assert abs(quotient) > 1e-6
    return abs(float((gradient * direction).sum()) - quotient) / abs(quotient)


def filled(network: nn.Module) -> nn.Module:
    load_strictly(network, drawn_tensors({k: tuple(v.shape) for k, v in network.state_dict().items()}), "drawn")
    return network


def test_gradients_of_mobilefacenets() -> None:
    for reference in (references.treb1en, references.foamliu):
        assert slope_error(build(drawn_by(reference, FACES[:1])[0], "drawn")) < 1e-4


@pytest.mark.parametrize(
    ("make", "window"),
    [
        (DlibResnetNetwork, chip_window),
        (IrSe50, lambda: None),
        (SeNet50, lambda: around_box(90.0, 90.0, 224)),
        (InceptionResnetV1, lambda: around_box(87.0, 109.0, 160)),
    ],
)
def test_gradients_of_the_others(make: Callable[[], nn.Module], window: Callable[[], Window | None]) -> None:
    network = AlignedFaceNetwork(filled(make()), mean=(127.5,) * 3, std=(128.0,) * 3, window=window(), bgr=True)
    assert slope_error(network) < 1e-4


# ------------------------------------------------------------------------------------------------ windows


def places(window: Window) -> torch.Tensor:
    """(side, side, 2): which place of the aligned face each px shows, as far as it lies inside."""
    rows, columns = torch.meshgrid(torch.arange(112.0), torch.arange(112.0), indexing="ij")
    shown: torch.Tensor = window(torch.stack([columns, rows, rows])[None])
    return shown[0, :2].permute(1, 2, 0)


def test_dlibs_chip_shows_the_five_places_where_dlibs_mean_face_has_them() -> None:
    shown = places(chip_window())
    expected = (np.array(FACE_POINTS) + 0.25) / 1.5 * 150
    for place, (x, y) in zip(TEMPLATE, expected, strict=True):
        row, column = np.unravel_index(int(((shown - torch.tensor(place)) ** 2).sum(-1).argmin()), (150, 150))
        assert np.hypot(column - x, row - y) < 3.7  # chip px; the two mean faces differ by as much
    step = shown[75, 76] - shown[75, 75]
    assert 0.67 < float(step.norm()) < 0.70


def test_the_box_window_is_where_it_says() -> None:
    shown = places(around_box(80.0, 90.0, 160))
    left, top = MTCNN_BOX[0] - 40, MTCNN_BOX[1] - 45
    torch.testing.assert_close(shown[0, 0], torch.tensor([left + 0.25 - 0.5, top + 90 / 320 - 0.5]), atol=1e-3, rtol=0)
    torch.testing.assert_close(
        shown[100, 60], torch.tensor([left + 60.5 / 2 - 0.5, top + 100.5 * 90 / 160 - 0.5]), atol=1e-3, rtol=0
    )


def test_a_window_of_the_whole_face_changes_nothing() -> None:
    whole = Window(np.eye(2, 3), 112)
    torch.testing.assert_close(whole(FACES), FACES, atol=1e-4, rtol=0)


# ------------------------------------------------------------------------------------------------ files


def test_files_are_read_however_they_were_saved(tmp_path: Path) -> None:
    tensors, _ = drawn_by(references.treb1en, FACES[:1])
    state = {name: torch.from_numpy(np.asarray(array)) for name, array in tensors.items()}
    wrapped = {"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}, "epoch": 3}
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.save(wrapped, tmp_path / "checkpoint.pth")
    crop = [(FACES[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)]
    one, other = (MobileFaceNet(weights=str(tmp_path / name)).embed(crop) for name in ("old.pth", "checkpoint.pth"))
    np.testing.assert_array_equal(one, other)
    assert one.shape == (1, 512)
    digests = weight_digest(str(tmp_path / "old.pth"))
    assert [*digests] == ["old.pth"]
    assert digests["old.pth"] == sha256_of(tmp_path / "old.pth")


def test_old_torch_files_with_code_are_refused(tmp_path: Path) -> None:
    torch.save({"a": Path("x")}, tmp_path / "bad.pth", _use_new_zipfile_serialization=False)
    with pytest.raises(WeightsError, match="restricted loader"):
        read_weights(str(tmp_path / "bad.pth"))


def test_missing_files_are_named() -> None:
    with pytest.raises(WeightsError, match="did you mean 'mobilefacenet-expo'"):
        read_weights("mobilefacenet-exp")
    with pytest.raises(WeightsError, match=r"no weight file /no/where\.pth"):
        read_weights("/no/where.pth")


@pytest.mark.parametrize(("recognizer", "name"), [(Facenet, "facenet-vggface2"), (SeResnet50, "ir-se50")])
def test_weights_without_a_published_digest_say_how_they_are_added(
    recognizer: Any, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path))
    monkeypatch.delenv("DEID_BENCH_WEIGHTS", raising=False)
    with pytest.raises(WeightsError, match=rf"https://github.com.*deid-bench weights add {name} FILE"):
        recognizer().network()


# ------------------------------------------------------------------------------------------------ aligning


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.zeros((4, 2)), "shape"),
        (np.full((5, 2), np.nan), "finite"),
        (TEMPLATE / 10, "apart"),
        (TEMPLATE - 500, "outside"),
        (TEMPLATE + 500, "outside"),
    ],
)
def test_faces_that_cannot_be_cut_say_why(points: NDArray[Any], reason: str) -> None:
    image = np.zeros((112, 112, 3), np.uint8)
    analysis = FaceAnalysis(np.zeros(4, np.float32), 1.0, points.astype(np.float32), None, None)
    found = MobileFaceNet().align(image, analysis)
    assert isinstance(found, Failure)
    assert reason in found.reason


def test_crops_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"facenet: expected crops of shape \(112, 112, 3\)"):
        Facenet().embed([np.zeros((160, 160, 3), np.uint8)])


def test_templates_of_different_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(n, d\)"):
        MobileFaceNet().distances(np.ones((2, 192), np.float32), np.ones((2, 512), np.float32))


# ------------------------------------------------------------------------------------------------ onnx


def _varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 0x7F | 0x80]) + _varint(value >> 7)


def _field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _as_onnx(tensors: dict[str, NDArray[Any]]) -> bytes:
    """A model that holds nothing but weights, in ONNX's own encoding."""
    graph = b""
    for name, array in tensors.items():
        sizes = b"".join(_field(1, length) for length in array.shape)
        graph += _field(5, sizes + _field(2, 1) + _field(8, name.encode()) + _field(9, array.astype("<f4").tobytes()))
    indices = _field(1, 1) + _field(2, 7) + _field(8, b"shape") + _field(9, np.array([1]).tobytes())
    return _field(1, 7) + _field(2, b"exporter") + _field(7, _field(2, b"graph") + graph + _field(5, indices))


def test_the_onnx_layout_is_the_folded_network(tmp_path: Path) -> None:
    tensors, expected = drawn_by(references.faceplugin, (FACES * 255 - 127) / 128)
    assert parameters(tensors) == 1_190_336
    file = tmp_path / "fr_feature.onnx"
    file.write_bytes(_as_onnx(tensors))
    with torch.no_grad():
        found = MobileFaceNet(weights=str(file)).network().raw(FACES)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    file.write_bytes(file.read_bytes()[:-100_000])
    with pytest.raises(WeightsError, match="cut off"):
        read_weights(str(file))
    file.write_bytes(b"<html>")
    with pytest.raises(WeightsError, match="ONNX"):
        read_weights(str(file))

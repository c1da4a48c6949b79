"""The face recognisers whose weights can be had: against LiteRT and dlib, and on the faces of ORL."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from narrowed import present
from numpy.typing import NDArray

from deid_bench.analyzers.base import FaceAnalysis
from deid_bench.benchmark.metrics.recognition.error_rates import eer
from deid_bench.datasets.published.orl import Orl, UnavailableError
from deid_bench.recognizers.base import Recognizer
from deid_bench.recognizers.face.dlib_resnet import DlibResnet
from deid_bench.recognizers.face.face_crop import FaceRecognizer
from deid_bench.recognizers.face.mobilefacenet import MobileFaceNet
from deid_bench.recognizers.weight_files.dlib_tensors import read_layers
from deid_bench.weights import files as weights
from deid_bench.weights.files import WeightsError

from .face_references import chips, drawn_faces

GOLDEN = Path(__file__).parent / "data" / "face_golden.npz"
CROPS = [np.round(127.5 * (face + 1)).astype(np.uint8).transpose(1, 2, 0) for face in drawn_faces(3, 112)]
# One worker of a parallel run does all that needs the same large download.
MOBILEFACENET = pytest.param(MobileFaceNet, id="mobilefacenet")
DLIB = pytest.param(DlibResnet, id="dlib_resnet")


def ready(recognizer: Any) -> FaceRecognizer:
    """The recogniser with its default weights, which are fetched when they are absent."""
    name = recognizer.info.weights[0]
    if weights.offline() and weights.find(name) is None:
        pytest.skip(f"{name} is absent and DEID_BENCH_OFFLINE forbids fetching it")
    made: FaceRecognizer = recognizer()
    return made


def test_mobilefacenet_is_the_tflite_model() -> None:
    network = ready(MobileFaceNet).network()
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(weights.weight("mobilefacenet-expo")), num_threads=1)
    interpreter.allocate_tensors()
    wants, gives = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    pair = np.stack(CROPS[:2])  # the model takes two faces
    interpreter.set_tensor(wants["index"], (pair.astype(np.float32) - 127.5) / 128)
    interpreter.invoke()
    with torch.no_grad():
        found = network.raw(torch.from_numpy(pair).permute(0, 3, 1, 2) / 255)
    np.testing.assert_allclose(found.numpy(), interpreter.get_tensor(gives["index"]), atol=1e-4)


def test_dlib_resnet_gives_dlibs_descriptors() -> None:
    network = ready(DlibResnet).network()
    pixels = torch.from_numpy(np.stack(chips())).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        found = network.network((pixels - network.mean) / network.std).numpy()
    assert np.linalg.norm(found - np.load(GOLDEN)["dlib"], axis=1).max() < 1e-4


def test_a_dlib_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    ready(DlibResnet)
    data = weights.weight("dlib-face-resnet").read_bytes()
    cut, short, other = (tmp_path / name for name in ("cut.dat", "short.dat", "other.dat"))
    cut.write_bytes(data[:1_000_000])
    short.write_bytes(data[:19_809])  # the third layer begins there
    other.write_bytes(b"no network")
    for file, message in ((cut, "cut off in layer"), (other, "no layer that dlib would write")):
        with pytest.raises(WeightsError, match=message):
            read_layers(file)
    with pytest.raises(WeightsError, match="has 2 layers, expected the 59"):
        DlibResnet(weights=str(short)).network()


@pytest.mark.parametrize("recognizer", [MOBILEFACENET, DLIB])
def test_embedding_and_network_agree_and_rows_stand_alone(recognizer: type[FaceRecognizer]) -> None:
    own = ready(recognizer)
    assert isinstance(own, Recognizer)
    together = own.embed(CROPS)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together[1:2], own.embed(CROPS[1:2]))
    network = own.network()
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert network is not own.network()
    with torch.no_grad():
        found = network(torch.from_numpy(np.stack(CROPS)).permute(0, 3, 1, 2) / 255).numpy()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    unit = together / np.linalg.norm(together, axis=1, keepdims=True)
    np.testing.assert_allclose(found, unit, atol=2e-6)
    again = pickle.loads(pickle.dumps(own))  # noqa: S301
    np.testing.assert_array_equal(again.embed(CROPS[:1]), together[:1])
    assert own.embed([]).shape[0] == 0


@pytest.mark.parametrize("recognizer", [MOBILEFACENET, DLIB])
def test_distances(recognizer: type[FaceRecognizer]) -> None:
    own = ready(recognizer)
    rows = own.embed(CROPS)
    found = own.distances(rows, rows[:2])
    assert found.shape == (3, 2)
    assert found.dtype == np.float32
    if recognizer is DlibResnet:
        expected = np.linalg.norm(rows[:, None] - rows[None, :2], axis=2)
    else:
        expected = 1 - rows @ rows[:2].T
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert abs(found[0, 0]) < 1e-4


@pytest.mark.parametrize("recognizer", [MOBILEFACENET, DLIB])
def test_gradient_reaches_the_face(recognizer: type[FaceRecognizer]) -> None:
    network = ready(recognizer).network().double()
    face = (torch.from_numpy(CROPS[0]).permute(2, 0, 1)[None] / 255).double().requires_grad_()
    side = network(face.detach()).roll(1, dims=1)
    direction = torch.from_numpy(np.random.default_rng(5).standard_normal(face.shape))
    (gradient,) = torch.autograd.grad((network(face) * side).sum(), face)
    with torch.no_grad():
        ahead, behind = ((network(face + sign * 1e-8 * direction) * side).sum() for sign in (1, -1))
    assert float((gradient * direction).sum()) == pytest.approx(float(ahead - behind) / 2e-8, rel=1e-3)


@pytest.fixture(scope="module")
def orl_crops() -> Callable[[FaceRecognizer, int], tuple[Any, NDArray[Any]]]:
    """Aligned faces of ORL, four of each person, cut by committed points, so that no detector is needed."""
    dataset = Orl()
    try:
        dataset.prepare()
    except UnavailableError as error:
        if not weights.offline():
            raise
        pytest.skip(str(error))
    images = {(int(s.path.parent.name[1:]), int(s.path.stem)): s for s in dataset.samples()}
    points = np.load(GOLDEN)["orl_points"]

    def cut(recognizer: FaceRecognizer, count: int) -> tuple[Any, NDArray[Any]]:
        crops, people = [], []
        for person in range(1, 41):
            for number in range(1, count + 1):
                analysis = FaceAnalysis(np.zeros(4, np.float32), 1.0, points[person - 1, number - 1], None, None)
                crops.append(recognizer.align(images[person, number].image(), analysis))
                people.append(person)
        return crops, np.array(people)

    return cut


@pytest.mark.parametrize("recognizer", [MOBILEFACENET, DLIB])
def test_orl_faces_are_told_apart(
    recognizer: type[FaceRecognizer], orl_crops: Callable[[FaceRecognizer, int], tuple[Any, NDArray[Any]]]
) -> None:
    own = ready(recognizer)
    crops, people = orl_crops(own, 3)
    rows = own.embed(crops)
    distances = own.distances(rows, rows)
    first, second = np.triu_indices(len(people), 1)
    same = people[first] == people[second]
    pairs = distances[first, second]
    assert present(eer(pairs[same], pairs[~same])).eer < 0.01  # on all 400 images: 0.0027 and 0.0034
    np.fill_diagonal(distances, np.inf)
    assert (people[distances.argmin(axis=1)] == people).mean() == 1

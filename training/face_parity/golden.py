"""What the original programs say, for the tests of the face recognisers (tests/recognizers/data/face_golden.npz).

    pip install --no-deps dlib-bin==20.0.1.post1
    pip download --no-deps facenet-pytorch==2.6.0, unpacked to FOLDER
    python training/face_parity/golden.py FOLDER

Writes dlib's descriptors of three chips, the embeddings of facenet-pytorch's InceptionResnetV1 with drawn weights, and
the five points that the analyzer `mtcnn` finds in the first four images of each person of the dataset `orl`, so that
the tests need no detector.
"""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

import numpy as np
import torch

from deid_bench.analyzers.base import FaceAnalysis
from deid_bench.analyzers.mtcnn import Mtcnn
from deid_bench.datasets.published.orl import Orl
from deid_bench.weights import files as weights

TESTS = Path(__file__).parents[2] / "tests"
sys.path.insert(0, str(TESTS))
from recognizers.face_references import chips, drawn_faces, drawn_tensors  # noqa: E402

IMAGES = 4


def dlib_descriptors() -> np.ndarray:
    """(3, 128) of the chips."""
    import dlib

    network = dlib.face_recognition_model_v1(str(weights.weight("dlib-face-resnet")))
    return np.array([network.compute_face_descriptor(chip) for chip in chips()], np.float32)


def facenet_embeddings(folder: Path) -> np.ndarray:
    """(2, 512) of unit length. The module is imported alone: the package wants old versions of others."""
    package = types.ModuleType("facenet_pytorch_parts")
    package.__path__ = [str(folder / "facenet_pytorch")]
    sys.modules[package.__name__] = package
    network = importlib.import_module(f"{package.__name__}.models.inception_resnet_v1").InceptionResnetV1().eval()
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    network.load_state_dict({name: torch.from_numpy(array) for name, array in drawn_tensors(shapes).items()})
    with torch.no_grad():
        return np.asarray(network(torch.from_numpy(drawn_faces(2, 160))).numpy())


def orl_points() -> np.ndarray:
    """(40, 4, 5, 2) px."""
    dataset, analyzer = Orl(), Mtcnn()
    dataset.prepare()
    points = np.zeros((40, IMAGES, 5, 2), np.float32)
    for sample in dataset.samples():
        person, number = int(sample.path.parent.name[1:]), int(sample.path.stem)
        if number <= IMAGES:
            face = analyzer.analyze([sample.image()])[0]
            assert isinstance(face, FaceAnalysis), face
            points[person - 1, number - 1] = face.landmarks_5
    return points


if __name__ == "__main__":
    np.savez_compressed(
        TESTS / "data" / "face_golden.npz",
        dlib=dlib_descriptors(),
        facenet=facenet_embeddings(Path(sys.argv[1])),
        orl_points=np.round(orl_points(), 1),
    )

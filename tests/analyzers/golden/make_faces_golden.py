"""Writes faces.json: what facenet-pytorch's MTCNN and dlib's predictor find on the photographs of `faces.VARIANTS`.

Neither is needed by the tests. To make the file anew:

    pip download --no-deps facenet-pytorch==2.6.0 && unzip facenet_pytorch-2.6.0-py3-none-any.whl -d FOLDER
    pip install dlib-bin==20.0.1.post1
    python make_faces_golden.py FOLDER shape_predictor_68_face_landmarks.dat
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent), sys.argv[1]]

from analyzers.faces import VARIANTS, variant  # noqa: E402

from deid_bench.weights.torchvision import fit_torchvision  # noqa: E402


def plain_nms(boxes: Any, scores: Any, groups: Any, threshold: float) -> Any:
    """torchvision's batched_nms for one group, for a torchvision without its compiled half."""
    import torch

    assert not len(groups) or int(groups.max()) == 0
    corners, order, kept = boxes.numpy(), np.argsort(-scores.numpy(), kind="stable"), []
    area = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        low, high = np.maximum(corners[best, :2], corners[order, :2]), np.minimum(corners[best, 2:], corners[order, 2:])
        shared = np.clip(high - low, 0, None).prod(axis=1)
        order = order[shared / (area[best] + area[order] - shared) <= threshold]
    return torch.as_tensor(np.array(kept, dtype=np.int64))


def main() -> None:
    """Run both references and write the file beside this one."""
    fit_torchvision()
    import dlib
    import facenet_pytorch.models.utils.detect_face as cascade
    from facenet_pytorch.models.mtcnn import MTCNN

    cascade.batched_nms = plain_nms
    detector, predictor = MTCNN(keep_all=True), dlib.shape_predictor(sys.argv[2])
    out: dict[str, Any] = {}
    for name in VARIANTS:
        photo = variant(name)
        boxes, scores, points = detector.detect(photo, landmarks=True)
        found: dict[str, list[Any]] = {"boxes": [], "scores": [], "points": []}
        if boxes is not None:
            order = np.argsort(-np.asarray(scores, float), kind="stable")
            for key, values in (("boxes", boxes), ("scores", scores), ("points", points)):
                found[key] = np.asarray(values.tolist(), float)[order].round(5).tolist()
            noses = [dlib.point(round(nose[0]), round(nose[1])) for _, _, nose, _, _ in found["points"]]
            faces = dlib.get_frontal_face_detector()(photo, 1)
            best = next(face for face in faces if face.contains(noses[0]))
            found["dlib68"] = [[part.x, part.y] for part in predictor(photo, best).parts()]
        out[name] = found
    lines = (f" {json.dumps(name)}: {json.dumps(found)}" for name, found in out.items())
    (HERE / "faces.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()

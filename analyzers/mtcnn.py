"""The built-in face analyzer: MTCNN's published networks, run without their package, and 68 landmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Image
from ..weights.files import digest
from .base import AnalyzerInfo, FaceAnalysis, Missing
from .face_landmarks import WEIGHTS, LandmarkModel, Landmarks, check_available, landmark_model
from .face_mask import hull_mask
from .hand_checks import require_images

if TYPE_CHECKING:
    from .mtcnn_cascade import Cascade, Faces, Search

NETWORKS = ("mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet")
MAX_SIDE = 1024
"""px; larger images are shrunk to it first, which a face that the image is of survives."""
MAX_ENLARGED_SIDE = 3 * MAX_SIDE
"""px; a strip is not enlarged beyond, whatever its shorter side."""
WINDOW = 12.0
"""px; the networks see no face smaller than this in what they are shown."""
MIN_EYE_MOUTH = 4.0
"""px between the eyes' and the mouth's middle; below, there is no face to speak of."""
MIN_INSIDE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """The image as the networks get it: image px x `scale` + `shift` = px of the view."""

    pixels: Image
    scale: float
    shift: float


class Mtcnn:
    """MTCNN (Zhang et al. 2016) finds the face and five points; a landmark model adds 68 points and the face's pixels.

    Of several faces the one that the image is of is reported: the largest by area less twice the squared distance of
    its middle to the image's. The box is not clipped to the image.

    Args:
        landmarks: where `landmarks_68` and `mask` come from. `mesh`: MediaPipe's face mesh; 51 points by name, the 17
            of the jaw approximate; the mask is the mesh's convex hull. `dlib68`: dlib's predictor, if dlib is
            installed and its terms accepted; the mask is the points' convex hull, without the forehead. `none`:
            neither.
        threshold_p: lowest probability of a face after the first network, 0..1.
        threshold_r: the same after the second.
        threshold_o: the same after the third.
        factor: each level of the image pyramid is this much smaller than the one before, 0.3..0.95.
        min_face: side in px of the smallest face that is looked for, 12..1024; of images with a longer side above 1024
            px, which are shrunk to that first, in px of the shrunk image.
        border: the image is continued by this share of its shorter side all around before the search, 0..1, so that
            faces at its border and tight crops are seen whole.
        search_side: images with a shorter side below are enlarged to it for the search, 0..1024 px; points come out
            finer. 0: never.

    Raises:
        ValueError: a parameter is out of its range.
        ToolError: dlib is asked for and not installed.
        LicenceError: its predictor's terms are not accepted.
    """

    info: ClassVar[AnalyzerInfo] = AnalyzerInfo(
        name="mtcnn",
        version="1",
        modality="face",
        description="MTCNN face detector with five points; 68 landmarks and mask by MediaPipe's face mesh or dlib",
        licence="MTCNN MIT, face mesh Apache-2.0; landmarks=dlib68: non-commercial training data",
        citation="Zhang et al., Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks, "
        "IEEE Signal Processing Letters 23(10), 2016",
        weights=(*NETWORKS, *WEIGHTS["mesh"]),
    )

    def __init__(
        self,
        landmarks: Landmarks = "mesh",
        threshold_p: float = 0.6,
        threshold_r: float = 0.7,
        threshold_o: float = 0.7,
        factor: float = 0.709,
        min_face: float = 20.0,
        border: float = 0.25,
        search_side: int = 336,
    ) -> None:
        if landmarks not in get_args(Landmarks):
            raise ValueError(f"landmarks must be one of {', '.join(get_args(Landmarks))}, got {landmarks!r}")
        for name, value, low, high in (
            ("threshold_p", threshold_p, 0.0, 1.0),
            ("threshold_r", threshold_r, 0.0, 1.0),
            ("threshold_o", threshold_o, 0.0, 1.0),
            ("factor", factor, 0.3, 0.95),
            ("min_face", min_face, WINDOW, MAX_SIDE),
            ("border", border, 0.0, 1.0),
            ("search_side", search_side, 0, MAX_SIDE),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} must be in {low:g}..{high:g}, got {value}")
        check_available(landmarks)
        self.landmarks: Landmarks = landmarks
        self.thresholds = (threshold_p, threshold_r, threshold_o)
        self.factor = factor
        self.min_face = min_face
        self.border = border
        self.search_side = search_side
        self._models: tuple[Cascade, LandmarkModel | None] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_models": None}  # networks stay in their process

    @staticmethod
    def weight_hashes(params: Mapping[str, Any]) -> dict[str, str]:
        """SHA-256 by name of the files that it always reads and of those that its parameters choose.

        Raises:
            WeightsError: they cannot be had.
        """
        return {name: digest(name) for name in (*NETWORKS, *WEIGHTS[Mtcnn(**params).landmarks])}

    def analyze(self, images: Sequence[Image]) -> list[FaceAnalysis | Missing]:
        """Analyse each image on its own.

        Args:
            images: (H, W, 3) uint8 RGB each, of any size; grey images have three equal channels.

        Returns:
            One `FaceAnalysis` or `Missing` per image, in order. `landmarks_68` and `mask` are None where the landmark
            model sees no face in what the detector found.

        Raises:
            TypeError: something is not an image as this toolkit defines it.
            WeightsError: the networks' files are absent and cannot be fetched.
        """
        require_images(images)
        return [self._found(image, 1)[0] for image in images]

    def analyze_all(self, image: Image) -> list[FaceAnalysis | Missing]:
        """Every face in one image, the one of `analyze` first; a single `Missing` where there is none.

        Args:
            image: (H, W, 3) uint8 RGB.

        Raises:
            As `analyze`.
        """
        require_images([image])
        return self._found(image, None)

    def _found(self, image: Image, most: int | None) -> list[FaceAnalysis | Missing]:
        """The first `most` faces, or all; at least one entry."""
        if image.size == 0:
            return [Missing("the image has no pixels")]
        if min(image.shape[:2]) < self.min_face:
            return [Missing("the image is smaller than the smallest face looked for")]
        view = self._view(image)
        cascade, model = self._ready()
        faces = cascade.find(_enlarged(view.pixels, self._enlargement(view)), self._search(view))
        if not len(faces.scores):
            return [Missing("no face found")]
        middle = np.array(view.pixels.shape[1::-1]) * self._enlargement(view) / 2
        main = main_face(faces.boxes, middle)
        order = [main, *(each for each in range(len(faces.scores)) if each != main)]
        return [self._result(image, view, faces, which, model) for which in order[:most]]

    def _result(
        self, image: Image, view: _View, faces: Faces, which: int, model: LandmarkModel | None
    ) -> FaceAnalysis | Missing:
        bigger = self._enlargement(view)
        points = ((faces.points[which] + 0.5) / bigger - 0.5).astype(np.float32)
        box = _to_image((faces.boxes[which].reshape(2, 2) + 0.5) / bigger - 0.5, view).reshape(4)
        five = _to_image(points, view)
        if np.hypot(*(five[:2].mean(axis=0) - five[3:].mean(axis=0))) < MIN_EYE_MOUTH:
            return Missing("the face is too small")
        if _share_inside(box, image.shape) < MIN_INSIDE:
            return Missing("the face lies mostly outside the image")
        dense = model(view.pixels, points) if model is not None else None
        return FaceAnalysis(
            box=box,
            score=float(np.clip(faces.scores[which], 0.0, 1.0)),
            landmarks_5=five,
            landmarks_68=None if dense is None else _to_image(dense.landmarks_68, view),
            mask=None if dense is None else hull_mask(_to_image(dense.outline, view), image.shape),
        )

    def _view(self, image: Image) -> _View:
        import cv2

        scale = min(1.0, MAX_SIDE / max(image.shape[:2]))
        if scale < 1.0:
            size = [max(1, round(side * scale)) for side in (image.shape[1], image.shape[0])]
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        width = round(self.border * min(image.shape[:2]))
        bordered = cv2.copyMakeBorder(image, width, width, width, width, cv2.BORDER_REPLICATE)
        return _View(np.asarray(bordered, np.uint8), scale, float(width))

    def _enlargement(self, view: _View) -> float:
        """How much larger the search sees the view."""
        shorter, longer = sorted(side - 2 * view.shift for side in view.pixels.shape[:2])
        return float(max(1.0, min(self.search_side / shorter, MAX_ENLARGED_SIDE / longer)))

    def _search(self, view: _View) -> Search:
        from .mtcnn_cascade import Search

        return Search(self.thresholds, self.factor, self.min_face * self._enlargement(view))

    def _ready(self) -> tuple[Cascade, LandmarkModel | None]:
        if self._models is None:
            from .mtcnn_cascade import Cascade

            self._models = (Cascade(), landmark_model(self.landmarks))
        return self._models


def main_face(boxes: NDArray[np.float32], middle: NDArray[np.float64]) -> int:
    """Index of the face that an image is of: largest area less twice the squared distance to the image's middle.

    Args:
        boxes: (n, 4) px, n >= 1, best first; the first of equals is taken.
        middle: (2,) px.
    """
    corners = boxes.astype(np.float64)
    areas = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    away = (corners[:, :2] + corners[:, 2:]) / 2 - middle
    return int(np.argmax(areas - 2.0 * (away**2).sum(axis=1)))


def _enlarged(image: Image, scale: float) -> Image:
    import cv2

    if scale == 1.0:
        return image
    size = [round(side * scale) for side in (image.shape[1], image.shape[0])]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _to_image(points: NDArray[Any], view: _View) -> NDArray[np.float32]:
    """(n, 2) px of the view to px of the image; whole numbers are pixel centres in both."""
    return ((points - view.shift + 0.5) / view.scale - 0.5).astype(np.float32)


def _share_inside(box: NDArray[np.float32], shape: tuple[int, ...]) -> float:
    sides = np.maximum(box[2:] - box[:2], 1e-6)
    inside = np.minimum(box[2:], [shape[1], shape[0]]) - np.maximum(box[:2], 0.0)
    return float((np.maximum(inside, 0.0) / sides).prod())

"""What other programs still get out of a de-identified image: does detection survive, how far does its output drift.

The palm paper (section IV-C, Table IV) gives the mean absolute error between the outputs on original and
de-identified image, "normalised to 0-100 %", and leaves the normalisation open. Our reading: image coordinates are
divided by the image's width (x) and height (y), 3-D joints by the original hand's largest joint distance, masks count
the share of image pixels that differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ....analyzers.base import FaceAnalysis, HandAnalysis
from ..citations import HOUSE, PALM_PAPER
from ..metric import Metric
from ..values import Undefined


@dataclass(frozen=True, slots=True)
class Drift:
    """How far each output moved, in % (0..100, 0 is unmoved)."""

    box: float
    keypoints_2d: float
    keypoints_3d: float | Undefined
    roi: float
    mask: float


def drift(original: HandAnalysis, deidentified: HandAnalysis, shape: tuple[int, ...]) -> Drift:
    """Drift of every output of one analyzer between an original and its de-identified image.

    Args:
        original: the analysis of the original.
        deidentified: the analysis of the de-identified image by the same analyzer.
        shape: (H, W) or (H, W, 3) of both images.

    Raises:
        ValueError: a mask does not fit the shape, or keypoint counts differ.
    """
    return Drift(
        box=coordinate_drift(original.box.reshape(2, 2), deidentified.box.reshape(2, 2), shape),
        keypoints_2d=coordinate_drift(original.keypoints_2d, deidentified.keypoints_2d, shape),
        keypoints_3d=joint_drift(original.keypoints_3d, deidentified.keypoints_3d),
        roi=coordinate_drift(original.roi, deidentified.roi, shape),
        mask=mask_drift(original.mask, deidentified.mask, shape),
    )


@dataclass(frozen=True, slots=True)
class FaceDrift:
    """How far each output moved, in % (0..100, 0 is unmoved)."""

    box: float
    landmarks_5: float
    landmarks_68: float | Undefined
    mask: float | Undefined


def face_drift(original: FaceAnalysis, deidentified: FaceAnalysis, shape: tuple[int, ...]) -> FaceDrift:
    """As `drift`, for faces; what the analyzer does not give has no number.

    Args:
        original: the analysis of the original.
        deidentified: the analysis of the de-identified image by the same analyzer.
        shape: (H, W) or (H, W, 3) of both images.

    Raises:
        ValueError: a mask does not fit the shape, or landmark counts differ.
    """
    dense: float | Undefined = Undefined("the analyzer gives no 68 landmarks")
    if original.landmarks_68 is not None and deidentified.landmarks_68 is not None:
        dense = coordinate_drift(original.landmarks_68, deidentified.landmarks_68, shape)
    masks: float | Undefined = Undefined("the analyzer gives no mask")
    if original.mask is not None and deidentified.mask is not None:
        masks = mask_drift(original.mask, deidentified.mask, shape)
    return FaceDrift(
        box=coordinate_drift(original.box.reshape(2, 2), deidentified.box.reshape(2, 2), shape),
        landmarks_5=coordinate_drift(original.landmarks_5, deidentified.landmarks_5, shape),
        landmarks_68=dense,
        mask=masks,
    )


def coordinate_drift(original: ArrayLike, deidentified: ArrayLike, shape: tuple[int, ...]) -> float:
    """Mean absolute difference of image points, x as a share of the width and y of the height.

    Args:
        original: (n, 2) px.
        deidentified: (n, 2) px.
        shape: (H, W) or (H, W, 3) of the image.

    Returns:
        %, limited to 100.

    Raises:
        ValueError: the shapes differ.

    >>> coordinate_drift([[0, 0]], [[10, 0]], (100, 100))  # half of 10 % across and 0 % up
    5.0
    """
    a, b = _pair(original, deidentified, 2)
    return _percent(float(np.mean(np.abs(a - b) / [shape[1], shape[0]])))


def joint_drift(original: ArrayLike, deidentified: ArrayLike) -> float | Undefined:
    """Mean absolute difference of 3-D joints as a share of the original's largest joint distance.

    Args:
        original: (n, 3) in any length unit.
        deidentified: (n, 3) in the same unit.

    Returns:
        %, limited to 100; or why there is none (all joints of the original coincide).

    Raises:
        ValueError: the shapes differ.

    >>> joint_drift([[0, 0, 0], [3, 4, 0]], [[0, 0, 0], [3, 4, 3]])  # 3 / 6 coordinates / a hand of 5
    10.0
    """
    a, b = _pair(original, deidentified, 3)
    extent = float(np.linalg.norm(a[:, None] - a[None], axis=2).max())
    if extent == 0:
        return Undefined("the original hand's 3-D joints coincide")
    return _percent(float(np.mean(np.abs(a - b))) / extent)


def mask_drift(original: NDArray[np.bool_], deidentified: NDArray[np.bool_], shape: tuple[int, ...]) -> float:
    """Share of the image's pixels that are hand in one analysis and not in the other.

    Returns:
        %, 0..100.

    Raises:
        ValueError: a mask does not fit the shape.

    >>> mask = np.zeros((10, 10), bool)
    >>> mask_drift(mask, ~mask, (10, 10, 3))
    100.0
    """
    size = tuple(shape[:2])
    if original.shape != size or deidentified.shape != size:
        raise ValueError(
            f"expected masks of shape {size}, got {original.shape} and {deidentified.shape}; resize neither"
        )
    return _percent(float(np.mean(original != deidentified)))


def _pair(
    original: ArrayLike, deidentified: ArrayLike, columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(original, dtype=np.float64), np.asarray(deidentified, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 2 or a.shape[1] != columns or not a.size:
        raise ValueError(f"expected two (n, {columns}) arrays of one shape, got {a.shape} and {b.shape}; match them")
    return a, b


def _percent(share: float) -> float:
    return 100.0 * share if not 100.0 * share > 100.0 else 100.0  # what is no number stays none


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an analysis."""

    name: str
    title: str
    short: str
    what: str
    """What moves."""
    formula: str
    function: Callable[..., object]
    retrieval_short: str = ""
    overview: bool = False


_POINTS = "mean(|dx| / width, |dy| / height) over the"
_PARTS = (
    _Part(
        "box",
        "Detection",
        "hand",
        "the corners of the hand's or face's box",
        f"{_POINTS} two corners",
        coordinate_drift,
        retrieval_short="face",
    ),
    _Part(
        "keypoints_2d", "2D keypoints", "2-D keyp.", "the 21 image keypoints", f"{_POINTS} keypoints", coordinate_drift
    ),
    _Part(
        "keypoints_3d",
        "3D keypoints",
        "3-D keyp.",
        "the 21 joints in space",
        "mean(|dx|, |dy|, |dz|) / largest joint distance of the original",
        joint_drift,
    ),
    _Part(
        "roi",
        "ROI localisation",
        "ROI",
        "the palm square's corners",
        f"{_POINTS} four corners",
        coordinate_drift,
        overview=True,
    ),
    _Part(
        "landmarks_5",
        "5 landmarks",
        "5 landm.",
        "eyes, nose and corners of the mouth",
        f"{_POINTS} landmarks",
        coordinate_drift,
    ),
    _Part(
        "landmarks_68",
        "68 landmarks",
        "68 landm.",
        "the 68 landmarks of a face",
        f"{_POINTS} landmarks",
        coordinate_drift,
    ),
    _Part(
        "mask",
        "Segmentation",
        "mask",
        "the mask of the hand or face",
        "share of image pixels that are in one of the two masks only",
        mask_drift,
    ),
)


def _moved(part: _Part, order: int) -> Metric:
    return Metric(
        name=f"drift_{part.name}",
        title=part.title,
        short=part.short,
        retrieval_short=part.retrieval_short,
        group="usability",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            f"Mean absolute difference of {part.what} between original and de-identified image, over images in which "
            "it is found in both. The normalisation is ours; the paper only says 0-100 %."
        ),
        formula=part.formula,
        citation=f"{PALM_PAPER}, section IV-C",
        function=part.function,
        source="rows",
        decimals=2,
        order=order,
        blocks=frozenset({"usability", "overview"} if part.overview else {"usability"}),
        resampling="images",
        protocol=("images",),
        how="The analyzer of the protocol looks at both images.",
        caveat=(
            "Images in which nothing is found have no drift, so a method that destroys the hard ones looks better: "
            f"read the share found again first. Below floor_{part.name} it cannot be told from the analyzer's noise."
        ),
    )


def _floor(part: _Part, order: int) -> Metric:
    return Metric(
        name=f"floor_{part.name}",
        title=f"{part.title}, floor",
        group="usability",
        columns="",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            f"The analyzer's own noise: drift of {part.what} after saving the original once as JPEG of quality 95. A "
            "method's drift near it means nothing moved."
        ),
        formula=part.formula,
        citation=HOUSE,
        function=part.function,
        source="run",
        decimals=2,
        order=order,
        resampling="identities",
        protocol=("images",),
        how=(
            "In runs with --quality full, over the originals of the images that were made; no method has a part in it, "
            "so that methods without failures share it."
        ),
        caveat="It belongs to the dataset and the analyzer; there is nothing to gain in it.",
    )


METRICS = (
    *(_moved(part, 20 + index) for index, part in enumerate(_PARTS)),
    *(_floor(part, 40 + index) for index, part in enumerate(_PARTS)),
)

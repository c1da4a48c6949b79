"""The palmprint coders: golden codes and distances, alignment, and the recognizer contract."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.datasets.base import Failure
from deid_bench.recognizers.base import Recognizer, Templates
from deid_bench.recognizers.matching.binary_matching import pack_planes
from deid_bench.recognizers.palm.bocv import Bocv
from deid_bench.recognizers.palm.compcode import CompCode, competitive_code
from deid_bench.recognizers.palm.mtcc import Mtcc, Variant
from deid_bench.recognizers.palm.ordinal import Ordinal
from deid_bench.recognizers.palm.palm_crop import to_grey

Crop = NDArray[np.uint8]
RECOGNIZERS = [Mtcc("yan"), Mtcc("official"), CompCode(), Bocv(), Ordinal()]


def _name(recognizer: Recognizer) -> str:
    return f"{recognizer.info.name}-{getattr(recognizer, 'variant', '')}"


every_recognizer = pytest.mark.parametrize("recognizer", RECOGNIZERS, ids=_name)


def _analysis(roi: object, height: int = 200, width: int = 240) -> HandAnalysis:
    return HandAnalysis(
        box=np.array([0, 0, width, height], np.float32),
        score=1.0,
        handedness="right",
        keypoints_2d=np.zeros((21, 2), np.float32),
        keypoints_3d=np.zeros((21, 3), np.float32),
        roi=np.asarray(roi, np.float32),
        mask=np.ones((height, width), np.bool_),
    )


def _square(x: float, y: float, side: float) -> list[list[float]]:
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side]]


@pytest.mark.parametrize(
    ("recognizer", "distance"),
    [
        (Mtcc("yan"), 0.0601564462),
        (Mtcc("official"), 0.0357266736),
        (CompCode(), 0.0655567118),
        (Bocv(), 0.0457856400),
        (Ordinal(), 0.0496011100),
    ],
    ids=["mtcc-yan", "mtcc-official", "compcode", "bocv", "ordinal"],
)
def test_golden_distances(recognizer: Recognizer, distance: float, formula_pair: tuple[Crop, Crop]) -> None:
    templates = recognizer.embed(formula_pair)
    expected = np.array([[0, distance], [distance, 0]])
    np.testing.assert_allclose(recognizer.distances(templates, templates), expected, rtol=0, atol=5e-9)


@pytest.mark.parametrize(
    ("variant", "first", "second"),
    [
        ("yan", [475, 486, 487, 473, 485, 484], [505, 518, 517, 531, 529, 512]),
        ("official", [517, 521, 515, 514, 505, 514], [514, 517, 510, 521, 516, 518]),
    ],
)
def test_golden_bit_counts(
    variant: Variant, first: list[int], second: list[int], formula_pair: tuple[Crop, Crop]
) -> None:
    template = Mtcc(variant).embed(formula_pair[:1])[0]
    assert np.bitwise_count(template).sum(axis=1).tolist() == first + second


@pytest.mark.parametrize(
    ("recognizer", "counts"),
    [(Bocv(), [475, 486, 487, 473, 485, 484]), (Ordinal(), [459, 464, 568])],
    ids=["bocv", "ordinal"],
)
def test_golden_bit_counts_of_one_order(
    recognizer: Recognizer, counts: list[int], formula_pair: tuple[Crop, Crop]
) -> None:
    assert np.bitwise_count(recognizer.embed(formula_pair[:1])[0]).sum(axis=1).tolist() == counts


def test_golden_orientations(formula_pair: tuple[Crop, Crop]) -> None:
    code = competitive_code(formula_pair[0])
    assert np.bincount(code.ravel(), minlength=6).tolist() == [125, 254, 93, 175, 232, 145]


def test_compcode_distance_is_the_angular_distance(random_crops: list[Crop]) -> None:
    """Against the definition on orientation indices rather than on bits."""
    a, b = (competitive_code(crop).astype(int) for crop in random_crops[:2])
    best = 1.0
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            left = a[max(dy, 0) : 32 + min(dy, 0), max(dx, 0) : 32 + min(dx, 0)]
            right = b[max(-dy, 0) : 32 + min(-dy, 0), max(-dx, 0) : 32 + min(-dx, 0)]
            difference = np.abs(left - right)
            best = min(best, float(np.minimum(difference, 6 - difference).sum() / (3 * left.size)))
    templates = CompCode().embed(random_crops[:2])
    assert CompCode().distances(templates[:1], templates[1:])[0, 0] == np.float32(best)


def _moved(canvas: NDArray[np.bool_], shifts: list[int]) -> Templates:
    """Templates cut out of a wider canvas, plane i moved by shifts[i] in both directions."""
    planes = [canvas[i, 8 + s : 40 + s, 8 - s : 40 - s] for i, s in enumerate(shifts)]
    return pack_planes(np.stack(planes))[None]


@pytest.mark.parametrize(
    ("recognizer", "shifts", "found"),
    [
        (Mtcc("yan"), [4] * 12, True),
        (Mtcc("yan"), [5] * 12, False),
        (Mtcc("yan"), [-4, 4, 3, -3, 0, 1] * 2, True),
        (Mtcc("official"), [2] * 6 + [-2] * 6, True),
        (Mtcc("official"), [3] * 12, False),
        (Mtcc("official"), [1, 2] * 6, False),
        (CompCode(), [2, 2, 2], True),
        (CompCode(), [3, 3, 3], False),
        (CompCode(), [0, 1, 2], False),
        (Bocv(), [-4, 4, 3, -3, 0, 1], True),
        (Bocv(), [5] * 6, False),
        (Ordinal(), [2, -2, 1], True),
        (Ordinal(), [3, 3, 3], False),
    ],
)
def test_how_far_and_which_planes_may_shift(recognizer: Recognizer, shifts: list[int], found: bool) -> None:
    canvas = np.random.default_rng(9).random((len(shifts), 48, 48)) < 0.5
    distance = float(recognizer.distances(_moved(canvas, [0] * len(shifts)), _moved(canvas, shifts))[0, 0])
    assert distance == 0 if found else distance > 0.1


@every_recognizer
def test_a_template_depends_on_its_crop_alone(recognizer: Recognizer, random_crops: list[Crop]) -> None:
    together = recognizer.embed(random_crops)
    alone = np.concatenate([recognizer.embed([crop]) for crop in random_crops[::-1]])[::-1]
    np.testing.assert_array_equal(together, alone)
    assert len(recognizer.embed([])) == 0
    assert recognizer.embed([]).shape[1:] == together.shape[1:]


@every_recognizer
def test_equal_crops_are_at_zero_and_distances_are_symmetric(recognizer: Recognizer, random_crops: list[Crop]) -> None:
    templates = recognizer.embed(random_crops)
    matrix = recognizer.distances(templates, templates)
    assert matrix.dtype == np.float32
    assert matrix.shape == (3, 3)
    assert (np.diag(matrix) == 0).all()
    np.testing.assert_array_equal(matrix, matrix.T)
    assert ((matrix >= 0) & (matrix <= 1)).all()
    assert matrix[0, 1] > 0.2


@every_recognizer
@pytest.mark.parametrize("level", [0, 90, 255])
def test_flat_regions_have_no_noise_bits(recognizer: Recognizer, level: int) -> None:
    """Where a kernel sees one grey value only, its response is zero but for rounding; the bit must be clear."""
    crop = np.full((128, 128, 3), level, np.uint8)
    template = recognizer.embed([crop])[0]
    inside = template[:, 4:28] >> np.uint32(4) & np.uint32(2**24 - 1)
    assert not inside.any()


@every_recognizer
def test_unfit_crops_and_templates_are_refused(recognizer: Recognizer) -> None:
    good = np.zeros((128, 128, 3), np.uint8)
    with pytest.raises(ValueError, match=r"expected crops of shape \(128, 128, 3\).*got \(128, 128\).* at index 1"):
        recognizer.embed([good, good[..., 0]])
    with pytest.raises(ValueError, match=r"got .* and float64"):
        recognizer.embed([good.astype(np.float64)])
    with pytest.raises(ValueError, match="expected templates of shape"):
        recognizer.distances(recognizer.embed([good]), np.zeros((1, 7), np.uint32))


def test_unknown_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="'yan' or 'official', got 'matlab'"):
        Mtcc("matlab")  # type: ignore[arg-type]


@every_recognizer
def test_it_is_a_palm_recognizer_with_a_source(recognizer: Recognizer) -> None:
    assert isinstance(recognizer, Recognizer)
    assert recognizer.info.modality == "palm"
    assert recognizer.info.licence == "Apache-2.0"
    assert recognizer.info.citation


def test_grey_is_unchanged_for_equal_channels_and_rounds_like_pillow() -> None:
    image_module = pytest.importorskip("PIL.Image")
    levels = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    np.testing.assert_array_equal(to_grey(levels)[0], np.arange(256))
    colours = np.random.default_rng(8).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(to_grey(colours), np.asarray(image_module.fromarray(colours).convert("L")))


@every_recognizer
@pytest.mark.parametrize(
    ("roi", "reason"),
    [
        (np.full((4, 2), np.nan), "not finite"),
        (np.zeros((3, 2)), "shape"),
        (_square(10, 10, 15.9), "smaller than 16 px"),
        ([[0, 0], [100, 100], [100, 0], [0, 100]], "degenerate"),
        ([[0, 0], [50, 50], [100, 100], [150, 150]], "degenerate"),
        (_square(240, 10, 60), "outside"),
        (_square(10, -61, 60), "outside"),
        ([[-64, -14], [-14, -64], [21, -29], [-29, 21]], "outside"),
    ],
)
def test_palm_squares_that_cannot_be_cut(recognizer: Recognizer, roi: object, reason: str) -> None:
    outcome = recognizer.align(np.zeros((200, 240, 3), np.uint8), _analysis(roi))
    assert isinstance(outcome, Failure)
    assert reason in outcome.reason


@every_recognizer
def test_align_cuts_the_square_in_corner_order(recognizer: Recognizer) -> None:
    ramp = np.zeros((200, 240, 3), np.uint8)
    ramp[..., 0] = np.arange(240)
    ramp[..., 1] = np.arange(200)[:, None]
    corners = np.array(_square(20, 30, 128))
    crop = recognizer.align(ramp, _analysis(corners))
    mirrored = recognizer.align(ramp, _analysis(corners[[1, 0, 3, 2]]))
    assert isinstance(crop, np.ndarray)
    assert isinstance(mirrored, np.ndarray)
    assert (crop.shape, crop.dtype) == ((128, 128, 3), np.dtype(np.uint8))
    np.testing.assert_allclose(crop[..., 0].astype(int)[5], np.arange(20, 148), atol=1)
    np.testing.assert_allclose(crop[..., 1].astype(int)[:, 5], np.arange(30, 158), atol=1)
    np.testing.assert_allclose(mirrored.astype(int), crop[:, ::-1].astype(int), atol=1)


@every_recognizer
def test_align_fills_what_lies_beyond_the_border(recognizer: Recognizer) -> None:
    crop = recognizer.align(np.full((200, 240, 3), 200, np.uint8), _analysis(_square(-20, 150, 100)))
    assert isinstance(crop, np.ndarray)
    assert recognizer.embed([crop]).shape[0] == 1


def test_importing_a_recognizer_is_light() -> None:
    """Listing plug-ins imports them; compilers and image libraries wait until something is computed."""
    script = (
        "import sys, deid_bench.recognizers.palm.mtcc, deid_bench.recognizers.palm.compcode, "
        "deid_bench.recognizers.palm.bocv, "
        "deid_bench.recognizers.palm.ordinal, deid_bench.recognizers.palm.hand_geometry; "
        "sys.exit(' '.join({'numba', 'cv2', 'scipy', 'PIL'} & set(sys.modules)))"
    )
    outcome = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert outcome.stderr.strip() == ""

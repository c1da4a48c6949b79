"""BOCV and ordinal code against the definition spelled out, and hand geometry from keypoints."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import convolve2d

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.datasets.base import Failure
from deid_bench.recognizers.base import Recognizer
from deid_bench.recognizers.palm.bocv import Bocv
from deid_bench.recognizers.palm.hand_geometry import SPREAD, HandGeometry
from deid_bench.recognizers.palm.mtcc import Mtcc
from deid_bench.recognizers.palm.ordinal import Ordinal
from deid_bench.recognizers.palm.palm_crop import to_grey

Crop = NDArray[np.uint8]
Kernel = Callable[[float, float, float], float]

# ------------------------------------------------------------------------------------------------ BOCV, ordinal code


def _gabor(theta: float, x: float, y: float) -> float:
    """Kong & Zhang's kernel for dark lines, frequency 0.5, bandwidth 2."""
    along, across = x * math.cos(theta) + y * math.sin(theta), y * math.cos(theta) - x * math.sin(theta)
    envelope = math.exp(-0.25 * (4 * along**2 + across**2) / 32)
    return -0.5 / (math.sqrt(2 * math.pi) * 2) * envelope * (math.cos(0.5 * along) - math.exp(-2))


def _line(theta: float, x: float, y: float) -> float:
    """Sun's line-like Gaussian, 25 px by 7 px."""
    along, across = x * math.cos(theta) + y * math.sin(theta), -x * math.sin(theta) + y * math.cos(theta)
    return math.exp(-((along / 25) ** 2) - (across / 7) ** 2)


def _sampled(kernel: Kernel, theta: float, rows: int, columns: int) -> NDArray[np.float64]:
    values = np.array([[kernel(theta, x, y) for y in range(-columns, columns + 1)] for x in range(-rows, rows + 1)])
    return np.asarray(values - values.mean())


def _bank(name: str) -> list[NDArray[np.float64]]:
    if name == "bocv":
        return [_sampled(_gabor, k * math.pi / 6, 8, 8) for k in range(6)]
    angles = [k * math.pi / 6 for k in range(3)]
    return [_sampled(_line, each, 12, 3) - _sampled(_line, each + math.pi / 2, 12, 3) for each in angles]


def _plane(crop: Crop, kernel: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(convolve2d(to_grey(crop).astype(np.float64), kernel, mode="same")[::4, ::4] > 1e-9)


def _best_shift(a: NDArray[np.bool_], b: NDArray[np.bool_], shift: int) -> float:
    """Smallest share of differing bits over all shifts, counted point by point."""
    best, left, right = 1.0, a.tolist(), b.tolist()
    for dy in range(-shift, shift + 1):
        for dx in range(-shift, shift + 1):
            differ = [
                left[r][c] != right[r + dy][c + dx]
                for r in range(32)
                for c in range(32)
                if 0 <= r + dy < 32 and 0 <= c + dx < 32
            ]
            best = min(best, sum(differ) / len(differ))
    return best


@pytest.mark.parametrize(("recognizer", "shift"), [(Bocv(), 4), (Ordinal(), 2)], ids=["bocv", "ordinal"])
def test_distances_are_those_of_the_definition(recognizer: Recognizer, shift: int, random_crops: list[Crop]) -> None:
    first, second = random_crops[1], random_crops[2]
    bank = _bank(recognizer.info.name)
    expected = np.mean([_best_shift(_plane(first, each), _plane(second, each), shift) for each in bank])
    templates = recognizer.embed([first, second])
    assert templates.shape == (2, len(bank), 32)
    assert recognizer.distances(templates[:1], templates[1:])[0, 0] == pytest.approx(expected, abs=1e-7)


def test_bocv_is_the_first_order_of_mtcc(random_crops: list[Crop]) -> None:
    np.testing.assert_array_equal(Bocv().embed(random_crops), Mtcc("yan").embed(random_crops)[:, :6])


# ------------------------------------------------------------------------------------------------ hand geometry

FINGERS = [(1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20)]


def _hand(seed: int = 0) -> NDArray[np.float32]:
    """Any 21 points."""
    return np.random.default_rng(seed).uniform(20, 400, (21, 2)).astype(np.float32)


def _analysis(points: NDArray[np.float32]) -> HandAnalysis:
    return HandAnalysis(
        box=np.array([0, 0, 9, 9], np.float32),
        score=1.0,
        handedness="left",
        keypoints_2d=points,
        keypoints_3d=np.zeros((21, 3), np.float32),
        roi=np.zeros((4, 2), np.float32),
        mask=np.ones((9, 9), np.bool_),
    )


def _template(points: NDArray[np.float32]) -> NDArray[np.float32]:
    recognizer = HandGeometry()
    crop = recognizer.align(np.zeros((9, 9, 3), np.uint8), _analysis(points))
    assert isinstance(crop, np.ndarray), crop
    assert crop.dtype == np.uint8
    assert crop.shape[2] == 3
    return recognizer.embed([crop])


def test_a_template_holds_lengths_over_the_palms_width() -> None:
    points = _hand().astype(np.float64)
    lengths = [sum(math.dist(points[a], points[b]) for a, b in itertools.pairwise(f)) for f in FINGERS]
    lengths += [math.dist(points[a], points[b]) for a, b in ((5, 9), (9, 13), (13, 17))]
    expected = [math.log(each / math.dist(points[5], points[17])) for each in lengths] / SPREAD
    np.testing.assert_allclose(_template(_hand())[0], expected, rtol=1e-5)


def test_size_place_turn_and_side_of_the_hand_do_not_matter() -> None:
    points = _hand()
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]], np.float32)
    for other in (points * 3, points + 50, points @ turn, points * np.array([-1, 1], np.float32)):
        distance = HandGeometry().distances(_template(points), _template(other.astype(np.float32)))
        assert distance[0, 0] < 0.01


def test_a_longer_finger_counts_in_units_of_its_spread() -> None:
    points = _hand()
    longer = points.copy()
    for joint in (6, 7, 8):  # the index finger alone, by a tenth
        longer[joint] = longer[5] + (points[joint] - points[5]) * np.float32(1.1)
    distance = HandGeometry().distances(_template(points), _template(longer))[0, 0]
    assert distance == pytest.approx(math.log(1.1) / SPREAD[1] / math.sqrt(8), rel=1e-3)


def test_distances_of_all_pairs() -> None:
    templates = np.concatenate([_template(_hand(seed)) for seed in range(4)])
    found = HandGeometry().distances(templates, templates[1:])
    expected = [[np.sqrt(np.mean((a - b).astype(float) ** 2)) for b in templates[1:]] for a in templates]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found[1, 0] == 0
    assert HandGeometry().embed([]).shape == (0, 8)
    assert HandGeometry().distances(templates[:0], templates).shape == (0, 4)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.full((21, 2), np.nan, np.float32), "not finite"),
        (np.zeros((20, 2), np.float32), "missing"),
        (np.zeros((21, 2), np.float32), "coincide"),
        (np.where(np.arange(21)[:, None] == 17, _hand()[5], _hand()), "coincide"),
    ],
)
def test_keypoints_without_proportions_are_a_failure(points: NDArray[np.float32], reason: str) -> None:
    outcome = HandGeometry().align(np.zeros((9, 9, 3), np.uint8), _analysis(points))
    assert isinstance(outcome, Failure)
    assert reason in outcome.reason


def test_other_crops_and_templates_are_refused() -> None:
    recognizer = HandGeometry()
    assert isinstance(recognizer, Recognizer)
    with pytest.raises(ValueError, match=r"what align\(\) gives.* got \(128, 128, 3\).* at index 0"):
        recognizer.embed([np.zeros((128, 128, 3), np.uint8)])
    with pytest.raises(ValueError, match="expected templates of shape"):
        recognizer.distances(_template(_hand()), np.zeros((1, 12, 32), np.uint32))

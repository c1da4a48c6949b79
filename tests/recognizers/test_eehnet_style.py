"""`eehnet_style`: the hand's square, the spatial transformers, the network and its weight files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.datasets.base import Failure
from deid_bench.datasets.images import read_image
from deid_bench.datasets.palm_mini import PalmMini
from deid_bench.recognizers.palm.eehnet_network import (
    FINGER_SIZE,
    PALM_SIZE,
    EehnetStyleNet,
    cut,
    from_state,
    true_parts,
)
from deid_bench.recognizers.palm.eehnet_style import EehnetStyle
from deid_bench.recognizers.palm.hand_crop import HAND_SIZE, align_hand, hand_square
from deid_bench.recognizers.palm.palm_vectors import as_input
from deid_bench.weights.files import WeightsError

Points = NDArray[np.float32]


def _hand() -> Points:
    """An upright hand, index finger at the left: wrist at (100, 300), fingers up."""
    points = np.zeros((21, 2), np.float32)
    points[0] = 100, 300
    points[1:5] = [[60, 270], [40, 250], [25, 230], [15, 215]]
    for k, x in enumerate((70, 95, 120, 145)):
        points[5 + 4 * k : 9 + 4 * k] = [[x, 200 - 25 * j] for j in range(4)]
    return points


def _turned(points: Points, degrees: float, scale: float, shift: tuple[float, float]) -> Points:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray((scale * points @ turn.T + shift).astype(np.float32))


def _analysis(keypoints: object) -> HandAnalysis:
    return HandAnalysis(
        box=np.zeros(4, np.float32),
        score=1.0,
        handedness="left",
        keypoints_2d=np.asarray(keypoints, np.float32),
        keypoints_3d=np.zeros((21, 3), np.float32),
        roi=np.zeros((4, 2), np.float32),
        mask=np.ones((400, 300), np.bool_),
    )


def _inside(points: Points, square: Points) -> Points:
    """-1..1 across the square."""
    sides = np.column_stack([square[1] - square[0], square[3] - square[0]]) / 2
    return np.asarray(np.linalg.solve(sides, (points - square.mean(axis=0)).T).T, np.float32)


# --- the hand's square ----------------------------------------------------------------------------------------------


def test_square_is_upright_and_holds_the_hand() -> None:
    points = _hand()
    inside = _inside(points, hand_square(points))
    low, high = inside.min(axis=0), inside.max(axis=0)
    assert float((high - low).max()) == pytest.approx(2 / 1.25, abs=1e-5)
    np.testing.assert_allclose(low + high, 0, atol=1e-5)
    assert inside[9, 0] == pytest.approx(inside[0, 0], abs=1e-5)  # middle MCP above the wrist
    assert inside[9, 1] < inside[0, 1]
    assert inside[5, 0] < inside[17, 0]  # index left of little finger


@pytest.mark.parametrize("degrees", [0, 35, 120, -90])
@pytest.mark.parametrize("mirror", [1, -1])
def test_square_goes_with_the_hand(degrees: float, mirror: int) -> None:
    """A turned, enlarged, moved or mirrored hand looks the same in its square."""
    points = _hand()
    moved = _turned(points * np.array([mirror, 1], np.float32), degrees, 1.7, (31.0, -12.0))
    expected = _inside(points, hand_square(points))
    np.testing.assert_allclose(_inside(moved, hand_square(moved)), expected, atol=1e-4)


def test_says_why_there_is_no_crop() -> None:
    image = np.full((400, 300, 3), 90, np.uint8)
    crop = align_hand(image, _analysis(_hand()))
    assert not isinstance(crop, Failure)
    assert crop.shape == (HAND_SIZE, HAND_SIZE, 3)
    broken = _hand()
    broken[3] = np.nan
    for keypoints, reason in (
        (np.zeros((20, 2)), "shape"),
        (broken, "finite"),
        (_hand() * 0.1, "smaller"),
        (_hand() + 1000, "outside"),
    ):
        failure = align_hand(image, _analysis(keypoints))
        assert isinstance(failure, Failure)
        assert reason in failure.reason


# --- spatial transformers -------------------------------------------------------------------------------------------


def test_parts_point_to_fingers_and_tips() -> None:
    points = _hand()
    inside = torch.from_numpy(_inside(points, hand_square(points)))[None]
    parts = true_parts(inside)[0].numpy()
    assert parts.shape == (6, 4)
    assert parts[0, 3] < 0  # the palm's half axis points up, to the fingers
    half = np.linalg.norm(parts[0, 2:])
    assert half == pytest.approx(0.525 * float(torch.linalg.norm(inside[0, 17] - inside[0, 5])), abs=1e-5)
    assert parts[0, 1] > inside[0, 5, 1]  # and it lies below the joints
    np.testing.assert_allclose(parts[2, :2], (inside[0, 5] + inside[0, 8]) / 2, atol=1e-6)
    np.testing.assert_allclose(parts[2, 2:], 0.6 * (inside[0, 8] - inside[0, 5]), atol=1e-6)


@pytest.mark.parametrize("size", [PALM_SIZE, FINGER_SIZE])
def test_patches_are_sampled_where_the_part_says(size: tuple[int, int]) -> None:
    """In an image whose values are its coordinates, every pixel of a patch says where it comes from."""
    axis = (torch.arange(HAND_SIZE) + 0.5) / (HAND_SIZE / 2) - 1
    middle, towards = torch.tensor([0.1, -0.2]), torch.tensor([0.15, -0.3])
    down, right = -towards, torch.tensor([-towards[1], towards[0]]) * size[1] / size[0]
    v, u = torch.meshgrid(*((torch.arange(n) + 0.5) / (n / 2) - 1 for n in size), indexing="ij")
    for which in (0, 1):
        values = axis.expand(HAND_SIZE, HAND_SIZE) if which == 0 else axis[:, None].expand(HAND_SIZE, HAND_SIZE)
        found = cut(values[None, None], torch.cat([middle, towards])[None], size)[0, 0]
        expected = middle[which] + u * right[which] + v * down[which]
        expected = expected - expected.mean()
        expected = expected / (expected.square().mean().sqrt() + 0.02)
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-3)


def test_recognition_teaches_the_localiser() -> None:
    """End to end: what the embedding wants reaches the similarities through the sampling."""
    torch.manual_seed(0)
    network = EehnetStyleNet().eval()
    crops = torch.nn.functional.interpolate(torch.rand(1, 1, 24, 24), HAND_SIZE, mode="bilinear")
    described: Any = network.describe(crops, network.localiser(crops))[0]
    described.sum().backward()
    gradient = network.localiser.last.bias.grad
    assert gradient is not None
    assert (gradient[:4] != 0).all()  # the palm's
    assert (gradient[4:] == 0).all()  # a palm says nothing about the fingers


def test_shipped_localiser_finds_the_parts() -> None:
    palms = PalmMini("wild")
    network = EehnetStyle()._ready()
    errors = []
    for sample in palms.samples()[::12]:
        keypoints = palms.truth(sample.sample_id).keypoints_2d
        crop = align_hand(read_image(sample.path), _analysis(keypoints))
        assert not isinstance(crop, Failure)
        truth = true_parts(torch.from_numpy(_inside(keypoints, hand_square(keypoints)))[None])
        errors.append((network.localiser(as_input(crop)) - truth).abs()[0].numpy() * HAND_SIZE / 2)
    assert np.mean(errors) < 5  # px of the crop, whose palm is about 120 px wide
    assert np.mean(errors, axis=(0, 2)).max() < 8


# --- weight files ---------------------------------------------------------------------------------------------------


def test_own_weights_and_what_is_wrong_with_them(tmp_path: Path) -> None:
    torch.manual_seed(1)
    state = EehnetStyleNet().state_dict()
    torch.save(state, tmp_path / "mine.pth")
    crop = np.random.default_rng(2).integers(0, 256, (HAND_SIZE, HAND_SIZE, 3), dtype=np.uint8)
    mine = EehnetStyle(str(tmp_path / "mine.pth")).embed([crop])
    with torch.inference_mode():
        np.testing.assert_array_equal(mine, from_state(state)(as_input(crop)).numpy())
    torch.save({name: value for name, value in state.items() if name != "localiser.last.bias"}, tmp_path / "less.pth")
    with pytest.raises(WeightsError, match=r"localiser\.last\.bias"):
        EehnetStyle(str(tmp_path / "less.pth")).embed([crop])
    hashes = [EehnetStyle.weight_hashes({"weights": str(tmp_path / name)}) for name in ("mine.pth", "less.pth")]
    assert hashes[0]["mine.pth"] != hashes[1]["less.pth"]


def test_distance_is_the_angle_over_pi() -> None:
    rows = np.zeros((3, 256), np.float32)
    rows[0, 0] = rows[1, 1] = 1
    rows[2, :2] = np.sqrt(0.5)
    np.testing.assert_allclose(EehnetStyle().distances(rows[:1], rows), [[0, 0.5, 0.25]], atol=1e-6)
    with pytest.raises(ValueError, match="256"):
        EehnetStyle().distances(rows, rows[:, :7])

"""Attackers who train networks: better than before training, the same bytes each time, refusals with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present

from deid_bench.analyzers.base import FaceAnalysis, HandAnalysis
from deid_bench.attackers.base import Auxiliary, Pair, Published, Target
from deid_bench.attackers.diffusion_purification import DiffusionPurification
from deid_bench.attackers.fine_tuning import FineTuned
from deid_bench.attackers.learned_restoration import LearnedRestoration
from deid_bench.datasets.types import Failure

HEIGHT, WIDTH = 96, 80


def templates(people: int, images: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ten numbers that hang on the person and 40 that do not; half of the images are published."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(people * images, 50)) * 2
    labels = np.repeat(np.arange(people), images)
    rows[:, :10] = rng.normal(size=(people, 10))[labels] + 0.3 * rng.normal(size=(len(rows), 10))
    return rows.astype(np.float32), labels, np.arange(len(rows)) % 2 == 1


def rank1(distances: np.ndarray, labels: np.ndarray) -> float:
    apart = distances + np.eye(len(labels)) * 1e9
    return float((labels[apart.argmin(axis=1)] == labels).mean())


def test_training_the_last_layer_finds_what_it_did_not_look_at() -> None:
    rng = np.random.default_rng(1)
    layer = (rng.normal(size=(16, 50)).astype(np.float32), np.zeros(16, np.float32))
    rows, labels, published = templates(60, 4, 2)
    state = FineTuned().adapt(Auxiliary(rows, labels, published, layer))
    strangers, who, _ = templates(30, 4, 3)
    frozen = {"weights": layer[0], "offsets": layer[1]}
    before = rank1(FineTuned().distances(frozen, strangers, strangers), who)
    after = rank1(FineTuned().distances(state, strangers, strangers), who)
    assert after > before + 0.2
    again = FineTuned().adapt(Auxiliary(rows, labels, published, layer))
    assert all(again[name].tobytes() == state[name].tobytes() for name in state)


def test_training_that_helps_nobody_leaves_the_recogniser_as_it_was() -> None:
    rng = np.random.default_rng(1)
    layer = (np.eye(10, 50, dtype=np.float32), np.zeros(10, np.float32))
    rows, labels, published = templates(12, 4, 2)
    rows[:, 10:] = rng.normal(size=(len(rows), 40)) * 1e-3
    state = FineTuned(epochs=2).adapt(Auxiliary(rows, rng.permutation(labels), published, layer))
    assert state["weights"].shape == (10, 50)
    with pytest.raises(ValueError, match="too few"):
        FineTuned().adapt(Auxiliary(rows[:8], labels[:8], published[:8], layer))
    with pytest.raises(ValueError, match="no last layer"):
        FineTuned().adapt(Auxiliary(rows, labels, published))
    with pytest.raises(ValueError, match="epochs"):
        FineTuned(epochs=0)


def hand(rng: np.random.Generator) -> tuple[np.ndarray, HandAnalysis, np.ndarray]:
    image = np.kron(rng.integers(90, 200, (12, 10, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    roi = np.array([(16, 24), (64, 24), (64, 72), (16, 72)], np.float32)
    points = np.zeros((21, 2), np.float32)
    region = np.zeros((HEIGHT, WIDTH), bool)
    region[30:66, 20:60] = True
    found = HandAnalysis(
        np.array([16, 24, 64, 72], np.float32), 0.9, "left", points, np.zeros((21, 3), np.float32), roi, region
    )
    return image, found, region


def darkened(image: np.ndarray, region: np.ndarray) -> np.ndarray:
    result = image.copy()
    result[region] = (image[region] * 0.5).astype(np.uint8)
    return result


def pairs(count: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    for person in range(count):
        image, found, region = hand(rng)
        yield Pair(Published(darkened(image, region), found, region, None), image, person)


def test_a_small_network_learns_to_take_back_what_a_method_does() -> None:
    attack = LearnedRestoration(epochs=9)
    state = attack.fit(pairs(12, 1))
    image, found, region = hand(np.random.default_rng(9))
    shown = Published(darkened(image, region), found, region, None)
    made = present(attack.redraw(state, shown))
    off = [np.abs(each[region].astype(int) - image[region]).mean() for each in (shown.image, made)]
    assert off[1] < 0.9 * off[0]
    assert np.array_equal(made[~region], shown.image[~region])
    again = LearnedRestoration(epochs=9).fit(pairs(12, 1))
    assert all(again[name].tobytes() == state[name].tobytes() for name in state)
    assert isinstance(attack.redraw(state, Published(image, found, None, None)), Failure)


def test_restoring_needs_people_and_a_region() -> None:
    with pytest.raises(ValueError, match="3 auxiliary people are too few"):
        LearnedRestoration().fit(pairs(3, 1))
    with pytest.raises(ValueError, match="epochs"):
        LearnedRestoration(epochs=0)
    said = LearnedRestoration().lacks(Target("any", {}, "palm", "", repaints=False))
    assert "repaint" in said


def test_noise_goes_and_the_face_stays() -> None:
    from PIL import Image

    import deid_bench.datasets

    file = sorted((Path(deid_bench.datasets.__file__).parent / "assets" / "face_london").rglob("*.webp"))[0]
    face = np.asarray(Image.open(file).convert("RGB").resize((112, 112), Image.Resampling.LANCZOS))
    points = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]], np.float32)
    found = FaceAnalysis(np.array([20, 20, 90, 110], np.float32), 0.9, points, None, None)
    noise = np.random.default_rng(0).choice([-12, 12], face.shape)
    noisy = np.clip(face + noise, 0, 255).astype(np.uint8)
    attack = DiffusionPurification(start=50)
    made = present(attack.restore(Published(noisy, found, None, None)))
    off = [np.abs(each.astype(int) - face).mean() for each in (noisy, made)]
    assert off[1] < 0.7 * off[0]
    again = present(DiffusionPurification(start=50).restore(Published(noisy, found, None, None)))
    assert np.array_equal(made, again)
    assert "not for palms" in attack.lacks(Target("any", {}, "palm", "", repaints=True))
    with pytest.raises(ValueError, match="start"):
        DiffusionPurification(start=0)

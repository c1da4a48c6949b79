"""The trained attacker on frozen templates: what it finds that plain distances do not, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.attackers.base import Auxiliary, Target, as_vectors
from deid_bench.attackers.lda import Lda


def people(rng: np.random.Generator, count: int, images: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Templates in which 4 of 40 numbers show the person, under noise ten times as strong in the others."""
    identity = rng.normal(size=(count, 4))
    rows = rng.normal(size=(count * images, 40)) * 10
    rows[:, :4] = np.repeat(identity, images, axis=0) * 3 + rng.normal(size=(count * images, 4)) * 0.3
    return rows.astype(np.float32), np.repeat(np.arange(count), images)


def rank1(distances: NDArray[Any], labels: NDArray[Any]) -> float:
    return float((labels[distances.argmin(axis=1)] == labels).mean())


def test_it_finds_people_in_what_hides_them_from_plain_distances() -> None:
    rng = np.random.default_rng(3)
    rows, labels = people(rng, 60, 4)
    state = Lda(components=40).adapt(Auxiliary(rows, labels, np.zeros(len(rows), bool)))
    probes, wanted = people(rng, 20, 2)
    first, second = probes[::2], probes[1::2]
    plain = np.linalg.norm(first[:, None] - second[None], axis=2)
    assert rank1(plain, wanted[::2]) < 0.5
    assert rank1(Lda(components=40).distances(state, first, second), wanted[::2]) >= 0.75


def test_distances_are_symmetric_and_each_pair_depends_on_itself_alone() -> None:
    rng = np.random.default_rng(4)
    rows, labels = people(rng, 12, 3)
    attack = Lda(components=10)
    state = attack.adapt(Auxiliary(rows, labels, np.zeros(len(rows), bool)))
    a, b = rows[:5], rows[7:15]
    whole = attack.distances(state, a, b)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole, attack.distances(state, b, a).T, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(whole[1:2, 2:3], attack.distances(state, a[1:2], b[2:3]), rtol=1e-5, atol=1e-5)


def test_fitting_twice_gives_the_same_bytes() -> None:
    rows, labels = people(np.random.default_rng(5), 12, 3)
    known = Auxiliary(rows, labels, np.zeros(len(rows), bool))
    first, second = Lda().adapt(known), Lda().adapt(known)
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_too_few_people_are_refused_with_a_reason() -> None:
    with pytest.raises(ValueError, match="2 auxiliary people are too few"):
        Lda().adapt(Auxiliary(np.zeros((6, 5), np.float32), np.array([0, 0, 0, 1, 1, 1]), np.zeros(6, bool)))
    with pytest.raises(ValueError, match="components"):
        Lda(components=1)


def test_packed_bits_become_vectors() -> None:
    words = np.array([[1, 2**31], [3, 0]], dtype=np.uint32)
    vectors = as_vectors(words)
    assert vectors.shape == (2, 64)
    assert np.flatnonzero(vectors[0]).tolist() == [0, 63]
    assert np.flatnonzero(vectors[1]).tolist() == [0, 1]


def test_it_can_be_tried_on_palms_and_faces() -> None:
    for modality in ("palm", "face"):
        assert Lda().lacks(Target("any", {}, modality, "", True)) == ""

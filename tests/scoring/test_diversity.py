"""Distances by kind of pair, and how far the kinds are apart."""

from __future__ import annotations

import numpy as np
import pytest
from narrowed import present
from scipy.stats import norm

from deid_bench.benchmark.metrics.privacy.diversity import diversity_scores, overlap
from deid_bench.benchmark.metrics.recognition.decidability import d_prime
from deid_bench.benchmark.metrics.values import Undefined


def test_kinds_are_sorted_right() -> None:
    """Three originals (palms a, a, b), two versions of each; distances name the pair they belong to."""
    identities, sources = ["a", "a", "b"], [0, 0, 1, 1, 2, 2]
    originals = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]], float)
    to_originals = np.array([[10 * v + o for o in range(3)] for v in range(6)], float)
    between = np.array([[100 + 10 * v + w for w in range(6)] for v in range(6)], float)
    found = diversity_scores(originals, to_originals, between, identities, sources)
    assert found.genuine.tolist() == [1]
    assert found.impostor.tolist() == [2, 3]
    assert found.own.tolist() == [0, 10, 21, 31, 42, 52]
    assert found.versions.tolist() == [101, 123, 145]
    assert found.siblings.tolist() == [102, 103, 112, 113]
    assert found.strangers.tolist() == [104, 105, 114, 115, 124, 125, 134, 135]


def test_what_could_not_be_compared_is_left_out() -> None:
    between = np.array([[0, np.nan], [np.nan, 0]])
    found = diversity_scores([[0.0]], [[0.5], [np.nan]], between, ["a"], [0, 0])
    assert found.versions.size == 0
    assert found.own.tolist() == [0.5]


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="expected"):
        diversity_scores(np.zeros((2, 2)), np.zeros((3, 2)), np.zeros((2, 2)), ["a", "b"], [0, 1])
    with pytest.raises(ValueError, match="sources"):
        diversity_scores(np.zeros((2, 2)), np.zeros((1, 2)), np.zeros((1, 1)), ["a", "b"], [2])


@pytest.mark.parametrize("apart", [0.5, 1.0, 2.0, 4.0])
def test_overlap_of_gaussians(apart: float) -> None:
    rng = np.random.default_rng(0)
    found = overlap(rng.normal(0, 1, 60_000), rng.normal(apart, 1, 60_000))
    assert found == pytest.approx(2 * norm.cdf(-apart / 2), abs=0.01)


def test_overlap_bounds() -> None:
    rng = np.random.default_rng(1)
    same = rng.normal(size=4000)
    assert overlap(same, same) == pytest.approx(1)
    assert overlap(same, same + 100) == 0
    assert overlap(np.ones(50), np.ones(80)) == 1
    assert present(overlap(same, rng.normal(size=4000))) > 0.9
    assert overlap(same[:500], same[500:] + 1) == overlap(same[500:] + 1, same[:500])
    assert isinstance(overlap(np.ones(5), np.ones(50)), Undefined)


def test_a_method_that_always_paints_the_same_palm_shows() -> None:
    rng = np.random.default_rng(2)
    kinds = {"genuine": rng.normal(0.2, 0.03, 800), "impostor": rng.normal(0.45, 0.03, 5000)}
    for name, versions in (("same", rng.normal(0.05, 0.02, 900)), ("diverse", rng.normal(0.45, 0.03, 900))):
        if name == "same":
            assert present(overlap(kinds["impostor"], versions)) == pytest.approx(0, abs=0.01)
            assert present(d_prime(kinds["impostor"], versions)) > 10
        else:
            assert present(overlap(kinds["impostor"], versions)) > 0.85
            assert present(d_prime(kinds["impostor"], versions)) < 0.15

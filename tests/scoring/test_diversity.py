"""Distances by kind of pair, and how far the kinds are apart."""

from __future__ import annotations

import numpy as np
import pytest
from narrowed import present
from scipy.stats import norm

from deid_bench.benchmark.metrics.privacy.diversity import overlap
from deid_bench.benchmark.metrics.recognition.decidability import d_prime
from deid_bench.benchmark.metrics.values import Undefined


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

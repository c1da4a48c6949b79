"""Numbers of score distributions whose answers are known: Gaussians, permutations, mirrored scores, no information."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray

from deid_bench.benchmark.metrics.privacy.deidentification_ratio import dir_ratio
from deid_bench.benchmark.metrics.privacy.diversity import overlap
from deid_bench.benchmark.metrics.privacy.effective_eer import effective_eer
from deid_bench.benchmark.metrics.privacy.singling_out import linkability, nearest_by_identity, singling_out
from deid_bench.benchmark.metrics.privacy.unlinkability import unlinkability
from deid_bench.benchmark.metrics.recognition.decidability import d_prime
from deid_bench.benchmark.metrics.recognition.error_rates import eer, fnmr_at_fmr, rejection_rate
from deid_bench.benchmark.metrics.recognition.identification import identify

STANDARD = NormalDist()
APART = [0.5, 1.0, 2.0, 4.0]


def quantiles(mean: float, deviation: float = 1.0, count: int = 4000) -> NDArray[np.float64]:
    """A Gaussian sample without chance in it."""
    law = NormalDist(mean, deviation)
    return np.array([law.inv_cdf((k + 0.5) / count) for k in range(count)])


@pytest.mark.parametrize("apart", APART)
def test_gaussians_of_one_variance(apart: float) -> None:
    genuine, impostor = quantiles(0), quantiles(apart)
    point = present(eer(genuine, impostor))
    assert point.eer == pytest.approx(STANDARD.cdf(-apart / 2), abs=1e-3)
    assert point.threshold == pytest.approx(apart / 2, abs=3e-3)
    assert d_prime(genuine, impostor) == pytest.approx(apart, rel=1e-3)
    assert rejection_rate(genuine, apart / 2) == pytest.approx(STANDARD.cdf(-apart / 2), abs=1e-3)
    for found in fnmr_at_fmr(genuine, impostor):
        reached = found.target + 0.5 / impostor.size  # t goes up to the first impostor too many, half a quantile on
        assert found.fnmr == pytest.approx(STANDARD.cdf(-STANDARD.inv_cdf(reached) - apart), abs=1e-3)
    assert overlap(genuine, impostor) == pytest.approx(2 * STANDARD.cdf(-apart / 2), abs=3e-3)
    assert effective_eer(impostor, genuine) == pytest.approx(point.eer, abs=1e-3)


@pytest.mark.parametrize(("apart", "known"), [*zip(APART, [0.128, 0.294, 0.617, 0.943], strict=True)])
def test_linkability_of_gaussians(apart: Any, known: Any) -> None:
    assert present(unlinkability(quantiles(0), quantiles(apart))).d_sys == pytest.approx(known, abs=2e-3)


@pytest.mark.parametrize("deviations", [(1.0, 1.0, 1.0), (0.5, 2.0, 1.5)])
@pytest.mark.parametrize(("mean", "sign"), [(3.0, 1), (1.0, 1), (6.0, 1), (0.0, 0), (-1.0, -1)])
def test_dir_of_gaussians(mean: float, sign: int, deviations: tuple[float, float, float]) -> None:
    g, i, d = deviations
    found = present(dir_ratio(quantiles(0, g), quantiles(3, i), quantiles(mean, d)))
    assert found == pytest.approx(100 * mean / 3 * np.hypot(g, i) / np.hypot(g, d), abs=1e-6)
    assert np.sign(np.round(found, 6)) == sign


def every_number(genuine: NDArray[Any], impostor: NDArray[Any], changed: NDArray[Any]) -> dict[str, float]:
    """Numbers of distances that no scale enters, by name."""
    found = {f"fnmr at {point.target}": present(point.fnmr) for point in fnmr_at_fmr(genuine, impostor)}
    found |= {"eer": present(eer(genuine, impostor)).eer, "effective": present(effective_eer(changed, impostor))}
    found |= {"d'": present(d_prime(genuine, impostor)), "dir": present(dir_ratio(genuine, impostor, changed))}
    found |= {
        "rr": present(rejection_rate(changed, present(eer(genuine, impostor)).threshold)),
        "overlap": present(overlap(changed, impostor)),
    }
    return found | {"d_sys": present(unlinkability(changed, impostor, permutations=1)).d_sys}


@pytest.fixture
def distances() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(8)
    return rng.normal(0.3, 0.05, 200), rng.normal(0.45, 0.04, 2000), rng.normal(0.42, 0.05, 150)


def test_order_does_not_matter(distances: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]) -> None:
    rng = np.random.default_rng(9)
    assert every_number(*map(rng.permutation, distances)) == pytest.approx(every_number(*distances), rel=1e-12)


@pytest.mark.parametrize(("factor", "offset"), [(4.0, 0.0), (0.5, 0.25), (128.0, -64.0)])
def test_scale_and_offset_do_not_matter(
    distances: tuple[NDArray[Any], NDArray[Any], NDArray[Any]], factor: float, offset: float
) -> None:
    moved = [factor * each + offset for each in distances]
    assert every_number(*moved) == pytest.approx(every_number(*distances), rel=1e-9)


def test_rates_survive_any_rising_transform(distances: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]) -> None:
    genuine, impostor, changed = distances
    bent = every_number(*(np.exp(20 * each) for each in distances))
    straight = every_number(genuine, impostor, changed)
    for name in ("eer", "effective", "rr", "fnmr at 0.1", "fnmr at 0.01", "fnmr at 0.001"):
        assert bent[name] == straight[name]
    assert bent["d'"] != pytest.approx(straight["d'"], rel=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_similarities_mirrored_to_distances_give_the_same_rates(seed: int) -> None:
    """One minus a similarity, and its negative, are the same recogniser."""
    rng = np.random.default_rng(seed)
    genuine, impostor = rng.integers(100, 256, 120) / 256, rng.integers(0, 180, 900) / 256
    complement, negative = eer(1 - genuine, 1 - impostor), eer(-genuine, -impostor)
    assert present(complement).eer == present(negative).eer
    assert 1 - present(complement).threshold == -present(negative).threshold
    # the same decision written for similarities: accepted at s >= 1 - t
    assert present(complement).fmr == np.mean(impostor >= 1 - present(complement).threshold)
    assert present(complement).fnmr == np.mean(genuine < 1 - present(complement).threshold)
    assert present(complement).eer == pytest.approx(1 - present(eer(genuine, impostor)).eer)


def test_distances_that_know_nothing_give_chance() -> None:
    people, captures = 12, 3
    names = [f"p{k}" for k in range(people) for _ in range(captures)]
    constant = np.full((len(names), len(names)), 0.5)
    assert present(identify(constant, names, names)).rank1 == pytest.approx(1 / people)
    assert present(identify(constant, names, names)).cmc == pytest.approx(np.arange(1, people + 1) / people)
    sizes = [2, 5, people]
    nearest = present(nearest_by_identity(constant, names, names))
    assert linkability(nearest, sizes).risk == pytest.approx([1 / n for n in sizes])
    assert singling_out(nearest, 0.5, sizes).risk == pytest.approx([0, 0, 0])
    assert present(eer(constant[0], constant[1])).eer == 0.5


def test_one_distribution_shows_no_linkability_beyond_its_null_value() -> None:
    rng = np.random.default_rng(4)
    found = [unlinkability(rng.normal(size=400), rng.normal(size=4000), seed=k) for k in range(40)]
    assert np.mean([present(each).d_sys for each in found]) == pytest.approx(
        np.mean([present(each).null for each in found]), abs=0.006
    )
    assert np.mean([present(each).null for each in found]) > 0.02

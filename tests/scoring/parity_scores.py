"""Score metrics beside other implementations: error rates, identification, linkability, intervals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from narrowed import present
from numpy.typing import NDArray
from parity_row import Row, apart

from deid_bench.benchmark.metrics.privacy.deidentification_ratio import dir_ratio
from deid_bench.benchmark.metrics.privacy.diversity import overlap
from deid_bench.benchmark.metrics.privacy.effective_eer import effective_eer
from deid_bench.benchmark.metrics.privacy.singling_out import linkability, nearest_by_identity, singling_out
from deid_bench.benchmark.metrics.privacy.unlinkability import unlinkability
from deid_bench.benchmark.metrics.recognition.decidability import d_prime
from deid_bench.benchmark.metrics.recognition.det import probit
from deid_bench.benchmark.metrics.recognition.error_rates import eer, fmr_fnmr_curve, fnmr_at_fmr, rejection_rate
from deid_bench.benchmark.metrics.recognition.identification import identify
from deid_bench.benchmark.statistics.comparison import holm
from deid_bench.benchmark.statistics.uncertainty import wilson

Array = NDArray[np.float64]
FNMR = ("fnmr_at_fmr_10", "fnmr_at_fmr_1", "fnmr_at_fmr_0_1")
BOB = "bob.measure 6.1.1 (golden file)"


@lru_cache(maxsize=1)
def bob_cases() -> list[dict[str, Any]]:
    path = Path(__file__).with_name("golden") / "bob_golden.json"
    return list(json.loads(path.read_text(encoding="utf-8"))["cases"])


def score_sets(ties: tuple[bool, ...] = (False, True)) -> Iterator[tuple[Array, Array]]:
    """Genuine and impostor distances, four draws, as they are and rounded until many are tied."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        genuine, impostor = rng.normal(0.35, 0.06, 150), rng.normal(0.45, 0.05, 2000)
        for tied in ties:
            yield (np.round(genuine, 2), np.round(impostor, 2)) if tied else (genuine, impostor)


def gaussian(mean: float, deviation: float, count: int = 20_000) -> Array:
    """Evenly spaced quantiles: a Gaussian sample without chance in it."""
    from scipy.stats import norm

    return np.asarray(norm.ppf((np.arange(count) + 0.5) / count, mean, deviation), dtype=np.float64)


# ------------------------------------------------------------------------------------------------ verification


def roc(genuine: Array, impostor: Array) -> tuple[Array, Array, Array]:
    """FMR, FNMR and thresholds of scikit-learn."""
    from sklearn.metrics import roc_curve

    labels = np.r_[np.ones(genuine.size), np.zeros(impostor.size)]
    fmr, tpr, thresholds = roc_curve(labels, -np.r_[genuine, impostor], drop_intermediate=False)
    return fmr, 1 - tpr, -thresholds


def curve_sklearn() -> float:
    def pairs() -> Iterator[tuple[Array, Array]]:
        for genuine, impostor in score_sets():
            ours, theirs = fmr_fnmr_curve(genuine, impostor), roc(genuine, impostor)
            yield present(ours).fmr, theirs[0]
            yield present(ours).fnmr, theirs[1]
            yield present(ours).thresholds[1:], theirs[2][1:]

    return apart(pairs())


def curve_bob() -> float:
    def pairs() -> Iterator[tuple[Any, Any]]:
        for case in bob_cases():
            curve = present(fmr_fnmr_curve(case["genuine"], case["impostor"]))
            for row in case["rates"]:
                at = np.searchsorted(curve.thresholds, row["threshold"], side="right") - 1
                yield (curve.fmr[at], curve.fnmr[at]), (row["fmr"], row["fnmr"])

    return apart(pairs())


def curve_pyeer() -> float:
    from pyeer.eer_stats import calculate_roc

    def pairs() -> Iterator[tuple[Array, Array]]:
        for genuine, impostor in score_sets():
            ours = present(fmr_fnmr_curve(genuine, impostor))
            thresholds, fmr, fnmr = calculate_roc(genuine, impostor, ds_scores=True)
            yield ours.thresholds[1:], thresholds[::-1]
            yield ours.fmr[1:], fmr[::-1]
            yield ours.fnmr[1:], fnmr[::-1]

    return apart(pairs())


def eer_bob() -> float:
    return apart((present(eer(case["genuine"], case["impostor"])).eer, case["eer"]) for case in bob_cases())


def eer_sklearn() -> float:
    def pairs() -> Iterator[tuple[float, float]]:
        for genuine, impostor in score_sets():
            fmr, fnmr, _ = roc(genuine, impostor)
            gap = np.abs(fmr - fnmr)
            best = gap <= gap.min() + 1e-12
            yield present(eer(genuine, impostor)).eer, float(((fmr + fnmr) / 2)[best].mean())

    return apart(pairs())


def eer_scipy() -> float:
    from scipy.interpolate import interp1d
    from scipy.optimize import brentq

    def pairs() -> Iterator[tuple[float, float]]:
        for genuine, impostor in score_sets((False,)):
            fmr, fnmr, _ = roc(genuine, impostor)
            crossing = interp1d(fmr, fnmr - fmr)
            yield present(eer(genuine, impostor)).eer, brentq(crossing, 0.0, 1.0)

    return apart(pairs())


def eer_pyeer() -> float:
    from pyeer.eer_stats import calculate_roc, get_eer_values

    def pairs() -> Iterator[tuple[float, float]]:
        for genuine, impostor in score_sets((False,)):
            _, fmr, fnmr = calculate_roc(genuine, impostor, ds_scores=True)
            yield present(eer(genuine, impostor)).eer, get_eer_values(fmr, fnmr)[3]

    return apart(pairs())


def eer_closed_form() -> float:
    return apart((present(eer(gaussian(0, 1), gaussian(d, 1))).eer, NormalDist().cdf(-d / 2)) for d in (0.5, 1, 2, 4))


def threshold_bob() -> float:
    def pairs() -> Iterator[tuple[float, float]]:
        for case in bob_cases():
            point = present(eer(case["genuine"], case["impostor"]))
            yield case["eer_threshold"], float(np.clip(case["eer_threshold"], point.threshold, point.upper))

    return apart(pairs())


def threshold_closed_form() -> float:
    return apart((present(eer(gaussian(0, 1), gaussian(d, 1))).threshold, d / 2) for d in (0.5, 1, 2, 4))


def fnmr_sklearn() -> float:
    def pairs() -> Iterator[tuple[float, float]]:
        for genuine, impostor in score_sets():
            fmr, fnmr, _ = roc(genuine, impostor)
            for point in fnmr_at_fmr(genuine, impostor):
                yield present(point.fnmr), float(fnmr[fmr <= point.target].min())

    return apart(pairs())


def fnmr_pyeer() -> float:
    from pyeer.eer_stats import calculate_roc, get_fmr_op

    def pairs() -> Iterator[tuple[float, float]]:
        for genuine, impostor in score_sets((False,)):
            _, fmr, fnmr = calculate_roc(genuine, impostor, ds_scores=True)
            for point in fnmr_at_fmr(genuine, impostor):
                yield present(point.fnmr), float(get_fmr_op(fmr, fnmr, point.target)[1])

    return apart(pairs())


def fnmr_bob() -> float:
    def pairs() -> Iterator[tuple[float, float]]:
        for case in bob_cases():
            targets = [row["target"] for row in case["fnmr_at_fmr"]]
            points = fnmr_at_fmr(case["genuine"], case["impostor"], targets)
            for point, row in zip(points, case["fnmr_at_fmr"], strict=True):
                if point.fnmr is not None:
                    yield present(point.fnmr), row["fnmr"]

    return apart(pairs())


def d_prime_pyeer() -> float:
    from pyeer.eer_stats import get_decidability_value

    def pairs() -> Iterator[tuple[float, float]]:
        for g, i in score_sets():
            yield present(d_prime(g, i)), get_decidability_value(g.mean(), g.std(), i.mean(), i.std())

    return apart(pairs())


def d_prime_closed_form() -> float:
    return apart((present(d_prime(gaussian(0, 2), gaussian(2 * d, 2))), d) for d in (0.5, 1, 2, 4))


def rejection_sklearn() -> float:
    from sklearn.metrics import recall_score

    def pairs() -> Iterator[tuple[float, float]]:
        for genuine, impostor in score_sets():
            threshold = present(eer(genuine, impostor)).threshold
            recall = recall_score(np.ones(genuine.size), genuine <= threshold)
            yield present(rejection_rate(genuine, threshold)), 1 - recall

    return apart(pairs())


def rejection_bob() -> float:
    def pairs() -> Iterator[tuple[float, float]]:
        for case in bob_cases():
            for row in case["rates"]:
                yield present(rejection_rate(case["genuine"], row["threshold"])), row["fnmr"]

    return apart(pairs())


def dir_pyeer() -> float:
    from pyeer.eer_stats import get_decidability_value

    def pairs() -> Iterator[tuple[float, float]]:
        for seed, (g, i) in enumerate(score_sets()):
            d = np.random.default_rng(100 + seed).normal(0.41, 0.04, 80)
            to_stranger, to_changed = (get_decidability_value(g.mean(), g.std(), x.mean(), x.std()) for x in (i, d))
            yield present(dir_ratio(g, i, d)), 100 * to_changed / to_stranger

    return apart(pairs())


def dir_closed_form() -> float:
    def pairs() -> Iterator[tuple[float, float]]:
        for mean, deviation in ((0.45, 0.05), (0.30, 0.02), (0.41, 0.10), (0.0, 0.01)):
            expected = (0.35 - mean) / (0.35 - 0.45) * np.hypot(0.06, 0.05) / np.hypot(0.06, deviation) * 100
            found = dir_ratio(gaussian(0.35, 0.06), gaussian(0.45, 0.05), gaussian(mean, deviation))
            yield present(found), float(expected)

    return apart(pairs())


# ------------------------------------------------------------------------------------------------ identification


def search(seed: int) -> tuple[Array, list[str], list[str], list[int]]:
    """Probes against a gallery of 3 captures each of 12 people: distances, both identities, columns of the sources."""
    rng = np.random.default_rng(seed)
    gallery = [f"p{k:02}" for k in rng.permutation(np.repeat(np.arange(12), 3))]
    sources = [int(k) for k in rng.permutation(len(gallery))]
    probes = [gallery[k] for k in sources]
    distances = rng.random((len(probes), len(gallery))) + 0.25 * (np.array(probes)[:, None] != np.array(gallery))
    return distances, probes, gallery, sources


def without(distances: Array, sources: list[int]) -> Array:
    hidden = distances.copy()
    hidden[np.arange(len(sources)), sources] = 9.0
    return hidden


def rank1_sklearn() -> float:
    from sklearn.neighbors import KNeighborsClassifier

    def pairs() -> Iterator[tuple[float, float]]:
        for seed in range(4):
            distances, probes, gallery, sources = search(seed)
            nearest = KNeighborsClassifier(1, metric="precomputed").fit(np.zeros((36, 36)), gallery)
            yield present(identify(distances, probes, gallery)).rank1, nearest.score(distances, probes)
            hidden = without(distances, sources)
            yield present(identify(distances, probes, gallery, sources)).rank1, nearest.score(hidden, probes)

    return apart(pairs())


def per_person(distances: Array, gallery: list[str]) -> tuple[Array, list[str]]:
    people = sorted(set(gallery))
    columns = np.array(gallery)
    return np.stack([distances[:, columns == name].min(axis=1) for name in people], axis=1), people


def cmc_sklearn() -> float:
    from sklearn.metrics import top_k_accuracy_score

    def pairs() -> Iterator[tuple[Array, list[float]]]:
        for seed in range(4):
            distances, probes, gallery, sources = search(seed)
            scores, people = per_person(without(distances, sources), gallery)
            theirs = [top_k_accuracy_score(probes, -scores, k=k, labels=people) for k in range(1, 12)]
            yield present(identify(distances, probes, gallery, sources)).cmc[:11], theirs

    return apart(pairs())


def cmc_pyeer() -> float:
    from pyeer.cmc_stats import get_cmc_curve

    def pairs() -> Iterator[tuple[Array, list[float]]]:
        for seed in range(4):
            distances, probes, gallery, _ = search(seed)
            scores, people = per_person(distances, gallery)
            queries = {
                str(k): ([name], sorted(zip(people, row, strict=True), key=lambda pair: pair[1]))
                for k, (name, row) in enumerate(zip(probes, scores.tolist(), strict=True))
            }
            yield present(identify(distances, probes, gallery)).cmc, get_cmc_curve(queries, len(people))

    return apart(pairs())


# ------------------------------------------------------------------------------------------------ risks


def effective_eer_sklearn() -> float:
    def pairs() -> Iterator[tuple[float, float]]:
        for near, far in score_sets():
            for mated, other in ((near, far), (far, near)):
                fmr, fnmr, _ = roc(mated, other)
                gap = np.abs(fmr - fnmr)
                rate = float(((fmr + fnmr) / 2)[gap <= gap.min() + 1e-12].mean())
                yield present(effective_eer(mated, other)), min(rate, 1 - rate)

    return apart(pairs())


def d_sys_scipy() -> float:
    from scipy.integrate import quad
    from scipy.stats import norm

    def local(s: float, d: float) -> float:
        p, q = norm.pdf(s), norm.pdf(s, d)
        return float(p * max(0.0, (p - q) / (p + q)))

    def pairs() -> Iterator[tuple[float, float]]:
        for d in (0.5, 1.0, 2.0, 4.0):
            yield present(unlinkability(gaussian(0, 1), gaussian(d, 1))).d_sys, quad(local, -8, d / 2, args=(d,))[0]

    return apart(pairs())


def d_sys_null_relabelled() -> float:
    mated, other = gaussian(0, 1, 400), gaussian(1, 1, 800)
    pooled, rng = np.r_[mated, other], np.random.default_rng(1)
    edges = np.linspace(pooled.min(), pooled.max(), 41)
    drawn = []
    for _ in range(2000):
        shuffled = rng.permutation(pooled)
        p, q = (np.histogram(part, edges)[0] / part.size for part in (shuffled[:400], shuffled[400:]))
        drawn.append(np.sum(p * np.where(p > q, (p - q) / np.maximum(p + q, 1e-12), 0)))
    return apart([(present(unlinkability(mated, other, permutations=2000)).null, np.mean(drawn))])


def linkability_enumerated() -> float:
    def pairs() -> Iterator[tuple[float, float]]:
        for seed in range(2):
            found = present(nearest_by_identity(*search(seed)[:3]))
            for n in (2, 4):
                wins = [
                    np.mean([own < min(others) for others in combinations(row, n - 1)])
                    for own, row in zip(found.own, found.others, strict=True)
                ]
                yield linkability(found, [n]).risk[0], float(np.mean(wins))

    return apart(pairs())


def linkability_sklearn() -> float:
    from sklearn.neighbors import KNeighborsClassifier

    def pairs() -> Iterator[tuple[float, float]]:
        for seed in range(4):
            distances, probes, gallery, _ = search(seed)
            nearest = KNeighborsClassifier(1, metric="precomputed").fit(np.zeros((36, 36)), gallery)
            risk = linkability(present(nearest_by_identity(distances, probes, gallery)), [12]).risk[0]
            yield risk, nearest.score(distances, probes)

    return apart(pairs())


def singling_out_enumerated() -> float:
    def pairs() -> Iterator[tuple[float, float]]:
        for seed in range(2):
            found = present(nearest_by_identity(*search(seed)[:3]))
            for n, t in ((2, 0.1), (4, 0.05), (4, 0.3)):
                wins = [
                    np.mean([own <= t < min(others) for others in combinations(row, n - 1)])
                    for own, row in zip(found.own, found.others, strict=True)
                ]
                yield singling_out(found, t, [n]).risk[0], float(np.mean(wins))

    return apart(pairs())


def overlap_python() -> float:
    return apart(
        (present(overlap(gaussian(0, 1), gaussian(d, s))), NormalDist(0, 1).overlap(NormalDist(d, s)))
        for d, s in ((0.5, 1), (2, 1), (1, 2), (4, 0.5))
    )


# ------------------------------------------------------------------------------------------------ intervals and axes


def wilson_scipy() -> float:
    from scipy.stats import binomtest

    def pairs() -> Iterator[tuple[Any, Any]]:
        for k, n in ((0, 10), (3, 10), (97, 100), (500, 1000), (1000, 1000)):
            ours, theirs = wilson(k / n, n), binomtest(k, n).proportion_ci(0.95, "wilson")
            yield (present(ours).low, present(ours).high), (theirs.low, theirs.high)

    return apart(pairs())


def wilson_statsmodels() -> float:
    from statsmodels.stats.proportion import proportion_confint

    def pairs() -> Iterator[tuple[Any, Any]]:
        for k, n in ((0, 10), (3, 10), (97, 100), (500, 1000), (1000, 1000)):
            ours = present(wilson(k / n, n))
            yield (ours.low, ours.high), proportion_confint(k, n, method="wilson")

    return apart(pairs())


def holm_statsmodels() -> float:
    from statsmodels.stats.multitest import multipletests

    def pairs() -> Iterator[tuple[Any, Any]]:
        for seed in range(4):
            p = np.random.default_rng(seed).random(9) ** 3
            yield holm(p.tolist()), multipletests(p, method="holm")[1]

    return apart(pairs())


RATES = np.array([1e-5, 0.001, 0.02, 0.3, 0.5, 0.8, 0.999])


def probit_scipy() -> float:
    from scipy.stats import norm

    return apart([(probit(RATES), norm.ppf(RATES))])


def probit_python() -> float:
    return apart([(probit(RATES), [NormalDist().inv_cdf(rate) for rate in RATES])])


_STEP = "; at most one genuine and one impostor comparison apart"

SCORE_ROWS = (
    Row(("FMR and FNMR",), "scikit-learn roc_curve", "scikit-learn", 1e-12, curve_sklearn, "all thresholds"),
    Row(("FMR and FNMR",), "pyeer calculate_roc", "pyeer", 1e-12, curve_pyeer, "all thresholds"),
    Row(("FMR and FNMR",), BOB, "", 1e-12, curve_bob, "at five thresholds of each of six sets"),
    Row(("eer",), BOB, "", 1e-12, eer_bob, "six sets, tied and separated ones among them"),
    Row(("eer",), "scikit-learn roc_curve", "scikit-learn", 1e-12, eer_sklearn, "our rule on its rates"),
    Row(
        ("eer",),
        "SciPy brentq on the interpolated ROC",
        "scipy",
        1 / 150,
        eer_scipy,
        "a common recipe; it draws straight lines between steps, we take an observed threshold" + _STEP,
    ),
    Row(
        ("eer",),
        "pyeer get_eer_values",
        "pyeer",
        1 / 150,
        eer_pyeer,
        "FVC 2000: of the two thresholds around the crossing the one of smaller rates" + _STEP,
    ),
    Row(("eer",), "closed form, Gaussians", "", 1e-4, eer_closed_form, "finite sample of 20,000"),
    Row(("eer_threshold",), BOB, "", 1e-12, threshold_bob, "its threshold lies in our interval [t, next distance)"),
    Row(("eer_threshold",), "closed form, Gaussians", "", 1e-3, threshold_closed_form, "finite sample of 20,000"),
    Row(FNMR, "scikit-learn roc_curve", "scikit-learn", 1e-12, fnmr_sklearn, "lowest FNMR with FMR <= limit"),
    Row(
        FNMR,
        "pyeer get_fmr_op",
        "pyeer",
        1e-12,
        fnmr_pyeer,
        "2,000 impostor comparisons, which meet every limit exactly; elsewhere it takes the nearest FMR, ours never "
        "exceeds the limit",
    ),
    Row(
        FNMR,
        BOB,
        "",
        0.006,
        fnmr_bob,
        "its threshold stops short of the impostor that is still allowed; ours is never worse",
    ),
    Row(("d_prime", "dprime_diversity"), "pyeer get_decidability_value", "pyeer", 1e-12, d_prime_pyeer),
    Row(
        ("d_prime", "dprime_diversity"),
        "closed form, Gaussians",
        "",
        1e-3,
        d_prime_closed_form,
        "finite sample of 20,000",
    ),
    Row(("rr", "rr_cross"), "scikit-learn recall_score", "scikit-learn", 1e-12, rejection_sklearn),
    Row(("rr", "rr_cross"), BOB, "", 1e-12, rejection_bob, "its FNMR at a threshold"),
    Row(
        ("dir", "dir_cross"),
        "ratio of pyeer's decidabilities",
        "pyeer",
        1e-9,
        dir_pyeer,
        "in %; the ratio has no sign, so only cases further off than genuine ones",
    ),
    Row(("dir", "dir_cross"), "closed form, Gaussians", "", 1e-6, dir_closed_form, "in %; samples of 20,000 quantiles"),
    Row(
        ("rank1_with_source", "rank1_without_source"),
        "scikit-learn KNeighborsClassifier",
        "scikit-learn",
        1e-12,
        rank1_sklearn,
        "without ties, which ours counts by chance",
    ),
    Row(("CMC",), "scikit-learn top_k_accuracy_score", "scikit-learn", 1e-12, cmc_sklearn, "without ties"),
    Row(("CMC",), "pyeer get_cmc_curve", "pyeer", 1e-12, cmc_pyeer, "without ties"),
    Row(("eer_effective",), "scikit-learn roc_curve", "scikit-learn", 1e-12, effective_eer_sklearn),
    Row(("d_sys",), "SciPy quad of the definition, Gaussians", "scipy", 0.001, d_sys_scipy, "ours is a histogram"),
    Row(("d_sys_null",), "relabelling by hand", "", 0.001, d_sys_null_relabelled, "2,000 random relabellings each"),
    Row(("linkability",), "enumeration of all groups", "", 1e-12, linkability_enumerated),
    Row(
        ("linkability",),
        "scikit-learn KNeighborsClassifier",
        "scikit-learn",
        1e-12,
        linkability_sklearn,
        "among all people it is rank-1",
    ),
    Row(("singling_out",), "enumeration of all groups", "", 1e-12, singling_out_enumerated),
    Row(
        ("overlap_diversity",),
        "Python NormalDist.overlap",
        "",
        0.002,
        overlap_python,
        "shares of 0..1; ours is a histogram of 100 bins",
    ),
    Row(("Wilson interval",), "SciPy binomtest", "scipy", 1e-12, wilson_scipy),
    Row(("Wilson interval",), "statsmodels proportion_confint", "statsmodels", 1e-12, wilson_statsmodels),
    Row(("Holm's correction",), "statsmodels multipletests", "statsmodels", 1e-12, holm_statsmodels),
    Row(("DET axes",), "SciPy norm.ppf", "scipy", 1e-12, probit_scipy),
    Row(("DET axes",), "Python NormalDist.inv_cdf", "", 1e-8, probit_python),
)

"""The whole set of thresholds of equal error: its ends, numbers over it, the same on resamples, and its alarm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from narrowed import present

from deid_bench.benchmark.metrics.privacy.singling_out import (
    nearest_by_identity,
    singling_out,
    singling_out_between,
)
from deid_bench.benchmark.metrics.recognition.error_rates import EerPoint, eer, fmr_fnmr_curve, rejection_rate
from deid_bench.benchmark.planning.cell_tasks import Version
from deid_bench.benchmark.planning.tasks import Stage, Task
from deid_bench.benchmark.protocols import get_protocol
from deid_bench.benchmark.results.cell import CellResults, Distances, Setting
from deid_bench.benchmark.scoring.cell import Scored, score_results
from deid_bench.benchmark.statistics.bootstrap_scores import eer_rows
from deid_bench.benchmark.statistics.pairing import pair_up
from deid_bench.benchmark.statistics.uncertainty import Draws, draw_clusters
from deid_bench.benchmark.storage.store import Payload
from deid_bench.datasets.base import Sample

grid = st.lists(st.integers(0, 12).map(lambda k: k / 4), min_size=1, max_size=12)


def point_of(genuine: Any, impostor: Any) -> EerPoint:
    found = eer(np.float32(genuine), np.float32(impostor))
    assert isinstance(found, EerPoint)
    return found


@settings(max_examples=200, deadline=None)
@given(grid, grid)
def test_the_set_holds_every_threshold_of_least_gap_and_no_other(genuine: list[float], impostor: list[float]) -> None:
    point = point_of(genuine, impostor)
    curve = present(fmr_fnmr_curve(np.array(genuine, np.float32), np.array(impostor, np.float32)))
    gap = np.abs(curve.fmr - curve.fnmr)[1:]  # accepting nothing is no threshold
    tried = curve.thresholds[1:]
    best = tried[gap <= min(gap.min(), abs(1.0)) + 1e-12]
    inside = tried[(tried >= point.threshold) & (tried <= point.laxest)]
    assert inside[0] == point.threshold
    if np.abs(curve.fmr - curve.fnmr)[0] > gap.min() + 1e-12:
        assert inside.tolist() == best.tolist()
    if point.end is not None:
        assert point.threshold <= point.laxest < point.end
        assert not ((tried > point.laxest) & (tried < point.end)).any()


def test_the_ends_of_a_gap() -> None:
    point = point_of([0.1, 0.2], [0.7, 0.8, 0.9])
    assert (point.eer, point.threshold, point.end) == (0.0, float(np.float32(0.2)), float(np.float32(0.7)))
    probes = np.array([0.15, 0.3, 0.7, 0.75], np.float32)
    assert rejection_rate(probes, point.threshold) == 0.75
    assert rejection_rate(probes, point.laxest) == 0.5, "just below the end: what lies on it is rejected"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_resamples_have_the_ends_of_their_own_comparisons(seed: int, tied: bool) -> None:
    rng = np.random.default_rng(seed)
    identity = np.repeat(np.arange(6), 2)
    table = rng.random((12, 12)).astype(np.float32)
    table = np.where(identity[:, None] == identity, table * np.float32(0.6), table)
    if tied:
        table = np.round(table * 8) / np.float32(8)
    draws = draw_clusters(6, 5, seed=seed)
    assert isinstance(draws, Draws)
    rows = eer_rows(pair_up(table, identity), draws.weights)
    for row, weights in enumerate(draws.weights):
        genuine: list[Any] = []
        impostor: list[Any] = []
        for i in range(12):
            for j in range(i + 1, 12):
                a, b = identity[i], identity[j]
                times = weights[a] if a == b else weights[a] * weights[b]
                (genuine if a == b else impostor).extend([table[i, j]] * int(times))
        if genuine and impostor:
            point = point_of(genuine, impostor)
            assert (rows.threshold[row], rows.laxest[row]) == (point.threshold, point.laxest)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_singling_out_is_tried_at_every_threshold_in_between(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"p{k}" for k in np.repeat(np.arange(6), 2)]
    table = np.round(rng.random((12, 12)), 1).astype(np.float32)
    nearest = present(nearest_by_identity(table, names, names))
    low, high, at = singling_out_between(nearest, 0.15, 0.65, 4)
    tried = [float(singling_out(nearest, t, [4]).risk[0]) for t in np.linspace(0.15, 0.65, 501)]
    assert low == pytest.approx(min(tried))
    assert high == pytest.approx(max(tried))
    assert float(singling_out(nearest, at, [4]).risk[0]) == pytest.approx(high)


# ------------------------------------------------------------------------------------------------ records


PEOPLE, IMAGES = 12, 4


def separated(rng: np.random.Generator, mates: float = 0.0, queries: bool = False) -> Any:
    """Distances whose originals separate wholly: genuine below 0.3, impostors above 0.6, de-identified in between."""
    n = PEOPLE * IMAGES
    person = np.repeat(np.arange(PEOPLE), IMAGES)
    same = person[:, None] == person
    originals = np.where(same, rng.uniform(0.1, 0.3, (n, n)), rng.uniform(0.6, 0.9, (n, n)))
    originals = np.triu(originals, 1) + np.triu(originals, 1).T
    deidentified = np.where(same, rng.uniform(0.35 + mates, 0.55 + mates, (n, n)), rng.uniform(0.6, 0.9, (n, n)))
    samples = [Sample(f"s{k:03d}", f"p{person[k]:02d}", f"p{person[k]:02d}", Path(), "") for k in range(n)]
    return samples, originals.astype(np.float32), deidentified.astype(np.float32)


def scored(protocol_id: str, mates: float = 0.0, seed: int = 0, score_version: int = 2) -> Scored:
    samples, originals, deidentified = separated(np.random.default_rng(seed), mates)
    queries = None
    protocol = get_protocol(protocol_id)
    if protocol.retrieval is not None:
        queries = frozenset(each.sample_id for each in samples if int(each.sample_id[1:]) % IMAGES < 2)
    planned = [each for each in samples if queries is None or each.sample_id in queries]
    versions = [
        Version(each, 0, *(Task(Stage.DEIDENTIFY, each.sample_id, each.sample_id) for _ in range(3)))
        for each in planned
    ]
    rows = [index for index, each in enumerate(samples) if queries is None or each.sample_id in queries]
    distances = Distances(originals, deidentified[rows], deidentified[np.ix_(rows, rows)], {})
    digests = [each.deidentify.digest for each in versions]
    results = CellResults(
        missing={each.sample_id: None for each in samples},
        versions=versions,
        failed=dict.fromkeys(digests),
        crashed=frozenset(),
        survived=dict.fromkeys(digests, True),
        measures=dict.fromkeys(digests, Payload({"values": {}, "reasons": {}})),
        looked={},
        perceived={},
        coverage=dict.fromkeys(digests),
        images=dict.fromkeys(digests),
        usable=samples,
        distances={"toy": distances},
        features=(),
        floors={},
        seed_lpips={},
        seconds={},
    )
    return score_results(Setting(protocol, samples, 1, queries, score_version=score_version), results)


def number(found: Scored, metric: str) -> Any:
    return next(each for each in found.values.values if (each.metric, each.recognizer) == (metric, "toy"))


def test_an_open_threshold_is_reported_at_its_worst_with_the_range_beside_it() -> None:
    old, new = scored("palm-paper/1.0"), scored("palm-paper/1.1")
    assert number(old, "rr").value == 100
    assert number(old, "rr").range is None
    rr = number(new, "rr")
    assert (rr.value, rr.range.low, rr.range.high) == (0, 0, 100)
    assert rr.interval.high < 30
    threshold = number(new, "eer_threshold")
    assert threshold.value == threshold.range.high > 0.59 > 0.31 > threshold.range.low
    single = number(new, "singling_out")
    assert single.value == single.range.high >= number(old, "singling_out").value
    # What is not taken at that threshold is the same under both.
    for metric in ("dir", "rank1_without_source", "eer", "fnmr_at_fmr_1", "eer_effective", "linkability"):
        assert number(new, metric) == number(old, metric)


@pytest.mark.parametrize(
    "protocol", ["palm-paper/1.0", "palm-paper/1.1", "palm/1.0", "palm/2.0", "face/1.0", "face/1.1"]
)
def test_an_alarm_says_that_the_threshold_is_undetermined(protocol: str) -> None:
    said = [each for each in scored(protocol).alarms if "threshold undetermined" in each]
    assert said[0].startswith("toy: threshold undetermined: rr is anywhere from 0.0 to 100.0 %")
    assert not any("threshold undetermined" in each for each in scored(protocol, score_version=1).alarms)


def test_a_threshold_that_does_not_matter_raises_no_alarm() -> None:
    found = scored("palm-paper/1.1", mates=0.5)
    assert not any("threshold undetermined" in each for each in found.alarms)
    assert (number(found, "rr").range.low, number(found, "rr").range.high) == (100, 100)


def with_split(protocol_id: str, share: float = 0.5) -> Any:
    base = get_protocol(protocol_id)
    rules = {**base.rules, "split": {"dev_share": share, "seed": 3}, "threshold": {"rule": "eer", "from": "dev"}}
    return type(base).of(rules, "a test", own=True)


@pytest.mark.parametrize("protocol_id", ["palm-paper/1.0", "face/1.0"])
def test_a_dev_split_sets_thresholds_on_the_dev_people_and_measures_the_others(
    protocol_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dev people far apart, the others near: a threshold of the wrong part would accept nothing or everything."""
    protocol = with_split(protocol_id)
    samples, *_ = separated(np.random.default_rng(0))
    dev = protocol.dev_subjects([each.subject for each in samples])
    made = separated(np.random.default_rng(0))

    def moved(rng: np.random.Generator, mates: float = 0.0) -> Any:
        names, originals, deidentified = made
        chosen = np.array([each.subject in dev for each in names])
        both = chosen[:, None] & chosen
        originals = np.where(both, originals + np.float32(10), originals)
        return names, np.where(np.eye(len(names), dtype=bool), np.float32(0), originals), deidentified

    monkeypatch.setitem(globals(), "separated", moved)
    monkeypatch.setitem(globals(), "get_protocol", lambda _: protocol)
    found = scored(protocol_id)
    others = len({each.subject for each in samples} - dev) * IMAGES
    assert number(found, "eer_threshold").value > 10
    assert number(found, "rr_cross").value == 0, "at the dev people's threshold every mate is accepted"
    if protocol.retrieval is None:
        assert number(found, "eer").n == others * (others - 1) // 2
    else:
        assert number(found, "eer").n == (others // 2) ** 2, "queries and gallery of the evaluated people alone"
        assert number(found, "eer_threshold").n == (len(dev) * IMAGES // 2) ** 2
        assert number(found, "fnmr_deidentified_at_fmr_10").value == 0


def test_differences_hold_the_threshold_that_both_methods_share() -> None:
    """Masking at 100 and a method at 73 differ by what their people do, wherever resamples put it."""
    found = scored("palm-paper/1.1").values.replicates["rr", "toy"]
    assert found.people is not None
    assert found.people.total.sum() / found.people.count.sum() == found.estimate == 0
    assert replace(found).people is found.people

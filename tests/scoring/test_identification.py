"""Ranking of probes against a brute-force reference and hand-made tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from narrowed import present

from deid_bench.benchmark.metrics.recognition.identification import Identification, identify
from deid_bench.benchmark.metrics.values import Undefined


@st.composite
def searches(draw: Any) -> Any:
    probes, gallery = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    names = st.sampled_from("abcd")
    table = draw(
        st.lists(st.lists(st.integers(0, 4), min_size=gallery, max_size=gallery), min_size=probes, max_size=probes)
    )
    own = draw(st.lists(st.none() | st.integers(0, gallery - 1), min_size=probes, max_size=probes))
    return (
        np.array(table, dtype=float),
        draw(st.lists(names, min_size=probes, max_size=probes)),
        draw(st.lists(names, min_size=gallery, max_size=gallery)),
        own,
    )


def brute_force(table: Any, probe_names: Any, gallery_names: Any, sources: Any) -> Any:
    """Expected hits at each rank, probe by probe, by listing every order that random tie-breaking allows."""
    identities = sorted(set(gallery_names))
    hits, probes, lost = np.zeros(len(identities)), 0, 0
    for row, (name, source) in enumerate(zip(probe_names, sources, strict=True)):
        best: dict[Any, Any] = {}
        for column, other in enumerate(gallery_names):
            if column != source:
                best[other] = min(best.get(other, np.inf), table[row, column])
        if name not in best:
            lost += 1
            continue
        probes += 1
        closer = sum(d < best[name] for other, d in best.items() if other != name)
        tied = sum(d == best[name] for other, d in best.items() if other != name)
        for place in range(tied + 1):  # each place among the tied ones is equally likely
            hits[closer + place :] += 1 / (tied + 1)
    return hits / max(probes, 1), probes, lost


@settings(max_examples=150, deadline=None)
@given(searches())
def test_agrees_with_brute_force(search: Any) -> None:
    table, probes, gallery, sources = search
    cmc, counted, lost = brute_force(table, probes, gallery, sources)
    found = identify(table, probes, gallery, sources)
    if counted == 0:
        assert isinstance(found, Undefined)
        return
    assert isinstance(found, Identification)
    assert found.cmc == pytest.approx(cmc)
    assert (found.probes, found.without_mate) == (counted, lost)


@settings(max_examples=60, deadline=None)
@given(searches())
def test_cmc_rises_to_one(search: Any) -> None:
    table, probes, gallery, _ = search
    found = identify(table, probes, gallery)
    if not isinstance(found, Undefined):
        assert (np.diff(found.cmc) >= -1e-12).all()
        assert found.cmc[-1] == pytest.approx(1)
        assert 0 <= found.rank1 == found.cmc[0]


def test_without_its_source_a_probe_is_found_by_other_captures_only() -> None:
    gallery = ["a", "a", "b", "b"]
    table = np.array([[0.0, 0.6, 0.5, 0.9], [0.7, 0.0, 0.8, 0.9], [0.4, 0.5, 0.0, 0.3], [0.5, 0.6, 0.2, 0.0]])
    assert present(identify(table, gallery, gallery)).rank1 == 1.0
    assert present(identify(table, gallery, gallery, sources=[0, 1, 2, 3])).rank1 == pytest.approx(3 / 4)


def test_an_identity_with_one_image_has_no_mate_left() -> None:
    found = present(identify([[0.1, 0.5], [0.2, 0.1]], ["a", "b"], ["a", "b"], sources=[0, None]))
    assert (found.probes, found.without_mate, found.rank1) == (1, 1, 1.0)
    assert isinstance(identify([[0.1]], ["a"], ["a"], sources=[0]), Undefined)
    assert isinstance(identify(np.zeros((0, 0)), [], []), Undefined)


def test_images_that_are_equally_far_from_everything_score_chance() -> None:
    names = [f"p{k}" for k in range(10)]
    assert present(identify(np.full((10, 10), 0.5), names, names)).rank1 == pytest.approx(0.1)


def test_refuses_what_does_not_fit_together() -> None:
    with pytest.raises(ValueError, match="shape"):
        identify([[0.1, 0.2]], ["a"], ["a"])
    with pytest.raises(ValueError, match="finite"):
        identify([[np.nan]], ["a"], ["a"])
    with pytest.raises(ValueError, match="source columns"):
        identify([[0.1]], ["a"], ["a"], sources=[1])
    with pytest.raises(ValueError, match="one source per probe"):
        identify([[0.1]], ["a"], ["a"], sources=[])


def test_the_callers_table_is_left_alone() -> None:
    table = np.array([[0.1, 0.2], [0.3, 0.4]])
    identify(table, ["a", "b"], ["a", "b"], sources=[0, 1])
    assert table.tolist() == [[0.1, 0.2], [0.3, 0.4]]

"""One-to-many searches against the plain way: all distances, sorted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deid_bench.datasets.types import Image
from deid_bench.recognizers.base import RecognizerInfo, Templates
from deid_bench.recognizers.face.dlib_resnet import DlibResnet
from deid_bench.recognizers.face.mobilefacenet import MobileFaceNet
from deid_bench.recognizers.matching import faiss_search, gallery_search
from deid_bench.recognizers.matching.faiss_search import search_approximately, search_flat
from deid_bench.recognizers.matching.gallery_search import (
    NOBODY,
    Compared,
    Found,
    Gallery,
    SearchError,
    Vectors,
    search,
)
from deid_bench.recognizers.matching.vector_matching import VectorDistance, vector_distances
from deid_bench.recognizers.palm.ccnet import CCNet
from deid_bench.recognizers.palm.compcode import CompCode
from deid_bench.recognizers.palm.hand_geometry import HandGeometry
from deid_bench.recognizers.vectors import space_of, vector_distance

KINDS: tuple[VectorDistance, ...] = ("cosine", "angular", "euclidean")
Vector = NDArray[np.float32]


def plain_score(a: Vector, b: Vector, kind: VectorDistance) -> float:
    """Minus half the squared distance of two rows."""
    left, right = (each.astype(np.float64) for each in (a, b))
    if kind != "euclidean":
        left, right = (each / np.sqrt(np.square(each).sum()) for each in (left, right))
    return float(np.square(left - right).sum() / -2)


def plain_search(scores: NDArray[np.float64], own: NDArray[np.int64], k: int) -> tuple[list[list[int]], list[int]]:
    """Lists and ranks, one probe after the other."""
    lists, ranks = [], []
    for row, mine in zip(scores.tolist(), own.tolist(), strict=True):
        order = sorted(range(len(row)), key=lambda entry: (-row[entry], entry))
        lists.append([*order[:k], *[NOBODY] * (k - len(row))])
        ahead = [entry for entry in order if entry != mine and mine != NOBODY and row[entry] >= row[mine]]
        ranks.append(0 if mine == NOBODY else len(ahead) + 1)
    return lists, ranks


def agree(found: Found, scores: NDArray[np.float64], own: NDArray[np.int64], k: int) -> None:
    lists, ranks = plain_search(scores, own, k)
    assert found.entries.tolist() == lists
    assert found.ranks.tolist() == ranks
    assert found.size == scores.shape[1]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Vector, Vector, NDArray[np.int64], int]:
    """Probes and a gallery with many equal and nearly equal entries, own entries, and how long lists are."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size, probes, width = draw(st.integers(1, 60)), draw(st.integers(1, 7)), draw(st.integers(1, 33))
    pool = rng.standard_normal((draw(st.integers(1, 12)), width)).astype(np.float32)
    gallery = pool[rng.integers(len(pool), size=size)]
    nudged = rng.random(size) < draw(st.sampled_from([0.0, 0.5]))
    gallery[nudged] *= np.float32(1 + 2**-22)
    gallery[nudged, 0] += np.float32(1e-6)
    own = np.where(rng.random(probes) < 0.8, rng.integers(size, size=probes), NOBODY)
    noise = draw(st.sampled_from([0.0, 1e-6, 0.5]))
    asked = pool[rng.integers(len(pool), size=probes)] + np.float32(noise) * rng.standard_normal((probes, width))
    return asked.astype(np.float32), gallery, own, draw(st.integers(1, 12))


@settings(max_examples=60, deadline=None)
@given(worlds(), st.sampled_from(KINDS), st.integers(1, 70), st.integers(1, 4))
def test_vectors_are_found_as_the_plain_way_finds_them(
    world: tuple[Vector, Vector, NDArray[np.int64], int], kind: VectorDistance, tile: int, cut: int
) -> None:
    probes, entries, own, k = world
    scores = np.array([[plain_score(a, b, kind) for b in entries] for a in probes])
    gallery = Gallery(np.array_split(entries, cut))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery_search.Gallery.blocks, "__defaults__", (tile,))
        patch.setattr(gallery_search, "PROBES", 3)
        patch.setattr(faiss_search, "BLOCK", tile)
        patch.setattr(faiss_search, "SPARE", 1)
        found = search(Vectors(probes, kind), gallery, own, k)
        agree(found, scores, own, k)
        if faiss_search.is_here():
            flat = search_flat(Vectors(probes, kind), gallery, own, k)
            agree(flat, scores, own, k)
            assert np.array_equal(flat.distances, found.distances)
            assert np.array_equal(flat.own, found.own)


@pytest.mark.parametrize("kind", KINDS)
def test_distances_are_those_of_the_matcher(kind: VectorDistance) -> None:
    rng = np.random.default_rng(1)
    probes, entries = (rng.standard_normal((n, 40)).astype(np.float32) for n in (5, 30))
    probes[0] = entries[7]
    found = search(Vectors(probes, kind), Gallery([entries]), np.array([7, 1, 2, NOBODY, 4]), 3)
    every = vector_distances(probes, entries, kind)
    assert found.distances == pytest.approx(np.sort(every, axis=1)[:, :3], rel=1e-6, abs=1e-6)
    assert found.distances[0, 0] == 0.0
    assert (found.ranks[0], found.ranks[3]) == (1, 0)
    assert np.isinf(found.own[3])


def test_codes_are_compared_by_the_recogniser() -> None:
    rng = np.random.default_rng(2)
    palms = CompCode()
    codes = rng.integers(0, 2**32, size=(60, palms.planes, 32), dtype=np.uint32)
    codes[20] = codes[30] = codes[40]
    probes, own = codes[[20, 5]], np.array([30, NOBODY])
    found = search(Compared(probes, palms.distances), Gallery([codes[:17], codes[17:]]), own, 4)
    agree(found, -palms.distances(probes, codes).astype(np.float64), own, 4)
    assert found.entries[0, :3].tolist() == [20, 30, 40]
    assert found.ranks[0] == 3  # as near as two others, which count before it


def test_what_cannot_be_compared_is_refused() -> None:
    vectors, nothing = np.ones((3, 4), np.float32), np.array([NOBODY] * 3)
    for bad in (np.zeros((1, 4), np.float32), np.full((1, 4), np.nan, np.float32)):
        with pytest.raises(SearchError, match="zero or not finite"):
            search(Vectors(vectors, "cosine"), Gallery([bad]), nothing, 1)
    with pytest.raises(SearchError, match="one shape and dtype"):
        Gallery([vectors, vectors.astype(np.float64)])

    def lame(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
        return np.full((len(a), len(b)), np.nan, np.float32)

    with pytest.raises(SearchError, match="not finite"):
        search(Compared(vectors, lame), Gallery([vectors]), nothing, 1)


def test_an_approximate_index_says_what_it_misses() -> None:
    pytest.importorskip("faiss")
    rng = np.random.default_rng(3)
    entries = rng.standard_normal((3000, 16)).astype(np.float32)
    own = np.arange(0, 3000, 60)
    probes = entries[own] + np.float32(0.3) * rng.standard_normal((50, 16)).astype(np.float32)
    found, recall = search_approximately(Vectors(probes, "cosine"), Gallery([entries]), own, 5)
    exact = search(Vectors(probes, "cosine"), Gallery([entries]), own, 5)
    assert recall.probes == 50
    assert recall.nearest == np.mean(found.entries[:, 0] == exact.entries[:, 0])
    assert recall.listed == np.mean([np.isin(a, b).mean() for a, b in zip(exact.entries, found.entries, strict=True)])
    assert 0.2 < recall.listed < 1.0
    assert np.array_equal(found.own, exact.own)
    listed = (found.entries == own[:, None]).any(axis=1)
    assert np.array_equal(found.ranks > 0, listed)
    with pytest.raises(SearchError, match="search it exactly"):
        search_approximately(Vectors(probes, "cosine"), Gallery([entries[:100]]), own * 0, 5)


def test_without_faiss_an_approximate_search_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_search, "is_here", lambda: False)
    entries = np.random.default_rng(4).standard_normal((1500, 8)).astype(np.float32)
    with pytest.raises(SearchError, match=r"deid-bench\[faiss\]"):
        search_approximately(Vectors(entries[:2], "cosine"), Gallery([entries]), np.array([0, 1]), 1)


class Plain:
    """A stranger's recogniser of vectors."""

    info: ClassVar[RecognizerInfo] = RecognizerInfo("plain", "1", "palm", "", "MIT", "")

    def __init__(self, kind: VectorDistance, says: VectorDistance) -> None:
        self._kind, self.vector_distance = kind, says

    def align(self, image: Image, analysis: Any) -> Image:
        return image

    def embed(self, crops: Sequence[Image]) -> Templates:
        return np.array([crop.mean(axis=(0, 1)) for crop in crops], np.float32)

    def distances(self, a: Templates, b: Templates) -> NDArray[np.float32]:
        return vector_distances(a, b, self._kind)


def test_recognisers_say_that_their_templates_are_vectors() -> None:
    probes = np.random.default_rng(5).standard_normal((6, 8)).astype(np.float32)
    found = space_of(Plain("euclidean", "euclidean"), probes)
    assert isinstance(found, Vectors)
    assert found.kind == "euclidean"
    with pytest.raises(SearchError, match="plain says that its templates are vectors at cosine distances"):
        space_of(Plain("euclidean", "cosine"), probes)
    built_in = {MobileFaceNet: "cosine", DlibResnet: "euclidean", CCNet: "angular", CompCode: None, HandGeometry: None}
    assert {cls: vector_distance(cls()) for cls in built_in} == built_in
    unit = probes / np.linalg.norm(probes, axis=1, keepdims=True)
    for cls in (MobileFaceNet, DlibResnet, CCNet):
        assert isinstance(space_of(cls(), unit), Vectors)

"""The matching engine: tiles, vectors, devices and searches give what the plain way gives."""

from __future__ import annotations

import sys
import tracemalloc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.benchmark.large_scale.search import Gallery
from deid_bench.benchmark.large_scale.tiles import all_pairs, compare_deidentified, compare_originals
from deid_bench.benchmark.metrics.recognition.identification import Identification, identify
from deid_bench.benchmark.metrics.recognition.population import Ordered, Sketch
from deid_bench.benchmark.planning.tasks import Task, compare_tasks
from deid_bench.benchmark.results.blocks import join_blocks
from deid_bench.benchmark.storage.store import Payload
from deid_bench.recognizers.matching.binary_matching import pack_planes, shifted_hamming
from deid_bench.recognizers.matching.device_matching import shifted_hamming_on
from deid_bench.recognizers.matching.vector_matching import VectorDistance, vector_distances

KINDS: tuple[VectorDistance, ...] = ("cosine", "angular", "euclidean")


def _codes(seed: int, count: int, planes: int) -> NDArray[np.uint32]:
    return pack_planes(np.random.default_rng(seed).random((count, planes, 32, 32)) < 0.5)


def _vectors(seed: int, count: int, width: int = 16) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def _plain(a: NDArray[Any], b: NDArray[Any], kind: VectorDistance) -> NDArray[np.float64]:
    """One pair after the other, in double precision."""
    found = np.empty((len(a), len(b)))
    for i, x in enumerate(a.astype(np.float64)):
        for j, y in enumerate(b.astype(np.float64)):
            if kind == "euclidean":
                found[i, j] = np.linalg.norm(x - y)
                continue
            u, v = x / np.linalg.norm(x), y / np.linalg.norm(y)
            angle = 2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))  # exact for near pairs too
            found[i, j] = angle / np.pi if kind == "angular" else 1 - np.cos(angle)
    return found


# ------------------------------------------------------------------------------------------------ vectors


@pytest.mark.parametrize("kind", KINDS)
def test_vector_distances_equal_the_plain_ones(kind: VectorDistance) -> None:
    a, b = _vectors(1, 7), _vectors(2, 9)
    b[0], b[1], b[2] = a[0], a[1] * np.float32(1 + 1e-5), -a[2]
    b[3] = a[3] + np.float32(1e-4) * b[3]
    found = vector_distances(a, b, kind)
    assert found.dtype == np.float32
    assert (found >= 0).all()
    assert found[0, 0] == 0
    expected = _plain(a, b, kind)
    assert found[2, 2] == pytest.approx(expected[2, 2], abs=5e-4)  # the angle of opposite rows is worse conditioned
    found[2, 2] = expected[2, 2]
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_near_pairs_keep_their_digits(kind: VectorDistance) -> None:
    a = _vectors(3, 1, 512)
    b = a + np.float32(1e-3) * _vectors(4, 5, 512)
    np.testing.assert_allclose(vector_distances(a, b, kind), _plain(a, b, kind), rtol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_tiles_join_without_a_seam(kind: VectorDistance, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = _vectors(5, 37), _vectors(6, 53)
    whole = vector_distances(a, b, kind)
    monkeypatch.setattr("deid_bench.recognizers.matching.vector_matching._TILE", 8)
    monkeypatch.setattr("deid_bench.recognizers.matching.vector_matching._COLUMNS", 16)
    np.testing.assert_allclose(vector_distances(a, b, kind), whole, rtol=1e-5, atol=1e-7)


def test_zeros_are_orthogonal_to_everything_and_nothing_is_fine() -> None:
    zero, one = np.zeros((1, 4), np.float32), np.eye(4, dtype=np.float32)[:1]
    assert vector_distances(np.zeros((0, 4)), one, "cosine").shape == (0, 1)
    assert vector_distances(zero, one, "cosine")[0, 0] == pytest.approx(0.5)


def test_vectors_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="expected vectors"):
        vector_distances(_vectors(0, 2, 3), _vectors(0, 2, 4), "cosine")
    with pytest.raises(ValueError, match="expected cosine"):
        vector_distances(_vectors(0, 2), _vectors(0, 2), "manhattan")  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ devices


@pytest.mark.parametrize(("planes", "group", "shift"), [(12, 1, 4), (6, 3, 2), (1, 1, 0)])
def test_hamming_on_a_device_is_equal_to_the_last_bit(planes: int, group: int, shift: int) -> None:
    a, b = _codes(1, 5, planes), _codes(2, 6, planes)
    b[0] = a[0]
    expected = shifted_hamming(a, b, planes_per_group=group, shift=shift)
    np.testing.assert_array_equal(shifted_hamming_on("cpu", a, b, planes_per_group=group, shift=shift), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_on_a_device(kind: VectorDistance) -> None:
    a, b = _vectors(7, 20, 64), _vectors(8, 30, 64)
    b[:3] = a[:3]
    found = vector_distances(a, b, kind, device="cpu:0")
    np.testing.assert_allclose(found, vector_distances(a, b, kind), rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------------------------------------ tiles


def _people(count: int, each: int) -> list[str]:
    return [f"p{index // each}" for index in range(count)]


def _cosine(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
    return vector_distances(a, b, "cosine")


@pytest.mark.parametrize("tile", [4, 7, 100])
def test_all_pairs_are_met_once(tile: int) -> None:
    codes, people = _codes(3, 23, 3), np.array(_people(23, 4))

    def hamming(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
        return shifted_hamming(a, b, planes_per_group=3, shift=1)

    table = hamming(codes, codes)
    first, second = np.triu_indices(23, 1)
    same = people[first] == people[second]
    found = compare_originals(codes, people.tolist(), hamming, tile=tile)
    assert isinstance(found.genuine, Ordered)
    assert isinstance(found.impostor, Ordered)
    np.testing.assert_array_equal(found.genuine.steps, np.sort(table[first, second][same]))
    np.testing.assert_array_equal(found.impostor.steps, np.sort(table[first, second][~same]))


def test_deidentified_images_are_parted_into_own_cross_and_others() -> None:
    originals, people = _vectors(9, 12), _people(12, 3)
    images, sources = _vectors(10, 8), [0, 1, 2, 5, 6, 9, 10, 11]
    table = _cosine(images, originals)
    label = np.array(people)
    whose = label[sources]
    found = compare_deidentified((images, whose.tolist()), (originals, people), sources, _cosine, tile=5)
    rows = np.arange(8)
    own = np.zeros(table.shape, bool)
    own[rows, sources] = True
    same = whose[:, None] == label[None]
    for kind, mask in (("own", own), ("cross", same & ~own), ("others", ~same)):
        np.testing.assert_allclose(getattr(found, kind).steps, np.sort(table[mask]), atol=1e-6)


def test_memory_is_that_of_a_tile() -> None:
    vectors, people = _vectors(11, 3000, 8), _people(3000, 5)
    compare_originals(vectors[:10], people[:10], _cosine)
    tracemalloc.start()
    try:
        found = compare_originals(vectors, people, _cosine, tile=200, budget=2**20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(found.impostor, Sketch)
    assert found.impostor.size + found.genuine.size == 3000 * 2999 // 2
    assert peak < 3000 * 3000 * 4, "as much as the whole table"


def test_tiles_on_the_diagonal_get_the_same_array_twice() -> None:
    seen = []

    def compare(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
        seen.append(a is b)
        return np.zeros((len(a), len(b)), np.float32)

    list(all_pairs(_vectors(0, 10), compare, 4))
    assert seen == [True, False, False, True, False, True]


# ------------------------------------------------------------------------------------------------ the compare stage


@pytest.mark.parametrize("within", [True, False])
def test_blocks_join_to_the_whole_table(within: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deid_bench.benchmark.planning.tasks.COMPARE_ROWS", 3)
    a = _vectors(14, 8)
    b = a if within else _vectors(15, 5)
    digests = [[f"{name}{index}" for index in range(len(side))] for name, side in (("a", a), ("b", b))]
    rows, columns = digests[0], digests[0] if within else digests[1]
    recognizer = SimpleNamespace(digest="r", ref=None)
    blocks = compare_tasks("r", rows, columns, recognizer)  # type: ignore[arg-type]
    assert len({each.digest for each in blocks}) == 3
    place = {
        name: vector for side, names in ((a, rows), (b, columns)) for name, vector in zip(names, side, strict=True)
    }

    def part(task: Task) -> Payload:
        x, y = ([place[str(each)] for each in side] for side in (task.inputs[: task.split], task.inputs[task.split :]))
        return Payload({}, {"distances": _cosine(np.array(x), np.array(y))})

    parts: list[Payload | None] = [part(each) for each in blocks]
    computed = sum(each.arrays["distances"].size for each in parts if each)
    assert computed == (3 * 8 + 3 * 5 + 2 * 2 if within else 8 * 5)
    table = _cosine(a, b)
    np.testing.assert_allclose(join_blocks(blocks, parts, len(b)), table, atol=1e-6)
    parts[1] = None
    found = join_blocks(blocks, parts, len(b))
    assert np.isnan(found[3:6, 3:] if within else found[3:6]).all()
    assert np.isfinite(found[:3]).all()
    if within:
        np.testing.assert_array_equal(np.isnan(found), np.isnan(found).T)


# ------------------------------------------------------------------------------------------------ searches


def _search_data(kind: VectorDistance) -> tuple[NDArray[np.float32], list[str], NDArray[np.float32], list[str]]:
    rng = np.random.default_rng(12)
    centres = rng.normal(size=(60, 24))
    gallery = (np.repeat(centres, 5, axis=0) + 1.4 * rng.normal(size=(300, 24))).astype(np.float32)
    people = _people(300, 5)
    probes = (gallery[::3] + 1.4 * rng.normal(size=(100, 24))).astype(np.float32)
    gallery[7] = gallery[150]  # exact ties between identities
    probes[2] = gallery[7]
    probes[50] = gallery[7]
    if kind == "euclidean":
        gallery, probes = gallery * np.float32(30), probes * np.float32(30)
    return gallery, people, probes, people[::3]


@pytest.mark.parametrize("through_faiss", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_searches_find_what_the_whole_table_gives(
    kind: VectorDistance, through_faiss: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if through_faiss:
        pytest.importorskip("faiss", reason="faiss-cpu is an extra")
    else:
        monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr("deid_bench.benchmark.large_scale.search.TILE", 32)
    gallery, people, probes, whose = _search_data(kind)
    sources = [*range(0, 300, 3)]
    searched = Gallery(gallery, people, lambda a, b: vector_distances(a, b, kind), kind)
    assert (searched._index is not None) == through_faiss
    for left_out in (None, sources):
        expected = identify(vector_distances(probes, gallery, kind), whose, people, left_out)
        assert isinstance(expected, Identification)
        hits = searched.rank1(probes, whose, left_out)
        assert 0.2 < expected.rank1 < 0.98
        assert hits.mean() == pytest.approx(expected.rank1, abs=1e-12)
    assert np.isnan(searched.rank1(probes[:1], ["nobody"])).all()


def test_searches_take_recognisers_that_are_no_vectors() -> None:
    codes = _codes(13, 30, 3)

    def hamming(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
        return shifted_hamming(a, b, planes_per_group=3, shift=1)

    people = _people(30, 2)
    sources = [*range(30)]
    expected = identify(hamming(codes, codes), people, people, sources)
    assert isinstance(expected, Identification)
    hits = Gallery(codes, people, hamming).rank1(codes, people, sources)
    assert hits.mean() == pytest.approx(expected.rank1)

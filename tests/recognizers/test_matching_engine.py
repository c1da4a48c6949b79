"""The matching engine: tiles and vectors give what the plain way gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.benchmark.planning.tasks import Task, compare_tasks
from deid_bench.benchmark.results.blocks import join_blocks
from deid_bench.benchmark.results.tiles import Reader, Tiled, diagonal, rows_of, whole
from deid_bench.benchmark.scoring.compared import later
from deid_bench.benchmark.storage.store import Payload
from deid_bench.recognizers.matching.vector_matching import VectorDistance, vector_distances

KINDS: tuple[VectorDistance, ...] = ("cosine", "angular", "euclidean")


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


# ------------------------------------------------------------------------------------------------ tiles


def _cosine(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
    return vector_distances(a, b, "cosine")


def reader(blocks: Sequence[Task], parts: Sequence[Payload]) -> Callable[[Task], Payload]:
    """What a store with these parts reads."""
    return lambda task: parts[blocks.index(task)]


def test_rows_that_are_the_first_columns_are_no_set_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deid_bench.benchmark.planning.tasks.COMPARE_ROWS", 2)
    columns, recognizer = [f"a{index}" for index in range(6)], SimpleNamespace(digest="r", ref=None)
    for rows in (columns[:4], [*columns[:2], *columns[4:], *columns[2:4]]):
        blocks = compare_tasks("r", rows, columns, recognizer)  # type: ignore[arg-type]
        parts = [Payload({}, {"distances": np.full((2, 6), index, np.float32)}) for index in range(len(blocks))]
        found = join_blocks(blocks, reader(blocks, parts), (len(rows), 6))
        assert isinstance(found, np.ndarray)
        assert found[:, 0].tolist() == [index // 2 for index in range(len(rows))]


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
    shape = len(a), len(b)

    def read(task: Task) -> Payload | None:
        return parts[blocks.index(task)]

    joined = join_blocks(blocks, read, shape)
    assert isinstance(joined, np.ndarray)
    np.testing.assert_allclose(joined, table, atol=1e-6)
    parts[1] = None
    found = join_blocks(blocks, read, shape)
    assert isinstance(found, np.ndarray)
    monkeypatch.setattr("deid_bench.benchmark.storage.spilled.HELD", 1)
    tiled = join_blocks(blocks, read, shape, large=True)
    assert isinstance(tiled, Tiled)
    np.testing.assert_array_equal(whole(tiled), found)
    some = np.array([0, 3, 7, len(a) - 1])
    np.testing.assert_array_equal(rows_of(tiled, some), found[some])
    if within:
        np.testing.assert_array_equal(diagonal(tiled), np.diagonal(found))
        members = np.array([1, 2, 5, 7])
        for at, (row, distances) in enumerate(zip(members, later(tiled, members), strict=True)):
            np.testing.assert_array_equal(distances, found[row, members[at + 1 :]])
    else:
        reader = Reader(tiled)
        np.testing.assert_array_equal(np.stack([reader.row(int(each)) for each in some]), found[some])
    assert np.isnan(found[3:6, 3:] if within else found[3:6]).all()
    assert np.isfinite(found[:3]).all()
    if within:
        np.testing.assert_array_equal(np.isnan(found), np.isnan(found).T)

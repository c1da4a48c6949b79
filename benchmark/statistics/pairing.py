"""Comparisons laid out for the bootstrap: sorted by distance, each with the clusters behind it, in little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..metrics.recognition.population import Ordered, Population, Rest
from ..metrics.values import as_scores
from ..storage import spilled
from ..storage.spilled import Spilled
from ._crossing import Codes, Distances, Table, code_of
from .external_sort import sorted_parts

Columns = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Comparisons of originals with the clusters behind them, sorted once for all resamples."""

    table: Table
    clusters: int
    """Columns of weights."""
    occupied: int
    """Clusters that have a comparison."""

    @cached_property
    def genuine(self) -> Distances:
        """Distances within identities, rising."""
        table = self.table
        return np.concatenate([table.distances[low:high][table.genuine(low, high)] for low, high in table.parts()])

    @cached_property
    def impostor(self) -> Population:
        """Distances between identities."""
        table = self.table
        if isinstance(table.distances, Spilled):
            return Rest(table.distances, self.genuine.astype(np.float32))
        return Ordered(table.distances[~table.genuine()])

    @cached_property
    def genuine_first(self) -> Columns:
        """Cluster of the genuine comparisons, in the order of their distances."""
        table = self.table
        return np.concatenate([table.first(low, high)[table.genuine(low, high)] for low, high in table.parts()])


def pair_up(
    distances: ArrayLike, identities: ArrayLike, clusters: ArrayLike | None = None, columns: int | None = None
) -> Pairs:
    """All comparisons i < j of a square table of distances.

    Args:
        distances: (n, n) distances between samples; only entries above the diagonal are read.
        identities: (n,) labels; equal labels make a genuine comparison.
        clusters: (n,) whole numbers 0..columns-1, what is drawn: identities, or subjects to be more careful. None:
            the identities, numbered in sorted order.
        columns: number of clusters, where some have no sample here.

    Returns:
        The comparisons, sorted.

    Raises:
        ValueError: shapes disagree, or a distance is not finite.
    """
    table, labels = np.asarray(distances), np.unique(np.asarray(identities), return_inverse=True)[1]
    if table.shape != (labels.size, labels.size):
        raise ValueError(f"expected distances of shape {(labels.size, labels.size)}, got {table.shape}")
    drawn = labels if clusters is None else np.asarray(clusters, dtype=np.intp)
    if drawn.shape != labels.shape:
        raise ValueError(f"expected one cluster per sample ({labels.size}), got shape {drawn.shape}")
    total = columns if columns is not None else int(drawn.max(initial=-1)) + 1
    return pair_up_rows((table[i, i + 1 :] for i in range(labels.size)), labels, drawn, total, table.dtype)


def pair_up_rows(
    rows: Iterable[Distances], labels: Columns, drawn: Columns, columns: int, dtype: DTypeLike = np.float32
) -> Pairs:
    """The same of distances that arrive row by row.

    Args:
        rows: of each sample, its distances to those that come after it.
        labels: (n,) equal labels make a genuine comparison.
        drawn: (n,) cluster of each.
        columns: number of clusters.
        dtype: of the distances.

    Returns:
        The comparisons, sorted.

    Raises:
        ValueError: a distance is not finite.
    """
    coded = (
        (row, code_of(labels[i] == labels[i + 1 :], drawn[i], drawn[i + 1 :], columns + 1))
        for i, row in enumerate(rows)
    )
    occupied = drawn if labels.size > 1 else drawn[:0]
    return sort_codes(coded, labels.size * (labels.size - 1) // 2, dtype, occupied, columns)


def pair_across(
    distances: ArrayLike,
    clusters: tuple[Columns, Columns],
    columns: int,
    left_out: Columns | None = None,
) -> Pairs:
    """Comparisons of every row with every column, or with all columns but one; equal clusters make a genuine one.

    Args:
        distances: (n, m).
        clusters: (n,) of the rows and (m,) of the columns.
        columns: number of clusters.
        left_out: (n,) the column that each row is not compared with. None: there is none.

    Returns:
        The comparisons, sorted.

    Raises:
        ValueError: shapes disagree, or a distance is not finite.
    """
    table, (own, others) = np.asarray(distances), clusters
    if table.shape != (own.size, others.size) or (left_out is not None and left_out.shape != own.shape):
        raise ValueError(f"expected distances of shape {(own.size, others.size)}, got {table.shape}")
    return pair_across_rows(iter(table), clusters, columns, left_out, table.dtype)


def pair_across_rows(
    rows: Iterable[Distances],
    clusters: tuple[Columns, Columns],
    columns: int,
    left_out: Columns | None = None,
    dtype: DTypeLike = np.float32,
) -> Pairs:
    """The same of distances that arrive row by row.

    Args:
        rows: distances of each row to all columns.
        clusters: see `pair_across`.
        columns: number of clusters.
        left_out: see `pair_across`.
        dtype: of the distances.

    Returns:
        The comparisons, sorted.

    Raises:
        ValueError: a distance is not finite.
    """
    own, others = clusters

    def coded(i: int, row: Distances) -> tuple[Distances, NDArray[np.int64]]:
        code = code_of(others == own[i], own[i], others, columns + 1)
        if left_out is None:
            return row, code
        others_of_it = np.arange(others.size) != left_out[i]
        return row[others_of_it], code[others_of_it]

    count = own.size * (others.size - (left_out is not None))
    made = (coded(i, row) for i, row in enumerate(rows))
    return sort_codes(made, count, dtype, np.concatenate([own, others]), columns)


def sort_codes(
    rows: Iterable[tuple[Distances, NDArray[np.int64]]], count: int, dtype: DTypeLike, occupied: Columns, columns: int
) -> Pairs:
    """Comparisons that arrive row by row, sorted: 16 bytes each, or in scratch files where they are too many.

    Args:
        rows: distances, and what `code_of` says of each.
        count: how many there are in all.
        dtype: of the distances; what is not float32 is taken as float64.
        occupied: clusters that have a comparison, repeated or not.
        columns: number of clusters.

    Returns:
        The comparisons; tied ones in the order of their arrival, or of their code where there are many.

    Raises:
        ValueError: a distance is not finite or a cluster is out of range.
        StoreError: a scratch file cannot be written.
    """
    if occupied.size and not (occupied.min() >= 0 and occupied.max() < columns):
        raise ValueError(f"expected clusters 0..{columns - 1}, got {occupied.min()}..{occupied.max()}")
    small = 2 * (columns + 1) ** 2 <= np.iinfo(np.int32).max
    clusters = np.unique(occupied).size
    if count > spilled.HELD and dtype == np.float32 and small:
        return Pairs(Table(*_sorted_in_files(rows), columns + 1), columns, clusters)
    d: Distances = np.empty(count, np.float32)
    code: Codes = np.empty(count, np.int32)
    if dtype != np.float32:
        d = np.empty(count, np.float64)
    if not small:
        code = np.empty(count, np.int64)
    at = 0
    for distances, codes in rows:
        _check(distances)
        stop = at + distances.size
        d[at:stop], code[at:stop] = distances, codes
        at = stop
    order = np.argsort(d, kind="stable")
    return Pairs(Table(d[order], code[order], columns + 1), columns, clusters)


def _check(distances: Distances) -> None:
    if not np.isfinite(distances).all():
        as_scores(distances, "original")


def _sorted_in_files(
    rows: Iterable[tuple[Distances, NDArray[np.int64]]],
) -> tuple[Spilled[np.float32], Spilled[np.int32]]:
    def packed() -> Iterator[NDArray[np.uint64]]:
        for distances, codes in rows:
            _check(distances)
            yield _packed(distances, codes)

    d, code = Spilled(np.float32), Spilled(np.int32)
    for part in sorted_parts(packed()):
        distances, codes = _unpacked(part)
        d.append(distances)
        code.append(codes)
    return d, code


def _packed(distances: Distances, codes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Whole numbers that sort as float32 distances do, with the code in the lower half."""
    bits = (distances.astype(np.float32) + np.float32(0)).view(np.uint32)  # + 0 turns -0 into 0
    rising = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    return (rising.astype(np.uint64) << np.uint64(32)) | codes.astype(np.uint64)


def _unpacked(packed: NDArray[np.uint64]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    rising = (packed >> np.uint64(32)).astype(np.uint32)
    bits = np.where(rising >> 31, rising & np.uint32(0x7FFFFFFF), ~rising)
    return bits.view(np.float32), (packed & np.uint64(0xFFFFFFFF)).astype(np.int32)

"""Comparisons laid out for the bootstrap: sorted by distance, each with the clusters behind it, in little memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..metrics.values import Scores, as_scores
from ._crossing import Codes, Distances, Table, code_of

Columns = NDArray[np.intp]

_PACKED_FROM = 2**24
"""More comparisons than these are sorted together with their codes, in place."""
_BLOCK = 2**22


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Comparisons of originals with the clusters behind them, sorted once for all resamples."""

    table: Table
    clusters: int
    """Columns of weights."""
    occupied: int
    """Clusters that have a comparison."""

    @property
    def genuine(self) -> Scores:
        """Distances within identities, rising."""
        return self.table.distances[self.table.genuine()].astype(np.float64)

    @property
    def impostor(self) -> Scores:
        """Distances between identities, rising."""
        return self.table.distances[~self.table.genuine()].astype(np.float64)

    @property
    def genuine_first(self) -> Columns:
        """Cluster of the genuine comparisons, in the order of their distances."""
        n, code = self.table.columns, self.table.code
        return code[code >= n * n].astype(np.intp) // n % n


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
    rows = (
        (table[i, i + 1 :], code_of(labels[i] == labels[i + 1 :], drawn[i], drawn[i + 1 :], total + 1))
        for i in range(labels.size)
    )
    occupied = drawn if labels.size > 1 else drawn[:0]
    return sort_codes(rows, labels.size * (labels.size - 1) // 2, table.dtype, occupied, total)


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

    def row(i: int) -> tuple[Distances, NDArray[np.int64]]:
        code = code_of(others == own[i], own[i], others, columns + 1)
        if left_out is None:
            return table[i], code
        return np.delete(table[i], left_out[i]), np.delete(code, left_out[i])

    rows = (row(i) for i in range(own.size))
    return sort_codes(
        rows, own.size * (others.size - (left_out is not None)), table.dtype, np.concatenate([own, others]), columns
    )


def sort_pairs(distances: ArrayLike, genuine: ArrayLike, first: ArrayLike, second: ArrayLike, columns: int) -> Pairs:
    """Comparisons given one by one.

    Args:
        distances: (n,).
        genuine: (n,) whether both sides are of one identity.
        first: (n,) cluster of one side.
        second: (n,) cluster of the other.
        columns: number of clusters.

    Returns:
        The comparisons, sorted.

    Raises:
        ValueError: a distance is not finite or a cluster is out of range.
    """
    d, a, b = np.ravel(distances), np.asarray(first, dtype=np.intp), np.asarray(second, dtype=np.intp)
    rows = [(d, code_of(genuine, a, b, columns + 1))]
    return sort_codes(rows, d.size, d.dtype, np.concatenate([a, b]), columns)


def sort_codes(
    rows: Iterable[tuple[Distances, NDArray[np.int64]]], count: int, dtype: DTypeLike, occupied: Columns, columns: int
) -> Pairs:
    """Comparisons that arrive row by row, sorted with little memory: 16 bytes each at most, 8 in the end.

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
    """
    if occupied.size and not (occupied.min() >= 0 and occupied.max() < columns):
        raise ValueError(f"expected clusters 0..{columns - 1}, got {occupied.min()}..{occupied.max()}")
    small = 2 * (columns + 1) ** 2 <= np.iinfo(np.int32).max
    pack = count > _PACKED_FROM and dtype == np.float32 and small
    d: Distances = np.empty(0 if pack else count, np.float32)
    code: Codes = np.empty(0 if pack else count, np.int32)
    if dtype != np.float32:
        d = np.empty(count, np.float64)
    if not small:
        code = np.empty(count, np.int64)
    packed = np.empty(count if pack else 0, np.uint64)
    at = 0
    for distances, codes in rows:
        if not np.isfinite(distances).all():
            as_scores(distances, "original")
        stop = at + distances.size
        if pack:
            packed[at:stop] = _packed(distances, codes)
        else:
            d[at:stop], code[at:stop] = distances, codes
        at = stop
    if pack:
        packed.sort()
        d, code = _unpacked(packed)
    else:
        order = np.argsort(d, kind="stable")
        d, code = d[order], code[order]
    return Pairs(Table(d, code, columns + 1), columns, np.unique(occupied).size)


def _packed(distances: Distances, codes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Whole numbers that sort as float32 distances do, with the code in the lower half."""
    bits = (distances.astype(np.float32) + np.float32(0)).view(np.uint32)  # + 0 turns -0 into 0
    rising = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    return (rising.astype(np.uint64) << np.uint64(32)) | codes.astype(np.uint64)


def _unpacked(packed: NDArray[np.uint64]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    d, code = np.empty(packed.size, np.float32), np.empty(packed.size, np.int32)
    for at in range(0, packed.size, _BLOCK):
        part = packed[at : at + _BLOCK]
        rising = (part >> np.uint64(32)).astype(np.uint32)
        bits = np.where(rising >> 31, rising & np.uint32(0x7FFFFFFF), ~rising)
        d[at : at + _BLOCK], code[at : at + _BLOCK] = bits.view(np.float32), part & np.uint64(0xFFFFFFFF)
    return d, code

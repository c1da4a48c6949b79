"""Matrices of distances that are not held: they lie in the store as the blocks that compare tasks made.

Small ones are arrays. What scores needs of either comes tile by tile, or row by row in rising order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ..planning.cell_tasks import Version
from ..planning.tasks import Task
from ..storage.store import Payload
from .attacks import Matrix as Matrix

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """Some neighbouring rows of a matrix; of a set compared with itself, from the diagonal on."""

    start: int
    """Number of the first row."""
    first: int
    """Number of the first column; what is missing on its left stands above, mirrored."""
    distances: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class Tiled:
    """A matrix in the store."""

    tasks: Sequence[Task]
    """Of `compare_tasks`, all of them."""
    read: Callable[[Task], Payload | None]
    """Object of a task; None where it could not be made."""
    shape: tuple[int, int]

    @property
    def size(self) -> int:
        """Number of distances."""
        return self.shape[0] * self.shape[1]

    @property
    def within(self) -> bool:
        """Whether it is of a set with itself."""
        if not self.tasks:
            return False
        last = self.tasks[-1]  # of a set with itself, it has no other columns than its rows
        return self.shape[0] == self.shape[1] and last.inputs[: last.split] == last.inputs[last.split :]

    def parts(self) -> Iterator[tuple[int, int, Payload | None]]:
        """Number of the first row and of the first column of each block, and what the store has of it."""
        start = 0
        for task in self.tasks:
            yield start, self.shape[1] - (len(task.inputs) - task.split), self.read(task)
            start += task.split

    def tiles(self) -> Iterator[Tile]:
        """One for each task; NaN where it could not be carried out."""
        for (start, first, part), task in zip(self.parts(), self.tasks, strict=True):
            missing = np.full((task.split, self.shape[1] - first), np.nan, np.float32)
            yield Tile(start, first, missing if part is None else part.arrays["distances"])


Grid = Matrix | Tiled


def tiles(grid: Grid) -> Iterator[Tile]:
    """All of a matrix, from its first row to its last."""
    return grid.tiles() if isinstance(grid, Tiled) else iter([Tile(0, 0, grid)])


class Reader:
    """Rows of a matrix of two sets, asked for in rising order, read once.

    Args:
        grid: the matrix.
    """

    def __init__(self, grid: Grid) -> None:
        self._tiles = tiles(grid)
        self._tile = Tile(0, 0, np.zeros((0, grid.shape[1]), np.float32))

    def row(self, number: int) -> Matrix:
        """The distances of a row, which must not lie above the one asked for before."""
        while number >= self._tile.start + len(self._tile.distances):
            self._tile = next(self._tiles)
        return np.asarray(self._tile.distances[number - self._tile.start])


def rows_of(grid: Grid, rows: Rows) -> Matrix:
    """(rows, columns) some rows, in memory."""
    if not isinstance(grid, Tiled):
        return grid[rows]
    found = np.full((len(rows), grid.shape[1]), np.nan, np.float32)
    for tile in grid.tiles():
        stop = tile.start + len(tile.distances)
        here = (rows >= tile.start) & (rows < stop)
        found[here, tile.first :] = tile.distances[rows[here] - tile.start]
        if grid.within:  # of the rows below, what stands in columns of this tile
            below = rows >= stop
            found[below, tile.start : stop] = tile.distances[:, rows[below] - tile.first].T
    return found


def diagonal(grid: Grid) -> NDArray[np.float32]:
    """(rows,) of a square matrix."""
    parts = [np.diagonal(each.distances[:, each.start - each.first :]) for each in tiles(grid)]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def by_image(square: Matrix, images: Sequence[Version]) -> dict[str, Matrix]:
    """Versions of one image among each other, by sample id.

    Args:
        square: (images, images) distances.
        images: de-identified ones, in the order of samples.
    """
    found: dict[str, Matrix] = {}
    for sample_id, group in groupby(enumerate(images), key=lambda each: each[1].sample.sample_id):
        rows = [index for index, _ in group]
        found[sample_id] = square[rows[0] : rows[-1] + 1, rows[0] : rows[-1] + 1]
    return found


def whole(grid: Grid) -> Matrix:
    """All of it, in memory."""
    return rows_of(grid, np.arange(grid.shape[0])) if isinstance(grid, Tiled) else grid

"""Numbers too many for memory: one row of them in a scratch file, written once and read part by part.

The file has no name, so that it is gone with the process, however that ends. It lies where `TMPDIR` says.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from .store import explain_os_error

HELD = 2**24
"""Numbers of one kind that a process holds in memory (64 MiB of single precision); of more it holds parts."""
STEP = 4096
"""Of so many neighbours one stays in memory, to know where to look."""

Number = TypeVar("Number", bound=np.generic)


class Spilled(Generic[Number]):
    """A row of numbers in a scratch file.

    Args:
        dtype: of the numbers.
    """

    def __init__(self, dtype: type[Number]) -> None:
        self.dtype = np.dtype(dtype)
        self.size = 0
        self._seen: list[NDArray[Number]] = []
        try:
            self._file = tempfile.TemporaryFile(prefix="deid-bench-")  # noqa: SIM115 open as long as this is
        except OSError as error:
            raise explain_os_error(error, Path(tempfile.gettempdir())) from error

    def append(self, values: NDArray[Number]) -> None:
        """Write more numbers behind those that are there.

        Raises:
            StoreError: the scratch file cannot be written, for example because the disk is full.
        """
        self._seen.append(values[-self.size % STEP :: STEP].copy())
        try:
            self._file.write(np.ascontiguousarray(values, self.dtype).tobytes())
            self._file.flush()
        except OSError as error:
            raise explain_os_error(error, Path(tempfile.gettempdir())) from error
        self.size += values.size

    def __len__(self) -> int:
        """How many there are."""
        return self.size

    def __getitem__(self, part: slice) -> NDArray[Number]:
        """The numbers from start to stop, in memory.

        Raises:
            ValueError: the slice has a step.
        """
        start, stop, step = part.indices(self.size)
        if step != 1:
            raise ValueError(f"expected neighbours, got every {step}th")
        found = np.empty(max(stop - start, 0), self.dtype)
        data, at = found.view(np.uint8), 0
        while at < data.size:  # a call reads 2 GiB at most
            at += os.preadv(self._file.fileno(), [data[at:]], start * self.dtype.itemsize + at)  # type: ignore[list-item]
        return found

    @property
    def seen(self) -> NDArray[Number]:
        """Every `STEP`th of the numbers, from the first on."""
        if len(self._seen) != 1:
            self._seen = [np.concatenate([np.empty(0, self.dtype), *self._seen])]
        return self._seen[0]

    def at(self, place: int) -> Any:
        """One number."""
        return self[place : place + 1][0]

    def search(self, wanted: NDArray[Any], side: Literal["left", "right"]) -> NDArray[np.int64]:
        """`numpy.searchsorted` in rising numbers, in the shape of `wanted`."""
        flat = np.ravel(wanted)
        last = np.searchsorted(self.seen, flat, side) - 1  # the last of those in memory that comes before
        found = np.zeros(flat.size, np.int64)
        for block in np.unique(last[last >= 0]):
            there = last == block
            start = int(block) * STEP
            found[there] = start + np.searchsorted(self[start : start + STEP], flat[there], side)
        return found.reshape(np.shape(wanted))

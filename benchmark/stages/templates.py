"""Templates by the digest of their object, each read once a process while they fit.

The blocks of a matrix share their columns: without this, a process that compares n templates in blocks of rows would
read, hash and unpack each of them once a block. What a digest names never changes, so nothing can grow stale.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..storage.store import Store

BUDGET = 256 * 2**20
"""Bytes of templates that a process keeps."""


class _Kept:
    """Those that were asked for last."""

    def __init__(self) -> None:
        self._arrays: OrderedDict[tuple[str, str], NDArray[Any]] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[str, str]) -> NDArray[Any] | None:
        found = self._arrays.get(key)
        if found is not None:
            self._arrays.move_to_end(key)
        return found

    def put(self, key: tuple[str, str], array: NDArray[Any]) -> None:
        self._arrays[key] = array
        self._bytes += array.nbytes
        while self._bytes > BUDGET:
            self._bytes -= self._arrays.popitem(last=False)[1].nbytes


_kept = _Kept()


def template(item: str | None, store: Store) -> NDArray[Any] | None:
    """The template of that digest, read-only; None when there is none, or its object is gone."""
    if item is None:
        return None
    key = str(store.root), item
    found = _kept.get(key)
    if found is None:
        payload = store.read(item)
        found = payload.arrays.get("template") if payload else None
        if found is not None:
            found = np.ascontiguousarray(found)
            found.flags.writeable = False
            _kept.put(key, found)
    return found

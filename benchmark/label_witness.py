"""A recogniser as the second witness for wrong labels, beside the perceptual hash of `datasets.duplicates`.

Where two identities hold nearly the same picture, one of the labels is wrong, or the pictures are alike for another
reason. A recogniser that finds the two closer than genuine pairs are on average speaks for the first, and the other
images of both identities tell which label it is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..characters import plain
from ..datasets.base import Sample
from ..datasets.duplicates import DuplicatePair
from ..plugins.entries import Kind, registry
from .compute import compute
from .engine.backends import Settings, default_jobs, make_backend
from .engine.execute import Executor
from .planning.cells import RunOptions, make_cells
from .planning.defaults import default_protocol
from .results.tiles import whole
from .storage.store import Store

_SECONDS_PER_IMAGE = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class LabelWitness:
    """Distances between the images of a dataset."""

    recognizer: str
    samples: Sequence[Sample]
    """In which a hand or face was found."""
    distances: NDArray[np.float32]
    """(n, n); NaN where there is none."""

    @property
    def genuine_mean(self) -> float:
        """Mean distance between different images of one identity; NaN where there are no two."""
        names = np.array([each.identity for each in self.samples])
        same = (names[:, None] == names[None, :]) & ~np.eye(len(names), dtype=np.bool_)
        return _mean(self.distances[same])

    def says(self, pair: DuplicatePair) -> str:
        """About two images of two identities that the perceptual hash holds for one picture, in half a sentence."""
        place = {each.sample_id: index for index, each in enumerate(self.samples)}
        i, j = place.get(pair.first), place.get(pair.second)
        if i is None or j is None:
            return f"{self.recognizer} cannot tell, as it finds nothing to compare in one of them"
        distance, usual = float(self.distances[i, j]), self.genuine_mean
        if np.isnan(distance) or np.isnan(usual):
            return f"{self.recognizer} cannot tell: it has no distance of the two, or nobody has two images"
        if distance >= usual:
            return (
                f"{self.recognizer} disagrees (distance {distance:.3g}, not below the genuine mean of {usual:.3g}): "
                "perhaps pictures alike of different people"
            )
        return (
            f"{self.recognizer} agrees (distance {distance:.3g}, below the genuine mean of {usual:.3g}): "
            f"{self._cause(i, j, usual)}"
        )

    def _cause(self, i: int, j: int, usual: float) -> str:
        """Whose the picture is, by all other images of both identities."""
        first, second = self.samples[i], self.samples[j]
        names = [self._to_others(i, j, each.identity) for each in (first, second)]
        a, b = plain(first.identity, 60), plain(second.identity, 60)
        if all(each < usual for each in names):
            return f"{a} and {b} are probably one identity under two names"
        if np.isnan(names).all():
            return "one of the two labels is probably wrong"
        to_first, to_second = (np.nan_to_num(each, nan=usual) for each in names)
        if to_first == to_second:
            return "one of the two labels is probably wrong"
        wrong, right = (second, a) if to_first < to_second else (first, b)
        return f"{plain(wrong.sample_id, 80)} is probably of {right}"

    def _to_others(self, i: int, j: int, identity: str) -> float:
        """Mean distance of two images to all further ones of an identity; NaN where there are none."""
        others = [k for k, each in enumerate(self.samples) if each.identity == identity and k not in (i, j)]
        return _mean(self.distances[np.ix_([i, j], others)])


def _mean(values: NDArray[np.float32]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean(dtype=np.float64)) if known.size else float("nan")


def ask(dataset: str, recognizer: str, analyzer: str = "") -> LabelWitness:
    """Compare all images of a dataset by a recogniser, in a folder that is thrown away.

    Args:
        dataset: specification.
        recognizer: specification.
        analyzer: specification; empty: that of the protocol for hands or faces.

    Raises:
        PluginError, DatasetError, WeightsError: something cannot be used; the recogniser is for another part of the
            body than the dataset is of.
    """
    info = registry().resolve(Kind.RECOGNIZER, recognizer).info
    protocol = default_protocol(info.modality)  # whose detector and crops are taken
    options = RunOptions("identity", dataset, protocol, recognizer, analyzer, attacks="none")
    (cell,) = make_cells(options, default_jobs())
    with tempfile.TemporaryDirectory(prefix="deid-bench-") as folder:
        store = Store(Path(folder))
        store.open()
        backend = make_backend("process", Settings(store.root, _SECONDS_PER_IMAGE, default_jobs()))
        try:
            results = compute(cell, Executor(store, backend), lambda version: False)
        finally:
            backend.close()
        (found,) = results.distances.values()
        return LabelWitness(cell.recognizers[0].resolved.text, results.usable, whole(found.originals))

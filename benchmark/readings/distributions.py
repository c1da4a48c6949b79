"""Distances of a record by kind of pair, as they are drawn: densities and histograms, separation and overlap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..metrics.privacy.diversity import overlap
from ..metrics.recognition.decidability import d_prime
from ..metrics.values import Scores, Undefined
from ..records.record import RunRecord
from ..results.scores_file import KINDS, LARGEST, SCORES_NAME, read_scores

POINTS = 400
"""Of a density."""
MOST_BINS = 60
"""Of a histogram whose bins follow the sample."""


class NoDistances(ValueError):
    """The distances of a record are not beside it, or cannot be read; the message is the reason."""


class DistancesMissing(NoDistances):
    """There is no file of distances beside the record."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Distances of one kind of pair."""

    kind: str
    """One of `scores_file.KINDS`."""
    density: NDArray[np.float64]
    """(g,) at the places of `Distributions.grid`."""
    heights: NDArray[np.float64]
    """(b,) densities of the bins."""
    edges: NDArray[np.float64]
    """(b + 1,) of the bins."""
    d_prime: float | Undefined
    """From the impostor distances; of these themselves undefined."""
    overlap: float | Undefined
    """With the impostor distances, 0..1; of these themselves undefined."""

    @property
    def peak(self) -> float:
        """Largest density."""
        return float(self.density.max())


@dataclass(frozen=True, slots=True, eq=False)
class Distributions:
    """Distances of one recogniser by kind of pair."""

    grid: NDArray[np.float64]
    """(g,) distances, rising in even steps."""
    kinds: tuple[Distribution, ...]
    """Those that have any distance, at least one, in the order of `scores_file.KINDS`."""
    threshold: float | None
    """Of the EER of the originals, from the record."""


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """How distances of several kinds spread over common bins of one width."""

    low: float
    """First edge."""
    high: float
    """Last edge."""
    kinds: tuple[tuple[str, int, tuple[float, ...]], ...]
    """Kind, number of distances, and their share in each bin, 0..1; kinds without distances are left out."""


def distributions_of(record: RunRecord, folder: Path, recognizer: str, kinds: Sequence[str] = KINDS) -> Distributions:
    """Densities, histograms and separations of one recogniser's distances.

    Args:
        record: of a run with the recogniser.
        folder: of the record.
        recognizer: specification.
        kinds: those that are drawn.

    Raises:
        NoDistances: they are not there, or none of the kinds has any.
    """
    scores = _read(record, folder, recognizer, LARGEST)
    threshold = record.value("eer_threshold", recognizer)
    return distributions([(kind, scores[kind]) for kind in kinds], None if threshold is None else threshold.value)


def distributions(scores: Sequence[tuple[str, Scores]], threshold: float | None) -> Distributions:
    """The same of distances in memory.

    Args:
        scores: kinds and their distances, finite, (n,); what `impostor` has is what the others are held against.
        threshold: of the EER of the originals.

    Raises:
        NoDistances: none of the kinds has any.
    """
    there = [(kind, values) for kind, values in scores if values.size]
    if not there:
        raise NoDistances("it holds no distance")
    low, high = float(min(each.min() for _, each in there)), float(max(each.max() for _, each in there))
    margin = 0.1 * (high - low) or 0.05
    grid = np.linspace(low - margin, high + margin, POINTS)
    strangers = next((values for kind, values in there if kind == "impostor"), None)
    made = []
    for kind, values in there:
        heights, edges = np.histogram(values, histogram_edges(values, low, high), density=True)
        apart: float | Undefined = Undefined("nothing to hold it against")
        shared = apart
        if kind != "impostor" and strangers is not None:
            apart, shared = d_prime(values, strangers), overlap(values, strangers)
        made.append(Distribution(kind, density(values, grid), heights, edges, apart, shared))
    return Distributions(grid, tuple(made), threshold)


def shares_of(
    record: RunRecord,
    folder: Path,
    recognizer: str,
    kinds: Sequence[str],
    bins: int,
    limits: Callable[[Sequence[float]], tuple[float, float]],
    largest: int = LARGEST,
) -> Shares | None:
    """Shares of one recogniser's distances in common bins; None where there is no distance.

    Args:
        record: of a run with the recogniser.
        folder: of the record.
        recognizer: specification.
        kinds: those that are drawn.
        bins: how many.
        limits: first and last edge from the smallest and largest distance of every kind.
        largest: bytes of distances that are read at most.

    Raises:
        NoDistances: they are not there, or are more than that.
    """
    scores = _read(record, folder, recognizer, largest)
    return shares([(kind, scores[kind]) for kind in kinds], bins, limits)


def shares(
    scores: Sequence[tuple[str, Scores]], bins: int, limits: Callable[[Sequence[float]], tuple[float, float]]
) -> Shares | None:
    """The same of distances in memory; those that are not finite are left out."""
    finite = [(kind, values[np.isfinite(values)]) for kind, values in scores]
    there = [(kind, values) for kind, values in finite if values.size]
    if not there:
        return None
    low, high = limits([float(end) for _, values in there for end in (values.min(), values.max())])
    counted = [(kind, values.size, np.histogram(values, bins, (low, high))[0]) for kind, values in there]
    return Shares(low, high, tuple((kind, size, tuple((found / size).tolist())) for kind, size, found in counted))


def _read(record: RunRecord, folder: Path, recognizer: str, largest: int) -> dict[str, Scores]:
    index = next(place for place, each in enumerate(record.recognizers) if each.spec == recognizer)
    path = folder / SCORES_NAME
    try:
        return read_scores(path, index, largest)
    except FileNotFoundError as error:
        raise DistancesMissing(path) from error
    except (OSError, ValueError) as error:
        raise NoDistances(" ".join(str(error).split())) from error


def histogram_edges(values: Scores, low: float, high: float) -> NDArray[np.float64]:
    """Edges of bins of one width over [low, high]: as many as the sample bears (Freedman and Diaconis)."""
    if high <= low:
        return np.array([low - 0.01, high + 0.01])
    quartiles = np.percentile(values, (25, 75))
    step = 2 * float(quartiles[1] - quartiles[0]) * values.size ** (-1 / 3)
    count = int(np.ceil((high - low) / step)) if step > 0 else MOST_BINS
    return np.linspace(low, high, min(max(count, 8), MOST_BINS) + 1)


def density(values: Scores, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian kernel density on an even grid, bandwidth by Silverman's rule.

    The sample is laid out on the grid first, so that a million distances take no longer than a hundred.

    Args:
        values: (n,) inside the grid, n at least 1.
        grid: (g,) rising in even steps.

    Returns:
        (g,) density.
    """
    step = float(grid[1] - grid[0])
    place = (values - grid[0]) / step
    left = np.clip(np.floor(place).astype(np.intp), 0, grid.size - 2)
    share = np.clip(place - left, 0.0, 1.0)
    weights = np.bincount(left, 1 - share, grid.size) + np.bincount(left + 1, share, grid.size)
    spread = min(float(values.std()), float(np.subtract(*np.percentile(values, (75, 25)))) / 1.349 or np.inf)
    width = max(0.9 * spread * values.size**-0.2, 1.5 * step)
    reach = np.arange(-grid.size, grid.size + 1) * step
    kernel = np.exp(-0.5 * (reach / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return np.asarray(np.convolve(weights, kernel)[grid.size : 2 * grid.size] / values.size, dtype=np.float64)

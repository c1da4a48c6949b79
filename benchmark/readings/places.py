"""Places of methods: in one column, as marks in a paper's table, and on average over several datasets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from ..metrics.metric import Metric
from ..records.replicates import Resamples
from ..statistics.mean_ranks import MeanRank, mean_ranks
from ..statistics.standings import MIN_RANKED_IDENTITIES, RankRange, Standing, rank_ranges, standings

__all__ = ["MIN_RANKED_IDENTITIES", "Mark", "MeanRank", "Standing", "column_standings", "find_marks", "mean_places"]

Mark = Literal["", "best", "second"]


def column_standings(
    rivals: Mapping[str, Resamples], columns: Iterable[tuple[Metric, str]]
) -> dict[tuple[Metric, str], dict[str, Standing]]:
    """What can be told apart, by metric and recogniser, then by rival.

    Args:
        rivals: resamples of what competes, by a name of the caller's.
        columns: metrics, each with a recogniser or "".

    Returns:
        Only columns that have ranks: enough identities, and at least two rivals.
    """
    if len(rivals) < 2:
        return {}
    from threadpoolctl import threadpool_limits

    found = {}
    with threadpool_limits(1, "blas"):  # products this small only wait for their threads
        for about, recognizer in columns:
            key = (about.name, recognizer)
            there = {name: each[key] for name, each in rivals.items() if key in each}
            standing = standings(there, about.better, about.unscaled_aim)
            if standing:
                found[about, recognizer] = standing
    return found


def find_marks(about: Metric, recognizer: str, rivals: Mapping[int, Resamples]) -> dict[int, Mark] | str:
    """Marks of the rivals in one column and block.

    The best is marked where its paired difference to every rival is significant (bootstrap over identities, Holm over
    all pairs of the block, 5 %), the second best where it is as certainly worse than the best alone and better than
    all the rest; of two rivals there is no second best.

    Args:
        about: the column's metric.
        recognizer: the column's recogniser, or "".
        rivals: resamples of everything in the block that has the number, by its row.

    Returns:
        Marks by row, or why the rivals cannot be compared.
    """
    if len(rivals) < 2:
        return {}
    key = (about.name, recognizer)
    known = {str(row): each[key] for row, each in rivals.items() if key in each}
    if len(known) < len(rivals):
        return "no resamples to compare with"
    if len({(each.resampled.size, each.left_out.size) for each in known.values()}) > 1:
        return "resamples of different runs"
    if min(each.clusters for each in known.values()) < MIN_RANKED_IDENTITIES:
        return f"fewer than {MIN_RANKED_IDENTITIES} identities"
    ranks = rank_ranges(known, about.better, about.unscaled_aim)
    marks: dict[int, Mark] = {}
    for row, rank in ranks.items():
        if rank == RankRange(1, 1):
            marks[int(row)] = "best"
        elif rank == RankRange(2, 2) and len(rivals) > 2:
            marks[int(row)] = "second"
    return marks


def mean_places(about: Metric, recognizer: str, datasets: Sequence[Mapping[str, Resamples]]) -> dict[str, MeanRank]:
    """Mean places of the methods by one number over several datasets, best first.

    Args:
        about: the metric.
        recognizer: its recogniser, or "".
        datasets: for each the resamples of the methods, by a name that is the same on all of them.

    Returns:
        Empty where no places can be given; see `mean_ranks`.
    """
    key = (about.name, recognizer)
    numbers = [{name: each[key] for name, each in methods.items() if key in each} for methods in datasets]
    return mean_ranks(numbers, about.better, about.unscaled_aim)

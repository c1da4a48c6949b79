"""Best and second best of a column, only where they can be told from all the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ...benchmark.metrics.metric import Metric
from ...benchmark.statistics.standings import MIN_RANKED_IDENTITIES, RankRange, rank_ranges
from ...benchmark.statistics.uncertainty import Replicates

Mark = Literal["", "best", "second"]


def find_marks(about: Metric, rivals: Mapping[int, Replicates | None]) -> dict[int, Mark] | str:
    """Marks of the rivals in one column and block.

    The best is marked where its paired difference to every rival is significant (bootstrap over identities, Holm over
    all pairs of the block, 5 %), the second best where it is as certainly worse than the best alone and better than
    all the rest; of two rivals there is no second best.

    Args:
        about: the column's metric.
        rivals: replicates of everything in the block that has a number, by its row; None where there are none.

    Returns:
        Marks by row, or why the rivals cannot be compared.
    """
    if len(rivals) < 2:
        return {}
    known = {str(row): each for row, each in rivals.items() if each is not None}
    if len(known) < len(rivals):
        return "no resamples to compare with"
    if len({(each.resampled.size, each.left_out.size) for each in known.values()}) > 1:
        return "resamples of different runs"
    if min(each.clusters for each in known.values()) < MIN_RANKED_IDENTITIES:
        return f"fewer than {MIN_RANKED_IDENTITIES} identities"
    ranks = rank_ranges(known, about.better, None if about.aim is None else about.aim / about.scale)
    marks: dict[int, Mark] = {}
    for row, rank in ranks.items():
        if rank == RankRange(1, 1):
            marks[int(row)] = "best"
        elif rank == RankRange(2, 2) and len(rivals) > 2:
            marks[int(row)] = "second"
    return marks

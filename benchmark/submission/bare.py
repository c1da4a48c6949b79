"""A record without distances, every image of which was made anew and is the same: all it tells, held against these."""

from __future__ import annotations

from collections.abc import Sequence

from ..records.record import RunRecord, Value
from ..scoring.cell import Scored
from .differences import IMAGE_TOLERANCE, other_problems, reordered
from .fields import ATTACKS, FORGEABLE


def bare_problems(record: RunRecord, scored: Scored) -> list[str]:
    """What is told beside the numbers and is not what the images made anew give; attacks apart.

    Args:
        record: as it came.
        scored: what the images made here give, under the record's own ledger of failures.
    """
    said, here = ([(row.sample_id, row.repetition) for row in rows] for rows in (record.samples, scored.rows))
    if said != here:
        return ["its rows are not the images that are planned here, in their order"]
    return other_problems(record, scored, IMAGE_TOLERANCE, attacks=False)


def bare_words(record: RunRecord, scored: Scored) -> list[str]:
    """What nobody has held against anything in such a record.

    Args:
        record: as it came.
        scored: what the images made here give.
    """
    named = {(each.metric, each.recognizer) for each in record.values}
    lacking = [each.metric for each in scored.values.values if (each.metric, each.recognizer) not in named]
    parts = ["distances_file"]
    if record.attacks is not None:  # what attackers train comes out otherwise on another processor
        parts.append(f"{ATTACKS}{FORGEABLE}")
    if lacking:
        parts.append(f"values (that {', '.join(dict.fromkeys(lacking))} are not among them)")
    if reordered(record, scored):
        parts.append("values (their order)")
    return parts


def open_numbers(
    record: RunRecord, values: Sequence[Value], unavailable: Sequence[Value], *, worded: bool
) -> list[str]:
    """Parts of numbers that images made anew do not prove, because a network is lacking on one side or by their age.

    Args:
        record: as it came.
        values: the numbers here.
        unavailable: those of the record that cannot be held against one of here.
        worded: whether remarks are worded as the scoring of today words them.
    """
    here = {(each.metric, each.recognizer): each for each in values}
    unlike = [
        each
        for each in (unavailable if worded else record.values)
        if (other := here.get((each.metric, each.recognizer))) is None or other.reason != each.reason
    ]
    counted = [each.metric for each in unavailable if each.value is None and each.n]
    parts = []
    if unlike:
        parts.append(f"values.reason (of {', '.join(dict.fromkeys(each.metric for each in unlike))})")
    if counted:
        parts.append(f"values (how many images {', '.join(dict.fromkeys(counted))} speak of)")
    return parts

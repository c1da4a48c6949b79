"""Records that say the same: one of them is enough."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ...benchmark.records.comparable import setting_key
from ...benchmark.records.record import RunRecord
from ...benchmark.submission.stamp import Stamp
from .same_method import code_and_seeds

_STRENGTH = {"verified": 2, "recomputed": 1, "self-reported": 0}


def merged(
    records: Sequence[RunRecord], stamps: Mapping[str, Stamp | None] | None = None
) -> tuple[list[RunRecord], dict[str, list[RunRecord]]]:
    """Leaves out what another record says, too: the same method with the same seeds, and no number of its own.

    So a run with one recogniser disappears beside the run with all of them, and the one made by an earlier version
    beside the one of today, as long as every number is the same. Nothing that was verified disappears behind what was
    not: a record stands for another one only where its stamp is as strong and covers the same numbers.

    Args:
        records: of a board.
        stamps: of the records, by digest.

    Returns:
        The records that stay, in their order, and by digest of such a record those that it stands for.
    """
    stamps = stamps or {}

    def order(record: RunRecord) -> tuple[int, int, str, str]:
        return _strength(stamps.get(record.digest)), len(_numbers(record)), record.host.created, record.digest

    kept: dict[str, list[RunRecord]] = {}
    stands_for: dict[str, list[RunRecord]] = {}
    for record in sorted(records, key=order, reverse=True):
        rivals = kept.setdefault(_subject(record), [])
        covered = _covered(record, stamps.get(record.digest))
        home = next(
            (
                each
                for each in rivals  # their stamps are as strong, or stronger
                if _numbers(record).items() <= _numbers(each).items()
                and covered <= _covered(each, stamps.get(each.digest))
            ),
            None,
        )
        if home is None:
            rivals.append(record)
        else:
            stands_for.setdefault(home.digest, []).append(record)
    stay = {each.digest for some in kept.values() for each in some}
    return [each for each in records if each.digest in stay], stands_for


def _strength(stamp: Stamp | None) -> int:
    return 0 if stamp is None else _STRENGTH[stamp.status]


def _covered(record: RunRecord, stamp: Stamp | None) -> set[tuple[str, str]]:
    """Numbers that the verifier has computed anew."""
    if stamp is None or not _strength(stamp):
        return set()
    return {each for each in _numbers(record) if " ".join(each).strip() not in stamp.unchecked}


def _subject(record: RunRecord) -> str:
    told = [*setting_key(record), record.method.params, *code_and_seeds(record)]
    return json.dumps(told, sort_keys=True, default=str)


def _numbers(record: RunRecord) -> dict[tuple[str, str], float]:
    return {(each.metric, each.recognizer or ""): each.value for each in record.values if each.value is not None}

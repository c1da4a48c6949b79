"""Records that say the same: one of them is enough."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...benchmark.records.comparable import setting_key
from ...benchmark.records.record import RunRecord
from .same_method import code_and_seeds


def merged(records: Sequence[RunRecord]) -> tuple[list[RunRecord], dict[str, list[RunRecord]]]:
    """Leaves out what another record says, too: the same method with the same seeds, and no number of its own.

    So a run with one recogniser disappears beside the run with all of them, and the one made by an earlier version
    beside the one of today, as long as every number is the same.

    Returns:
        The records that stay, in their order, and by digest of such a record those that it stands for.
    """
    kept: dict[str, list[RunRecord]] = {}
    stands_for: dict[str, list[RunRecord]] = {}
    for record in sorted(records, key=lambda each: (len(_numbers(each)), each.host.created, each.digest), reverse=True):
        rivals = kept.setdefault(_subject(record), [])
        home = next((each for each in rivals if _numbers(record).items() <= _numbers(each).items()), None)
        if home is None:
            rivals.append(record)
        else:
            stands_for.setdefault(home.digest, []).append(record)
    stay = {each.digest for some in kept.values() for each in some}
    return [each for each in records if each.digest in stay], stands_for


def _subject(record: RunRecord) -> str:
    told = [*setting_key(record), record.method.params, *code_and_seeds(record)]
    return json.dumps(told, sort_keys=True, default=str)


def _numbers(record: RunRecord) -> dict[tuple[str, str], float]:
    return {(each.metric, each.recognizer or ""): each.value for each in record.values if each.value is not None}

"""What a run is too large to hold is read from the store and sorted in scratch files: the numbers stay the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.benchmark.planning.comparisons import comparisons
from deid_bench.benchmark.planning.tasks import Task
from deid_bench.benchmark.records.record import RunRecord, load_record
from deid_bench.benchmark.results.cell import CellResults, Distances, Setting
from deid_bench.benchmark.results.distances_file import read
from deid_bench.benchmark.results.tiles import Tiled, by_image, whole
from deid_bench.benchmark.scoring.cell import Scored, score_results
from deid_bench.benchmark.storage.store import Payload
from deid_bench.benchmark.submission.recompute import rebuild

GOLDEN = Path(__file__).parents[1] / "benchmark" / "golden"
OTHER_ORDER = ("d_prime", "dir", "dir_cross", "dprime_diversity")
"""Made of sums over all impostors: these are added up in another order."""


def rebuilt(name: str) -> tuple[RunRecord, Setting, CellResults]:
    record = load_record(GOLDEN / f"{name}.json")
    return (record, *rebuild(record, read(GOLDEN / f"{name}.npz")))


def in_store(distances: Distances, results: CellResults) -> Distances:
    """The same distances as a large run has them: only what is scored, in blocks that are read anew each time."""
    originals, versions = ([f"{name}{i}" for i in range(n)] for name, n in zip("ov", sizes(distances), strict=True))
    made = [(each.sample.sample_id, each.repetition) for each in results.made]
    resolved: Any = SimpleNamespace(digest="r", ref=None, resolved=SimpleNamespace(text="r"))
    sets = comparisons(originals, versions, made, resolved, large=True)
    known = {
        "oo": whole(distances.originals),
        "vo": whole(distances.deidentified),
        "vv": whole(distances.versions),
    }

    def block(task: Task) -> Payload:
        rows, columns = task.inputs[: task.split], task.inputs[task.split :]
        matrix = known[str(rows[0])[0] + str(columns[0])[0]]
        places = [[int(str(each)[1:]) for each in side] for side in (rows, columns)]
        return Payload({}, {"distances": matrix[np.ix_(*places)]})

    def tiled(tasks: Sequence[Task], rows: int, columns: int) -> Tiled:
        return Tiled(tasks, block, (rows, columns))

    n, m = sizes(distances)
    assert sets.first is not None
    twins: dict[str, NDArray[np.float32]] = {}
    for group, tasks in sets.twins:
        square = whole(tiled(tasks, len(group), len(group)))
        twins |= by_image(square, [results.made[index] for index in group])
    return Distances(
        tiled(sets.originals, n, n),
        tiled(sets.deidentified, m, n),
        tiled(sets.versions, len(sets.first), len(sets.first)),
        distances.problems,
        np.array(sets.first),
        twins,
    )


def sizes(distances: Distances) -> tuple[int, int]:
    return distances.deidentified.shape[1], distances.deidentified.shape[0]


@pytest.mark.parametrize("name", sorted(each.stem for each in GOLDEN.glob("*.npz")))
def test_a_large_run_has_the_numbers_of_one_that_is_held(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, setting, results = rebuilt(name)
    setting = replace(setting, attacks=None)
    held = score_results(setting, replace(results, attacks=None))
    monkeypatch.setattr("deid_bench.benchmark.planning.tasks.COMPARE_ROWS", 7)
    monkeypatch.setattr("deid_bench.benchmark.storage.spilled.STEP", 7)
    monkeypatch.setattr("deid_bench.benchmark.storage.spilled.HELD", 2 * len(results.usable))
    stored = {key: in_store(each, results) for key, each in results.distances.items()}
    large = score_results(setting, replace(results, attacks=None, distances=stored))
    compare(held, large)


def compare(held: Scored, large: Scored) -> None:
    assert [(each.metric, each.recognizer) for each in large.values.values] == [
        (each.metric, each.recognizer) for each in held.values.values
    ]
    for one, other in zip(held.values.values, large.values.values, strict=True):
        if one.metric in OTHER_ORDER and one.value is not None:
            assert other.value == pytest.approx(one.value, rel=1e-9)
            assert (other.interval is None) == (one.interval is None)
            if one.interval is not None and other.interval is not None:
                assert other.interval.low == pytest.approx(one.interval.low, rel=1e-9)
                assert other.interval.high == pytest.approx(one.interval.high, rel=1e-9)
        else:
            assert other == one
    assert large.values.curves == held.values.curves
    assert large.rows == held.rows
    assert large.counts == held.counts
    assert large.alarms == held.alarms

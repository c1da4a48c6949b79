"""Bootstrap replicates of a record's numbers, kept beside it so that methods can be compared in pairs later."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...files import open_regular
from ..statistics.uncertainty import People, Replicates
from .record import RunRecord

Resamples = Mapping[tuple[str, str], Replicates]
"""Of one record, by metric and recogniser ("" for none)."""

REPLICATES_NAME = "replicates.npz"
_COLUMNS = ("names", "estimates", "resampled", "left_out", "clusters")
_FURTHER = ("trials", "minority", "people_total", "people_count")


def encode_replicates(replicates: Mapping[tuple[str, str], Replicates]) -> bytes:
    """Bytes of `replicates.npz`.

    Args:
        replicates: by metric and recogniser ("" for none), all of the same draws.

    Returns:
        A zip of plain arrays: names (n, 2), estimates (n,), resampled (n, R), left_out (n, L), clusters (n,), trials
        (n,) and minority (n,) of shares, people_total and people_count (n, K) of means over images. What a number does
        not have is -1, or NaN.
    """
    kept = list(replicates.values())
    people = max((each.people.total.size for each in kept if each.people), default=0)
    nobody = People(np.full(people, np.nan), np.full(people, np.nan))
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        names=np.array(list(replicates), dtype=np.str_).reshape(-1, 2),
        estimates=np.array([each.estimate for each in kept], dtype=np.float64),
        resampled=np.array([each.resampled for each in kept], dtype=np.float32),
        left_out=np.array([each.left_out for each in kept], dtype=np.float32),
        clusters=np.array([each.clusters for each in kept], dtype=np.int64),
        trials=np.array([-1 if each.trials is None else each.trials for each in kept], dtype=np.int64),
        minority=np.array([each.minority for each in kept], dtype=np.int64),
        people_total=np.array([(each.people or nobody).total for each in kept], dtype=np.float64),
        people_count=np.array([(each.people or nobody).count for each in kept], dtype=np.float64),
    )
    return buffer.getvalue()


class DamagedReplicates(ValueError):
    """A file of replicates cannot be read."""


def load_estimates(folder: Path) -> dict[tuple[str, str], float]:
    """The numbers themselves of the replicates beside a record; empty when there are none.

    Raises:
        DamagedReplicates: the file is damaged.
    """
    if not (folder / REPLICATES_NAME).is_file():
        return {}
    with _damage(), open_regular(folder / REPLICATES_NAME) as file, np.load(file, allow_pickle=False) as found:
        pairs = zip(found["names"], found["estimates"], strict=True)
        return {(str(metric), str(recognizer)): float(estimate) for (metric, recognizer), estimate in pairs}


def replicates_of(record: RunRecord, folder: Path) -> dict[tuple[str, str], Replicates]:
    """Replicates of the numbers that a record has; of those that are withheld from a table there are none."""
    numbers = {(each.metric, each.recognizer or "") for each in record.values if each.value is not None}
    return {key: each for key, each in load_replicates(folder).items() if key in numbers}


def load_replicates(folder: Path) -> dict[tuple[str, str], Replicates]:
    """Replicates beside a record; empty when there are none, or the file is damaged.

    Older files know of no trials and no people; differences then go by the resamples alone.
    """
    try:
        with _damage(), open_regular(folder / REPLICATES_NAME) as file, np.load(file, allow_pickle=False) as found:
            return _replicates(
                {name: found[name] for name in _COLUMNS}, {name: found[name] for name in _FURTHER if name in found}
            )
    except DamagedReplicates:
        return {}


def _replicates(
    columns: Mapping[str, NDArray[Any]], further: Mapping[str, NDArray[Any]]
) -> dict[tuple[str, str], Replicates]:
    if len({len(each) for each in columns.values()}) != 1:
        raise ValueError("its arrays are of different lengths")
    made = {}
    for index, (metric, recognizer) in enumerate(columns["names"]):
        replicates = Replicates(
            float(columns["estimates"][index]),
            columns["resampled"][index].astype(np.float64),
            columns["left_out"][index].astype(np.float64),
            int(columns["clusters"][index]),
        )
        if len(further) == len(_FURTHER):
            trials = int(further["trials"][index])
            total, count = further["people_total"][index], further["people_count"][index]
            people = People(total, count) if np.isfinite(count).all() and count.size else None
            minority = int(further["minority"][index])
            replicates = replace(replicates, trials=None if trials < 0 else trials, minority=minority, people=people)
        made[str(metric), str(recognizer)] = replicates
    return made


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a damaged zip, or arrays of other shapes, can raise nearly anything
        raise DamagedReplicates(f"{REPLICATES_NAME} cannot be read ({type(error).__name__}: {error})") from error

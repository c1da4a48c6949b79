"""Paired differences of two records, number by number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..metrics.metric import NO_VALUE, Metric
from ..metrics.values import Undefined
from ..records.comparable import group_key, setting_key, side_by_side
from ..records.described import catalogue_of
from ..records.record import RunRecord
from ..records.replicates import replicates_of
from ..statistics.comparison import SIGNIFICANT as SIGNIFICANT
from ..statistics.comparison import Difference, compare
from ..statistics.uncertainty import Interval

NO_DIFFERENCE = NO_VALUE
"""Verdict on two methods that cannot be told apart."""


class NotComparable(ValueError):
    """Two records were made under different rules or on different data."""

    exit_code = 2


def check_bound(about: Metric, bound: float) -> None:
    """Make sure that a bound says something about a metric.

    Raises:
        NotComparable: no number of the metric lies there.
    """
    if not about.may_be(bound):
        raise NotComparable(f"{about.name} is {about.range_words}; expected a bound in there, got {bound:g}")


@dataclass(frozen=True, slots=True)
class Compared:
    """One number of two methods."""

    about: Metric
    recognizer: str
    first: float | None
    second: float | None
    """None where that method has no such number; then `difference` says why."""
    difference: Difference | Undefined
    verdict: str
    """`A` or `B` (first or second), `–` where no difference shows, or why nothing can be said."""

    @property
    def metric(self) -> str:
        """Name of the metric."""
        return self.about.name


def compare_records(first: tuple[RunRecord, Path], second: tuple[RunRecord, Path]) -> list[Compared]:
    """Paired differences of two methods on the same samples, Holm-corrected over all their numbers.

    Args:
        first, second: record and its folder.

    Raises:
        NotComparable: other protocol, dataset or analyzer, or no replicates beside a record.
    """
    if group_key(first[0]) != group_key(second[0]):
        raise NotComparable(
            "expected two records of one protocol, dataset and analyzer, scored alike, got "
            f"{_differences(first[0], second[0])}; run both methods with the same options"
        )
    pair = side_by_side([first, second])
    replicates = [replicates_of(record, folder) for record, folder in pair]
    for found, (_, folder) in zip(replicates, pair, strict=True):
        if not found:
            raise NotComparable(f"{folder} holds no replicates: it has too few identities, or is of an older version")
    left, right = ({f"{metric}|{name}": each for (metric, name), each in found.items()} for found in replicates)
    one, other = (record for record, _ in pair)
    known, theirs = catalogue_of(one), catalogue_of(other)
    # What is about the originals, which both share, is no question, and does not count among those corrected for.
    left = {
        key: each
        for key, each in left.items()
        if _same_metric(key, known, theirs) and known[key.split("|")[0]].group != "recognition"
    }
    aims = {key: known[key.split("|")[0]].unscaled_aim for key in left}
    targets = {key: aim for key, aim in aims.items() if aim is not None}
    rows = []
    for key, difference in compare(left, right, targets).items():
        metric, recognizer = key.split("|", 1)
        a, b = (_number(record, metric, recognizer) for record in (one, other))
        if a is not None and b is not None:
            rows.append(Compared(known[metric], recognizer, a, b, difference, _verdict(known[metric], difference)))
    return rows + _of_one(one, other, {**theirs, **known}, [*left, *right])


def _of_one(first: RunRecord, second: RunRecord, known: Mapping[str, Metric], keys: Iterable[str]) -> list[Compared]:
    """Numbers that one of two records has and the other one lacks, with the reason."""
    rows = []
    for metric, recognizer in dict.fromkeys((*key.split("|", 1),) for key in keys):
        a, b = (_number(record, metric, recognizer) for record in (first, second))
        if known[metric].group == "recognition" or (a is None) == (b is None):
            continue
        why = why_lacking(first if a is None else second, metric, recognizer)
        lost = Undefined(f"only {'B' if a is None else 'A'} has it ({why})")
        rows.append(Compared(known[metric], recognizer, a, b, lost, lost.reason))
    return rows


def why_lacking(record: RunRecord, metric: str, recognizer: str) -> str:
    """Why a record has no such number.

    Args:
        record: that lacks it.
        metric: the number.
        recognizer: "" for none.
    """
    found = record.value(metric, recognizer or None)
    return (found.reason if found else None) or f"not measured{f' with {recognizer}' * bool(recognizer)}"


def _same_metric(key: str, *known: Mapping[str, Metric]) -> bool:
    """Whether both records mean the same by a name."""
    name = key.split("|")[0]
    first, second = (each.get(name) for each in known)
    return first is not None and first == second


def _number(record: RunRecord, metric: str, recognizer: str) -> float | None:
    found = record.value(metric, recognizer or None)
    return found.value if found else None


def _differences(first: RunRecord, second: RunRecord) -> str:
    """What is not the same of two records, in words."""

    def parts(record: RunRecord) -> dict[str, tuple[object, str]]:
        dataset, (protocol, rules, images, *analyzer) = record.dataset, setting_key(record)
        size = f"{dataset.samples} images of {dataset.identities} identities{' with --limit' * dataset.limited}"
        return {
            "protocol": (protocol, protocol),
            "rules of the protocol": (rules, rules[:10]),
            "dataset": (images, f"{dataset.spec}, {size} (digest {images[:10]})"),
            "analyzer": (analyzer, f"{record.analyzer.spec} (version {record.analyzer.version})"),
            "scoring": (record.score_version, f"version {record.score_version} (toolkit {record.toolkit})"),
        }

    a, b = parts(first), parts(second)
    return "; ".join(f"{name}: {a[name][1]} and {b[name][1]}" for name in a if a[name][0] != b[name][0])


def _verdict(metric: Metric, found: Difference | Undefined) -> str:
    if isinstance(found, Undefined):
        return found.reason
    if found.p_holm > SIGNIFICANT:
        return NO_DIFFERENCE
    better = metric.better
    # For a target the difference is that of the distances from it: smaller is better.
    first_wins = found.value > 0 if better == "higher" else found.value < 0
    return "A" if first_wins else "B"


def interval_text(found: Difference | Undefined, metric: Metric) -> str:
    """[low, high] of a difference in the metric's unit."""
    if isinstance(found, Undefined) or not isinstance(found.interval, Interval):
        return NO_VALUE
    scaled = found.interval.times(metric.scale)
    return "[{}, {}]".format(*metric.bounds(scaled.low, scaled.high))

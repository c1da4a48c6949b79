"""Numbers by groups of people as lines of text, for the terminal and the cards of the board."""

from __future__ import annotations

from collections.abc import Iterator

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.metrics.metric import Metric
from ...benchmark.readings.differences import SIGNIFICANT
from ...benchmark.records.groups import GroupNumber, GroupTest
from ...benchmark.records.record import RunRecord

SHOWN = (
    "rr",
    "rr_cross",
    "rank1_without_source",
    "ssim",
    "psnr",
    "drift_roi",
    "drift_landmarks_5",
    "survival",
    "skipped",
)
"""Numbers that are told; the record has all."""


def kinds(record: RunRecord) -> list[str]:
    """What is told apart, such as `gender`."""
    return sorted({each.kind for each in record.groups.groups}) if record.groups else []


def group_lines(record: RunRecord) -> Iterator[str]:
    """All kinds, one after another; nothing where the dataset knows no groups."""
    for kind in kinds(record):
        yield heading(record, kind)
        yield from (f"  {name}: {text}" for name, text in rows(record, kind))


def heading(record: RunRecord, kind: str) -> str:
    """The rated groups of a kind and how many people each has."""
    found = record.groups.groups if record.groups else []
    enough = [f"{each.group} ({each.people} people)" for each in found if each.kind == kind and each.reason is None]
    return f"by {kind}: {', '.join(enough) or 'no group of ten people'}"


def rated(record: RunRecord) -> bool:
    """Whether any group has people enough for its numbers to be told."""
    return record.groups is not None and any(each.reason is None for each in record.groups.groups)


def rows(record: RunRecord, kind: str) -> Iterator[tuple[str, str]]:
    """Name and text of each number of a kind, and of each group that is not rated."""
    if record.groups is None:
        return
    for metric, recognizer, told, test in numbers_of(record, kind):
        parts = [" ".join(filter(None, (each.group, *number_parts(each)))) for each in told]
        said = f" ({_words(test)}: p = {chances(test)} after Holm)" if test else ""
        yield f"{title_of(metric)}{', ' + recognizer if recognizer else ''}", "; ".join(parts) + said
    for group in record.groups.groups:
        if group.kind == kind and group.reason is not None:
            yield f"{group.group} ({group.people} people)", group.reason


def numbers_of(record: RunRecord, kind: str) -> Iterator[tuple[str, str | None, list[GroupNumber], GroupTest | None]]:
    """Of a kind's numbers those that are told: metric, recogniser, one for each rated group, and their test."""
    if record.groups is None:
        return
    tests = {(each.metric, each.recognizer): each for each in record.groups.tests if each.kind == kind}
    for metric in SHOWN:
        told = [each for each in record.groups.numbers if (each.kind, each.metric) == (kind, metric)]
        for recognizer in dict.fromkeys(each.recognizer for each in told):
            of_one = [each for each in told if each.recognizer == recognizer]
            yield metric, recognizer, of_one, tests.get((metric, recognizer))


def title_of(metric: str) -> str:
    """What a number is called; who is not found has no metric of its own."""
    return METRICS[metric].title if metric in METRICS else "nothing found in the original, %"


def about(metric: str) -> Metric:
    """How a number is shown; who is not found is a share in %, as survival is."""
    return METRICS.get(metric, METRICS["survival"])


def number_parts(found: GroupNumber) -> tuple[str, str]:
    """`97.9` and `[88.0, 99.7]`, which is empty where there is no interval."""
    shown, within = about(found.metric), found.interval
    return shown.text(found.value), "[{}, {}]".format(*shown.bounds(within.low, within.high)) if within else ""


def chances(test: GroupTest) -> str:
    """How likely such a difference is by chance, without and with correction."""
    return f"{test.p:.2g}, {test.p_holm:.2g}"


def _words(test: GroupTest) -> str:
    return "they differ" if test.p_holm < SIGNIFICANT else "no difference shown"

"""Numbers by groups of people as lines of text, for the terminal and the cards of the board."""

from __future__ import annotations

from collections.abc import Iterator

from ...benchmark.metrics.catalogue import METRICS
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
    tests = {(each.metric, each.recognizer): each for each in record.groups.tests if each.kind == kind}
    for metric in SHOWN:
        told = [each for each in record.groups.numbers if (each.kind, each.metric) == (kind, metric)]
        for recognizer in dict.fromkeys(each.recognizer for each in told):
            parts = [f"{each.group} {_number(each)}" for each in told if each.recognizer == recognizer]
            title = METRICS[metric].title if metric in METRICS else "nothing found in the original, %"
            yield (
                f"{title}{', ' + recognizer if recognizer else ''}",
                "; ".join(parts) + _said(tests.get((metric, recognizer))),
            )
    for group in record.groups.groups:
        if group.kind == kind and group.reason is not None:
            yield f"{group.group} ({group.people} people)", group.reason


def _number(found: GroupNumber) -> str:
    # Who is not found has no metric of its own: it is a share in %, as survival is.
    about, within = METRICS.get(found.metric, METRICS["survival"]), found.interval
    return about.text(found.value) + (" [{}, {}]".format(*about.bounds(within.low, within.high)) if within else "")


def _said(test: GroupTest | None) -> str:
    if test is None:
        return ""
    words = "they differ" if test.p_holm < SIGNIFICANT else "no difference shown"
    return f" ({words}: p = {test.p:.2g}, {test.p_holm:.2g} after Holm)"

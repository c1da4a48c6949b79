"""`deid-bench search`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import completing, json_option, quiet_option
from .strict import strict_command

if TYPE_CHECKING:
    from ..benchmark.searching.rates import Rate
    from ..benchmark.searching.search import Report

WIDTH = 80
"""Columns."""


@strict_command("search")
@click.argument("results", nargs=-1, type=click.Path(path_type=Path), required=True)
@click.option(
    "--recognizer",
    "-r",
    default="",
    metavar="SPEC",
    shell_complete=completing("recognizer"),
    help="Recognition system.  [default: the record's first]",
)
@click.option(
    "--distractors",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Rendered palms of strangers in the gallery; their templates are kept in the cache folder.",
)
@click.option(
    "--gallery",
    default="",
    metavar="SPEC",
    shell_complete=completing("dataset"),
    help="A dataset whose people stand in the gallery, too.",
)
@click.option("-k", type=click.IntRange(1), default=5, show_default=True, help="Length of candidate lists.")
@click.option("--approximate", is_flag=True, help="Search vectors in an index that may miss some; its recall is shown.")
@click.option(
    "--dataset",
    "-d",
    default="",
    metavar="SPEC",
    shell_complete=completing("dataset"),
    help="The record's dataset, where it lies in a folder of yours.",
)
@click.option("--jobs", "-j", type=click.IntRange(0), default=0, help="Worker processes.  [default: all cores]")
@quiet_option
@json_option
def command(results: tuple[Path, ...], **values: Any) -> int:
    """Search a record's people in a large gallery: rank-1, rank-k, and FNIR at an FPIR (ISO/IEC 19795-1:2021).

    One image of each identity is enrolled, all other images of the evaluated people are searched, as they are and
    de-identified. FPIR comes of the same searches in the gallery without the entries of the person searched. Templates
    are those of the run's store. No record is changed. Ends with 1 where something is missing, as `run` does: the
    method failed on an image, something crashed, or a record cannot be searched.

    \b
    deid-bench search results --distractors 1000
    deid-bench search results/blurring__…/run.json -r ccnet --distractors 10000 -k 10
    deid-bench search results --gallery synthetic-palm:identities=500,samples=1 --approximate
    """
    from ..benchmark.records.record import RecordError, find_records
    from ..benchmark.searching.search import Asked, search_record
    from ..benchmark.submission.at_hand import NotAtHand
    from ..characters import plain
    from ..recognizers.matching.gallery_search import SearchError
    from .progress import Bars

    quiet, as_json = values.pop("quiet"), values.pop("as_json")
    paths = [each for source in results for each in find_records(source)]
    if not paths:
        raise RecordError(f"there is no record below {', '.join(map(str, results))}")
    reports: list[Report] = []
    failed: list[str] = []
    with Bars(quiet or as_json) as bars:
        for path in paths:
            try:
                report = search_record(path, Asked(**values), bars)
            except (RecordError, NotAtHand, SearchError) as error:
                if len(paths) == 1:
                    raise
                failed.append(f"{path}: {plain(str(error), 0)}")
            else:
                reports.append(report)
                if report.lacking:
                    failed.append(f"{path}: {plain('; '.join(report.lacking), 0)}")
    if as_json:
        click.echo(json.dumps([_plain(each) for each in reports], indent=1, ensure_ascii=False))
    else:
        for each in reports:
            _show(each)
    for text in failed:
        click.secho(text, fg="red", err=True)
    return 1 if failed else 0


def _plain(report: Report) -> dict[str, Any]:
    recall = report.recall
    return {
        "record": report.record.digest,
        "method": report.record.method.spec,
        "dataset": report.record.dataset.spec,
        "protocol": report.record.protocol.id,
        "recognizer": report.recognizer,
        "engine": report.engine,
        "exact": recall is None,
        "recall": None
        if recall is None
        else {
            "nearest": recall.nearest,
            "listed": recall.listed,
            "probes": recall.probes,
            "lists": recall.lists,
            "looked_at": recall.looked_at,
        },
        "gallery": {
            "entries": report.size,
            "enrolled": report.enrolled,
            "distractors": report.distractors,
            "others": report.others,
        },
        "candidates": report.k,
        "images": report.images,
        "failed": report.counts.failed,
        "lacking": report.lacking,
        "people": report.people,
        "originals": [_plain_rate(each) for each in report.originals],
        "deidentified": [_plain_rate(each) for each in report.deidentified],
        "notes": report.notes,
    }


def _plain_rate(rate: Rate) -> dict[str, Any]:
    from ..benchmark.metrics.values import Undefined

    within, value = rate.interval, rate.value
    found: dict[str, Any] = {"name": rate.name, "title": rate.title, "unit": "%", "searches": rate.searches}
    if isinstance(value, Undefined):
        return {**found, "value": None, "interval": None, "reason": value.reason}
    if isinstance(within, Undefined):
        return {**found, "value": 100 * value, "interval": None, "reason": within.reason}
    ends = {"low": 100 * within.low, "high": 100 * within.high, "level": within.level, "method": within.method}
    return {**found, "value": 100 * value, "interval": ends, "reason": None}


def _show(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    from ..characters import plain

    record = report.record
    click.secho(
        f"{plain(record.method.spec)} on {plain(record.dataset.spec)}, {plain(record.protocol.id)}, "
        f"{plain(report.recognizer)}",
        bold=True,
    )
    _say(
        f"gallery of {report.size}: {report.enrolled} enrolled, {report.distractors} distractors, "
        f"{report.others} of another dataset"
    )
    _say(
        f"{report.images} images of {report.people} people searched, candidate lists of {report.k}; ties count against "
        "the own entry"
    )
    _say(report.engine)
    if report.recall is not None:
        found = report.recall
        _say(
            f"recall of the nearest {found.nearest:.1%}, of the list {found.listed:.1%}, measured on {found.probes} "
            f"of these searches; {found.looked_at} of {found.lists} lists are looked at",
            colour="yellow",
        )
    originals = {each.name: each for each in report.originals}
    table = Table(box=None, pad_edge=False)
    for heading in ("%", "originals", "de-identified"):
        table.add_column(heading, justify="left" if heading == "%" else "right")
    for each in report.deidentified:
        before = originals.get(each.name)
        table.add_row(each.title, "" if before is None else _text(before), _text(each))
    Console(width=WIDTH).print(table)
    _say("own limit: the threshold is set on the de-identified images; else on their originals")
    reasons = dict.fromkeys(text for each in (*report.originals, *report.deidentified) if (text := _reason(each)))
    for text in (*reasons, *report.notes):
        _say(plain(text), colour="yellow")


def _say(text: str, colour: str | None = None) -> None:
    """In lines of a terminal, words whole."""
    click.secho(click.wrap_text(text, WIDTH, "  ", "  "), fg=colour)


def _text(rate: Rate) -> str:
    from ..benchmark.metrics.metric import NO_VALUE
    from ..benchmark.metrics.values import Undefined

    if isinstance(rate.value, Undefined):
        return NO_VALUE
    if isinstance(rate.interval, Undefined):
        return f"{100 * rate.value:.2f}"
    return f"{100 * rate.value:.2f} [{100 * rate.interval.low:.2f}, {100 * rate.interval.high:.2f}]"


def _reason(rate: Rate) -> str:
    """Why there is no number, or no interval."""
    from ..benchmark.metrics.values import Undefined

    if isinstance(rate.value, Undefined):
        return f"no number: {rate.value.reason}"
    return f"no interval: {rate.interval.reason}" if isinstance(rate.interval, Undefined) else ""

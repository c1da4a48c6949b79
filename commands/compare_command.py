"""`deid-bench compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import completing, json_option
from .strict import strict_command

if TYPE_CHECKING:
    from ..benchmark.readings.differences import Compared
    from ..benchmark.records.record import RunRecord


_HEADINGS = ("A", "B", "A - B, 95 %", "p", "p (Holm)", "better")
"""Of the columns of numbers."""


@strict_command("compare")
@click.argument("first", shell_complete=completing("deidentifier", otherwise="dir"))
@click.argument("second", shell_complete=completing("deidentifier", otherwise="dir"))
@click.option(
    "--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True,
    help="Where methods that are given by name were run.",
)  # fmt: skip
@click.option(
    "--fail-if-worse",
    "gates",
    multiple=True,
    metavar="METRIC",
    shell_complete=completing("number"),
    help="End with 1 unless SECOND holds its ground on this number (`list metrics`); `all` for every one. Repeatable.",
)
@json_option
def command(first: str, second: str, results: Path, gates: tuple[str, ...], as_json: bool) -> int:
    """Compare two records, number by number: paired difference, 95 % interval, p-value, verdict.

    Each interval and the p-value beside it are one construction, for this one number; the verdict goes by the p-value
    corrected for all numbers (Holm).

    FIRST and SECOND are folders of results (or their run.json) of one protocol and dataset, or methods that were run
    into --results: names or specifications, where one pair of records fits.

    As a gate (--fail-if-worse) FIRST is what was there before and SECOND what is to replace it: ends with 0 when
    SECOND is nowhere significantly worse, with 1 when it is or it cannot be told, and with 2 when the records cannot
    be compared, or neither has resamples of the number.

    \b
    deid-bench compare blurring pixelation
    deid-bench compare results/blurring__… results/pixelation__…
    deid-bench compare old/mine__… new/mine__… --fail-if-worse rr --fail-if-worse ssim
    """
    from ..benchmark.readings.differences import compare_records

    records, left_out = _pair(first, second, results)
    if records[0][1].resolve() == records[1][1].resolve():
        raise click.UsageError(f"{first} and {second} are one record; name another one to compare it with")
    rows = compare_records(*records)
    lost = _lost(rows, gates)
    if as_json:
        click.echo(json.dumps([_plain(row) for row in rows], indent=1))
    else:
        _show(rows, [record.method.spec for record, _ in records])
    return max(_say(lost), int(left_out))


def _plain(row: Compared) -> dict[str, Any]:
    from ..benchmark.readings.differences import interval_text
    from ..benchmark.statistics.comparison import Difference

    found = row.difference if isinstance(row.difference, Difference) else None
    return {
        "metric": row.metric,
        "recognizer": row.recognizer or None,
        "first": row.first,
        "second": row.second,
        "interval": interval_text(row.difference, row.about),
        "p": found.p if found else None,
        "p_holm": found.p_holm if found else None,
        "verdict": row.verdict,
    }


def _show(rows: list[Compared], methods: list[str]) -> None:
    """The comparison as a table, under the specifications of both methods."""
    from rich.console import Console

    from ..benchmark.statistics.comparison import Difference
    from ..reports.leaderboard.terminal import print_grids

    console = Console()
    for letter, spec in zip("AB", methods, strict=True):
        console.print(f"{letter} = {spec}", highlight=False, markup=False)
    names = [f"{row.about.title} {row.about.unit}".strip() for row in rows]
    left = [("number", names), ("recognizer", [row.recognizer for row in rows])]
    cells = [_cells(row) for row in rows]
    print_grids(console, left, [(head, [each[place] for each in cells]) for place, head in enumerate(_HEADINGS)])
    aims = {row.about.title: row.about.aim for row in rows if row.about.aim is not None}
    for title, aim in aims.items():
        console.print(f"{title}: best at {aim:g}; A - B is of the distances from it", highlight=False, markup=False)
    untold: dict[str, list[str]] = {}
    for row in rows:
        if not isinstance(row.difference, Difference):
            untold.setdefault(row.verdict, []).append(f"{row.about.title} {row.recognizer}".strip())
    for why, about in untold.items():
        console.print(f"{', '.join(about)}: {why}", style="dim", highlight=False, markup=False)


def _cells(row: Compared) -> tuple[str, ...]:
    """What stands below `_HEADINGS`; why nothing can be said stands below the table."""
    from ..benchmark.metrics.metric import NO_VALUE
    from ..benchmark.readings.differences import interval_text
    from ..benchmark.statistics.comparison import Difference

    found = row.difference
    numbers = [NO_VALUE if each is None else row.about.text(each) for each in (row.first, row.second)]
    if not isinstance(found, Difference):
        return *numbers, NO_VALUE, NO_VALUE, NO_VALUE, "see\nbelow"
    return *numbers, interval_text(found, row.about), f"{found.p:.1g}", f"{found.p_holm:.1g}", row.verdict


def _pair(first: str, second: str, results: Path) -> tuple[tuple[tuple[RunRecord, Path], tuple[RunRecord, Path]], bool]:
    """The two records, and whether any was left out where they were looked for.

    Raises:
        RecordError: there is no such record, or more than one pair fits.
    """
    from ..benchmark.records.comparable import group_key
    from ..benchmark.records.record import RecordError

    looked = [_candidates(each, results) for each in (first, second)]
    found, left_out = [records for records, _ in looked], any(lost for _, lost in looked)
    if len(found[0]) == len(found[1]) == 1:
        return (found[0][0], found[1][0]), left_out
    pairs = [(a, b) for a in found[0] for b in found[1] if group_key(a[0]) == group_key(b[0]) and a[1] != b[1]]
    if len(pairs) == 1:
        return pairs[0], left_out
    said = "no two records of one protocol and dataset"
    if pairs:
        named = "".join(f"\n  {a[1]} {b[1]}" for a, b in pairs[:8])
        said = f"{len(pairs)} pairs of records fit; name the folders:{named}"
    raise RecordError(f"{first} and {second} in {results}: {said}")


def _candidates(text: str, results: Path) -> tuple[list[tuple[RunRecord, Path]], bool]:
    """The record of a folder or file, or all of a method; and whether one was left out."""
    from ..benchmark.records.collection import collect, load_written
    from ..benchmark.records.record import FILE_NAME, RecordError
    from ..files import found_at, is_folder

    path = Path(text)
    if (there := found_at(path)) != "nothing" or not is_folder(results):
        path = path / FILE_NAME if there == "folder" else path
        return [(load_written(path), path.parent)], False
    read = collect((results,))
    for left, reason in read.left_out:
        click.secho(f"left out {left}: {reason}", fg="yellow", err=True)
    records = read.records
    found = [each for each in records if each[0].method.spec == text]
    found = found or [each for each in records if each[0].method.name == text]
    if not found:
        methods = ", ".join(sorted({each.method.spec for each, _ in records})[:12]) or "none"
        raise RecordError(
            f"there is no file or folder {text}, and no method of that name in {results} (there: {methods})"
        )
    return found, bool(read.left_out)


def _lost(rows: list[Compared], gates: tuple[str, ...]) -> list[str]:
    """The numbers of the gates on which the second method does not hold its ground.

    Raises:
        click.BadParameter: a gate's number is not among those that both records have.
    """
    from ..benchmark.readings.differences import NO_DIFFERENCE

    there = {row.metric for row in rows}
    unknown = [each for each in gates if each != "all" and each not in there]
    if unknown or (gates and not rows):
        known = ", ".join(sorted(there)) or "none"
        raise click.BadParameter(f"--fail-if-worse {', '.join(unknown) or 'all'}: both records have {known}")
    watched = [row for row in rows if "all" in gates or row.metric in gates]
    names = [(row, f"{row.metric} {row.recognizer}".strip()) for row in watched]
    return [
        "{} is worse: {}, now {}".format(name, *row.about.bounds(row.first, row.second))
        if row.verdict == "A" and row.first is not None and row.second is not None
        else f"{name}: {row.verdict}"
        for row, name in names
        if row.verdict not in ("B", NO_DIFFERENCE)
    ]


def _say(lost: list[str]) -> int:
    for text in lost:
        click.secho(text, fg="red", err=True)
    return 1 if lost else 0

"""`deid-bench compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import json_option

if TYPE_CHECKING:
    from ..reports.comparison.ranking import Compared


@click.command("compare")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option(
    "--fail-if-worse",
    "gates",
    multiple=True,
    metavar="METRIC",
    help="End with 1 unless SECOND holds its ground on this number; `all` for every one. Repeatable.",
)
@json_option
def command(first: Path, second: Path, gates: tuple[str, ...], as_json: bool) -> int:
    """Compare two records, number by number: paired difference, 95 % interval, p-value, verdict.

    Each interval and the p-value beside it are one construction, for this one number; the verdict goes by the p-value
    corrected for all numbers (Holm).

    FIRST and SECOND are folders of results (or their run.json) of one protocol and dataset.

    As a gate (--fail-if-worse) FIRST is what was there before and SECOND what is to replace it: ends with 0 when
    SECOND is nowhere significantly worse, with 1 when it is or it cannot be told, and with 2 when the records cannot
    be compared or lack the number.

    \b
    deid-bench compare results/blurring__… results/pixelation__…
    deid-bench compare old/mine__… new/mine__… --fail-if-worse rr --fail-if-worse ssim
    """
    from ..benchmark.records.record import FILE_NAME, load_record
    from ..benchmark.statistics.comparison import Difference
    from ..reports.comparison.ranking import compare_records, interval_text

    paths = [path / FILE_NAME if path.is_dir() else path for path in (first, second)]
    records = [(load_record(path), path.parent) for path in paths]
    rows = compare_records(records[0], records[1])
    lost = _lost(rows, gates)
    if as_json:
        data = [
            {
                "metric": row.metric,
                "recognizer": row.recognizer or None,
                "first": row.first,
                "second": row.second,
                "interval": interval_text(row.difference, row.about),
                "p": row.difference.p if isinstance(row.difference, Difference) else None,
                "p_holm": row.difference.p_holm if isinstance(row.difference, Difference) else None,
                "verdict": row.verdict,
            }
            for row in rows
        ]
        click.echo(json.dumps(data, indent=1))
        return _say(lost)
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for letter, (record, _) in zip("AB", records, strict=True):
        console.print(f"{letter} = {record.method.spec}", highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("number", "recognizer", "A", "B", "A - B, 95 %", "p", "p (Holm)", "better"):
        table.add_column(
            heading, justify="left" if heading in ("number", "recognizer", "better") else "right", overflow="fold"
        )
    for row in rows:
        p = (
            [f"{each:.1g}" for each in (row.difference.p, row.difference.p_holm)]
            if isinstance(row.difference, Difference)
            else ["–", "–"]
        )
        interval = interval_text(row.difference, row.about)
        numbers = [row.about.text(each) for each in (row.first, row.second)]
        table.add_row(row.metric, row.recognizer, *numbers, interval, *p, row.verdict)
    console.print(table)
    return _say(lost)


def _lost(rows: list[Compared], gates: tuple[str, ...]) -> list[str]:
    """The numbers of the gates on which the second method does not hold its ground.

    Raises:
        click.BadParameter: a gate's number is not among those that both records have.
    """
    from ..reports.comparison.ranking import NO_DIFFERENCE

    there = {row.metric for row in rows}
    unknown = [each for each in gates if each != "all" and each not in there]
    if unknown or (gates and not rows):
        known = ", ".join(sorted(there)) or "none"
        raise click.BadParameter(f"--fail-if-worse {', '.join(unknown) or 'all'}: both records have {known}")
    watched = [row for row in rows if "all" in gates or row.metric in gates]
    names = [(row, f"{row.metric} {row.recognizer}".strip()) for row in watched]
    return [
        f"{name} is worse: {row.first:.4g}, now {row.second:.4g}" if row.verdict == "A" else f"{name}: {row.verdict}"
        for row, name in names
        if row.verdict not in ("B", NO_DIFFERENCE)
    ]


def _say(lost: list[str]) -> int:
    for text in lost:
        click.secho(text, fg="red", err=True)
    return 1 if lost else 0

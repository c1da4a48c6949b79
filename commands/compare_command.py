"""`deid-bench compare`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .options import json_option


@click.command("compare")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@json_option
def command(first: Path, second: Path, as_json: bool) -> int:
    """Compare two records, number by number: paired difference, 95 % interval, p-value after Holm, verdict.

    FIRST and SECOND are folders of results (or their run.json) of one protocol and dataset.

    \b
    deid-bench compare results/blurring__… results/pixelation__…
    """
    from ..benchmark.records import FILE_NAME, load_record
    from ..benchmark.scoring.comparison import Difference
    from ..reports.ranking import compare_records, interval_text

    paths = [path / FILE_NAME if path.is_dir() else path for path in (first, second)]
    records = [(load_record(path), path.parent) for path in paths]
    rows = compare_records(records[0], records[1])
    if as_json:
        data = [
            {
                "metric": row.metric,
                "recognizer": row.recognizer or None,
                "first": row.first,
                "second": row.second,
                "interval": interval_text(row.difference, row.metric),
                "p_holm": row.difference.p_holm if isinstance(row.difference, Difference) else None,
                "verdict": row.verdict,
            }
            for row in rows
        ]
        click.echo(json.dumps(data, indent=1))
        return 0
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for letter, (record, _) in zip("AB", records, strict=True):
        console.print(f"{letter} = {record.method.spec}", highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("number", "recognizer", "A", "B", "A - B, 95 %", "p (Holm)", "better"):
        table.add_column(
            heading, justify="left" if heading in ("number", "recognizer", "better") else "right", overflow="fold"
        )
    for row in rows:
        p = f"{row.difference.p_holm:.1g}" if isinstance(row.difference, Difference) else "–"
        interval = interval_text(row.difference, row.metric)
        table.add_row(row.metric, row.recognizer, f"{row.first:.3g}", f"{row.second:.3g}", interval, p, row.verdict)
    console.print(table)
    return 0

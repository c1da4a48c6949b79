"""Places of the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...benchmark.readings.places import Standing, column_standings
from ...benchmark.records.replicates import replicates_of
from .table import Column, Row, Table


def table_standings(table: Table, folders: Mapping[str, Path]) -> dict[Column, dict[str, Standing]]:
    """What can be told apart, by column and record digest; sanity rows do not compete.

    Args:
        table: rows of one protocol and dataset.
        folders: of the records, by digest.

    Returns:
        Only columns that have ranks: enough identities, and at least two rivals.
    """
    rivals = {
        row.record.digest: replicates_of(row.record, folders[row.record.digest]) for row in _competing(table, folders)
    }
    standings = column_standings(rivals, [(each.about, each.recognizer) for each in table.columns])
    return {column: found for column in table.columns if (found := standings.get((column.about, column.recognizer)))}


def _competing(table: Table, folders: Mapping[str, Path]) -> list[Row]:
    return [row for row in table.rows if row.record.method.family != "sanity" and row.record.digest in folders]

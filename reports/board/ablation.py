"""Ablations: rows of one method that differ in exactly one parameter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ...plugins.entries import Scalar
from ..leaderboard.same_method import code_and_seeds
from ..leaderboard.table import Row, Table
from .svg import sweep_svg

MAX_FIGURES = 6


@dataclass(frozen=True, slots=True)
class Sweep:
    """Rows in the order of the parameter that they differ in."""

    method: str
    parameter: str
    fixed: str
    """The other parameters, as text."""
    rows: tuple[Row, ...]
    others: int = 0
    """Further rows with one of these values."""

    @property
    def title(self) -> str:
        """For a list of sweeps."""
        return f"{self.method}: {self.parameter} ({len(self.rows)} values)"


def sweeps(table: Table) -> list[Sweep]:
    """All sweeps in a table, those with the most values first.

    Rows that also differ in seeds, version, code, weights or quality level are in no sweep together. Of several rows
    with one value the first is taken, and the others are counted.
    """
    groups: dict[str, list[Row]] = {}
    labels: dict[str, tuple[str, str, str]] = {}
    for row in table.rows:
        record, method = row.record, row.record.method
        for name in method.params:
            others = {key: value for key, value in method.params.items() if key != name}
            fixed = json.dumps(others, sort_keys=True)
            key = json.dumps([name, fixed, *code_and_seeds(record), record.quality])
            groups.setdefault(key, []).append(row)
            labels[key] = (method.name, name, ", ".join(f"{each} = {value}" for each, value in others.items()))
    found = []
    for key, rows in groups.items():
        method_name, parameter, fixed = labels[key]
        unique: dict[tuple[int, float, str, str], Row] = {}
        for row in rows:
            unique.setdefault(_order(row.record.method.params[parameter]), row)
        if len(unique) > 1:
            shown = tuple(unique[each] for each in sorted(unique))
            found.append(Sweep(method_name, parameter, fixed, shown, len(rows) - len(shown)))
    return sorted(found, key=lambda each: (-len(each.rows), each.title))


def sweep_figures(sweep: Sweep, table: Table, columns: Sequence[int]) -> list[str]:
    """A small figure for each column; none where the parameter is no number."""
    settings: list[float] = []
    for row in sweep.rows:
        setting = row.record.method.params[sweep.parameter]
        if not isinstance(setting, int | float) or isinstance(setting, bool):
            return []
        settings.append(float(setting))
    figures = []
    for index in columns[:MAX_FIGURES]:
        column = table.columns[index]
        points = []
        for setting, row in zip(settings, sweep.rows, strict=True):
            value = row.record.value(column.metric, column.recognizer or None)
            if value is not None and value.value is not None:
                within = (value.interval.low, value.interval.high) if value.interval else None
                points.append((setting, value.value, within))
        if len(points) > 1:
            name = f"{column.title}, {column.unit}" if column.unit else column.title
            figures.append(sweep_svg(f"{name} ({column.recognizer[:20]})" if column.recognizer else name, points))
    return figures


def _order(value: Scalar) -> tuple[int, float, str, str]:
    """Numbers before words, each in their order; a word is no truth value of the same spelling."""
    if isinstance(value, bool | str) or value is None:
        return 1, 0.0, str(value), type(value).__name__
    return 0, float(value), "", ""

"""What the board's script reads: every number in full, packed, beside the table that stands in the page itself."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...benchmark.metrics.metric import SETS, ColumnSet
from ...benchmark.protocols import protocol_of
from ...benchmark.readings.places import Standing
from ...benchmark.records.comparable import setting_key
from ...benchmark.records.record import RunRecord
from ..explanation.page import facts
from ..leaderboard.alarm_words import shown_alarms
from ..leaderboard.direction import dominated
from ..leaderboard.ranks import table_standings
from ..leaderboard.table import Column, Row, Table, leaderboards
from ..paper.formats import csv_text
from ..paper.formats import markdown_text as markdown
from ..paper.latex import escape as latex
from ..paper.shown import shown_label
from .marks import UNCHECKED as UNCHECKED
from .marks import is_marked, marked
from .reasons import not_drawn, reasons_of
from .svg import Point, Scale, pareto_svg, scale

OVERVIEW: dict[ColumnSet, int] = {"privacy": 4, "quality": 3, "usability": 2, "diversity": 1, "cost": 1}
"""How many columns of each set the first look shows: those that belong into it, or else the set's first ones."""

MAX_DRAWN = 200
"""With more methods the figure that stands in the page shows the best ones; the page's script adds the others."""
LABEL = 32
"""Characters of a name in a figure."""
SELF_REPORTED = "self-reported"


@dataclass(frozen=True, slots=True)
class Tab:
    """One table of the board, with what the page says about it."""

    id: str
    table: Table
    modality: str
    rows: tuple[Row, ...]
    """Best first by the first privacy column."""
    sorted_by: int | None
    overview: tuple[int, ...]
    """Indices of the columns of the first look."""
    status: Mapping[str, str]
    """Verified, recomputed or self-reported, by record digest."""
    others: tuple[tuple[str, str], ...]
    """Records of this protocol and dataset that stand elsewhere, and why."""
    unmeasured: tuple[tuple[str, str], ...]
    """Numbers that no row has, which have no column, and why."""
    void: Mapping[str, str]
    """Why a stamp beside a record does not count, by its digest."""

    @property
    def marked(self) -> bool:
        """Whether any number is marked as not covered by its row's stamp."""
        return is_marked(self.table)

    @property
    def first(self) -> RunRecord:
        """Any of its records: protocol and dataset are the same in all."""
        return self.rows[0].record

    @property
    def recognizers(self) -> list[str]:
        """Specifications of all that any row was run with, in order of first appearance."""
        return list(dict.fromkeys(each.spec for row in self.table.rows for each in row.record.recognizers))

    def first_recognizer(self) -> str:
        """The one that the first look shows; empty where none has a column."""
        return next((name for at in self.overview if (name := self.table.columns[at].recognizer)), "")


def make_tabs(
    records: Sequence[RunRecord],
    status: Mapping[str, str],
    unchecked: Mapping[str, Collection[str]] | None = None,
    void: Mapping[str, str] | None = None,
) -> list[Tab]:
    """One tab for each table; those with most rows first, smoke tests last.

    Args:
        records: the rows.
        status: verified, recomputed or self-reported, with who says so, by record digest.
        unchecked: numbers that the stamp of a record does not cover, see `marks.uncovered`, by digest.
        void: why a stamp beside a record does not count, by digest.
    """
    tables = [marked(table, unchecked or {}) for table in leaderboards(records, every=True)]
    tables.sort(key=lambda table: (table.rows[0].record.dataset.limited, -len(table.rows)))
    return [_tab(table, tables, status, void or {}) for table in tables]


def _measured(table: Table) -> tuple[Table, tuple[tuple[str, str], ...]]:
    """The table without the columns that no row has a number in, and these with the reason."""
    kept = [
        index for index in range(len(table.columns)) if any(row.cells[index].order is not None for row in table.rows)
    ]
    reasons = {
        full_name(column): "; ".join(reasons_of(table.rows, index))
        for index, column in enumerate(table.columns)
        if index not in kept
    }
    columns = tuple(table.columns[index] for index in kept)
    rows = tuple(replace(row, cells=tuple(row.cells[index] for index in kept)) for row in table.rows)
    return replace(table, columns=columns, rows=rows), tuple(reasons.items())


def _tab(whole: Table, tables: Sequence[Table], status: Mapping[str, str], void: Mapping[str, str]) -> Tab:
    table, unmeasured = _measured(whole)
    overview = first_look(table)
    by = next((index for index in overview if table.columns[index].set == "privacy"), None)
    rows = table.rows if by is None else tuple(sorted(table.rows, key=lambda row: _badness(row, table.columns[by], by)))
    rules = table.rows[0].record.protocol
    known = protocol_of(rules.id, rules.digest, rules.rules)
    identifier = hashlib.sha256(table.key.encode()).hexdigest()[:8]
    others = tuple(
        (row.record.method.spec, reason)
        for other in tables
        if other is not whole and (reason := incompatible(table.rows[0].record, other.rows[0].record))
        for row in other.rows
    )
    return Tab(
        identifier, table, known.modality if known else "unknown", rows, by, overview, status, others, unmeasured, void
    )


def incompatible(here: RunRecord, there: RunRecord) -> str:
    """Why a record of the same protocol and dataset by name is not in this table; empty for others."""
    same_dataset = here.dataset.spec == there.dataset.spec or here.dataset.digest == there.dataset.digest
    if here.protocol.id != there.protocol.id or not same_dataset:
        return ""
    if here.protocol.digest != there.protocol.digest:
        return f"other rules: protocol digest {there.protocol.digest[:12]}, here {here.protocol.digest[:12]}"
    if here.dataset.digest != there.dataset.digest:
        return f"other images: dataset digest {there.dataset.digest[:12]}, here {here.dataset.digest[:12]}"
    if setting_key(here) == setting_key(there):
        return f"other scoring: version {there.score_version}, here {here.score_version}"
    return f"other detector: {_detector(there)}, here {_detector(here)}"


def _detector(record: RunRecord) -> str:
    return f"{record.analyzer.spec[:60]} (version {record.analyzer.version[:20]})"


def knowledge(rows: Iterable[Row], recognizer: str) -> str:
    """`white box` or `black box` where all methods stand alike to this recogniser, else nothing.

    Args:
        rows: of one table; sanity rows do not count.
        recognizer: specification, as columns have it.
    """
    found = set(_boxes([row for row in rows if row.record.method.family != "sanity"], recognizer))
    return {"WB": "white box", "BB": "black box", "": ""}[found.pop()] if len(found) == 1 else ""


def _boxes(rows: Iterable[Row], recognizer: str) -> list[str]:
    return [
        row.record.method.box(each.name) for row in rows for each in row.record.recognizers if each.spec == recognizer
    ]


def first_look(table: Table) -> tuple[int, ...]:
    """Indices of the columns that say the most; one recogniser speaks for all, none that a method was made against."""
    columns = table.columns
    named = list(dict.fromkeys(each.recognizer for each in columns if each.recognizer))
    first = next((each for each in named if "WB" not in _boxes(table.rows, each)), named[0] if named else "")
    chosen: list[int] = []
    for part, count in OVERVIEW.items():
        candidates = [
            index for index, each in enumerate(columns) if each.set == part and each.recognizer in ("", first)
        ]
        wanted = [index for index in candidates if "overview" in columns[index].about.blocks]
        chosen += (wanted or candidates)[:count]
    return tuple(sorted(chosen))


def _badness(row: Row, column: Column, index: int) -> tuple[bool, float]:
    order = row.cells[index].order
    return order is None, -column.about.goodness(order) if order is not None else 0.0


def tips(columns: Iterable[Column]) -> dict[str, str]:
    """What `deid-bench explain` says about each metric, in a few lines."""
    found = {}
    for metric in sorted({each.about for each in columns}, key=lambda each: each.name):
        about = facts(metric)
        lines = [
            metric.definition,
            about.get("formula", ""),
            f"range: {about['range']}; better: {about['better']}",
        ]
        found[metric.name] = "\n".join(each for each in (*lines, about.get("caveats", "")) if each)
    return found


def tab_data(
    tab: Tab, folders: Mapping[str, Path], cards: Sequence[str], sweeps: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """One tab for the script; lists go by column, then row, in the order of the page."""
    standings = table_standings(tab.table, folders)
    remarks: dict[str, int] = {}
    columns = tab.table.columns
    digests = [row.record.digest for row in tab.rows]
    scales = {column: column_scale(tab, column) for column in columns}
    ranked = [_told(standings.get(each, {})) for each in columns]
    labels = short_labels([row.record.method.spec for row in tab.rows])
    cells = [[row.cells[index] for row in tab.rows] for index in range(len(columns))]
    places = [_places(found, tab, index) for index, found in enumerate(ranked)]
    return {
        "id": tab.id,
        "columns": [_column(each, scales[each]) for each in columns],
        "rows": [_row(row.record, tab.status, labels[row.record.method.spec]) for row in tab.rows],
        "overview": tab.overview,
        "recognizer": tab.first_recognizer(),
        "value": [[cell.order for cell in column] for column in cells],
        "interval": [[cell.interval[1:-1] for cell in column] for column in cells],
        "spread": [[cell.spread for cell in column] for column in cells],
        "remark": [[remarks.setdefault(cell.remark, len(remarks)) for cell in column] for column in cells],
        "remarks": list(remarks),
        "rank": [[found[each][0] if each in found else "" for each in digests] for found in places],
        "letters": [[found[each][1] if each in found else "" for each in digests] for found in places],
        "cards": cards,
        "sweeps": sweeps,
    }


def _told(standing: Mapping[str, Standing]) -> Mapping[str, Standing]:
    """Nothing where no method can be told from any other: a place that everybody may hold is none."""
    return standing if any(str(each.ranks) != f"1–{len(standing)}" for each in standing.values()) else {}


def _places(standing: Mapping[str, Standing], tab: Tab, index: int) -> dict[str, tuple[str, str]]:
    """Place and letters by record; methods with the very same number are tied, `=1–3`."""
    numbers = {row.record.digest: row.cells[index].order for row in tab.rows if row.record.digest in standing}
    held = Counter(numbers.values())
    return {
        digest: (f"{'=' * (held[numbers[digest]] > 1)}{each.ranks}", each.letters) for digest, each in standing.items()
    }


def _column(column: Column, drawn: Scale) -> dict[str, Any]:
    name = full_name(column)
    return {
        "key": f"{column.metric}|{column.recognizer}",
        "name": name,
        "metric": column.metric,
        "recognizer": column.recognizer,
        "unit": column.unit,
        "better": column.better,
        "target": column.about.target,
        "set": column.set,
        "axis": {"low": drawn.low, "high": drawn.high, "across": drawn.across, "up": drawn.up},
        "copy": _copies(f"{name}, {column.unit}" if column.unit else name),
    }


def full_name(column: Column) -> str:
    """Title and recogniser."""
    return f"{column.title} ({column.recognizer})" if column.recognizer else column.title


def _copies(text: str) -> dict[str, str]:
    """A name for each form that a table can be copied in, escaped as `deid-bench tables` does."""
    label = shown_label(text)
    quoted = csv_text(text).replace('"', '""')
    return {"csv": f'"{quoted}"', "markdown": markdown(label), "latex": latex(label)}


def short_labels(specs: Sequence[str]) -> dict[str, str]:
    """Names for a figure: without parameters that all rows of a method share; too long ones lose their middle."""
    parts = {each: (each.partition(":")[0], each.partition(":")[2].split(",")) for each in specs}
    found = {}
    for each, (name, params) in parts.items():
        siblings = [set(others) for base, others in parts.values() if base == name]
        shared = set.intersection(*siblings) if len(siblings) > 1 else set()
        kept = ",".join(param for param in params if param not in shared)
        label = f"{name}:{kept}" if kept else name
        found[each] = label if len(label) <= LABEL else f"{label[: LABEL - 10]}…{label[-9:]}"
    return found


def _row(record: RunRecord, status: Mapping[str, str], label: str) -> dict[str, Any]:
    return {
        "id": record.digest[:12],
        "name": record.method.spec,
        "label": label,
        "family": record.method.family,
        "knows": record.method.knowledge,
        "status": status.get(record.digest, SELF_REPORTED),
        "sanity": record.method.family == "sanity",
        "alarms": shown_alarms(record),
        "copy": _copies(record.method.spec),
    }


def default_plot(tab: Tab) -> tuple[int, int, str, str] | None:
    """The figure as it stands in the page before anyone chooses; None without numbers.

    Returns:
        Column of x, column of y, the figure, and what is not drawn in it; empty where all is.
    """
    sets = [each.set for each in tab.table.columns]
    axes = [next((index for index in tab.overview if sets[index] == part), None) for part in ("quality", "privacy")]
    if axes[0] is None or axes[1] is None:
        return None
    x, y = axes[0], axes[1]
    columns = (tab.table.columns[x], tab.table.columns[y])
    rows = [row for row in tab.rows if row.cells[x].order is not None and row.cells[y].order is not None]
    if not rows:
        return None
    good = {
        row.record.digest: (
            columns[0].about.goodness(row.cells[x].order or 0.0),
            columns[1].about.goodness(row.cells[y].order or 0.0),
        )
        for row in rows
    }
    labels = short_labels([row.record.method.spec for row in tab.rows])
    rivals = [good[row.record.digest] for row in rows if row.record.method.family != "sanity"]
    points = [
        Point(
            row.record.digest[:12],
            labels[row.record.method.spec],
            row.record.method.spec,
            row.cells[x].order or 0.0,
            row.cells[y].order or 0.0,
            _range(row, columns[0]),
            _range(row, columns[1]),
            row.record.method.family == "sanity",
            row.record.method.family != "sanity" and not dominated(good[row.record.digest], rivals),
        )
        for row in rows
    ]
    drawn = [each for each in points if len(points) <= MAX_DRAWN or each.front or each.sanity]
    lacking = [labels[row.record.method.spec] for row in tab.rows if row.record.digest not in good]
    figure = pareto_svg(drawn, column_scale(tab, columns[0]), column_scale(tab, columns[1]))
    return x, y, figure, not_drawn(lacking, len(points) - len(drawn))


def column_scale(tab: Tab, column: Column) -> Scale:
    """The scale of a column in the plane of methods."""
    index = tab.table.columns.index(column)
    numbers = [order for row in tab.rows if (order := row.cells[index].order) is not None]
    unit = f", {column.unit}" if column.unit else ""
    way = {"higher": "higher is better", "lower": "lower is better, axis reversed", "target": "a target"}[column.better]
    title = f"{column.title}{f', {column.recognizer[:24]}' if column.recognizer else ''}{unit} ({way})"
    return scale(title, numbers, column.better == "lower")


def _range(row: Row, column: Column) -> tuple[float, float] | None:
    value = row.record.value(column.metric, column.recognizer or None)
    return (value.interval.low, value.interval.high) if value and value.interval else None


def set_titles(tab: Tab) -> list[ColumnSet]:
    """Sets that the table has columns of."""
    present = {each.set for each in tab.table.columns}
    return [each for each in SETS if each in present]


def pack(data: object) -> str:
    """JSON, compressed, as base64: the same data give the same text."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(text, 9, mtime=0)).decode()


def unpack(text: str) -> Any:
    """The data of `pack`."""
    return json.loads(gzip.decompress(base64.b64decode(text)))

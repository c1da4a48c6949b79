"""Which record stands in which row of a printed table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...benchmark.records.record import RunRecord
from ...plugins.entries import PluginError, Scalar, Spec
from .published import Printed, PublishedRow, PublishedTable

METHODS = "Methods"
OTHERS = "Other settings and methods"
SANITY = "Ends of the scale"

OTHER_DATA = "the paper's dataset"
NOT_RUN = "no record of this setting"


@dataclass(frozen=True, slots=True)
class Placed:
    """A row before it has cells."""

    label: str
    segment: str
    record: RunRecord | None
    printed: tuple[Printed | None, ...] = ()
    """By column of the printed table; empty where the paper has no such row."""
    papers: bool = True
    """Stands in a place of the paper's."""
    absent: str = ""
    """Why there is no record."""


def place_records(published: PublishedTable, records: Sequence[RunRecord]) -> tuple[list[Placed], list[str]]:
    """Rows in their order, and what a reader has to know about the choice.

    Every record is in at least one row, and nothing is left out: settings that the paper does not have come after
    those that it has, sanity methods last; printed rows that were not run have no record.

    Args:
        published: the printed table.
        records: of one protocol, dataset and analyzer.
    """
    ordered = sorted(records, key=lambda each: (each.method.family, each.method.spec, each.digest))
    if published.rows_are == "datasets":
        return _distinct(_by_dataset(published, ordered)), []
    rows, remarks = _by_setting(published, ordered)
    return _distinct(rows), remarks


def _by_dataset(published: PublishedTable, records: Sequence[RunRecord]) -> list[Placed]:
    """The paper has its datasets below each other; here they are tables of their own, and methods are the rows."""
    rows = [_method_row(published, each) for each in records if each.method.family != "sanity"]
    rows += [Placed(each.method.spec, SANITY, each) for each in records if each.method.family == "sanity"]
    return rows + [
        Placed(each.label, published.segments[each.segment], None, each.numbers, absent=OTHER_DATA)
        for each in published.rows
    ]


def _method_row(published: PublishedTable, record: RunRecord) -> Placed:
    known = {each.dataset for each in published.rows}
    wanted = record.dataset.name if record.dataset.name in known else published.home
    twin = next((each for each in published.rows if each.dataset == wanted and _stands_for(record, each)), None)
    return Placed(record.method.spec, METHODS, record, twin.numbers if twin else ())


def _by_setting(published: PublishedTable, records: Sequence[RunRecord]) -> tuple[list[Placed], list[str]]:
    shared = published.shared
    value = _common_value(published, records)
    rows: list[Placed] = []
    used: set[str] = set()
    remarks = []
    for row in published.rows:
        wanted = row
        if shared and row.segment in shared.segments and value is not None:
            wanted = replace(row, params={**row.params, shared.param: value})
        found = [each for each in records if _stands_for(each, wanted)]
        used.update(each.digest for each in found)
        segment = published.segments[row.segment]
        rows += [Placed(_setting_label(row.label, each, wanted), segment, each, row.numbers) for each in found]
        if not found:
            rows.append(Placed(row.label, segment, None, row.numbers, absent=NOT_RUN))
    if shared and value is not None:
        titles = " and ".join(published.segments[each].partition(".")[0] for each in shared.segments)
        remarks.append(f"{titles} were measured at {shared.param} = {value}.")
    others = [each for each in records if each.digest not in used]
    rows += [Placed(each.method.spec, OTHERS, each, papers=False) for each in others if each.method.family != "sanity"]
    rows += [Placed(each.method.spec, SANITY, each, papers=False) for each in others if each.method.family == "sanity"]
    return rows, remarks


def _common_value(published: PublishedTable, records: Sequence[RunRecord]) -> float | None:
    """The value of the shared parameter at which most of the printed rows were run; of several the smallest."""
    if published.shared is None:
        return None
    fitting: dict[float, set[str]] = {}
    for row in published.rows:
        if row.segment in published.shared.segments:
            for record in records:
                value = record.method.params.get(published.shared.param)
                if isinstance(value, int | float) and _stands_for(record, row):
                    fitting.setdefault(value, set()).add(row.label)
    return min(fitting, key=lambda value: (-len(fitting[value]), value), default=None)


def _stands_for(record: RunRecord, row: PublishedRow) -> bool:
    params = record.method.params
    return record.method.name == row.method and all(_equal(params.get(key), value) for key, value in row.params.items())


def _equal(first: Scalar, second: Scalar) -> bool:
    """`m+s` is the fusion `s+m`; 0.1 is 0.1 however it is kept."""
    if isinstance(first, str) and isinstance(second, str):
        return sorted(first.split("+")) == sorted(second.split("+"))
    return first == second


def _setting_label(label: str, record: RunRecord, row: PublishedRow) -> str:
    """The paper's label with whatever else was set."""
    try:
        given = Spec.parse(record.method.spec).params
    except PluginError:
        given = ()
    extra = [f"{key}={value}" for key, value in given if key not in row.params]
    return f"{label} ({', '.join(extra)})" if extra else label


def _distinct(rows: Sequence[Placed]) -> list[Placed]:
    """Two records of one label and block (other seeds, other weights) are told apart by their digests."""
    names = [(each.segment, each.label) for each in rows]
    return [
        replace(each, label=f"{each.label} [{each.record.digest[:6]}]")
        if each.record and names.count((each.segment, each.label)) > 1
        else each
        for each in rows
    ]

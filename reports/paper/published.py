"""The tables of the papers as printed: read from `published/*.toml`, one file a paper."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, Literal

from ...plugins.entries import Scalar

NOT_PRINTED = "-"


@dataclass(frozen=True, slots=True)
class Printed:
    """One number of a paper."""

    text: str
    """As it is shown: the printed digits, in the unit of the metric."""
    value: float
    std: float | None
    """The printed ± , in the unit of the metric."""
    where: str
    """Paper, table, row and column."""
    dataset: str
    """Name of the dataset it was measured on."""


@dataclass(frozen=True, slots=True)
class PublishedColumn:
    """One column of a printed table."""

    metric: str
    """Name in the catalogue of metrics."""
    title: str
    recognizer: str = ""
    """Registry name of the recogniser that stands for the paper's; empty where none is needed."""
    of: str = ""
    """The paper's own name of it."""
    knowledge: Literal["", "white box", "black box"] = ""
    """White box: the recogniser that the method looked into. Empty: the column belongs to `recognizer` alone."""
    scale: int = 1
    """What a printed number is multiplied by to stand in the metric's unit."""


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One row of a printed table, and which records stand for it."""

    label: str
    segment: str
    method: str
    """Registry name."""
    params: dict[str, Scalar]
    """Parameters that the paper gives."""
    dataset: str
    """Registry name."""
    numbers: tuple[Printed | None, ...]
    """One for each column."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A parameter that all rows of some segments have in common without the paper saying its value."""

    param: str
    segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A printed table."""

    id: str
    """`II`, …, as it is asked for."""
    printed: str
    """`Table II`."""
    title: str
    citation: str
    modality: str
    home: str
    """Dataset whose numbers stand beside those of datasets that the paper does not have."""
    rows_are: Literal["datasets", "settings"]
    columns: tuple[PublishedColumn, ...]
    rows: tuple[PublishedRow, ...]
    segments: dict[str, str]
    """Titles of the segments of the paper's tables, in their order."""
    notes: tuple[str, ...] = ()
    """What the table or the paper leaves open or has misprinted."""
    shared: Shared | None = field(default=None)


@cache
def published_tables() -> dict[str, PublishedTable]:
    """All printed tables by id, palms first, in the papers' order."""
    files = sorted(
        (each for each in resources.files(__package__).joinpath("printed").iterdir() if each.name.endswith(".toml")),
        key=lambda each: each.name,
        reverse=True,
    )
    found: dict[str, PublishedTable] = {}
    for file in files:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        for table in data["tables"]:
            if table["id"] in found:
                raise ValueError(f"{file.name}: there are two tables {table['id']!r}; rename one")
            found[table["id"]] = _table(data, table)
    return found


def _table(paper: dict[str, Any], table: dict[str, Any]) -> PublishedTable:
    columns = tuple(PublishedColumn(**each) for each in table["columns"])
    rows = tuple(
        PublishedRow(**row, numbers=_numbers(paper, f"{paper['citation']}, {table['printed']}", row, columns, texts))
        for row, texts in zip(paper["rows"][table["rows"]], table["numbers"], strict=True)
    )
    shared = table.get("shared")
    return PublishedTable(
        id=table["id"],
        printed=table["printed"],
        title=table["title"],
        citation=paper["citation"],
        modality=paper["modality"],
        home=paper["home"],
        rows_are="datasets" if table["rows"] == "datasets" else "settings",
        columns=columns,
        rows=rows,
        segments=paper["segments"],
        notes=(*table.get("notes", ()), *paper["notes"]),
        shared=Shared(shared["param"], tuple(shared["segments"])) if shared else None,
    )


def _numbers(
    paper: dict[str, Any], where: str, row: dict[str, Any], columns: tuple[PublishedColumn, ...], texts: list[str]
) -> tuple[Printed | None, ...]:
    numbers, dataset = [], paper["datasets"][row["dataset"]]
    for column, text in zip(columns, texts, strict=True):
        place = f"{where}, row {row['label']}, column {f'{column.of} ' if column.of else ''}{column.title}"
        numbers.append(None if text == NOT_PRINTED else _printed(text, column.scale, place, dataset))
    return tuple(numbers)


def _printed(text: str, scale: int, where: str, dataset: str) -> Printed:
    mean, _, spread = (part.strip() for part in text.partition("±"))
    value, shown = _scaled(mean, scale)
    return Printed(shown, value, _scaled(spread, scale)[0] if spread else None, where, dataset)


def _scaled(text: str, scale: int) -> tuple[float, str]:
    """A printed number in the metric's unit, with no digit more than was printed: 0.818 is 81.8 %."""
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    decimals = max(0, -int(exponent) - len(str(scale)) + 1)
    scaled = number * scale
    return float(scaled), f"{scaled:.{decimals}f}"

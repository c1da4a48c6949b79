"""The pages of a site from records alone; nothing is computed that a record does not say."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._version import __version__
from ...benchmark.metrics.metric import NO_VALUE
from ...benchmark.records.record import FILE_NAME, RunRecord, record_bytes, schema
from ...benchmark.submission.signature import Signer
from ...benchmark.submission.stamp import Stamp, load_stamp
from ..board.card import sections
from ..board.citing import bibtex, links
from ..board.data import SELF_REPORTED, full_name
from ..board.marks import is_marked, marked, uncovered
from ..board.page import Raw, csp_hash, render_board
from ..board.reasons import reasons_of
from ..leaderboard.alarm_words import shown_alarms
from ..leaderboard.reference import REFERENCE, nowhere
from ..leaderboard.table import TERMINAL, Row, Table, leaderboards
from .badge import badge
from .feed import Entry, atom, sitemap

if TYPE_CHECKING:
    from jinja2 import Environment


_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Member:
    """A record, the folder that it lies in, and what `deid-bench verify` said of it."""

    record: RunRecord
    folder: Path
    status: str
    stamp: Stamp | None = None

    @property
    def is_reference(self) -> bool:
        """Whether it is a row that comes with the package."""
        return self.status == REFERENCE

    @property
    def void(self) -> str:
        """Why the stamp beside it does not count; empty where it does, or there is none."""
        return self.stamp.void if self.stamp else ""

    @property
    def unchecked(self) -> list[str]:
        """Numbers that its stamp does not cover."""
        return uncovered(self.stamp) if self.stamp else []

    @property
    def id(self) -> str:
        """Part of every address of the row; as long as the record's digest stays, so does the address."""
        digest = self.record.digest
        return (
            digest[:12]
            if _DIGEST.fullmatch(digest)
            else hashlib.sha256(digest.encode("utf-8", "replace")).hexdigest()[:12]
        )


@dataclass(frozen=True, slots=True)
class Site:
    """What a site is made of."""

    members: Sequence[Member]
    title: str
    url: str
    """Where it will stand, with a slash at the end; empty: unknown, and there is no feed and no sitemap."""

    @property
    def news(self) -> Sequence[Member]:
        """Rows that do not come with the package, the newest first."""
        return [each for each in self.members if not each.is_reference]


def slug(text: str) -> str:
    """Part of an address: letters, digits, dots and hyphens, and a digest where there was anything else."""
    kept = re.sub(r"[^a-z0-9._]+", "-", text).strip("-.")[:60]
    if kept == text:
        return kept
    return f"{kept or 'unnamed'}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:6]}"


def site_files(
    records: Sequence[tuple[RunRecord, Path]],
    title: str = "deid-bench leaderboard",
    url: str = "",
    left_out: Sequence[tuple[Path, str]] = (),
    trusted: Sequence[Signer] = (),
    reference: Sequence[RunRecord] = (),
) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file.

    Args:
        records: each once, with the folder that it lies in.
        title: of the site.
        url: where it will stand; without it there are no absolute addresses, so no feed and no sitemap.
        left_out: what could not be read, and why; named on the board.
        trusted: keys whose stamps count; see `load_stamp`.
        reference: rows that stand beside them, see `leaderboard.reference.beside`; they are no news.
    """
    members = [_member(record, folder, trusted) for record, folder in records]
    members += [Member(each, nowhere(each), REFERENCE) for each in reference]
    members.sort(key=lambda each: (each.record.host.created, each.record.digest), reverse=True)
    site = Site(members, title, url)
    pages = dict(_pages(site))
    yield "board.html", render_board(records, left_out, trusted, reference).encode()
    for name, text in pages.items():
        yield name, text.encode()
    for each in members:
        yield f"records/{each.id}.json", record_bytes(each.record)
        yield f"badges/{each.id}.svg", badge(*_headline(each)).encode()
    yield "records.json", _index(members)
    yield "record.schema.json", schema().encode()
    if url:
        yield "feed.xml", atom(title, url, [_entry(each) for each in site.news]).encode()
        yield "sitemap.xml", sitemap(url, ["board.html", *pages]).encode()


def _member(record: RunRecord, folder: Path, trusted: Sequence[Signer]) -> Member:
    stamp = load_stamp(folder / FILE_NAME, trusted)
    return Member(record, folder, stamp.shown if stamp else SELF_REPORTED, stamp)


def _tables(members: Sequence[Member]) -> list[Table]:
    unchecked = {each.record.digest: each.unchecked for each in members}
    return [marked(table, unchecked) for table in leaderboards([each.record for each in members])]


# ------------------------------------------------------------------------------------------------ pages


def _pages(site: Site) -> Iterator[tuple[str, str]]:
    tables = _tables(site.members)
    groups = {
        "methods": _grouped(site.members, lambda record: record.method.name),
        "datasets": _grouped(site.members, lambda record: record.dataset.spec),
        "protocols": _grouped(site.members, lambda record: record.protocol.id),
    }
    common: dict[str, Any] = {"site": site, "groups": {kind: list(some) for kind, some in groups.items()}, "slug": slug}
    common["member_of"] = {each.record.digest: each for each in site.members}
    yield "index.html", _render("index.html", "", **common, tables=tables, newest=site.news[:10])
    for kind, some in groups.items():
        for name, members in some.items():
            digests = {each.record.digest for each in members}
            about = members[0].record
            text = _render(
                "group.html", "../", **common, kind=kind, name=name, about=about, members=members,
                tables=[_part(table, digests) for table in tables if _part(table, digests).rows],
            )  # fmt: skip
            yield f"{kind}/{slug(name)}.html", text
    for each in site.members:
        table, row = _row_of(tables, each.record)
        others = [other for other in site.members if _same_question(other, each) and other is not each]
        text = _render(
            "row.html", "../", **common, member=each, table=table, row=row, facts=sections(each.record),
            citation=bibtex(each.record), history=others, headline=_headline(each), alarms=shown_alarms(each.record),
        )  # fmt: skip
        yield f"rows/{each.id}.html", text


def _grouped(members: Iterable[Member], key: Any) -> dict[str, list[Member]]:
    found: dict[str, list[Member]] = {}
    for each in members:
        found.setdefault(key(each.record), []).append(each)
    return dict(sorted(found.items()))


def _part(table: Table, digests: set[str]) -> Table:
    return replace(table, rows=tuple(row for row in table.rows if row.record.digest in digests))


def _row_of(tables: Sequence[Table], record: RunRecord) -> tuple[Table, Row]:
    return next((table, row) for table in tables for row in table.rows if row.record.digest == record.digest)


def _same_question(one: Member, other: Member) -> bool:
    """The same method, whatever its version or parameters, under the same rules on the same data."""
    a, b = one.record, other.record
    return (a.method.name, a.dataset.digest, a.protocol.digest) == (b.method.name, b.dataset.digest, b.protocol.digest)


def shown_columns(table: Table) -> list[int]:
    """Numbers of the columns of the smaller table that hold any value."""
    return [
        place
        for place, column in enumerate(table.columns)
        if TERMINAL & set(column.about.blocks) and any(row.cells[place].order is not None for row in table.rows)
    ]


def unmeasured(table: Table) -> list[tuple[str, str]]:
    """Columns of the smaller table that hold no value, and why."""
    shown = shown_columns(table)
    return [
        (full_name(column), "; ".join(reasons_of(table.rows, place)))
        for place, column in enumerate(table.columns)
        if TERMINAL & set(column.about.blocks) and place not in shown
    ]


def _headline(member: Member) -> tuple[str, str]:
    """What a badge says: the first number of the table about recognition, of the recogniser that knows most."""
    (table,) = _tables([member])
    cells = list(zip(table.columns, table.rows[0].cells, strict=True))
    shown = {table.columns[place].about.name for place in shown_columns(table) if table.columns[place].recognizer}
    about = next((column.about for column, _ in cells if column.recognizer and column.about.name in shown), None)
    if about is None:
        return "deid-bench", NO_VALUE
    said = [each for each in cells if each[0].about.name == about.name and each[0].recognizer]
    # One that is absent could be the worst.
    column, cell = min(said, key=lambda each: -math.inf if each[1].order is None else about.goodness(each[1].order))
    limited = ", limited" if member.record.dataset.limited else ""
    unit = f" {column.unit}" if column.unit and cell.order is not None else ""
    bare = cell.text.removesuffix(f" {cell.attacks}") if cell.attacks else cell.text
    parts = [f"{bare}{unit}", cell.attacks, cell.interval]
    return f"{column.title} ({column.recognizer}{limited})", " ".join(each for each in parts if each)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(_asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _render(template: str, root: str, **values: Any) -> str:
    style = _asset("site.css")
    return (
        _environment()
        .get_template(template)
        .render(
            root=root,
            style=Raw(style),
            style_hash=csp_hash(style),
            columns=shown_columns,
            is_marked=is_marked,
            links=links,
            no_value=NO_VALUE,
            unmeasured=unmeasured,
            version=__version__,
            **values,
        )
    )


# ------------------------------------------------------------------------------------------------ data


def _index(members: Sequence[Member]) -> bytes:
    rows = [
        {
            "id": each.id,
            "digest": each.record.digest,
            "method": each.record.method.spec,
            "dataset": each.record.dataset.spec,
            "protocol": each.record.protocol.id,
            "created": each.record.host.created,
            "status": each.status,
            "stamp_void": each.void,
            "unchecked": each.unchecked,
            "words": each.stamp.words if each.stamp else [],
            "record": f"records/{each.id}.json",
            "page": f"rows/{each.id}.html",
            "badge": f"badges/{each.id}.svg",
        }
        for each in members
    ]
    about: Mapping[str, object] = {"toolkit": __version__, "schema": "record.schema.json", "records": rows}
    return (json.dumps(about, indent=1, ensure_ascii=False) + "\n").encode()


def _entry(member: Member) -> Entry:
    record = member.record
    name, value = _headline(member)
    void = f" (its stamp does not count: {member.void})" if member.void else ""
    return Entry(
        f"rows/{member.id}.html",
        f"{record.method.spec} on {record.dataset.spec}, {record.protocol.id}",
        f"{name}: {value}; {member.status}{void}",
        _moment(record.host.created),
    )


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)

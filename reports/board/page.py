"""The board: one HTML file that opens from disk, without network, with or without scripts."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from ..._version import __version__
from ...benchmark.records.collection import collect
from ...benchmark.records.record import FILE_NAME, RunRecord, find_records, record_bytes
from ...benchmark.storage.cell_files import words_about
from ...benchmark.storage.lock import Notice, hold
from ...benchmark.storage.store import STORE_FOLDER, save_file
from ...benchmark.submission.signature import Signer
from ...benchmark.submission.stamp import STAMP_NAME, STAMP_SIGNATURE_NAME, Stamp, load_stamp
from ...files import open_regular, read_bytes
from ..leaderboard.alarm_words import shown_alarms
from ..leaderboard.merging import merged
from ..leaderboard.originals import on_originals
from ..leaderboard.reference import REFERENCE, beside, nowhere
from ..leaderboard.table import Table
from ..leaderboard.verdict import verdict
from .ablation import Sweep, sweep_figures, sweeps
from .across import across_datasets
from .card import sections
from .citing import bibtex, links
from .data import SELF_REPORTED, Tab, default_plot, full_name, knowledge, make_tabs, pack, set_titles, tab_data, tips
from .figures import row_figures
from .images import Picture, pictures, within_limit
from .marks import uncovered
from .reasons import reasons_of
from .row_notes import alarms_of, row_notes

if TYPE_CHECKING:
    from jinja2 import Environment, Template

BOARD_NAME = "board.html"
SCRIPTS = (
    "board_state.js",
    "board_table.js",
    "board_labels.js",
    "board_plot.js",
    "board_copy.js",
    "board_pictures.js",
    "board_dialogs.js",
    "board_start.js",
)
"""In the order in which they stand in the page, as one script."""
MOST_SAVED = 100
"""Rows whose records a page carries for its readers to save; larger boards name their digests."""
MOST_RECORDS = 2 * 2**20
"""Characters of all these records, packed."""


def update_board(results: Path, notice: Notice | None = None, *, reference: bool = True) -> Path:
    """The results folder's own board; written anew where it does not show what lies in the folder.

    The page ends with a digest of what it was made from, so that a run that was killed between its record and the
    board, a record that was removed and a stamp that came later are all noticed.

    Args:
        results: the folder.
        notice: is told when another run is waited for, which is just writing the board.
        reference: show the built-in methods beside them, see `leaderboard.reference`.

    Raises:
        StoreError: the folder cannot be written.
    """
    path = results / BOARD_NAME
    if not _shows(path, _sources_mark(results, reference)):
        # One writer at a time: the last one has seen the records of all.
        with hold(results / STORE_FOLDER / "locks" / "board.lock", "the board", notice=notice):
            mark = _sources_mark(results, reference)
            if not _shows(path, mark):
                write_board((results,), path, mark, reference=reference)
    return path


def _sources_mark(results: Path, reference: bool) -> str:
    """The line at the end of a board of everything that lies in the folder."""
    found = hashlib.sha256(f"{__version__} {reference}".encode())
    for path in find_records(results):
        beside = [*map(path.with_name, (STAMP_NAME, STAMP_SIGNATURE_NAME)), *sorted(path.parent.glob("previews/*"))]
        beside += words_about(results / STORE_FOLDER, path.parent.name)
        state = [[each.name, each.stat().st_size, each.stat().st_mtime_ns] for each in beside if each.is_file()]
        found.update(json.dumps([str(path.relative_to(results)), state]).encode())
        with suppress(OSError):  # what cannot be read stands on the board as such
            found.update(read_bytes(path))
    return f"<!-- made from {found.hexdigest()} -->\n"


def _shows(board: Path, mark: str) -> bool:
    try:
        with open_regular(board) as file:
            file.seek(-min(len(mark), board.stat().st_size), os.SEEK_END)
            return file.read() == mark.encode()
    except OSError:
        return False


def write_board(
    sources: Sequence[Path], output: Path, mark: str = "", trusted: Sequence[Signer] = (), *, reference: bool = True
) -> tuple[int, list[tuple[Path, str]]]:
    """Write a board of all records below the sources.

    Args:
        sources: folders of records.
        output: the page.
        mark: a comment at its end.
        trusted: see `load_stamp`.
        reference: show the built-in methods beside them.

    Returns:
        The number of rows without these, and what was left out with the reason.

    Raises:
        RecordError: a source does not exist.
        StoreError: the file cannot be written.
    """
    found = collect(sources)
    others = beside([record for record, _ in found.records]) if reference else []
    page = render_board(found.records, found.left_out, trusted, others)
    save_file(output, page.encode("utf-8") + mark.encode())
    return len(found.records), found.left_out


def render_board(
    records: Sequence[tuple[RunRecord, Path]],
    left_out: Sequence[tuple[Path, str]] = (),
    trusted: Sequence[Signer] = (),
    reference: Sequence[RunRecord] = (),
) -> str:
    """The page; reference rows have nothing beside them."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    folders = {each.digest: folder for each, folder in (*records, *((each, nowhere(each)) for each in reference))}
    stamps = {digest: load_stamp(folder / FILE_NAME, trusted) for digest, folder in folders.items()}
    shown_once, stands_for = merged([record for record, _ in records], stamps)
    tabs = make_tabs(
        [*shown_once, *reference],
        {digest: each.shown for digest, each in stamps.items() if each}
        | dict.fromkeys((each.digest for each in reference), REFERENCE),
        {digest: uncovered(each) for digest, each in stamps.items() if each},
        {digest: each.void for digest, each in stamps.items() if each and each.void},
    )
    shown, unseen = within_limit(
        {row.record.digest[:12]: pictures(row.record, folders[row.record.digest]) for tab in tabs for row in tab.rows}
    )
    files = _record_files(shown_once)
    found = {tab.id: sweeps(tab.table) for tab in tabs}
    data = {
        "tips": tips(column for tab in tabs for column in tab.table.columns),
        "tabs": [_tab_data(tab, found[tab.id], folders, stamps, environment) for tab in tabs],
        "records": files,
    }
    script, style = "\n".join(_script(name) for name in SCRIPTS), _asset("board.css")
    return environment.from_string(_asset("board.html")).render(
        tabs=tabs,
        groups={tab.id: column_groups(tab.table) for tab in tabs},
        sets={tab.id: set_titles(tab) for tab in tabs},
        plots={tab.id: default_plot(tab) for tab in tabs},
        unavailable={tab.id: _unavailable(tab) for tab in tabs},
        originals={tab.id: _originals(tab) for tab in tabs},
        notes={tab.id: row_notes(tab) for tab in tabs},
        alarms={tab.id: alarms_of(tab) for tab in tabs},
        across=across_datasets(tabs, folders),
        same=_same(shown_once, stands_for),
        unseen=unseen,
        sweeps={name: [each.title for each in some] for name, some in found.items()},
        statuses={tab.id: _statuses(tab) for tab in tabs},
        left_out=[(str(path), reason.removeprefix(f"{path}: ")) for path, reason in left_out],
        data=Raw(pack(data)),
        images=Raw(_images(shown)),
        script=Raw(f'"use strict";\n(() => {{\n{script}}})();\n'),
        style=Raw(style),
        script_hash=csp_hash(f'"use strict";\n(() => {{\n{script}}})();\n'),
        style_hash=csp_hash(style),
        svg=Raw,
    )


class Raw(str):
    """Text of ours that goes into a page as it is."""

    def __html__(self) -> str:
        return str(self)


@cache
def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _script(name: str) -> str:
    """A part of the page's script; the parts share one scope, so that their imports and exports go."""
    text = re.sub(r"^import [^;]*;\n", "", _asset(name), flags=re.MULTILINE)
    return re.sub(r"^export ", "", text, flags=re.MULTILINE)


def csp_hash(text: str) -> str:
    """How a content security policy names a style or script of the page itself."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring columns under one heading."""

    title: str
    recognizer: str
    knowledge: str
    span: int


def column_groups(table: Table) -> list[Group]:
    """Headings over neighbouring columns of one set and recogniser."""
    groups: list[Group] = []
    for column in table.columns:
        part = column.set
        if groups and (groups[-1].title, groups[-1].recognizer) == (part, column.recognizer):
            groups[-1] = replace(groups[-1], span=groups[-1].span + 1)
        else:
            groups.append(Group(part, column.recognizer, knowledge(table.rows, column.recognizer), 1))
    return groups


def _unavailable(tab: Tab) -> list[tuple[str, str]]:
    """Columns that lack something the user can get, and what."""
    found = {full_name(column): reasons_of(tab.rows, index, "unavailable")
             for index, column in enumerate(tab.table.columns)}  # fmt: skip
    return [(name, "; ".join(reasons)) for name, reasons in found.items() if reasons]


def _statuses(tab: Tab) -> list[str]:
    return list(dict.fromkeys(tab.status.get(row.record.digest, SELF_REPORTED) for row in tab.rows))


def _originals(tab: Tab) -> list[tuple[str, str]]:
    """How well the recognisers work on the originals: no privacy number means more than that."""
    by_name = {each.spec: row.record for row in reversed(tab.table.rows) for each in row.record.recognizers}
    return [(name, on_originals(by_name[name], name)) for name in tab.recognizers]


def _same(records: Sequence[RunRecord], stands_for: Mapping[str, Sequence[RunRecord]]) -> list[tuple[str, int]]:
    """Methods of which further records say nothing more, and how many do."""
    return sorted((each.method.spec, len(stands_for[each.digest])) for each in records if each.digest in stands_for)


def _record_files(records: Sequence[RunRecord]) -> dict[str, str]:
    """`run.json` of each row, packed, by row; nothing where all together are too much for a page."""
    if len(records) > MOST_SAVED:
        return {}
    ordered = sorted(records, key=lambda each: each.digest)
    found = {each.digest[:12]: pack(record_bytes(each).decode()) for each in ordered}
    return found if sum(map(len, found.values())) <= MOST_RECORDS else {}


def _images(shown: Mapping[str, Sequence[Picture]]) -> str:
    """Pictures by row, as JSON that cannot end the element it stands in."""
    found = {
        row: [[each.source, each.kind, each.label, each.sample, each.case, each.close] for each in some]
        for row, some in shown.items()
        if some
    }
    return json.dumps(found).replace("<", "\\u003c")


def _tab_data(
    tab: Tab,
    found: Sequence[Sweep],
    folders: Mapping[str, Path],
    stamps: Mapping[str, Stamp | None],
    environment: Environment,
) -> dict[str, object]:
    card = environment.from_string(_asset("board_card.html"))
    ablation = environment.from_string(_asset("board_ablation.html"))
    cards = [_card(card, row.record, folders[row.record.digest], stamps[row.record.digest]) for row in tab.rows]
    place = {row.record.digest: index for index, row in enumerate(tab.rows)}
    drawn = [
        {
            "title": each.title,
            "rows": [place[row.record.digest] for row in each.rows],
            "html": ablation.render(
                sweep=each,
                columns=[(index, tab.table.columns[index]) for index in tab.overview],
                figures=[Raw(figure) for figure in sweep_figures(each, tab.table, tab.overview)],
            ),
        }
        for each in found
    ]
    return tab_data(tab, folders, cards, drawn)


def _card(template: Template, record: RunRecord, folder: Path, stamp: Stamp | None) -> str:
    figures, missing = row_figures(record, folder)
    return template.render(
        record=record,
        alarms=shown_alarms(record),
        verdict=verdict(record),
        links=[*links(record.method)],
        sections=sections(record),
        figures=[(name, [Raw(each) for each in some]) for name, some in figures],
        missing=missing,
        bibtex=bibtex(record),
        stamp=stamp,
    )

"""The board: one HTML file that opens from disk, without network, with or without scripts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from ..benchmark.metrics import METRICS
from ..benchmark.records import RecordError, RunRecord, find_records, load_record
from ..benchmark.store import write_atomically
from .ranking import table_ranks
from .tables import Table, leaderboards

BOARD_NAME = "board.html"


def update_board(results: Path, changed: bool) -> Path:
    """The results folder's own board; written anew only where something changed.

    Raises:
        StoreError: the folder cannot be written.
    """
    path = results / BOARD_NAME
    if changed or not path.is_file():
        write_board((results,), path)
    return path


def write_board(sources: Sequence[Path], output: Path) -> tuple[int, list[tuple[Path, str]]]:
    """Write a board of all records below the sources.

    Returns:
        The number of rows, and what was left out with the reason.

    Raises:
        RecordError: a source does not exist.
        StoreError: the file cannot be written.
    """
    records, left_out = [], []
    for source in sources:
        for path in find_records(source):
            try:
                records.append((load_record(path), path.parent))
            except RecordError as error:
                left_out.append((path, str(error)))
    unique = {record.digest: (record, folder) for record, folder in records}
    write_atomically(output, render_board(list(unique.values()), left_out).encode("utf-8"))
    return len(unique), left_out


def render_board(records: Sequence[tuple[RunRecord, Path]], left_out: Sequence[tuple[Path, str]] = ()) -> str:
    """The page."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_asset("board.html"))
    folders = {record.digest: folder for record, folder in records}
    tables = leaderboards([record for record, _ in records])
    script, style = _asset("board.js"), _asset("board.css")
    return template.render(
        tables=tables,
        groups={table.key: _column_groups(table) for table in tables},
        metrics=METRICS,
        previews={digest: _previews(folder) for digest, folder in folders.items()},
        left_out=[(str(path), reason) for path, reason in left_out],
        script=_Raw(script),
        style=_Raw(style),
        script_hash=_csp_hash(script),
        style_hash=_csp_hash(style),
        details=_details,
        ranks={table.key: table_ranks(table, folders) for table in tables},
    )


class _Raw(str):
    """Text of ours that goes into the page as it is."""

    def __html__(self) -> str:
        return str(self)


@cache
def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _csp_hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def _column_groups(table: Table) -> list[tuple[str, int]]:
    """Header over neighbouring columns of one recogniser, and how many they are."""
    groups: list[tuple[str, int]] = []
    for column in table.columns:
        name = column.recognizer or "image"
        if groups and groups[-1][0] == name:
            groups[-1] = (name, groups[-1][1] + 1)
        else:
            groups.append((name, 1))
    return groups


def _noise(record: RunRecord) -> list[tuple[str, str]]:
    """The analyzer's own noise beside the drift."""
    parts = []
    for metric in METRICS:
        value = record.value(metric) if metric.startswith("floor_") else None
        if value is not None and value.value is not None:
            parts.append(f"{METRICS[metric].title} {value.value:.2f} %")
    return [("noise floor", ", ".join(parts))] if parts else []


def _previews(folder: Path) -> list[str]:
    """Small pictures as data addresses; a dataset that may not be shown has none."""
    found = sorted((folder / "previews").glob("*.jpg"))[:4]
    return ["data:image/jpeg;base64," + base64.b64encode(each.read_bytes()).decode() for each in found]


def _details(record: RunRecord) -> list[tuple[str, str]]:
    """What stands on the row's card."""
    method, dataset, counts = record.method, record.dataset, record.counts
    rows = [
        ("method", f"{method.spec}, version {method.version}, from {method.origin}"),
        ("about", method.description),
        ("parameters as used", json.dumps(method.params) if method.params else "none"),
        ("knows", method.knowledge),
        ("weights", ", ".join(f"{name} {sha[:12]}" for name, sha in method.weights.items()) or "none"),
        ("trained on", method.training_data),
        ("licence", method.licence),
        ("cite", method.citation or "–"),
        ("dataset", f"{dataset.samples} images, {dataset.identities} identities, digest {dataset.digest[:12]}"),
        ("images", f"{counts.done} done, {counts.failed} failed, {counts.skipped} skipped of {counts.planned}"),
        *((f"{count} ×", reason) for reason, count in counts.reasons.items()),
        ("seeds", f"{record.repetitions} per image, root seed {record.root_seed}"),
        ("time", ", ".join(f"{name} {value:.3f} s" for name, value in record.host.seconds.items()) or "–"),
        ("machine", f"{record.host.machine.get('processor', '')}, {record.host.created}"),
        *(("note", text) for text in record.alarms),
        *_noise(record),
        ("record", f"{record.digest[:16]}, deid-bench {record.toolkit}"),
    ]
    for each in record.recognizers:
        shown = [record.value(metric, each.spec) for metric in ("eer", "eer_threshold", "d_prime")]
        text = ", ".join(
            f"{METRICS[value.metric].title} {value.value:.4g}" for value in shown if value and value.value is not None
        )
        rows.append((f"originals, {each.spec}", text or "–"))
    return rows

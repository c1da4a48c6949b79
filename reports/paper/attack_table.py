"""The table of attacks as text, Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.metrics.metric import NO_VALUE
from ...benchmark.records.comparable import group_key
from ...benchmark.records.record import RunRecord
from ..figures.data import clean_label
from ..figures.drawn import named
from ..leaderboard.attacks import NUMBERS, attack_rows, rungs
from ..leaderboard.table import NOT_MEASURED
from .formats import csv_text, markdown_text
from .latex import escape
from .shown import LONGEST_NOTE

SUFFIXES = {"text": "txt", "markdown": "md", "latex": "tex", "csv": "csv"}
_HEADINGS = ("method", "recognizer", "attack", "made of", "rank-1", "EER", "TPR 1 %", "TPR 0.1 %", "link.", "")


def attack_table(records: Sequence[RunRecord], form: str) -> str:
    """The table in that form; CSV has every bound and reason.

    Args:
        records: with attacks.
        form: `text`, `markdown`, `latex` or `csv`.
    """
    if form == "csv":
        buffer = io.StringIO()
        lines = [[csv_text(cell) for cell in row] for row in attack_rows(records)]
        csv.writer(buffer, lineterminator="\n").writerows(lines)
        return buffer.getvalue()
    rows, notes = _rows(records), _notes(records)
    if form == "markdown":
        marked = [list(_HEADINGS), ["---"] * len(_HEADINGS), *rows]
        table = "".join("| " + " | ".join(map(markdown_text, line)) + " |\n" for line in marked)
        return table + "".join(f"\n- {markdown_text(each)}" for each in notes) + "\n" * bool(notes)
    if form == "latex":
        set_lines = [" & ".join(map(escape, line)) + r" \\" for line in [_HEADINGS, *rows]]
        body = "\n".join([r"\toprule", set_lines[0], r"\midrule", *set_lines[1:], r"\bottomrule"])
        below = "".join(f"% {each}\n" for each in notes)
        return f"\\begin{{tabular}}{{llll{'r' * len(NUMBERS)}l}}\n{body}\n\\end{{tabular}}\n{below}"
    widths = [max(len(line[index]) for line in [_HEADINGS, *rows]) for index in range(len(_HEADINGS))]
    return (
        "".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
            for line in [_HEADINGS, *rows]
        )
        + "".join(f"\n{each}" for each in notes)
        + "\n" * bool(notes)
    )


def _notes(records: Sequence[RunRecord]) -> list[str]:
    """Why attacks did not run or do not count, and why others lack a number, each reason once."""
    reasons: dict[str, dict[str, None]] = {}
    for record in records:
        for rung in rungs(record):
            row = rung.row
            where = f"{row.attack} on {record.method.spec} with {row.recognizer}"
            if row.status != "counts":
                reasons.setdefault(f"{row.status}: {row.reason or 'no reason kept'}", {})[where] = None
                continue
            for metric, heading in zip(NUMBERS, _HEADINGS[4:], strict=False):
                value = row.value(metric)
                if value is None or value.value is None:
                    why = NOT_MEASURED if value is None else value.reason or "no reason kept"
                    reasons.setdefault(f"{heading}: {why}", {})[where] = None
    return [clean_label(f"{why} ({named(places)})", LONGEST_NOTE) for why, places in reasons.items()]


def _rows(records: Sequence[RunRecord]) -> list[list[str]]:
    rows = []
    several = len({(group_key(each), each.dataset.limited) for each in records}) > 1
    for record in records:
        about = f", {record.dataset.spec}, {record.protocol.id}{', limited' * record.dataset.limited}" * several
        for rung in rungs(record):
            row = rung.row
            numbers = [(METRICS[metric], row.value(metric)) for metric in NUMBERS]
            texts = [
                NO_VALUE if each is None or each.value is None else about.text(each.value) for about, each in numbers
            ]
            note = "" if row.status == "counts" else row.status
            rows.append([record.method.spec + about, row.recognizer, row.attack, row.label, *texts, note])
    return rows

"""What the board says about a row beside its numbers: the verdict, alarms, and which recognisers it was run with."""

from __future__ import annotations

from dataclasses import dataclass

from ..leaderboard.alarm_words import shown_alarms
from ..leaderboard.verdict import verdict
from .data import Tab


@dataclass(frozen=True, slots=True)
class RowNote:
    """Stands in the row, below or behind the name."""

    verdict: str
    alarms: tuple[str, ...]
    ran: str
    """The recognisers of the row; empty where all rows of the table have the same."""
    void: str
    """Why a stamp beside the record does not count; empty where it does, or there is none."""


def row_notes(tab: Tab) -> dict[str, RowNote]:
    """By digest of the record."""
    every = set(tab.recognizers)
    found = {}
    for row in tab.rows:
        names = [each.spec for each in row.record.recognizers]
        ran = "" if set(names) == every else f"run with {', '.join(names) or 'no recogniser'}"
        found[row.record.digest] = RowNote(
            verdict(row.record), tuple(shown_alarms(row.record)), ran, tab.void.get(row.record.digest, "")
        )
    return found


def alarms_of(tab: Tab) -> list[tuple[str, list[str]]]:
    """Every alarm once, with the methods that it is about."""
    found: dict[str, list[str]] = {}
    for row in tab.rows:
        for text in shown_alarms(row.record):
            found.setdefault(text, []).append(row.record.method.spec)
    return list(found.items())

"""A figure as it came out: which methods it shows, and what it could not show, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .data import Entry, clean_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_NAMES = 12
"""More names than this in one list are counted."""
_LONGEST_REASON = 200
NO_INTERVAL = "its record has none"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A method, a number or an interval that a figure does not show."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A figure, and what has to be said about it."""

    figure: Figure
    entries: tuple[Entry, ...]
    """Those that it shows anything of."""
    recognizers: tuple[str, ...] = ()
    """That it shows numbers of; empty where it is about none."""
    left_out: tuple[LeftOut, ...] = ()


def named(names: Iterable[str]) -> str:
    """Names behind each other, each once; those that are too many are counted."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - MOST_NAMES} more" if len(every) > MOST_NAMES else ""
    return ", ".join(every[:MOST_NAMES]) + more


def told(left_out: Sequence[LeftOut]) -> str:
    """Everything that is left out on one line, each reason once; empty where nothing is."""
    reasons: dict[str, list[str]] = {}
    for each in left_out:
        reasons.setdefault(clean_label(each.why, _LONGEST_REASON), []).append(each.what)
    return "; ".join(f"{named(names)} ({why})" for why, names in reasons.items())


def by_panel(entries: Sequence[Entry], panels: Mapping[str, Mapping[str, str]]) -> list[LeftOut]:
    """What panels of one figure leave out.

    Args:
        entries: of the figure.
        panels: by heading, why an entry is not in it, by the entry's label.
    """
    found = []
    for entry in entries:
        reasons = {heading: lacking[entry.label] for heading, lacking in panels.items() if entry.label in lacking}
        if len(reasons) == len(panels) and len(set(reasons.values())) == 1:
            found.append(LeftOut(entry.label, next(iter(reasons.values()))))
        else:
            found += [LeftOut(f"{entry.label} {heading}", why) for heading, why in reasons.items()]
    return found


def no_interval(entries: Iterable[Entry], metric: str, recognizer: str | None, of: str = "") -> list[LeftOut]:
    """Numbers that are drawn without an interval, which could be taken for a narrow one.

    Args:
        entries: those whose number is drawn.
        metric: the number.
        recognizer: its recogniser, or None.
        of: what the interval is of, where a figure has several for one method.
    """
    what = f"interval{' of' if of else ''} {of}".strip()
    values = [(each, each.value(metric, recognizer)) for each in entries]
    return [LeftOut(f"{what} of {each.label}", NO_INTERVAL)
            for each, value in values if value is not None and value.interval is None]  # fmt: skip

"""Columns of a challenge's leaderboard, taken from the catalogue of metrics."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Sequence

from pydantic import BaseModel, ConfigDict

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.metrics.metric import Block, Metric
from ...suggestions import suggest

LONGEST = 36
"""Characters that the platform keeps of a column's key and of its title."""
_LEAST = 16
"""Characters of a title that say what is measured, however long the recogniser is called."""
ALL = "all"
"""Of a number of attackers: the worst of all recognisers."""


class ChallengeError(ValueError):
    """A challenge cannot be made, or its file cannot be read."""

    exit_code = 2


class Column(BaseModel):
    """One column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    """In `scores.json`."""
    title: str
    metric: str
    recognizer: str | None
    """None: of images, or the worst of all recognisers."""


def columns_of(asked: Sequence[str], recognizers: Sequence[str], *, attacked: bool, retrieval: bool) -> list[Column]:
    """The columns, the one that ranks first.

    Args:
        asked: `METRIC`, `METRIC@RECOGNIZER` or `METRIC@all`; empty: the worst attack and what a board shows first.
        recognizers: of the challenge.
        attacked: whether attackers try.
        retrieval: whether the protocol has queries and a gallery.

    Raises:
        ChallengeError: one is no column; the message says why.
    """
    texts = list(asked) or list(_usual(attacked, retrieval))
    pairs = [pair for text in texts for pair in _read(text, recognizers, attacked)]
    found: dict[str, Column] = {}
    for metric, recognizer in dict.fromkeys(pairs):
        key = _key(metric, recognizer, found)
        title = _title(METRICS[metric], recognizer, [each.title for each in found.values()])
        found[key] = Column(key=key, title=title, metric=metric, recognizer=recognizer)
    return list(found.values())


def sorting(metric: Metric) -> str:
    """How the platform sorts by it."""
    return "desc" if metric.better == "higher" else "asc"


def _usual(attacked: bool, retrieval: bool) -> Iterator[str]:
    """The worst case first, then what the first look of a board has of what can be computed anew."""
    if attacked:
        yield f"rank1_worst@{ALL}"
    own: Block = "retrieval" if retrieval else "privacy"
    first = [each for each in METRICS.values() if "overview" in each.blocks and _why_not(each, attacked) == ""]
    if not attacked:
        yield "rank1_without_source"
    yield from (each.name for each in first if each.source == "distances" and own in each.blocks)
    yield from (each.name for each in first if each.source == "rows")


def _read(text: str, recognizers: Sequence[str], attacked: bool) -> list[tuple[str, str | None]]:
    name, at, recognizer = text.partition("@")
    if name not in METRICS:
        raise ChallengeError(f"--column {text}: there is no metric {name!r}{suggest(name, METRICS)}")
    metric = METRICS[name]
    if why := _why_not(metric, attacked):
        raise ChallengeError(f"--column {text}: {why}")
    if metric.source == "rows":
        if at:
            raise ChallengeError(f"--column {text}: {name} is of images, with no recogniser; leave @{recognizer} away")
        return [(name, None)]
    if recognizer == ALL and metric.attackers:
        return [(name, None if len(recognizers) > 1 else recognizers[0])]
    if at and recognizer not in recognizers:
        known = ", ".join([*recognizers, *([ALL] if metric.attackers else [])])
        raise ChallengeError(f"--column {text}: expected one of {known} after @, got {recognizer!r}")
    return [(name, recognizer)] if at else [(name, each) for each in recognizers]


def _why_not(metric: Metric, attacked: bool) -> str:
    """Why a metric is no column; empty where it can be one."""
    if metric.source not in ("distances", "rows"):
        return f"{metric.name} cannot be computed anew from a submission; take one of distances or rows"
    if metric.better == "target":
        return f"{metric.name} is best in the middle, and a leaderboard sorts up or down; take another one"
    if metric.attackers and not attacked:
        return f"{metric.name} is of attackers, and the protocol lets nobody attack"
    return ""


def _key(metric: str, recognizer: str | None, taken: dict[str, Column]) -> str:
    key = re.sub(r"[^a-z0-9]+", "_", f"{metric}_{recognizer or ''}".lower()).strip("_")
    return key if len(key) <= LONGEST and key not in taken else _numbered(metric, "_", taken)


def _title(metric: Metric, recognizer: str | None, taken: Collection[str]) -> str:
    """What is measured, then by whom; of a long recogniser the end stays, which tells it apart."""
    name = metric.heading if recognizer else metric.title
    unit = f" ({metric.unit})" if metric.unit else ""
    what, whose = f"{' '.join(name.split())}{unit}", f", {recognizer}" if recognizer else ""
    room = max(LONGEST - len(whose), _LEAST) if recognizer else LONGEST
    what = what if len(what) <= room else f"{what[: room - 1]}…"
    room = LONGEST - len(what)
    whose = whose if len(whose) <= room else f", …{whose[len(whose) - room + 3 :]}"
    title = what + whose
    return _numbered(title, " ", taken) if title in taken else title


def _numbered(text: str, before: str, taken: Collection[str]) -> str:
    """The text, shortened for a number that nothing taken has."""
    numbers = (f"{before}{number}" for number in itertools.count(2))
    return next(
        made for number in numbers if (made := f"{text[: LONGEST - len(number)].rstrip()}{number}") not in taken
    )

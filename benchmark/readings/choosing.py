"""The best setting of a sweep whose worst case stays within a bound."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..metrics.metric import NO_VALUE, Metric
from ..metrics.values import Undefined
from ..records.comparable import group_key, side_by_side
from ..records.described import catalogue_of
from ..records.record import RunRecord
from ..records.replicates import replicates_of
from ..statistics.sample_size import one_sided, people_for_bound
from ..statistics.uncertainty import Interval, Replicates
from .differences import NotComparable, check_bound

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Limit:
    """What a number must keep to, in its unit."""

    metric: str
    bound: float
    upper: bool
    """Whether it must stay below."""

    def __str__(self) -> str:
        return f"{self.metric} {'at most' if self.upper else 'at least'} {self.bound:g}"


@dataclass(slots=True)
class Candidate:
    """One setting."""

    record: RunRecord
    quality: float | None
    values: list[str] = field(default_factory=list)
    """Each limited number with its bound, the worst recogniser's."""
    holds: bool = True
    within: bool = True
    """Whether the numbers themselves, without their uncertainty, keep to the limits."""
    people: int | Undefined = 0
    """How many it would take to show it; the largest over the limits."""
    reached: bool = True
    """Whether the walk from the least quality upwards came this far."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and why."""

    candidates: list[Candidate]
    """From the least quality to the best, method by method."""
    best: Candidate | None
    sentence: str
    about: Metric
    """The quality."""


def choose(
    found: Sequence[tuple[RunRecord, Path]], limits: Sequence[Limit], best: str, confidence: float = CONFIDENCE
) -> Choice:
    """The setting of best quality whose numbers keep to their limits with the confidence asked for.

    Each method's settings are taken from the worst quality to the best, and the walk ends at the first that does not
    hold; so each may be held against the full confidence (a fixed sequence, no luck of the many), divided among the
    methods. A number that stands for several recognisers counts by the worst of them.

    Args:
        found: records of one protocol, dataset and detector, and their folders; sanity rows are left out.
        limits: all of them must hold.
        best: metric of the quality.
        confidence: of the whole choice.

    Raises:
        NotComparable: the records are not of one table, none has the numbers, or no number lies at a limit.
    """
    rows = [(record, folder) for record, folder in found if record.method.family != "sanity"]
    keys = {group_key(record) for record, _ in rows}
    if len(keys) != 1:
        what = "none" if not keys else f"{len(keys)} of these"
        raise NotComparable(
            f"expected records of one protocol, dataset and analyzer, scored alike, got {what}; name one folder each"
        )
    rows = side_by_side(rows)
    known = catalogue_of(rows[0][0])
    for name in (best, *(each.metric for each in limits)):
        if name not in known:
            raise NotComparable(f"there is no metric {name!r}; `deid-bench list metrics` shows them")
    for limit in limits:
        check_bound(known[limit.metric], limit.bound)
    by_method: dict[str, list[tuple[RunRecord, Path]]] = {}
    for record, folder in rows:
        by_method.setdefault(record.method.name, []).append((record, folder))
    share = 1 - (1 - confidence) / len(by_method)
    values = [each for record, _ in rows for each in record.values]
    asked = {
        limit.metric: list(dict.fromkeys(each.recognizer for each in values if each.metric == limit.metric))
        for limit in limits
    }
    candidates: list[Candidate] = []
    for settings in by_method.values():
        made = [_candidate(record, folder, limits, known, best, share, asked) for record, folder in settings]
        made.sort(key=lambda each: (each.quality is not None, known[best].goodness(each.quality or 0.0)))
        for place, each in enumerate(made):
            each.reached = all(before.holds for before in made[:place])
        candidates += made
    held = [each for each in candidates if each.holds and each.reached and each.quality is not None]
    chosen = max(held, key=lambda each: known[best].goodness(each.quality or 0.0), default=None)
    return Choice(candidates, chosen, _sentence(chosen, candidates, limits, known[best], confidence), known[best])


def _candidate(
    record: RunRecord,
    folder: Path,
    limits: Sequence[Limit],
    known: Mapping[str, Metric],
    best: str,
    confidence: float,
    asked: Mapping[str, Sequence[str | None]],
) -> Candidate:
    quality = [each.value for each in record.values if each.metric == best and each.value is not None]
    about = known[best]
    made = Candidate(record, min(quality, key=about.goodness, default=None))
    replicates = replicates_of(record, folder)
    for limit in limits:
        _hold(made, limit, replicates, known[limit.metric], confidence, asked[limit.metric])
    return made


def _hold(
    made: Candidate,
    limit: Limit,
    replicates: Mapping[tuple[str, str], Replicates],
    about: Metric,
    confidence: float,
    recognizers: Sequence[str | None],
) -> None:
    """Hold every recogniser's number against a limit; the worst is what is told.

    One that any of the settings has a number of has to have one here as well: what is absent could be the worst.
    """
    told: list[tuple[float, str]] = []
    for name in recognizers:
        value = made.record.value(limit.metric, name)
        if value is None or value.value is None:
            why = (value.reason if value else None) or "not measured"
            made.holds = made.within = False
            made.people = Undefined(f"no {limit.metric}{f' with {name}' * bool(name)}: {why}")
            told.append((math.inf if limit.upper else -math.inf, f"{NO_VALUE} ({made.people.reason})"))
            continue
        kept = replicates.get((limit.metric, value.recognizer or ""))
        found = one_sided(kept, confidence) if kept else Undefined("no resamples")
        who = f" ({value.recognizer})" if value.recognizer else ""
        inside = value.value <= limit.bound if limit.upper else value.value >= limit.bound
        made.within = made.within and inside
        sign = "≤" if limit.upper else "≥"
        if isinstance(found, Interval) and kept is not None:
            end = about.scale * (found.high if limit.upper else found.low)
            made.holds = made.holds and (end <= limit.bound if limit.upper else end >= limit.bound)
            needed = people_for_bound(kept, limit.bound / about.scale, limit.upper, confidence)
            made.people = _more(made.people, needed)
            told.append((end, f"{about.text(value.value)}, {sign} {about.text(end)}{who}"))
        else:
            made.holds, made.people = False, found if isinstance(found, Undefined) else Undefined("no interval")
            told.append((value.value, f"{about.text(value.value)}, no bound{who}: {made.people.reason}"))
    if not told:
        made.holds = made.within = False
        made.people = Undefined(f"the record has no {limit.metric}")
        made.values.append(f"{limit.metric}: not in the record")
        return
    worst = max(told)[1] if limit.upper else min(told)[1]
    made.values.append(f"{limit.metric} {worst}")


def _more(first: int | Undefined, second: int | Undefined) -> int | Undefined:
    if isinstance(first, Undefined):
        return first
    return second if isinstance(second, Undefined) else max(first, second)


def _sentence(
    chosen: Candidate | None, candidates: Sequence[Candidate], limits: Sequence[Limit], about: Metric, confidence: float
) -> str:
    asked = " and ".join(map(str, limits))
    if chosen is not None:
        return (
            f"{chosen.record.method.spec}: {about.title} {about.text(chosen.quality or 0.0)}, "
            f"{asked} with {100 * confidence:g} % confidence"
        )
    bare = [each for each in candidates if each.holds and each.quality is None]
    if bare:
        return f"{len(bare)} of {len(candidates)} settings keep {asked}, and have no {about.name} to choose by"
    short = [each for each in candidates if each.within and not each.holds]
    nearest = [each for each in short if isinstance(each.people, int)]
    start = f"none of {len(candidates)} settings keeps {asked} with {100 * confidence:g} % confidence"
    if short and not nearest:
        why = next(each.people.reason for each in short if isinstance(each.people, Undefined))
        return f"{start}; {short[0].record.method.spec} does in its numbers themselves ({why})"
    if not nearest:
        return f"{start}; none does so in its numbers themselves, so that more people would not help"
    first = min(nearest, key=lambda each: each.people if isinstance(each.people, int) else 0)
    return (
        f"{start}; {first.record.method.spec} does in its numbers themselves, and it would take about {first.people} "
        f"people like these ({first.record.dataset.identities} identities are there) to show it"
    )

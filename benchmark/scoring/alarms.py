"""Alarms: numbers that look wrong, or too small a basis to be trusted. They never change a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..metrics.values import Undefined
from ..records.failures import Failure
from ..records.record import Counts, Value
from ..statistics.uncertainty import Draws

MAX_DIR = 130.0
MAX_EER = 20.0
MIN_GENUINE = 30
MAX_SKIPPED = 0.1
MAX_SPAN = 5.0
"""Points between the ends of the thresholds of equal error."""


def alarms(
    values: Sequence[Value],
    counts: Counts,
    draws: Draws | Undefined,
    failures: Sequence[Failure] = (),
    spans: Mapping[tuple[str, str], tuple[float, float]] | None = None,
) -> list[str]:
    """What a reader has to know before trusting a record.

    Args:
        values: the record's numbers.
        counts: what became of the images.
        draws: of the identities, or why there are none.
        failures: the ledger.
        spans: by metric and recogniser: between which values a number lies over the thresholds of equal error.

    Returns:
        Sentences; empty when nothing is conspicuous.
    """
    found = ledger_alarms(failures)
    if not counts.done:
        found.append(f"no image was de-identified: {counts.skipped} skipped, {counts.failed} failed")
    for each in values:
        if each.value is None:
            continue
        if each.metric in ("dir", "dir_cross") and each.value > MAX_DIR:
            found.append(
                f"{each.recognizer}: {each.metric} is {each.value:.0f} %, above {MAX_DIR:.0f}: the images lie further "
                "off than impostors do, outside of what the recogniser was made for"
            )
        if each.metric == "eer" and each.value > MAX_EER:
            found.append(
                f"{each.recognizer}: EER of the originals is {each.value:.1f} %, above {MAX_EER:.0f}: it hardly "
                "recognises anybody, so failing to recognise de-identified images shows little"
            )
        low, high = (spans or {}).get((each.metric, each.recognizer or ""), (0.0, 0.0))
        if high - low > MAX_SPAN:
            found.append(
                f"{each.recognizer}: threshold undetermined: {each.metric} is anywhere from {low:.1f} to {high:.1f} % "
                "over the thresholds of equal error, of which the originals leave a whole range open"
            )
        if each.metric == "rr_cross" and each.n < MIN_GENUINE:
            found.append(f"{each.recognizer}: only {each.n} comparisons with other images of the same identity")
    if isinstance(draws, Undefined):
        found.append(f"no intervals: {draws.reason}")
    if counts.planned and counts.skipped / counts.planned > MAX_SKIPPED:
        found.append(f"{counts.skipped} of {counts.planned} images were skipped: the rest may not be representative")
    return found


def ledger_alarms(failures: Sequence[Failure]) -> list[str]:
    """What of a ledger a reader has to know, one sentence a reason."""
    return [str(each) for each in _joined(failures)]


def _joined(failures: Sequence[Failure]) -> list[Failure]:
    """Those to be told, one line a reason: a comparison that fails does so wherever two images are compared."""
    found: dict[tuple[str, ...], Failure] = {}
    for each in failures:
        if each.outcome != "irregular" and (not each.impairs or each.stage == "deidentify"):
            continue
        alike = each.outcome == "irregular" or (each.stage == "compare" and each.outcome == "crashed")
        key = (each.stage, each.by, each.outcome, each.reason, "" if alike else each.about)
        first = found.get(key)
        if first is None:
            found[key] = each
        elif each.outcome == "crashed":
            found[key] = first.model_copy(update={"count": first.count + each.count, "total": first.total + each.total})
    return list(found.values())

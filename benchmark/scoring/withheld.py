"""Numbers that a crash has taken: absent with the reason, never computed from what happens to be left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..metrics.catalogue import METRICS
from ..planning.tasks import Stage
from ..protocols import Protocol
from ..records.curves import CURVES
from ..records.failures import Failure
from ..records.record import Value
from ..stages.measure import DRIFTS, FACE_DRIFTS, LOOKED, PERCEPTUAL, PIXELS
from .numbers import Values

_DRIFT_METRICS = frozenset({*DRIFTS.values(), *FACE_DRIFTS.values()})
_MEASURED = frozenset({*PIXELS, "roi_changed", *_DRIFT_METRICS})
_BY_STAGE: Mapping[str, frozenset[str]] = {
    Stage.ANALYZE.value: _MEASURED | {"survival"},
    Stage.MEASURE.value: _MEASURED,
    Stage.LOOK.value: frozenset(LOOKED),
    Stage.PERCEIVE.value: frozenset(PERCEPTUAL) - frozenset(LOOKED),
    Stage.BETWEEN.value: frozenset({"lpips_between_seeds"}),
    Stage.FLOOR.value: frozenset(metric.replace("drift_", "floor_") for metric in _DRIFT_METRICS),
}
"""Numbers about images that a crash of a stage takes; distances between sets of images see to it themselves."""


def lost_people(failures: Sequence[Failure]) -> Failure | None:
    """The crash by which it is not known who takes part, so that nothing can be said of anybody; None where all is."""
    return next((each for each in failures if each.outcome == "crashed" and _loses_people(each)), None)


def _loses_people(crash: Failure) -> bool:
    return crash.stage in (Stage.ANALYZE.value, Stage.CROP.value) and crash.about == "originals"


def withhold(values: Values, failures: Sequence[Failure], protocol: Protocol) -> None:
    """Take out what depends on work that crashed.

    Args:
        values: all numbers; changed in place.
        failures: the ledger.
        protocol: whether recognisers align de-identified images by what the analyzer finds in them.
    """
    crashes = [each for each in failures if each.outcome == "crashed"]
    for index, value in enumerate(values.values):
        cause = next((each for each in crashes if _takes(each, value.metric, value.recognizer, protocol)), None)
        if cause is not None:
            reason = f"withheld: {cause}; the same command tries it again"
            values.values[index] = Value(
                metric=value.metric, recognizer=value.recognizer, value=None, n=0, reason=reason
            )
            values.replicates.pop((value.metric, value.recognizer or ""), None)
        elif value.value is None and (pairs := _bad_pairs(value, failures)) is not None:
            values.values[index] = value.model_copy(update={"reason": f"{value.reason}; {pairs}"})
    values.curves[:] = [
        each
        for each in values.curves
        if not any(_takes(crash, CURVES[each.name].metric, each.recognizer, protocol) for crash in crashes)
    ]


def _bad_pairs(value: Value, failures: Sequence[Failure]) -> Failure | None:
    """Pairs without a proper distance by a number's recogniser, which may be all that it would have been made of."""
    return next(
        (
            each
            for each in failures
            if each.stage == Stage.COMPARE.value and each.outcome == "not acquired" and each.by == value.recognizer
        ),
        None,
    )


def _takes(crash: Failure, metric: str, recognizer: str | None, protocol: Protocol) -> bool:
    """Whether a number cannot be had because of a crash."""
    if crash.about == "attacks":
        return False  # `report_attacks` knows which numbers are made of what crashed
    if _loses_people(crash):
        return True
    if crash.stage == Stage.METRIC.value:
        return crash.by == metric and recognizer is None  # one of distances costs what it was asked for
    if recognizer is None:
        return metric in _BY_STAGE.get(crash.stage, ())
    about_originals = metric in METRICS and METRICS[metric].group == "recognition"
    if crash.stage in (Stage.EMBED.value, Stage.COMPARE.value):
        return crash.by == recognizer and (crash.about == "originals" or not about_originals)
    aligned = crash.stage == Stage.ANALYZE.value and protocol.alignment.probe == "own-else-original"
    return aligned and not about_originals

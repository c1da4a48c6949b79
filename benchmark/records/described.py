"""The metrics of a record: those of the toolkit, and those that it describes itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..metrics.base import MetricInfo
from ..metrics.catalogue import METRICS
from ..metrics.metric import Metric
from ..metrics.plugged import Plugged, check_info, describe_metric
from ..planning.cells import describe
from ..planning.tasks import Plugin
from .record import PluggedMetric, RunRecord

_SAID = ("short", "group", "unit", "better", "low", "high", "target", "decimals", "formula", "caveat", "takes")


def record_metric(plugin: Plugin) -> PluggedMetric:
    """A user's metric as it stands in a record."""
    info = check_info(plugin.info)
    said = {name: getattr(info, name) for name in _SAID}
    return PluggedMetric(**describe(plugin), **said, title=info.title or info.name)


def described(record: RunRecord) -> dict[str, Plugged]:
    """The metrics that a record describes, by the name of their values; none of them can be computed from it alone.

    Raises:
        PluginError: a description does not fit together.
    """
    return {each.spec: _plugged(each) for each in record.metrics}


def _plugged(said: PluggedMetric) -> Plugged:
    names = (*_SAID, "name", "version", "title", "description", "licence", "citation")
    info = check_info(MetricInfo(**{name: getattr(said, name) for name in names}))
    return Plugged(describe_metric(info, said.spec, not_at_hand), info.takes, None)


def not_at_hand(*_: object) -> float:
    """Stands for the function of a metric that only a record describes.

    Raises:
        LookupError: always.
    """
    raise LookupError("the record describes this metric; its plug-in is not at hand")


def metrics_of(records: Iterable[RunRecord]) -> list[Metric]:
    """Every metric of the toolkit, and those that the records describe; two that differ in anything are two."""
    own = [each.metric for record in records for each in described(record).values()]
    return [*METRICS.values(), *dict.fromkeys(own)]


def catalogue_of(record: RunRecord) -> Mapping[str, Metric]:
    """Metrics by the names that the record's values have."""
    if not record.metrics:
        return METRICS
    return METRICS | {name: each.metric for name, each in described(record).items()}

"""The page beside a score: what was computed anew, what was not, and why there is no score."""

from __future__ import annotations

from importlib import resources

from ..._version import __version__
from ...benchmark.records.counts import lacking
from ...benchmark.records.record import RunRecord
from ...benchmark.submission.verdict import Report
from ...characters import plain
from .challenge import Challenge
from .outcome import Outcome

_SHOWN = 20


def details(challenge: Challenge, outcome: Outcome) -> str:
    """The page; every text of the submission is escaped, and nothing on it is loaded or run."""
    from jinja2 import Environment, StrictUndefined

    text = resources.files(__package__).joinpath("templates", "details.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    report = outcome.report
    return environment.from_string(text).render(
        challenge=challenge,
        outcome=outcome,
        report=report,
        record=None if report is None else report.submitted.record,
        against=[] if report is None else _against(report),
        open=[] if report is None else [plain(each.name) for each in report.open],
        lacks=[] if report is None else _lacks(report.submitted.record),
        plain=plain,
        shown=_SHOWN,
        version=__version__,
    )


def _against(report: Report) -> list[str]:
    """What speaks against a record, line by line."""
    numbers = [f"{plain(each.name)}: {plain(each.note)}" for each in report.different]
    return [*numbers, *map(plain, report.problems)]


def _lacks(record: RunRecord) -> list[str]:
    """What a reader has to know of a run: why it is not whole, and the record's alarms."""
    told = [*lacking(record.counts, record.failures), *record.alarms]
    return list(dict.fromkeys(map(plain, told)))

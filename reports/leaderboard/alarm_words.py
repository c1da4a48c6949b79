"""Alarms as reports show them: with the titles that numbers have everywhere, in place of their names in records."""

from __future__ import annotations

import re

from ...benchmark.records.described import catalogue_of
from ...benchmark.records.record import RunRecord

_NUMBER = re.compile(r"(?<=: )[a-z]\w*(?= is )")
"""Where an alarm names a number: `eehnet_style: threshold undetermined: rr is anywhere from …`."""


def shown_alarms(record: RunRecord) -> list[str]:
    """The record's alarms, as people read them."""
    catalogue = catalogue_of(record)

    def title(found: re.Match[str]) -> str:
        about = catalogue.get(found[0])
        return found[0] if about is None else about.title

    return [_NUMBER.sub(title, text) for text in record.alarms]

"""Reference rows: records of the built-in methods on the built-in sets, which ship with the package.

They stand beside one's own on a board, so that a first method is seen among others. A row is shown only while this
installation would compute it again under the same digest: rules, images, code, weights and scoring are all in there.
When one of them changes, the row falls silent until `training/reference/build.py` has made it anew.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from ...benchmark.planning.cells import SCORE_VERSION
from ...benchmark.planning.tasks import plugin_of
from ...benchmark.protocols import protocol_of
from ...benchmark.records.comparable import group_key
from ...benchmark.records.record import Plugin, RunRecord
from ...benchmark.submission.pack import known_plugin, part_digest, record_digest
from ...plugins.entries import Kind, PluginError, registry

REFERENCE = "reference"
"""What stands in the place of a row's status."""
FILE_NAME = "reference.json.gz"


def shortened(record: RunRecord) -> RunRecord:
    """A record without what a row of a board does without: its images one by one, and its curves."""
    return record.model_copy(update={"samples": [], "curves": [], "distances_file": None})


def encode(records: Iterable[RunRecord]) -> bytes:
    """The file of shortened records; the same records give the same bytes."""
    data = [shortened(each).model_dump(mode="json") for each in sorted(records, key=lambda each: each.digest)]
    return gzip.compress(json.dumps(data, separators=(",", ":")).encode(), 9, mtime=0)


def decode(data: bytes) -> list[RunRecord]:
    """The records of `encode`."""
    return [RunRecord.model_validate(each) for each in json.loads(gzip.decompress(data))]


@cache
def shipped() -> tuple[RunRecord, ...]:
    """All that the package brings, whether or not it still holds."""
    return tuple(decode(resources.files(__package__).joinpath("assets", FILE_NAME).read_bytes()))


def nowhere(record: RunRecord) -> Path:
    """A folder that is not there: a reference row has no pictures, no scores and no stamp beside it."""
    return Path(__file__).parent / "assets" / record.digest


def beside(records: Sequence[RunRecord], known: Sequence[RunRecord] | None = None) -> list[RunRecord]:
    """Reference rows that belong into the tables of these records and hold.

    Args:
        records: rows of a board.
        known: what to choose from; None: what the package brings.
    """
    tables = {group_key(each) for each in records}
    own = {each.digest for each in records}
    candidates = shipped() if known is None else known
    return [each for each in candidates if group_key(each) in tables and each.digest not in own and holds(each)]


def holds(record: RunRecord) -> bool:
    """Whether this installation would compute the record again, under its digest."""
    if record.attacks is not None or record.metrics or record.dataset.limited:
        return False  # such are none of ours
    if protocol_of(record.protocol.id, record.protocol.digest, record.protocol.rules) is None:
        return False
    parts = [(Kind.DEIDENTIFIER, record.method), (Kind.ANALYZER, record.analyzer)]
    parts += [(Kind.RECOGNIZER, each) for each in record.recognizers]
    return record_digest(record, SCORE_VERSION) == record.digest and all(_installed(*each) for each in parts)


def _installed(kind: Kind, said: Plugin) -> bool:
    if not known_plugin(kind, said.spec):
        return False
    try:
        return plugin_of(registry().resolve(kind, said.spec)).digest == part_digest(kind, said)
    except (PluginError, OSError):
        return False

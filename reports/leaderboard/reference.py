"""Reference rows: records of the built-in methods on the built-in sets, which ship with the package.

They stand beside one's own on a board, so that a first method is seen among others. A row is shown only while this
installation would compute it again under the same digest: rules, images, code, weights and scoring are all in there.
When one of them changes, the row falls silent until `training/reference/build.py` has made it anew.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from ...benchmark.planning.attack_plan import plan_attacks
from ...benchmark.planning.auxiliary import AuxiliaryPeople
from ...benchmark.planning.cells import SCORE_VERSION
from ...benchmark.planning.tasks import plugin_of
from ...benchmark.protocols import Protocol, protocol_of
from ...benchmark.records.attacks import Attacks
from ...benchmark.records.comparable import group_key
from ...benchmark.records.record import Plugin, RunRecord
from ...benchmark.submission.pack import known_plugin, part_digest, record_digest
from ...benchmark.suites import SuiteError
from ...plugins.entries import Kind, PluginError, registry

REFERENCE = "reference"
"""What stands in the place of a row's status."""
FILE_NAME = "reference.json.gz"


def shortened(record: RunRecord) -> RunRecord:
    """A record without what a row of a board does without: its images one by one, and its curves."""
    return record.model_copy(update={"samples": [], "curves": [], "distances_file": None})


@dataclass(frozen=True, slots=True)
class Rows:
    """What a file of reference rows holds."""

    records: tuple[RunRecord, ...] = ()
    people: str = ""
    """Digest of the palms that their attackers learned on; whether this installation would render the same ones is
    not looked at, which takes a minute: a test holds the two together."""


def encode(rows: Rows) -> bytes:
    """The file of shortened records; the same records give the same bytes."""
    records = sorted(rows.records, key=lambda each: each.digest)
    data = {"people": rows.people, "records": [shortened(each).model_dump(mode="json") for each in records]}
    return gzip.compress(json.dumps(data, separators=(",", ":")).encode(), 9, mtime=0)


def decode(data: bytes) -> Rows:
    """The rows of `encode`."""
    content = json.loads(gzip.decompress(data))
    return Rows(tuple(RunRecord.model_validate(each) for each in content["records"]), content["people"])


@cache
def shipped() -> Rows:
    """All that the package brings, whether or not it still holds."""
    return decode(resources.files(__package__).joinpath("assets", FILE_NAME).read_bytes())


def nowhere(record: RunRecord) -> Path:
    """A folder that is not there: a reference row has no pictures, no scores and no stamp beside it."""
    return Path(__file__).parent / "assets" / record.digest


def beside(records: Sequence[RunRecord], known: Rows | None = None) -> list[RunRecord]:
    """Reference rows that belong into the tables of these records and hold.

    Args:
        records: rows of a board.
        known: what to choose from; None: what the package brings.
    """
    tables = {group_key(each) for each in records}
    own = {each.digest for each in records}
    rows = shipped() if known is None else known
    candidates = [each for each in rows.records if group_key(each) in tables and each.digest not in own]
    return [each for each in candidates if holds(each, rows.people)]


def holds(record: RunRecord, people: str = "") -> bool:
    """Whether this installation would compute the record again, under its digest.

    Args:
        record: a row.
        people: digest of the palms that attackers learn on.
    """
    if record.metrics or record.dataset.limited:
        return False  # such are none of ours
    protocol = protocol_of(record.protocol.id, record.protocol.digest, record.protocol.rules)
    if protocol is None:
        return False
    parts = [(Kind.DEIDENTIFIER, record.method), (Kind.ANALYZER, record.analyzer)]
    parts += [(Kind.RECOGNIZER, each) for each in record.recognizers]
    if record_digest(record, SCORE_VERSION) != record.digest or not all(_installed(*each) for each in parts):
        return False
    return record.attacks is None or _attacked_alike(record, record.attacks, protocol, people)


def _attacked_alike(record: RunRecord, attacks: Attacks, protocol: Protocol, people: str) -> bool:
    """Whether the attacks of a record are those that it would meet here."""
    method = plugin_of(registry().resolve(Kind.DEIDENTIFIER, record.method.spec))
    learned = AuxiliaryPeople((), attacks.auxiliary, known=people)
    try:
        plan = plan_attacks(protocol, method, record.repetitions, attacks.asked, lambda suite: learned)
    except (PluginError, SuiteError):
        return False
    return plan.digest == attacks.digest


def _installed(kind: Kind, said: Plugin) -> bool:
    if not known_plugin(kind, said.spec):
        return False
    try:
        return plugin_of(registry().resolve(kind, said.spec)).digest == part_digest(kind, said)
    except (PluginError, OSError):
        return False

"""Whether a record fits together: its header in itself, and its rows with the distances that came along."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ...characters import plain
from ..closer_look import NOT_IN_BASIC
from ..planning.cells import SCORE_VERSION
from ..protocols import protocol_of
from ..records.record import RunRecord
from ..results.distances_file import PairDistances
from .pack import record_digest

AHEAD = timedelta(days=1)
"""By how much the clock of a submitter may be ahead of the one here."""


def header_problems(record: RunRecord) -> list[str]:
    """What contradicts itself in a record alone; empty when nothing does.

    Args:
        record: as it came.
    """
    problems = _date_problems(record.host.created)
    protocol = protocol_of(record.protocol.id, record.protocol.digest, record.protocol.rules)
    if protocol is None:
        problems.append(f"protocol {record.protocol.id}: its digest is none of this deid-bench's")
    elif _told(record) != (protocol.title, protocol.about, protocol.rules if protocol.own else None):
        problems.append(f"protocol {record.protocol.id}: its title, summary or rules are not those of its digest")
    known = 1 <= record.score_version <= SCORE_VERSION
    if not known or record_digest(record, record.score_version) != record.digest:
        problems.append("the record's digest is not that of its parts, or of another version of the scoring")
    keys = [(each.metric, each.recognizer) for each in record.values]
    if len(set(keys)) != len(keys):
        problems.append("a number stands in the record twice")
    left_out = any(NOT_IN_BASIC.reason in (each.reason or "") for each in record.values)
    if left_out and record.quality == "full":
        problems.append("quality says full, but numbers of it were left out")
    counts, rows = record.counts, record.samples
    seen = {status: sum(row.status == status for row in rows) for status in ("done", "failed", "skipped")}
    said = {"done": counts.done, "failed": counts.failed, "skipped": counts.skipped}
    if protocol is not None and (protocol.retrieval is None) != (record.retrieval is None):
        problems.append(f"protocol {record.protocol.id}: who searches whom is not said, or said without need")
    roles = record.retrieval
    planned = record.repetitions * (record.dataset.samples if roles is None else roles.queries)
    if seen != said or {counts.planned, planned} != {len(rows)} or counts.retry < 0:
        problems.append(f"counts say {said} of {counts.planned} images, the rows {seen} of {len(rows)}")
    return problems


def _told(record: RunRecord) -> tuple[object, ...]:
    return record.protocol.title, record.protocol.summary, record.protocol.rules


def _date_problems(created: str) -> list[str]:
    """Boards and sites show the newest first: a date in the future would stay on top."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return [f"host.created: expected a time like 2026-01-31T12:00:00+00:00, got {plain(created, 40)!r}"]
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return [f"host.created: {plain(created, 40)} is in the future"] if moment > datetime.now(UTC) + AHEAD else []


def row_problems(record: RunRecord, found: PairDistances) -> list[str]:
    """In what rows and distances are not about the same images; empty when they are.

    Args:
        record: as it came.
        found: its distances.
    """
    state = {
        (int(sample), int(repetition)): "failed" if row < 0 else "done"
        for sample, repetition, row in zip(
            found.version_sample, found.version_repetition, found.version_row, strict=True
        )
    }
    usable = set(found.usable.tolist())
    roles, named = record.retrieval, {row.sample_id for row in record.samples}
    asked = [(index, name) for index, name in enumerate(found.sample_ids) if roles is None or name in named]
    expected = (
        [
            (name, repetition, state.get((index, repetition)) if index in usable else "skipped")
            for index, name in asked
            for repetition in range(record.repetitions)
        ]
        if record.repetitions * len(asked) == len(record.samples)
        else None
    )
    problems = []
    if expected != [(row.sample_id, row.repetition, row.status) for row in record.samples]:
        problems.append("the rows are not the images that the distances are of")
    if [each.spec for each in record.recognizers] != list(found.distances):
        problems.append("the distances are of other recognizers")
    sizes = (len(found.sample_ids), len(set(found.identities)), len(set(found.subjects)))
    said = (record.dataset.samples, record.dataset.identities, record.dataset.subjects)
    if roles is not None:
        identities = roles.query_identities + roles.other_identities
        said = (roles.queries + roles.mates + roles.others, identities, sizes[2])
    if sizes != said:
        problems.append(f"the distances are of {sizes[0]} images, {sizes[1]} identities and {sizes[2]} subjects")
    people: dict[str, str] = {}
    if any(people.setdefault(a, b) != b for a, b in zip(found.identities, found.subjects, strict=True)):
        problems.append("an identity belongs to two subjects")
    if record.attacks is None and found.attacks is not None:
        problems.append("the distances hold attacks that the record does not tell of")
    if record.attacks is not None and found.attacks is None:
        problems.append("the record tells of attacks that the distances do not hold")
    return problems

"""Every number of a record computed anew from its distances and rows, by the same code that a run uses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...datasets.base import Sample
from ...plugins.entries import Kind, registry
from ..closer_look import NOT_IN_BASIC
from ..metrics.catalogue import METRICS
from ..metrics.plugged import Plugged, plugged
from ..planning.cell_tasks import Version
from ..planning.cells import SCORE_VERSION
from ..planning.tasks import Stage, Task
from ..protocols import protocol_of
from ..records.attacks import Attacks
from ..records.described import described
from ..records.record import Curve, Interval, Range, RunRecord, SampleRow, Value
from ..results.cell import AttackSetting, CellResults, Setting
from ..results.distances_file import PairDistances
from ..scoring.cell import Scored, score_results
from ..scoring.plugged import NOT_AT_HAND
from ..storage.store import Payload
from ..suites import get_suite
from .group_check import agree, groups_at_hand
from .pack import known_plugin, record_digest

TOLERANCE = 1e-9
"""Relative, or absolute below 1: what another library version may change in the last digits."""
IMAGE_TOLERANCE = 1e-3
"""Relative; by how much measures and distances of the same image may be off."""
INTERVAL_TOLERANCE = 1e-6
"""Bounds go through quantiles of many sums."""
_FROM_IMAGES = "needs the images themselves"
_NOT_KEPT = "what it is made of is not kept in a record"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One number, held against the record's."""

    metric: str
    recognizer: str | None
    outcome: Literal["equal", "different", "not recomputable"]
    note: str = ""
    """What differs, or why it cannot be computed anew."""
    stated: bool = True
    """Whether the record has a number."""


@dataclass(frozen=True, slots=True, eq=False)
class Recomputed:
    """What came of it."""

    verdicts: list[Verdict]
    problems: list[str]
    """What contradicts itself beside the numbers; empty when nothing does."""
    scored: Scored | None
    """None where the distances are missing or do not fit the record."""


def recompute(record: RunRecord, found: PairDistances | None) -> Recomputed:
    """Compute a record's numbers anew and compare them with what it says.

    Args:
        record: as it came.
        found: its distances, None where there are none.
    """
    problems = _header_problems(record)
    if found is None:
        why = "there are no distances"
        if record.distances_file and record.distances_file.reason:
            why = record.distances_file.reason
        return Recomputed([_cannot(each, why) for each in record.values], problems, None)
    problems += _row_problems(record, found)
    if problems:
        return Recomputed([_cannot(each, "the record contradicts itself") for each in record.values], problems, None)
    try:
        scored = score_results(*rebuild(record, found))
    except MemoryError:
        raise
    except Exception as error:  # a stranger's numbers may trip the scoring in ways that a run's never do
        why = f"scoring its distances fails: {type(error).__name__}: {error}"
        return Recomputed([_cannot(each, "scoring fails") for each in record.values], [*problems, why], None)
    problems += _other_problems(record, scored)
    return Recomputed(_verdicts(record, scored), problems, scored)


def rebuild(record: RunRecord, found: PairDistances) -> tuple[Setting, CellResults]:
    """What the stages left behind, as far as record and distances tell."""
    groups = groups_at_hand(record)
    samples = [
        Sample(sample_id, identity, subject, Path(), "", groups=groups.get(sample_id, {}))
        for sample_id, identity, subject in zip(found.sample_ids, found.identities, found.subjects, strict=True)
    ]
    rows = [row for row in record.samples if row.status != "skipped"]
    usable = [samples[int(index)] for index in found.usable]
    versions = [
        _version(samples[int(sample)], int(repetition), number)
        for number, (sample, repetition) in enumerate(zip(found.version_sample, found.version_repetition, strict=True))
    ]
    by_digest = {each.deidentify.digest: row for each, row in zip(versions, rows, strict=True)}
    failed = {digest: row.reason or "failed" if row.status == "failed" else None for digest, row in by_digest.items()}
    payloads = {digest: Payload({"values": row.measures, "reasons": {}}) for digest, row in by_digest.items()}
    metrics = _metrics(record)
    kept = {each.sample_id for each in usable}
    skipped = {row.sample_id: row.reason for row in record.samples if row.status == "skipped"}
    results = CellResults(
        missing={
            each.sample_id: None if each.sample_id in kept else skipped.get(each.sample_id) or "" for each in samples
        },
        versions=versions,
        failed=failed,
        crashed=frozenset(map(str, range(record.counts.retry))),
        analyses={digest: Payload() for digest, row in by_digest.items() if row.survived},
        measures=payloads,
        looked=payloads,
        perceived=NOT_IN_BASIC if record.quality == "basic" else payloads,
        coverage={digest: row.measures.get("roi_coverage") for digest, row in by_digest.items()},
        images={digest: row.image_sha256 for digest, row in by_digest.items()},
        usable=usable,
        distances=found.distances,
        features=(),
        floors={},
        seed_lpips={},
        seconds={},
        plugged={each.metric.name: _measured(each.metric.name, by_digest) for each in metrics},
        failures=record.failures,
        attacks=None if record.attacks is None else found.attacks,
    )
    attacks = _attacks(record)
    protocol = protocol_of(record.protocol.id, record.protocol.digest, record.protocol.rules)
    if protocol is None:
        raise ValueError(f"protocol {record.protocol.id}: its digest is none of this deid-bench's")
    if record.retrieval is None:
        said = record.dataset.no_rates
        return Setting(
            protocol,
            samples,
            record.repetitions,
            metrics=metrics,
            attacks=attacks,
            no_rates=said,
            score_version=record.score_version,
        ), results
    queries = frozenset(row.sample_id for row in record.samples)
    there = frozenset(record.retrieval.targets) & frozenset(found.sample_ids)
    return Setting(
        protocol,
        samples,
        record.repetitions,
        queries,
        there,
        metrics,
        attacks,
        score_version=record.score_version,
    ), results


def _attacks(record: RunRecord) -> AttackSetting | None:
    """What the record says that attackers were asked to do.

    Raises:
        SuiteError: its suite is none of this deid-bench's.
    """
    said = record.attacks
    if said is None:
        return None
    suite = get_suite(said.suite)
    return AttackSetting(suite, said.digest, tuple(said.asked), said.auxiliary, record.dataset.redistributable)


def _metrics(record: RunRecord) -> list[Plugged]:
    """The record's own metrics: to be computed where the very plug-in is at hand, else as the record describes them."""
    found = []
    for said, told in zip(record.metrics, described(record).values(), strict=True):
        found.append(told)
        if known_plugin(Kind.METRIC, said.spec):
            resolved = registry().resolve(Kind.METRIC, said.spec)
            if resolved.source == said.source_sha256:
                found[-1] = plugged(resolved)
    return found


def _measured(name: str, rows: Mapping[str, SampleRow]) -> dict[str, Payload | None]:
    found = {digest: {"value": row.measures.get(name)} for digest, row in rows.items()}
    return {digest: Payload({"values": values, "reasons": {}}) for digest, values in found.items()}


def _version(sample: Sample, repetition: int, number: int) -> Version:
    """Tasks that nobody carries out: a number of its own stands for each digest."""
    task = Task(Stage.DEIDENTIFY, str(number), sample.sample_id)
    return Version(sample, repetition, task, task, task)


# ------------------------------------------------------------------------------------------------ what is compared


def _header_problems(record: RunRecord) -> list[str]:
    problems = []
    protocol = protocol_of(record.protocol.id, record.protocol.digest, record.protocol.rules)
    if protocol is None:
        problems.append(f"protocol {record.protocol.id}: its digest is none of this deid-bench's")
    known = 1 <= record.score_version <= SCORE_VERSION
    if not known or record_digest(record, record.score_version) != record.digest:
        problems.append("the record's digest is not that of its parts, or of another version of the scoring")
    keys = [(each.metric, each.recognizer) for each in record.values]
    if len(set(keys)) != len(keys):
        problems.append("a number stands in the record twice")
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


def _row_problems(record: RunRecord, found: PairDistances) -> list[str]:
    """Whether rows and distances are about the same images."""
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
    return problems


def _verdicts(record: RunRecord, scored: Scored) -> list[Verdict]:
    fresh = {(each.metric, each.recognizer): each for each in scored.values.values}
    verdicts = []
    for each in record.values:
        other = fresh.pop((each.metric, each.recognizer), None)
        if other is None:
            verdicts.append(_cannot(each, _why_not(each.metric)))
            continue
        what = _difference(each, other)
        verdicts.append(Verdict(each.metric, each.recognizer, "different" if what else "equal", what))
    for (metric, recognizer), other in fresh.items():
        if other.value is None:
            continue  # metrics of later versions have no values in its rows
        verdicts.append(Verdict(metric, recognizer, "different", "is missing in the record"))
    return verdicts


def _cannot(value: Value, why: str) -> Verdict:
    return Verdict(value.metric, value.recognizer, "not recomputable", why, value.value is not None)


def _why_not(metric: str) -> str:
    if metric not in METRICS:
        return NOT_AT_HAND
    return _NOT_KEPT if METRICS[metric].source == "run" else _FROM_IMAGES


def _difference(said: Value, found: Value) -> str:
    """What differs, empty when nothing does."""
    if not close(said.value, found.value):
        return f"says {_number(said.value)}, its distances give {_number(found.value)}"
    if said.n != found.n:
        return f"says n = {said.n}, its distances give {found.n}"
    if not close(said.std, found.std):
        return f"says a deviation of {_number(said.std)}, its rows give {_number(found.std)}"
    if not _same_interval(said.interval, found.interval):
        return f"says {_bounds(said.interval)}, its distances give {_bounds(found.interval)}"
    if not _same_range(said.range, found.range):
        return f"says {_span(said.range)}, its distances give {_span(found.range)}"
    return ""


def _same_range(a: Range | None, b: Range | None) -> bool:
    if a is None or b is None:
        return a is b
    return close(a.low, b.low) and close(a.high, b.high)


def _span(found: Range | None) -> str:
    return "no range over thresholds" if found is None else f"{found.low:.8g} to {found.high:.8g} over thresholds"


def close(a: float | None, b: float | None, tolerance: float = TOLERANCE) -> bool:
    """Whether two numbers are one, or both are none."""
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def _same_interval(a: Interval | None, b: Interval | None) -> bool:
    if a is None or b is None:
        return a is b
    near = close(a.low, b.low, INTERVAL_TOLERANCE) and close(a.high, b.high, INTERVAL_TOLERANCE)
    return near and (a.level, a.method) == (b.level, b.method)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.10g}"


def _bounds(found: Interval | None) -> str:
    return "no interval" if found is None else f"[{found.low:.8g}, {found.high:.8g}] ({found.method})"


def _other_problems(record: RunRecord, scored: Scored) -> list[str]:
    problems = []
    if record.alarms != [*record.dataset.notes, *scored.alarms]:
        problems.append("its alarms are not those of its numbers")
    if not _same_data(_plain(record.attacks), _plain(scored.attacks)):
        problems.append("what its attackers find is not what the distances give")
    if not agree(record.groups, scored.groups):
        problems.append("its numbers by groups are not those of its rows")
    if not _same_curves(record.curves, scored.values.curves):
        problems.append("its curves are not those of its distances")
    problems += _distance_problems(record.samples, scored.rows)
    prefixes = ("original: ", "method: ", "detector: ")
    said, found = (
        {why: count for why, count in counts.reasons.items() if why.startswith(prefixes)}
        for counts in (record.counts, scored.counts)
    )
    if said != found:
        problems.append("its counts of reasons are not those of its rows")
    return problems


def _plain(attacks: Attacks | None) -> Any:
    return None if attacks is None else attacks.model_dump(mode="json")


def _same_data(a: Any, b: Any) -> bool:
    """Whether two plain structures are equal but for the last digits of their numbers."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same_data(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_same_data(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, int | float) and isinstance(b, int | float):
        return close(float(a), float(b), INTERVAL_TOLERANCE)
    return bool(a == b)


def _same_curves(said: Sequence[Curve], found: Sequence[Curve]) -> bool:
    def key(curve: Curve) -> tuple[str, str]:
        return curve.name, curve.recognizer

    pairs = list(zip(sorted(said, key=key), sorted(found, key=key), strict=False))
    return len(said) == len(found) and all(
        key(a) == key(b)
        and a.comparisons == b.comparisons
        and _same_points(a.x, b.x)
        and _same_points(a.y, b.y)
        and _same_points(a.at or [], b.at or [])
        for a, b in pairs
    )


def _same_points(a: Sequence[float], b: Sequence[float]) -> bool:
    return len(a) == len(b) and bool(np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE))


def _distance_problems(said: Sequence[SampleRow], found: Sequence[SampleRow]) -> list[str]:
    def same(a: Mapping[str, float | None], b: Mapping[str, float | None]) -> bool:
        return a.keys() == b.keys() and all(close(a[name], b[name]) for name in a)

    odd = [row.sample_id for row, other in zip(said, found, strict=True) if not same(row.distances, other.distances)]
    return [f"{len(odd)} rows name other distances than the file, the first is {odd[0]}"] if odd else []

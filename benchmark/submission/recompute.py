"""Every number of a record computed anew from its distances and rows, by the same code that a run uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...datasets.base import Sample
from ...plugins.entries import Kind, registry
from ..closer_look import NOT_IN_BASIC
from ..metrics.plugged import Plugged, plugged
from ..planning.cell_tasks import Version
from ..planning.tasks import Stage, Task
from ..protocols import protocol_of
from ..records.described import described
from ..records.record import RunRecord, SampleRow
from ..results.cell import AttackSetting, CellResults, Setting
from ..results.distances_file import PairDistances
from ..scoring.cell import Scored, score_results
from ..stages.guard import OUT_OF_MEMORY
from ..storage.store import Payload
from ..suites import get_suite
from .consistency import header_problems, row_problems
from .differences import Verdict, cannot, left_out, number_verdicts, open_reasons, other_problems, reordered
from .group_check import Memberships, group_problems, made_of_images, shipped_memberships
from .pack import known_plugin


@dataclass(frozen=True, slots=True, eq=False)
class Recomputed:
    """Outcome of recomputing a record."""

    verdicts: list[Verdict]
    problems: list[str]
    """What contradicts itself beside the numbers; empty when nothing does."""
    scored: Scored | None
    """None where the distances are missing or do not fit the record."""
    words: list[str] = field(default_factory=list)
    """Parts of the record that its distances and rows leave open, beside those of `fields`."""


def recompute(
    record: RunRecord,
    found: PairDistances | None,
    groups: Memberships | None = None,
    metrics: Sequence[Plugged] | None = None,
) -> Recomputed:
    """Compute a record's numbers anew and compare them with what it says.

    Args:
        record: as it came.
        found: its distances, None where there are none.
        groups: who belongs to which group, by the dataset at hand; None: as the package knows it, if it does.
        metrics: the record's own, as `metrics_at_hand` gives them; None: they are looked for.

    Raises:
        MemoryError: it does not suffice.
    """
    problems = header_problems(record)
    if found is None:
        why = "there are no distances"
        if record.distances_file and record.distances_file.reason:
            why = record.distances_file.reason
        return Recomputed([cannot(each, why) for each in record.values], problems, None)
    problems += row_problems(record, found)
    if problems:
        return Recomputed([cannot(each, "the record contradicts itself") for each in record.values], problems, None)
    if groups is None:
        groups = shipped_memberships(record)
    try:
        scored = score_anew(*rebuild(record, found, groups, metrics))
    except MemoryError:
        raise
    except Exception as error:  # a stranger's numbers may trip the scoring in ways that a run's never do
        why = f"scoring its distances fails: {type(error).__name__}: {error}"
        return Recomputed([cannot(each, "scoring fails") for each in record.values], [*problems, why], None)
    problems += other_problems(record, scored)
    if groups is not None:
        problems += group_problems(record.groups, scored.groups, frozenset(made_of_images(record.groups)))
    return Recomputed(number_verdicts(record, scored), problems, scored, _open_parts(record, scored, groups))


def _open_parts(record: RunRecord, scored: Scored, groups: Memberships | None) -> list[str]:
    """What neither distances nor rows decide of this very record."""
    parts = []
    if groups is None:
        parts.append("groups (who belongs to which is not known here)")
    elif odd := made_of_images(record.groups):
        parts.append(f"groups (of {', '.join(odd)})")
    if remarks := open_reasons(record, scored):
        parts.append(f"values.reason (of {', '.join(dict.fromkeys(remarks))})")
    fresh = {(each.metric, each.recognizer) for each in scored.values.values}
    absent = [each for each in record.values if each.value is None and (each.metric, each.recognizer) not in fresh]
    if counted := [each.metric for each in absent if each.n]:
        parts.append(f"values (how many images {', '.join(counted)} speak of)")
    if lacking := left_out(record, scored):
        parts.append(f"values (that {', '.join(dict.fromkeys(lacking))} are not among them)")
    return [*parts, "values (their order)"] if reordered(record, scored) else parts


def score_anew(setting: Setting, results: CellResults) -> Scored:
    """A record's numbers, as `rebuild` makes them ready.

    Raises:
        MemoryError: a metric of the record's own wants more than there is, which says nothing about the record.
    """
    scored = score_results(setting, results)
    if any(each.reason == OUT_OF_MEMORY for each in scored.failures if each not in results.failures):
        raise MemoryError
    return scored


def rebuild(
    record: RunRecord,
    found: PairDistances,
    groups: Memberships | None = None,
    metrics: Sequence[Plugged] | None = None,
) -> tuple[Setting, CellResults]:
    """Intermediate results of the run, as far as record and distances hold them.

    Args:
        record: as it came.
        found: its distances.
        groups: who belongs to which group; None: as the package knows it, if it does.
        metrics: the record's own, as `metrics_at_hand` gives them; None: they are looked for.
    """
    groups = shipped_memberships(record) or {} if groups is None else groups
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
    metrics = metrics_at_hand(record) if metrics is None else metrics
    kept = {each.sample_id for each in usable}
    skipped = {row.sample_id: row.reason for row in record.samples if row.status == "skipped"}
    results = CellResults(
        missing={
            each.sample_id: None if each.sample_id in kept else skipped.get(each.sample_id) or "" for each in samples
        },
        versions=versions,
        failed=failed,
        crashed=frozenset(map(str, range(record.counts.retry))),
        survived={digest: row.survived for digest, row in by_digest.items()},
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
    return _setting(record, samples, metrics), results


def _setting(record: RunRecord, samples: Sequence[Sample], metrics: Sequence[Plugged]) -> Setting:
    """What the run was asked for."""
    protocol = protocol_of(record.protocol.id, record.protocol.digest, record.protocol.rules)
    if protocol is None:
        raise ValueError(f"protocol {record.protocol.id}: its digest is none of this deid-bench's")
    setting = Setting(
        protocol,
        samples,
        record.repetitions,
        metrics=metrics,
        attacks=_attacks(record),
        no_rates=record.dataset.no_rates,
        score_version=record.score_version,
    )
    if record.retrieval is None:
        return setting
    there = frozenset(record.retrieval.targets) & frozenset(each.sample_id for each in samples)
    return replace(setting, queries=frozenset(row.sample_id for row in record.samples), targets=there)


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


def metrics_at_hand(record: RunRecord) -> list[Plugged]:
    """The record's own metrics: to be computed where the very plug-in is at hand, else as the record describes them.

    Those of images are never built: rows hold what they gave.

    Raises:
        PluginError: a description does not fit together.
    """
    found = []
    for said, told in zip(record.metrics, described(record).values(), strict=True):
        found.append(told)
        if said.takes == "comparisons" and known_plugin(Kind.METRIC, said.spec):
            with suppress(Exception):  # one that cannot be used, or lacks its weights, is not at hand
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

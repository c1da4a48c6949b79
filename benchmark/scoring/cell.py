"""From the results of a cell's stages to its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._version import __version__
from ...datasets.base import Sample
from ..metrics.catalogue import METRICS
from ..metrics.quality.distribution import set_distances
from ..metrics.quality.frechet import SetDistance
from ..metrics.values import Undefined
from ..planning.cell_tasks import Version
from ..planning.cells import SCORE_VERSION, Cell, describe
from ..planning.retrieval_split import Roles
from ..records import record as records
from ..records.attacks import Attacks
from ..records.counts import METHOD, counted
from ..records.described import record_metric
from ..records.failures import Failure
from ..records.groups import Groups
from ..records.record import Counts, Host, RunRecord, SampleRow
from ..records.replicates import REPLICATES_NAME, encode_replicates
from ..results.cell import CellResults, Setting
from ..results.distances_file import DISTANCES_NAME, pair_distances, write
from ..results.scores_file import SCORES_NAME, encode_scores
from ..stages.measure import LOOKED, PAPER, PERCEPTUAL, PIXELS, drift_metrics, measured
from ..stages.threads import single_threaded
from ..statistics.uncertainty import Draws
from ..storage.store import Payload
from .alarms import alarms
from .attacks import report_attacks
from .diversity import report_diversity
from .groups import report_groups
from .no_rates import own_distances, report_no_rates
from .numbers import Units, Values, Vector, draw_identities, draw_units
from .recognition import Recognition, Searches
from .retrieval import QueriesSearched
from .searches import EverybodySearched
from .withheld import withhold

THRESHOLD_ALARMS = 2
"""Version of the scoring that first says where the threshold is undetermined."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What scoring makes of the results of a cell."""

    values: Values
    counts: Counts
    failures: list[Failure]
    """The ledger, scoring included."""
    alarms: list[str]
    rows: list[SampleRow]
    files: dict[str, bytes]
    """The score arrays, and the replicates behind the intervals, by file name."""
    attacks: Attacks | None = None
    """What attackers found; None where none was asked for."""
    groups: Groups | None = None
    """Numbers by group of people; None where the dataset knows none."""


@single_threaded()
def score_results(setting: Setting, results: CellResults) -> Scored:
    """Every number of a record; the same results give the same numbers, whoever has them."""
    samples = setting.samples
    everyone = [each.subject for each in samples]
    dev = evaluated = frozenset(everyone)
    if not setting.no_rates:
        dev, evaluated = setting.protocol.dev_subjects(everyone), setting.protocol.eval_subjects(everyone)
    dev_identities = frozenset(each.identity for each in samples if each.subject in dev)
    eval_identities = frozenset(each.identity for each in samples if each.subject in evaluated)
    queried = None if setting.queries is None else frozenset(each.identity for each in setting.planned)
    everybody = [each.identity for each in samples]
    catalogue = METRICS | {each.metric.name: each.metric for each in setting.metrics}
    draws: Draws | Undefined = Undefined("no intervals are asked for")
    if setting.intervals:
        draws = draw_identities(everybody, dev_identities, eval_identities, queried)
    values = Values(draws, catalogue)
    arrays: dict[str, Vector] = {}
    own: dict[str, dict[str, float | None]] = {}
    made = [each.deidentify.digest for each in results.made]
    place = {identity: index for index, identity in enumerate(sorted({each.identity for each in samples}))}
    units = draw_units(values.draws, results.versions, place)
    for index, (name, distances) in enumerate(results.distances.items()):
        if setting.no_rates:
            own[name] = own_distances(results, distances)
            continue
        scored = Recognition(setting, results.usable, results.versions, made, distances, name, units)
        scored.report(values, _searches(setting, results, scored))
        own[name] = scored.own_by_version()
        kinds = {**scored.arrays(), **report_diversity(values, setting, results, distances, scored)}
        arrays |= {f"{kind}_{index}": each for kind, each in kinds.items()}
    if setting.no_rates:
        report_no_rates(values, setting, results.distances)
    _report_images(values, setting, results, evaluated, units)
    _report_sets(values, results)
    _report_floors(values, setting, results, evaluated, place)
    attacks = report_attacks(values, setting, results, units, place)
    withhold(values, results.failures, setting.protocol)
    groups = report_groups(values, setting, results)
    told = [each for each in values.failures if each not in results.failures]
    counts = _counts(setting, results, told)
    files = {SCORES_NAME: encode_scores(arrays), REPLICATES_NAME: encode_replicates(values.replicates)}
    spans = values.spans if setting.score_version >= THRESHOLD_ALARMS else {}
    failures = [*results.failures, *told]
    warnings = alarms(values.values, counts, values.draws, failures, spans)
    rows = sample_rows(setting, results, own)
    return Scored(values, counts, failures, warnings, rows, files, attacks, groups)


def _searches(setting: Setting, results: CellResults, recognition: Recognition) -> Searches:
    if setting.queries is None:
        return EverybodySearched(recognition)
    targets = np.flatnonzero([each.sample_id in setting.targets for each in results.usable])
    return QueriesSearched(recognition, targets)


def build_record(cell: Cell, results: CellResults, host: Host) -> tuple[RunRecord, dict[str, bytes]]:
    """The record of a cell, and the files that go with it: scores, replicates and, unless too many, all distances."""
    setting = Setting.of(cell, results.targets)
    scored = score_results(setting, results)
    data, distances_file = write(pair_distances(setting, results))
    record = RunRecord(
        **labels(cell, results.targets),
        digest=cell.digest,
        score_version=SCORE_VERSION,
        toolkit=__version__,
        repetitions=cell.repetitions,
        root_seed=cell.root_seed,
        quality=cell.quality,
        counts=scored.counts,
        values=scored.values.values,
        alarms=[*cell.dataset.notes, *scored.alarms],
        failures=scored.failures,
        curves=scored.values.curves,
        samples=scored.rows,
        attacks=scored.attacks,
        groups=scored.groups,
        distances_file=distances_file,
        host=host,
    )
    return record, scored.files | ({} if data is None else {DISTANCES_NAME: data})


def labels(cell: Cell, targets: Sequence[str]) -> dict[str, Any]:
    """What a record says about its parts, none of which is a result: fields of `RunRecord`.

    Args:
        cell: what was done.
        targets: ids of the samples that the method was given as targets.
    """
    return {
        "protocol": _protocol(cell),
        "dataset": _dataset(cell),
        "method": _method(cell),
        "analyzer": records.Plugin(**describe(cell.analyzer)),
        "recognizers": [records.Plugin(**describe(each)) for each in cell.recognizers],
        "metrics": [record_metric(each) for each in cell.metrics],
        "retrieval": _retrieval(cell, targets),
    }


# ------------------------------------------------------------------------------------------------ images


def _report_images(
    values: Values, setting: Setting, results: CellResults, evaluated: frozenset[str], units: Units
) -> None:
    """Quality, usability, coverage and failures over the evaluated images."""
    versions = [each for each in results.versions if each.sample.subject in evaluated]
    made = [each for each in versions if results.failed[each.deidentify.digest] is None]
    columns = [units.column[each.deidentify.digest] for each in made]
    for metric in (*PIXELS, "roi_changed", *drift_metrics(setting.protocol.modality).values()):
        values.add_mean(metric, _column(results.measures, made, metric), columns, units.levels)
    for metric in PERCEPTUAL:
        if metric in PAPER and setting.protocol.modality != "palm":
            continue  # by a palm paper's scripts
        found = results.looked if metric in LOOKED else results.perceived
        values.add_mean(metric, _column(found, made, metric), columns, units.levels)
    for plugged in setting.metrics:
        if plugged.takes == "images":
            brought = results.plugged.get(plugged.metric.name, {})
            values.add_mean(plugged.metric.name, _column(brought, made, "value"), columns, units.levels)
    silent = Undefined("the method does not say what it may repaint")
    shares = [results.coverage[each.deidentify.digest] for each in made]
    values.add_mean("roi_coverage", [silent if share is None else share for share in shares], columns, units.levels)
    everybody = [units.column[each.deidentify.digest] for each in versions]
    thing = "hand" if setting.protocol.modality == "palm" else "face"
    reason = None if versions else f"no {thing} was found in any original"
    kept = {each.deidentify.digest for each in made}
    digests = [each.deidentify.digest for each in versions]
    survived = [float(each in kept and results.survived[each] is True) for each in digests]
    values.add_share("survival", survived, everybody, reason=reason, levels=units.levels)
    failed = [float(each not in kept) for each in digests]
    values.add_share("failure_rate", failed, everybody, reason=reason, levels=units.levels)


def _column(
    payloads: Mapping[str, Payload | None] | Undefined, versions: Sequence[Version], metric: str
) -> list[float | Undefined]:
    if isinstance(payloads, Undefined):
        return [payloads for _ in versions]
    found = [payloads.get(version.deidentify.digest) for version in versions]
    return [Undefined("could not be measured") if each is None else measured(each.meta, metric) for each in found]


def _report_sets(values: Values, results: CellResults) -> None:
    """Distances between the set of originals and the set of de-identified images."""
    for features in results.features:
        distances = set_distances(features.originals, features.deidentified, features.network)
        count = 0 if isinstance(features.deidentified, Undefined) else len(features.deidentified)
        for whole, found in distances.items():
            metric = f"{whole}_region" if features.boxed else whole
            if isinstance(found, SetDistance):
                values.add(metric, found.value, count, std=found.spread, reason=found.caveat or None)
            else:
                values.add(metric, found, count)


def _report_floors(
    values: Values, setting: Setting, results: CellResults, evaluated: frozenset[str], place: Mapping[str, int]
) -> None:
    if not results.floors:
        return
    samples = [each for each in setting.samples if each.sample_id in results.floors and each.subject in evaluated]
    for name, metric in drift_metrics(setting.protocol.modality).items():
        column = [results.floors[each.sample_id][metric] for each in samples]
        values.add_mean(f"floor_{name}", column, [place[each.identity] for each in samples])


# ------------------------------------------------------------------------------------------------ the rest


def _counts(setting: Setting, results: CellResults, told: Sequence[Failure]) -> Counts:
    planned = [results.missing[each.sample_id] for each in setting.planned]
    skipped = sum(1 for why in planned if why is not None) * setting.repetitions
    failures = [why for why in results.failed.values() if why is not None]
    reasons = counted("original", planned)
    if setting.queries is not None:
        gallery = [results.missing[each.sample_id] for each in setting.samples if each.sample_id not in setting.queries]
        reasons.update(counted("gallery", gallery))
    reasons.update(counted(METHOD, failures))
    for name, distances in results.distances.items():
        reasons.update(counted(name, distances.problems.values()))
    lost = sum(1 for each in results.made if results.survived[each.deidentify.digest] is False)
    if lost:
        thing = "hand" if setting.protocol.modality == "palm" else "face"
        reasons[f"detector: no {thing} found in the de-identified image"] = lost
    return Counts(
        planned=len(results.versions) + skipped,
        done=len(results.versions) - len(failures),
        failed=len(failures),
        skipped=skipped,
        reasons=dict(sorted(reasons.items())),
        retry=len(results.crashed) + sum(1 for each in told if each.outcome == "crashed"),
    )


def sample_rows(
    setting: Setting, results: CellResults, own: Mapping[str, Mapping[str, float | None]]
) -> list[SampleRow]:
    """The rows of the planned images, in the order of the samples; of versions, those that the results hold."""
    by_sample: dict[str, list[Version]] = {}
    for version in results.versions:
        by_sample.setdefault(version.sample.sample_id, []).append(version)
    rows: list[SampleRow] = []
    for sample in setting.planned:
        if results.missing[sample.sample_id] is not None:
            rows += _skipped_rows(setting, sample, results.missing[sample.sample_id])
        rows += [_version_row(results, version, own) for version in by_sample.get(sample.sample_id, [])]
    return rows


def _skipped_rows(setting: Setting, sample: Sample, why: str | None) -> list[SampleRow]:
    return [
        SampleRow(sample_id=sample.sample_id, repetition=repetition, status="skipped", reason=why)
        for repetition in range(setting.repetitions)
    ]


def _version_row(results: CellResults, version: Version, own: Mapping[str, Mapping[str, float | None]]) -> SampleRow:
    key = version.deidentify.digest
    why = results.failed[key]
    measures: dict[str, float | None] = {}
    for payloads in (results.measures, results.looked, results.perceived):
        payload = None if isinstance(payloads, Undefined) else payloads.get(key)
        measures |= dict(payload.meta["values"]) if payload else {}
    for name, found in results.plugged.items():
        payload = found.get(key)
        measures |= {name: payload.meta["values"]["value"]} if payload else {}
    share = results.coverage.get(key)
    if share is not None:
        measures["roi_coverage"] = share
    return SampleRow(
        sample_id=version.sample.sample_id,
        repetition=version.repetition,
        status="done" if why is None else "failed",
        reason=why,
        survived=results.survived[key] if why is None else None,
        measures=measures,
        distances={name: values.get(key) for name, values in own.items()},
        task=key,
        image_sha256=results.images.get(key),
    )


def _protocol(cell: Cell) -> records.ProtocolRef:
    protocol = cell.protocol
    return records.ProtocolRef(
        id=protocol.id,
        digest=protocol.digest,
        title=protocol.title,
        summary=protocol.about,
        rules=protocol.rules if protocol.own else None,
    )


def _retrieval(cell: Cell, targets: Sequence[str]) -> records.Retrieval | None:
    roles = cell.roles
    if roles is None:
        return None
    return records.Retrieval(
        queries=len(roles.queries),
        query_identities=len({each.identity for each in roles.queries}),
        mates=len(roles.mates),
        others=len(roles.others),
        other_identities=len({each.identity for each in roles.others}),
        unused=len(roles.unused),
        targets=list(targets),
        notes=list(_role_notes(cell, roles)),
    )


def _role_notes(cell: Cell, roles: Roles) -> Iterator[str]:
    rule, home = cell.protocol.retrieval, cell.protocol.datasets[:1]
    if home and cell.dataset.plugin.name != home[0]:
        yield f"{cell.protocol.id} is made for {home[0]}; this is {cell.dataset.plugin.name}"
    if rule is not None and not roles.full:
        yield (
            f"scaled down: {len(roles.queries)} queries of {len({each.identity for each in roles.queries})} "
            f"identities, gallery of {len(roles.mates)} mates and {len(roles.others)} images of "
            f"{len({each.identity for each in roles.others})} others; in full {rule.queries} queries of as many "
            f"identities, {rule.gallery_mates} mates and {rule.gallery_others} others"
        )
    if cell.targets[1]:
        people = "the strangers of the gallery" if roles.others else "the other queries"
        yield f"too few identities are left over for targets: they are taken from {people}"


def _dataset(cell: Cell) -> records.Dataset:
    samples, info = cell.dataset.samples, cell.dataset.info
    # Nothing that says where on this machine something lies.
    said = describe(cell.dataset.plugin) | {"spec": cell.dataset.spec, "params": dict(cell.dataset.params)}
    return records.Dataset(
        **said,
        digest=cell.dataset.digest,
        samples=len(samples),
        identities=len({each.identity for each in samples}),
        subjects=len({each.subject for each in samples}),
        rendered=info.rendered,
        redistributable=info.redistributable,
        limited=cell.dataset.limited,
        shown=info.shown,
        no_rates=info.no_rates,
        passed_over=dict(cell.dataset.passed_over),
        notes=list(cell.dataset.notes),
    )


def _method(cell: Cell) -> records.Method:
    info = cell.method.info
    return records.Method(
        **describe(cell.method), family=info.family, knowledge=cell.method.knowledge, stochastic=info.stochastic
    )

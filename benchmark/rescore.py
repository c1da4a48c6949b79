"""New and changed metrics of records that are there: from what they keep, without running a method or a recogniser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .._version import __version__
from ..datasets.base import Sample
from ..files import read_bytes
from ..plugins.entries import Kind, PluginError, Spec, registry
from ..weights.sources import WeightsError
from .metrics.catalogue import METRICS
from .metrics.plugged import Plugged, plugged
from .metrics.values import Undefined
from .planning.loaded_dataset import load_dataset
from .planning.tasks import ImageRef, Plugin, Stage, Task, analyze_task, crop_task, metric_task, plugin_of
from .protocols import protocol_of
from .records.collection import load_written
from .records.described import record_metric
from .records.failures import Failure
from .records.record import FILE_NAME, RecordError, RunRecord, SampleRow, Value, record_bytes
from .records.replicates import REPLICATES_NAME, encode_replicates, load_replicates
from .results.cell import CellResults
from .results.distances_file import DISTANCES_NAME, read
from .results.ledger import Ledger
from .scoring.alarms import ledger_alarms
from .scoring.cell import score_results
from .stages.guard import Crash
from .stages.images import measured_by
from .stages.inputs import Context
from .stages.remarks import by_task, listening
from .stages.threads import single_threaded
from .storage.store import STORE_FOLDER, Payload, Store, explain_os_error, save_file
from .storage.strict_zip import Refused
from .submission.differences import reason_is_open
from .submission.pack import known_plugin, record_digest
from .submission.recompute import rebuild

SECONDS_PER_IMAGE = 60.0
GONE = "this version gives no such number"


@dataclass(frozen=True, slots=True, eq=False)
class Rescored:
    """One record with its numbers of now."""

    folder: Path
    """Of the record as it was."""
    record: RunRecord
    """With the new numbers, and a digest of its own where it has new metrics."""
    fresh: list[Value]
    """Numbers that are new, or other than before."""
    missing: dict[str, str]
    """Why a metric could not be computed, by its name."""
    kept: list[Value]
    """Numbers that nobody could compute anew from what the record keeps, and that are what they were."""
    replicates: bytes

    @property
    def name(self) -> str:
        """Folder name that `run` would give it."""
        return f"{self.folder.name.rpartition('__')[0] or self.folder.name}__{self.record.digest[:10]}"


def rescore(path: Path, metrics: Sequence[Spec]) -> Rescored:
    """The numbers of one record, computed from what lies beside it.

    Args:
        path: its `run.json`.
        metrics: users' metrics to add; empty: the toolkit's own numbers, and those of the record's own metrics.

    Raises:
        RecordError: the record, or what its numbers are made of, cannot be read, or is not what the run wrote.
        PluginError: a metric cannot be used.
    """
    record = load_written(path)
    try:
        setting, results = rebuild(record, read(path.with_name(DISTANCES_NAME)))
    except (OSError, Refused, ValueError) as error:
        why = record.distances_file.reason if record.distances_file and record.distances_file.reason else str(error)
        raise RecordError(f"{path}: its numbers cannot be computed anew ({why})") from error
    wanted = [plugin_of(registry().resolve(Kind.METRIC, each)) for each in metrics]
    made = {each.resolved.text: plugged(each.resolved) for each in wanted}
    missing: dict[str, str] = {}
    for metric in (each for each in wanted if each.info.takes == "images"):
        name, found = metric.resolved.text, _measured(path, record, results, metric)
        if isinstance(found, Undefined):
            missing[name] = found.reason
            del made[name]
        else:
            others = [each for each in results.failures if (each.stage, each.by) != (Stage.METRIC.value, name)]
            results = replace(results, plugged={**results.plugged, name: found[0]}, failures=[*others, *found[1]])
    kept = [each for each in setting.metrics if each.metric.name not in made]
    results = replace(results, failures=_without([*kept, *made.values()], results.failures))
    scored = score_results(replace(setting, metrics=[*kept, *made.values()]), results)
    only = set(made) if metrics else None
    values, fresh, as_they_were = _merged(record.values, scored.values.values, only)
    added = [record_metric(each) for each in wanted if each.resolved.text in made]
    old = [each for each in record.metrics if each.spec not in made]
    retry = _retry(record, scored.failures, [*kept, *made.values()])
    changed = record.model_copy(
        update={
            "values": values,
            "metrics": [*old, *added],
            "samples": _rows(record.samples, results, made),
            "failures": scored.failures,
            "counts": record.counts.model_copy(update={"retry": retry}),
            "alarms": _alarms(record, scored.failures),
            "toolkit": __version__ if fresh else record.toolkit,
        }
    )
    changed = changed.model_copy(update={"digest": record_digest(changed, record.score_version)})
    kept_replicates = {key: each for key, each in load_replicates(path.parent).items() if key[0] not in made}
    absent = {(each.metric, each.recognizer or "") for each in values if each.value is None}
    replicates = {key: each for key, each in (kept_replicates | scored.values.replicates).items() if key not in absent}
    return Rescored(path.parent, changed, fresh, missing, as_they_were, encode_replicates(replicates))


def _without(metrics: Sequence[Plugged], failures: Sequence[Failure]) -> list[Failure]:
    """The ledger without what metrics of distances that are computed anew have in it."""
    anew = {each.metric.name for each in metrics if each.takes == "comparisons" and each.measure is not None}
    return [each for each in failures if each.stage != Stage.METRIC.value or each.by not in anew]


def _retry(record: RunRecord, failures: Sequence[Failure], metrics: Sequence[Plugged]) -> int:
    """What is left to try again, where a metric of distances crashes that did not, or the other way round."""
    distances = {each.metric.name for each in metrics if each.takes == "comparisons"}

    def crashed(ledger: Sequence[Failure]) -> int:
        told = [each for each in ledger if each.stage == Stage.METRIC.value and each.outcome == "crashed"]
        return sum(1 for each in told if each.by in distances)

    return max(0, record.counts.retry + crashed(failures) - crashed(record.failures))


def write_rescored(found: Rescored, out: Path) -> Path:
    """Put the record into another results folder, with the files that lie beside it.

    Returns:
        Its `run.json`.

    Raises:
        RecordError: it would take the place of the record that it was made from, or of another one; or what lies
            beside it cannot be read.
        StoreError: the folder cannot be written.
    """
    target = out / found.name
    if target.resolve() == found.folder.resolve():
        raise RecordError(f"{target} is the record itself; choose another --out")
    data = record_bytes(found.record)
    try:
        taken = (target / FILE_NAME).is_file() and (target / FILE_NAME).read_bytes() != data
    except OSError as error:
        raise explain_os_error(error, target) from error
    if taken:
        raise RecordError(
            f"{target} holds a record of the same digest with other numbers; choose another --out for {found.folder}"
        )
    for source in sorted(each for each in found.folder.rglob("*") if each.is_file() and each.name != FILE_NAME):
        try:
            content = read_bytes(source)
        except OSError as error:
            raise RecordError(
                f"{source} cannot be read ({error.strerror or error}), so its record is not written"
            ) from error
        save_file(target / source.relative_to(found.folder), content)
    save_file(target / REPLICATES_NAME, found.replicates)
    save_file(target / FILE_NAME, data)
    return target / FILE_NAME


def _merged(
    old: Sequence[Value], new: Sequence[Value], only: set[str] | None
) -> tuple[list[Value], list[Value], list[Value]]:
    """All numbers; those that are new or differ; and those that cannot be computed anew and stay as they are.

    Of what can be computed no old number stays where there is none any more.
    """
    found = {(each.metric, each.recognizer): each for each in new if only is None or each.metric in only}
    values, fresh, kept = [], [], []
    for each in old:
        other = found.pop((each.metric, each.recognizer), None)
        if only is not None and each.metric not in only:
            values.append(each)
        elif each.value is not None and only is None and not _computable(each, other):
            values.append(each)
            kept.append(each)
        else:
            other = other or Value(metric=each.metric, recognizer=each.recognizer, value=None, n=0, reason=GONE)
            same = other.model_copy(update={"reason": each.reason}) == each or (other.value is None is each.value)
            values.append(each if same else other)
            fresh += [] if same else [other]
    added = [each for each in found.values() if each.value is not None or (only and each.metric in only)]
    return [*values, *added], [*fresh, *added], kept


def _computable(said: Value, found: Value | None) -> bool:
    """Whether what a record keeps decides a number, be it that there is none: distances and rows, and no image."""
    if found is None:
        return said.metric in METRICS and METRICS[said.metric].source in ("distances", "rows")
    return found.value is not None or not reason_is_open(found)


def _alarms(record: RunRecord, failures: Sequence[Failure]) -> list[str]:
    """The record's alarms, with what a new ledger tells in place of its own."""
    old, new = ledger_alarms(record.failures), ledger_alarms(failures)
    kept = [each for each in record.alarms if each in new or each not in old]
    return [*kept, *(each for each in new if each not in kept)]


def _rows(rows: Sequence[SampleRow], results: CellResults, made: Mapping[str, Plugged]) -> list[SampleRow]:
    """The rows of the images with what the new metrics of images gave."""
    columns = {name: iter(results.plugged[name].values()) for name, each in made.items() if each.takes == "images"}
    found = []
    for row in rows:
        if row.status != "skipped" and columns:
            payloads = {name: next(column) for name, column in columns.items()}
            new = {name: each.meta["values"]["value"] for name, each in payloads.items() if each}
            old = {name: each for name, each in row.measures.items() if name not in payloads}
            row = row.model_copy(update={"measures": old | new})
        found.append(row)
    return found


# ------------------------------------------------------------------------------------------------ metrics of images


def _measured(
    path: Path, record: RunRecord, results: CellResults, metric: Plugin
) -> tuple[dict[str, Payload | None], list[Failure]] | Undefined:
    """What a metric of images gives for every version, in their order, with its ledger; or why it cannot be asked.

    The metric is asked as in a run: twice now and then, in its own state, and an image that it fails on costs itself.
    """
    originals = _Originals.of(path, record)
    if isinstance(originals, Undefined):
        return originals
    rows = [row for row in record.samples if row.status != "skipped"]
    todo: dict[str, Task] = {}
    for version, row in zip(results.versions, rows, strict=True):
        if row.status == "done":
            task = originals.task(row, metric)
            if isinstance(task, Undefined):
                return task
            todo[version.deidentify.digest] = task
    tasks = list(todo.values())
    with single_threaded(), listening() as heard:
        made = dict(zip(todo, measured_by(tasks, Context(originals.store, SECONDS_PER_IMAGE)), strict=True))
    crashes = {todo[key].digest: each.reason for key, each in made.items() if isinstance(each, Crash)}
    found = {key: each for key, each in made.items() if isinstance(each, Payload)}
    reasons = {each.digest: crashes.get(each.digest) for each in tasks}
    ledger = Ledger(crashes, by_task(heard, tasks))
    ledger.add(Stage.METRIC.value, metric.resolved.text, "de-identified images", tasks, reasons)
    return {each.deidentify.digest: found.get(each.deidentify.digest) for each in results.versions}, ledger.failures()


@dataclass(frozen=True, slots=True, eq=False)
class _Originals:
    """Originals with their analyses, as the run had them."""

    store: Store
    samples: Mapping[str, Sample]
    analyzer: Plugin
    record: RunRecord

    @staticmethod
    def of(path: Path, record: RunRecord) -> _Originals | Undefined:
        for kind, spec in ((Kind.DATASET, record.dataset.spec), (Kind.ANALYZER, record.analyzer.spec)):
            if not known_plugin(kind, spec):
                return Undefined(f"{kind} {spec} is not at hand; take its file in with --plugin")
        try:
            dataset = load_dataset(record.dataset.spec, 0, 1, None)
            analyzer = plugin_of(registry().resolve(Kind.ANALYZER, record.analyzer.spec))
        except (PluginError, WeightsError, ValueError, OSError) as error:
            return Undefined(str(error))
        if dataset.digest != record.dataset.digest and not record.dataset.limited:
            return Undefined(f"{record.dataset.spec} is no longer the one of the run")
        samples = {each.sample_id: each for each in dataset.samples}
        return _Originals(Store(path.parent.parent / STORE_FOLDER), samples, analyzer, record)

    def task(self, row: SampleRow, metric: Plugin) -> Task | Undefined:
        """What asks a metric about an image of the run; or what of it is gone."""
        sample = self.samples.get(row.sample_id)
        ref = self.record.protocol
        protocol = protocol_of(ref.id, ref.digest, ref.rules)
        gone = f"of {row.sample_id} is not in the results folder's store or dataset any more"
        if not row.task or not self.store.has(row.task):
            return Undefined(f"the de-identified image {gone}")
        if sample is None or protocol is None:
            return Undefined(f"the original {gone}")
        image, whole = ImageRef.of(sample), analyze_task(row.sample_id, ImageRef.of(sample), self.analyzer)
        located = whole
        if protocol.crop is not None:
            located = crop_task(row.sample_id, image, whole.digest, protocol.crop)
            image = ImageRef.stored(located.digest)
        if not self.store.has(located.digest):
            return Undefined(f"the analysis of the original {gone}")
        return metric_task(row.sample_id, image, row.task, located.digest, metric)

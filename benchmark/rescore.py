"""New and changed metrics of records that are there: from what they keep, without running a method or a recogniser."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from .._version import __version__
from ..analyzers.base import Analysis, Missing
from ..datasets.base import Sample
from ..datasets.images import ImageError, decode_png
from ..datasets.types import Image
from ..plugins.entries import Kind, PluginError, Spec, registry
from ..weights.sources import WeightsError
from .metrics.plugged import Plugged, number, plugged
from .metrics.values import Undefined
from .planning.loaded_dataset import load_dataset
from .planning.tasks import ImageRef, Plugin, analyze_task, crop_task, plugin_of
from .protocols import protocol_of
from .records.collection import load_written
from .records.described import record_metric
from .records.record import FILE_NAME, RecordError, RunRecord, SampleRow, Value, record_bytes
from .records.replicates import REPLICATES_NAME, encode_replicates, load_replicates
from .results.cell import CellResults
from .results.distances_file import DISTANCES_NAME, read
from .scoring.cell import score_results
from .stages.guard import Crash, guarded
from .stages.inputs import analysis_of
from .stages.measure import plain
from .storage.store import STORE_FOLDER, Payload, Store, save_file
from .storage.strict_zip import Refused
from .submission.pack import known_plugin, record_digest
from .submission.recompute import rebuild

SECONDS_PER_IMAGE = 60.0


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
    for name, metric in list(made.items()):
        if metric.takes == "images":
            found = _measured(path, record, results, metric)
            if isinstance(found, Undefined):
                missing[name] = found.reason
                del made[name]
            else:
                results = replace(results, plugged={**results.plugged, name: found})
    kept = [each for each in setting.metrics if each.metric.name not in made]
    scored = score_results(replace(setting, metrics=[*kept, *made.values()]), results)
    only = set(made) if metrics else None
    values, fresh = _merged(record.values, scored.values.values, only)
    added = [record_metric(each) for each in wanted if each.resolved.text in made]
    old = [each for each in record.metrics if each.spec not in made]
    changed = record.model_copy(
        update={
            "values": values,
            "metrics": [*old, *added],
            "samples": _rows(record.samples, results, made),
            "toolkit": __version__ if fresh else record.toolkit,
        }
    )
    changed = changed.model_copy(update={"digest": record_digest(changed, record.score_version)})
    replicates = load_replicates(path.parent) | scored.values.replicates
    return Rescored(path.parent, changed, fresh, missing, encode_replicates(replicates))


def write_rescored(found: Rescored, out: Path) -> Path:
    """Put the record into another results folder, with the files that lie beside it.

    Returns:
        Its `run.json`.

    Raises:
        RecordError: it would take the place of the record that it was made from.
        StoreError: the folder cannot be written.
    """
    target = out / found.name
    if target.resolve() == found.folder.resolve():
        raise RecordError(f"{target} is the record itself; choose another --out")
    for source in sorted(each for each in found.folder.rglob("*") if each.is_file() and each.name != FILE_NAME):
        place = target / source.relative_to(found.folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    save_file(target / REPLICATES_NAME, found.replicates)
    save_file(target / FILE_NAME, record_bytes(found.record))
    return target / FILE_NAME


def _merged(old: Sequence[Value], new: Sequence[Value], only: set[str] | None) -> tuple[list[Value], list[Value]]:
    """All numbers, and those that are new or differ; what is not computed anew stays as it is."""
    found = {(each.metric, each.recognizer): each for each in new if only is None or each.metric in only}
    values, fresh = [], []
    for each in old:
        other = found.pop((each.metric, each.recognizer), None)
        if other is None or other.value is None or other.model_copy(update={"reason": each.reason}) == each:
            values.append(each)
        else:
            values.append(other)
            fresh.append(other)
    added = [each for each in found.values() if each.value is not None or (only and each.metric in only)]
    return [*values, *added], [*fresh, *added]


def _rows(rows: Sequence[SampleRow], results: CellResults, made: Mapping[str, Plugged]) -> list[SampleRow]:
    """The rows of the images with what the new metrics of images gave."""
    columns = {name: iter(results.plugged[name].values()) for name, each in made.items() if each.takes == "images"}
    found = []
    for row in rows:
        if row.status != "skipped" and columns:
            payloads = {name: next(column) for name, column in columns.items()}
            new = {name: each.meta["values"]["value"] for name, each in payloads.items() if each}
            row = row.model_copy(update={"measures": {**row.measures, **new}})
        found.append(row)
    return found


# ------------------------------------------------------------------------------------------------ metrics of images


def _measured(
    path: Path, record: RunRecord, results: CellResults, metric: Plugged
) -> dict[str, Payload | None] | Undefined:
    """What a metric of images gives for every version, in their order; or why it cannot be had for all."""
    originals = _Originals.of(path, record)
    if isinstance(originals, Undefined):
        return originals
    rows = [row for row in record.samples if row.status != "skipped"]
    found: dict[str, Payload | None] = {}
    for version, row in zip(results.versions, rows, strict=True):
        digest = version.deidentify.digest
        payload = originals.store.read(row.task) if row.status == "done" and row.task else None
        if row.status != "done":
            found[digest] = None
            continue
        image = payload.blobs.get("image.png") if payload else None
        before = originals.of_sample(row.sample_id)
        if image is None or before is None:
            what = "de-identified image" if image is None else "original"
            return Undefined(f"the {what} of {row.sample_id} is not in the results folder's store or dataset any more")
        measure = metric.measure
        assert measure is not None
        value = guarded(partial(measure, before[0], _locked(decode_png(image)), before[1]), SECONDS_PER_IMAGE)
        if isinstance(value, Crash):
            return Undefined(f"the metric failed on {row.sample_id}: {value.reason}")
        found[digest] = Payload(
            plain({"value": number(partial(_same, value), low=metric.metric.low, high=metric.metric.high)})
        )
    return found


def _same(value: object) -> object:
    return value


def _locked(image: Image) -> Image:
    """The image, read-only, as metrics get it in a run."""
    image.flags.writeable = False
    return image


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

    def of_sample(self, name: str) -> tuple[Image, Analysis] | None:
        """The image as methods got it, and where the hand or face lies in it; None where either is gone."""
        sample = self.samples.get(name)
        ref = self.record.protocol
        protocol = protocol_of(ref.id, ref.digest, ref.rules)
        if sample is None or protocol is None:
            return None
        task = analyze_task(name, ImageRef.of(sample), self.analyzer)
        if protocol.crop is not None:
            task = crop_task(name, ImageRef.of(sample), task.digest, protocol.crop)
        payload = self.store.read(task.digest)
        if payload is None or payload.failure is not None:
            return None
        try:
            image = sample.image() if protocol.crop is None else decode_png(payload.blobs["image.png"])
        except (ImageError, OSError, KeyError):
            return None
        analysis = analysis_of(payload)
        return None if isinstance(analysis, Missing) else (_locked(image), analysis)

"""What a command asks for, turned into cells with digests before anything is computed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ..datasets.base import Dataset, DatasetInfo, Sample
from ..datasets.manifest import check_samples, manifest_digest
from ..plugins import Kind, PluginError, Resolved, registry
from .digest import digest, seed_from
from .protocols import Protocol, ProtocolError, get_protocol
from .store import Store
from .tasks import (
    ImageRef,
    Plugin,
    Task,
    analyze_task,
    compare_tasks,
    deidentify_task,
    embed_task,
    measure_task,
)

Quality = Literal["basic", "full"]
SCORE_VERSION = 1
"""Raised whenever the same distances and measures give other numbers."""
DEFAULT_PROTOCOL = "palm-paper/1.0"
DEFAULT_DATASETS = ("palm-mini:setting=controlled", "palm-mini:setting=wild")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user asked for, as typed."""

    methods: tuple[str, ...]
    datasets: tuple[str, ...] = DEFAULT_DATASETS
    protocol: str = DEFAULT_PROTOCOL
    recognizers: tuple[str, ...] = ()
    """Empty: those of the protocol."""
    analyzer: str = ""
    """Empty: that of the protocol."""
    repetitions: int = 1
    """De-identified versions per image (`--seeds`)."""
    root_seed: int = 0
    quality: Quality = "basic"
    """`full` adds LPIPS, distances between sets of images and the analyzer's noise floor: minutes, not seconds."""
    limit: int = 0
    """Take the first so many identities only; 0 = all. A limited run is a smoke test and never comparable."""


@dataclass(frozen=True, eq=False)
class LoadedDataset:
    """A dataset that is ready, with its samples."""

    plugin: Resolved
    info: DatasetInfo
    """Of the instance: a parameter may decide the modality."""
    samples: tuple[Sample, ...]
    digest: str


@dataclass(frozen=True, eq=False)
class Cell:
    """One row of a board: protocol x dataset x method x recognisers x seeds."""

    protocol: Protocol
    dataset: LoadedDataset
    method: Plugin
    analyzer: Plugin
    recognizers: tuple[Plugin, ...]
    repetitions: int
    root_seed: int
    limit: int
    quality: Quality = "basic"

    @cached_property
    def digest(self) -> str:
        """Everything that the numbers of this cell depend on."""
        return digest(
            {
                "protocol": self.protocol.digest,
                "dataset": self.dataset.digest,
                "method": self.method.digest,
                "analyzer": self.analyzer.digest,
                "recognizers": [each.digest for each in self.recognizers],
                "repetitions": self.repetitions,
                "root_seed": self.root_seed,
                "score_version": SCORE_VERSION,
            }
        )

    @property
    def name(self) -> str:
        """Folder name below the results folder: readable, and unique by the digest's start."""
        parts = (self.method.resolved.text, self.dataset.plugin.text, self.protocol.id)
        return "__".join(_slug(part) for part in parts) + f"__{self.digest[:10]}"

    def seed(self, sample: Sample, repetition: int) -> int:
        """Seed of one de-identified image."""
        return seed_from(self.root_seed, self.method.digest, sample.sample_id, repetition)


def _slug(text: str) -> str:
    kept = "".join(each if each.isalnum() or each in "._+" else "-" for each in text)
    return kept.strip("-")[:60]


def plugin_of(resolved: Resolved) -> Plugin:
    """A resolved plug-in with the hashes of its weights."""
    from ..weights import digest as weight_digest

    return Plugin(resolved, {name: weight_digest(name) for name in getattr(resolved.info, "weights", ())})


def load_dataset(text: str, limit: int, jobs: int, progress: Callable[[int, int], None] | None) -> LoadedDataset:
    """Resolve, prepare and check a dataset.

    Raises:
        PluginError, DatasetError: it cannot be used.
    """
    resolved = registry().resolve(Kind.DATASET, text)
    dataset: Dataset = resolved.create()
    dataset.prepare(jobs, progress)
    samples = tuple(dataset.samples())
    check_samples(samples)
    if limit:
        kept = set(itertools.islice(dict.fromkeys(each.identity for each in samples), limit))
        samples = tuple(each for each in samples if each.identity in kept)
    return LoadedDataset(resolved, dataset.info, samples, manifest_digest(samples))


def make_cells(options: RunOptions, jobs: int, progress: Callable[[str, int, int], None] | None = None) -> list[Cell]:
    """Resolve everything that was asked for; every mistake shows here, before any work.

    Raises:
        PluginError, ProtocolError, DatasetError, WeightsError: something cannot be used.
    """
    if not options.methods:
        raise PluginError("name at least one method, for example --method blurring")
    if options.repetitions < 1:
        raise PluginError(f"--seeds should be 1 or more, got {options.repetitions}")
    protocol = get_protocol(options.protocol)
    methods = [_method(text, protocol) for text in options.methods]
    analyzer = _resolved_plugin(Kind.ANALYZER, options.analyzer or protocol.analyzer)
    recognizers = tuple(_resolved_plugin(Kind.RECOGNIZER, text) for text in options.recognizers or protocol.recognizers)
    cells = []
    for text in options.datasets:
        hook = (lambda done, total, text=text: progress(text, done, total)) if progress else None
        dataset = load_dataset(text, options.limit, jobs, hook)
        _check_fit(dataset, protocol)
        for method in methods:
            repetitions = options.repetitions if method.info.stochastic else 1
            cells.append(
                Cell(
                    protocol,
                    dataset,
                    method,
                    analyzer,
                    recognizers,
                    repetitions,
                    options.root_seed,
                    options.limit,
                    options.quality,
                )
            )
    return cells


def _resolved_plugin(kind: Kind, text: str) -> Plugin:
    resolved = registry().resolve(kind, text)
    resolved.create()  # a bad parameter should show before any work
    return plugin_of(resolved)


def _method(text: str, protocol: Protocol) -> Plugin:
    method = _resolved_plugin(Kind.DEIDENTIFIER, text)
    if protocol.modality not in method.info.modality:
        raise PluginError(
            f"{text} is a method for {', '.join(method.info.modality)}; {protocol.id} needs {protocol.modality}"
        )
    return method


def _check_fit(dataset: LoadedDataset, protocol: Protocol) -> None:
    """One identity or one sample each leaves nothing to compare; say so before an hour of work."""
    identities = {each.identity for each in dataset.samples}
    name = dataset.plugin.text
    if dataset.info.modality != protocol.modality:
        raise ProtocolError(
            f"{name} is a {dataset.info.modality} dataset; {protocol.id} needs a {protocol.modality} one"
        )
    if len(identities) < 2:
        raise ProtocolError(
            f"{name} holds one identity only; recognition needs impostors, so at least two identities. "
            "Put each identity's images into a sub-folder of its own"
        )
    if len(identities) == len(dataset.samples):
        raise ProtocolError(
            f"{name} holds one image of each identity; recognition needs genuine pairs, so at least one identity "
            "with two images"
        )
    protocol.eval_subjects([each.subject for each in dataset.samples])


@dataclass(frozen=True, slots=True)
class Version:
    """One de-identified version of one sample, and the tasks that make and judge it."""

    sample: Sample
    repetition: int
    deidentify: Task
    analyze: Task
    measure: Task


class Tasks:
    """The tasks of a cell: whatever has a digest before the work starts, for `plan` and `run` alike."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self.originals = {
            each.sample_id: analyze_task(each.sample_id, ImageRef.of(each), cell.analyzer)
            for each in cell.dataset.samples
        }

    def original_embeds(self, recognizer: Plugin) -> dict[str, Task]:
        """Templates of the originals by sample id."""
        return {
            each.sample_id: embed_task(
                each.sample_id, ImageRef.of(each), (self.originals[each.sample_id].digest,), recognizer
            )
            for each in self._cell.dataset.samples
        }

    def versions(self, usable: Callable[[Sample], bool]) -> list[Version]:
        """De-identified versions of the samples whose hand was found."""
        cell = self._cell
        samples = [each for each in cell.dataset.samples if usable(each)]
        made = []
        for index, sample in enumerate(samples):
            donor = self._donor(samples, index) if "donor" in cell.method.info.needs else None
            for repetition in range(cell.repetitions):
                made.append(self._version(sample, repetition, donor))
        return made

    def _version(self, sample: Sample, repetition: int, donor: tuple[ImageRef, str] | None) -> Version:
        cell, image = self._cell, ImageRef.of(sample)
        before = self.originals[sample.sample_id].digest
        label = sample.sample_id if cell.repetitions == 1 else f"{sample.sample_id}#{repetition}"
        seed = cell.seed(sample, repetition)
        deidentify = deidentify_task(label, image, before, cell.method, seed, donor)
        after = analyze_task(label, ImageRef.stored(deidentify.digest), cell.analyzer)
        measure = measure_task(label, image, deidentify.digest, (before, after.digest))
        return Version(sample, repetition, deidentify, after, measure)

    def _donor(self, samples: Sequence[Sample], index: int) -> tuple[ImageRef, str]:
        """A sample of another person, the same hand where there is one: the next in the dataset's order."""
        sample = samples[index]
        order = [*samples[index + 1 :], *samples[:index]]
        others = [each for each in order if each.subject != sample.subject]
        if not others:
            raise ProtocolError(
                f"{self._cell.method.resolved.text} needs another person's image; this dataset has one person only"
            )
        donor = next((each for each in others if each.hand == sample.hand), others[0])
        return ImageRef.of(donor), self.originals[donor.sample_id].digest

    def version_embed(self, version: Version, recognizer: Plugin) -> Task:
        """Template of a de-identified image, aligned as the protocol says."""
        original = self.originals[version.sample.sample_id].digest
        own_first = self._cell.protocol.alignment == "own-else-original"
        analyses = (version.analyze.digest, original) if own_first else (original,)
        return embed_task(version.analyze.label, ImageRef.stored(version.deidentify.digest), analyses, recognizer)


def count_tasks(cell: Cell, store: Store) -> list[tuple[str, int, int]]:
    """(stage, tasks, of these in the store), as if every hand is found and nothing fails."""
    tasks = Tasks(cell)
    versions = tasks.versions(lambda sample: True)
    groups: dict[str, list[Task]] = {
        "analyze originals": list(tasks.originals.values()),
        "de-identify": [each.deidentify for each in versions],
        "analyze de-identified": [each.analyze for each in versions],
        "measure": [each.measure for each in versions],
        "embed": [],
        "compare": [],
    }
    for recognizer in cell.recognizers:
        originals = list(tasks.original_embeds(recognizer).values())
        probes = [tasks.version_embed(each, recognizer) for each in versions]
        groups["embed"] += originals + probes
        columns = [each.digest for each in originals]
        rows = [each.digest for each in probes]
        for a, b in ((columns, columns), (rows, columns), (rows, rows)):
            groups["compare"] += compare_tasks(recognizer.resolved.text, a, b, recognizer)
    return [(name, len(each), sum(store.has(task.digest) for task in each)) for name, each in groups.items()]


def describe(plugin: Resolved | Plugin) -> dict[str, Any]:
    """A plug-in as it stands in a record: name, version, parameters as used, origin, licence, weights."""
    resolved = plugin.resolved if isinstance(plugin, Plugin) else plugin
    info = resolved.info
    return {
        "spec": resolved.text,
        "name": resolved.name,
        "version": str(info.version),
        "params": dict(resolved.params),
        "origin": resolved.entry.origin,
        "source_sha256": resolved.fields()["source"],
        "description": info.description,
        "licence": info.licence,
        "citation": info.citation,
        "training_data": getattr(info, "training_data", "none"),
        "weights": plugin.weights if isinstance(plugin, Plugin) else {},
    }

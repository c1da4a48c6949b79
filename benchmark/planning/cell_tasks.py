"""The tasks of a cell: whatever has a digest before the work starts, for `plan` and `run` alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...datasets.base import Sample
from ..protocols import ProtocolError
from ..storage.store import Store
from .cells import Cell
from .tasks import (
    ImageRef,
    Located,
    Plugin,
    Task,
    analyze_task,
    compare_tasks,
    crop_task,
    deidentify_task,
    embed_task,
    measure_task,
)


@dataclass(frozen=True, slots=True)
class Version:
    """One de-identified version of one sample, and the tasks that make and judge it."""

    sample: Sample
    repetition: int
    deidentify: Task
    analyze: Task
    measure: Task


class Tasks:
    """The tasks of a cell.

    What stands for a sample's original from the methods on is `image(sample)`, and `analysis(sample)` says where the
    hand or face is in it: the file as it lies and what the analyzer found in it or, where the protocol cuts, the crop
    and the analysis moved into it. Nothing downstream asks which of the two.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        rule = cell.protocol.crop
        seen = {each.sample_id: each for each in (*cell.samples, *cell.targets[0])}
        self.detections = {name: analyze_task(name, ImageRef.of(each), cell.analyzer) for name, each in seen.items()}
        """By sample id, of samples and candidates for targets: what finds the hand or face in the dataset's image."""
        self.originals: Mapping[str, Task] = self.detections
        """By sample id: what has the analysis of the original; with a crop, also the original itself."""
        self.references: Mapping[str, Task] = self.detections
        """By sample id: the analyzer's look at the original, to hold its look at the de-identified image against."""
        if rule is not None:
            self.originals = {
                name: crop_task(name, ImageRef.of(each), self.detections[name].digest, rule)
                for name, each in seen.items()
            }
            self.references = {
                each.sample_id: analyze_task(each.sample_id, self.image(each), cell.analyzer) for each in cell.queries
            }

    def image(self, sample: Sample) -> ImageRef:
        """The original."""
        if self._cell.protocol.crop is None:
            return ImageRef.of(sample)
        return ImageRef.stored(self.originals[sample.sample_id].digest)

    def analysis(self, sample: Sample) -> str:
        """Digest of where the hand or face is in the original."""
        return self.originals[sample.sample_id].digest

    def original_embeds(self, recognizer: Plugin) -> dict[str, Task]:
        """Templates of the originals by sample id."""
        return {
            each.sample_id: embed_task(each.sample_id, self.image(each), (self.analysis(each),), recognizer)
            for each in self._cell.samples
        }

    def versions(self, usable: Callable[[Sample], bool]) -> list[Version]:
        """De-identified versions of the samples to de-identify whose hand or face was found."""
        cell = self._cell
        samples = [each for each in cell.samples if usable(each)]
        queries = {each.sample_id for each in cell.queries}
        made = []
        for index, sample in enumerate(samples):
            if sample.sample_id not in queries:
                continue
            donor = self._donor(samples, index) if "donor" in cell.method.info.needs else None
            targets = [self.located(each) for each in self.targets(usable, sample)]
            for repetition in range(cell.repetitions):
                made.append(self._version(sample, repetition, donor, targets))
        return made

    def _version(self, sample: Sample, repetition: int, donor: Located | None, targets: Sequence[Located]) -> Version:
        cell, image = self._cell, self.image(sample)
        before = self.analysis(sample)
        label = sample.sample_id if cell.repetitions == 1 else f"{sample.sample_id}#{repetition}"
        seed = cell.seed(sample, repetition)
        deidentify = deidentify_task(label, image, before, cell.method, seed, donor, targets)
        after = analyze_task(label, ImageRef.stored(deidentify.digest), cell.analyzer)
        reference = self.references.get(sample.sample_id, self.originals[sample.sample_id]).digest
        located = None if reference == before else before
        measure = measure_task(label, image, deidentify.digest, (reference, after.digest), located)
        return Version(sample, repetition, deidentify, after, measure)

    def extra_version(self, sample: Sample, donor: Located | None, targets: Sequence[Sample]) -> Version:
        """A version that the cell itself does not ask for: of an attacker who puts the gallery through the method."""
        return self._version(sample, 0, donor, [self.located(each) for each in targets])

    def located(self, sample: Sample) -> Located:
        """The original, and the digest of where the hand or face is in it."""
        return self.image(sample), self.analysis(sample)

    def _donor(self, samples: Sequence[Sample], index: int) -> Located:
        """A sample of another person, the same hand where there is one: the next in the dataset's order."""
        sample = samples[index]
        order = [*samples[index + 1 :], *samples[:index]]
        others = [each for each in order if each.subject != sample.subject]
        if not others:
            raise ProtocolError(
                f"{self._cell.method.resolved.text} needs another person's image; this dataset has one person only"
            )
        return self.located(next((each for each in others if each.hand == sample.hand), others[0]))

    def targets(self, usable: Callable[[Sample], bool], sample: Sample | None = None) -> list[Sample]:
        """The method's targets, images of other people than the sample's; empty for methods that need none."""
        info, (candidates, _) = self._cell.method.info, self._cell.targets
        if "targets" not in info.needs:
            return []
        found = [each for each in candidates if usable(each) and (sample is None or each.subject != sample.subject)]
        kept = found[: info.targets]
        if not kept:
            raise ProtocolError(
                f"{self._cell.method.resolved.text} needs images of other people as targets; this dataset has none"
            )
        return kept

    def version_embed(self, version: Version, recognizer: Plugin) -> Task:
        """Template of a de-identified image, aligned as the protocol says."""
        original = self.analysis(version.sample)
        own_first = self._cell.protocol.alignment.probe == "own-else-original"
        analyses = (version.analyze.digest, original) if own_first else (original,)
        return embed_task(version.analyze.label, ImageRef.stored(version.deidentify.digest), analyses, recognizer)


def count_tasks(cell: Cell, store: Store) -> list[tuple[str, int, int]]:
    """(stage, tasks, of these in the store), as if every hand or face is found and nothing fails."""
    tasks = Tasks(cell)
    versions = tasks.versions(lambda sample: True)
    groups: dict[str, list[Task]] = {"analyze originals": list(tasks.detections.values())}
    if cell.protocol.crop:
        groups["cut"] = list(tasks.originals.values())
        groups["analyze originals"] += tasks.references.values()
    groups |= {
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

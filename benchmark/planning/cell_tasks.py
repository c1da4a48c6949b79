"""The tasks of a cell: whatever has a digest before the work starts, for `plan` and `run` alike."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass

from ...datasets.base import Sample
from ...weights.files import digest as weight_digest
from .cells import Cell
from .tasks import (
    ImageRef,
    Located,
    Plugin,
    Task,
    analyze_task,
    crop_task,
    deidentify_task,
    embed_task,
    look_task,
    measure_task,
)

NOBODY_ELSE = "the method takes other people's images, and in none of these was anything found"
"""Why an image is skipped in which something was found."""
LOOK_WEIGHTS = "lpips-alex"
"""Weight file of the network that every run looks at images with."""


@dataclass(frozen=True, slots=True)
class Version:
    """One de-identified version of one sample, and the tasks that make and judge it."""

    sample: Sample
    repetition: int
    deidentify: Task
    analyze: Task
    measure: Task


def evaluated_subjects(cell: Cell) -> frozenset[str]:
    """The people whose images numbers of sets are about."""
    everyone = frozenset(each.subject for each in cell.samples)
    return everyone if cell.dataset.info.no_rates else cell.protocol.eval_subjects(sorted(everyone))


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

    def versions(
        self,
        usable: Callable[[Sample], bool],
        lacking: MutableMapping[str, str | None],
        only: Collection[str] | None = None,
    ) -> list[Version]:
        """De-identified versions of the samples to de-identify whose hand or face was found.

        Args:
            usable: whether it was found. Of samples that the wanted versions do not need it is not asked.
            lacking: by sample id, why there is no version although it was found; written to.
            only: ids of the samples whose versions are wanted; None for all.
        """
        cell, needs = self._cell, self._cell.method.info.needs
        queries = {each.sample_id for each in cell.queries}
        wanted = queries if only is None else queries & set(only)
        made = []
        for index, sample in enumerate(cell.samples):
            if sample.sample_id not in wanted or not usable(sample):
                continue
            donor = self._donor(usable, index) if "donor" in needs else None
            targets = [self.located(each) for each in self.targets(usable, sample)]
            if ("donor" in needs and donor is None) or ("targets" in needs and not targets):
                lacking[sample.sample_id] = NOBODY_ELSE
                continue
            for repetition in range(cell.repetitions):
                made.append(self._version(sample, repetition, donor, targets))
        return made

    def _version(
        self,
        sample: Sample,
        repetition: int,
        donor: Located | None,
        targets: Sequence[Located],
        seed: int | None = None,
    ) -> Version:
        cell, image = self._cell, self.image(sample)
        before = self.analysis(sample)
        label = sample.sample_id if cell.repetitions == 1 else f"{sample.sample_id}#{repetition}"
        seed = cell.seed(sample, repetition) if seed is None else seed
        deidentify = deidentify_task(label, image, before, cell.method, seed, donor, targets, sample)
        after = analyze_task(label, ImageRef.stored(deidentify.digest), cell.analyzer)
        reference = self.references.get(sample.sample_id, self.originals[sample.sample_id]).digest
        located = None if reference == before else before
        measure = measure_task(label, image, deidentify.digest, (reference, after.digest), located)
        return Version(sample, repetition, deidentify, after, measure)

    def look(self, version: Version) -> Task:
        """LPIPS of a version, and what is seen on the way."""
        weights = {LOOK_WEIGHTS: weight_digest(LOOK_WEIGHTS)}
        return look_task(version.analyze.label, self.image(version.sample), version.deidentify.digest, weights)

    def extra_version(
        self, sample: Sample, donor: Located | None, targets: Sequence[Sample], seed: int | None = None
    ) -> Version:
        """A version that the cell itself does not ask for: of an attacker who puts the gallery through the method.

        Args:
            sample: of the gallery.
            donor: for methods that need one.
            targets: for methods that need some.
            seed: None: the sample's own.
        """
        return self._version(sample, 0, donor, [self.located(each) for each in targets], seed)

    def located(self, sample: Sample) -> Located:
        """The original, and the digest of where the hand or face is in it."""
        return self.image(sample), self.analysis(sample)

    def _donor(self, usable: Callable[[Sample], bool], index: int) -> Located | None:
        """A sample of another person, the same hand where there is one: the next in the dataset's order.

        None where nothing was found in anybody else's images.
        """
        samples = self._cell.samples
        sample = samples[index]
        others = [each for each in (*samples[index + 1 :], *samples[:index]) if each.subject != sample.subject]
        same_hand = (each for each in others if each.hand == sample.hand)
        found = next((each for each in itertools.chain(same_hand, others) if usable(each)), None)
        return None if found is None else self.located(found)

    def targets(self, usable: Callable[[Sample], bool], sample: Sample | None = None) -> list[Sample]:
        """The method's targets, images of other people than the sample's; empty for methods that need none, and where
        nothing was found in anybody else's images."""
        info, (candidates, _) = self._cell.method.info, self._cell.targets
        if "targets" not in info.needs:
            return []
        others = (each for each in candidates if sample is None or each.subject != sample.subject)
        return list(itertools.islice(filter(usable, others), info.targets))

    def version_embed(self, version: Version, recognizer: Plugin) -> Task:
        """Template of a de-identified image, aligned as the protocol says."""
        original = self.analysis(version.sample)
        own_first = self._cell.protocol.alignment.probe == "own-else-original"
        analyses = (version.analyze.digest, original) if own_first else (original,)
        return embed_task(version.analyze.label, ImageRef.stored(version.deidentify.digest), analyses, recognizer)

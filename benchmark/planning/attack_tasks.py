"""The tasks of a cell's attacks, beyond those that the cell has anyway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...datasets.base import Sample
from ..storage.digest import digest, seed_from
from .cell_tasks import Tasks, Version
from .cells import Cell
from .tasks import (
    COMPARE_ROWS,
    STAGE_VERSIONS,
    ImageRef,
    Located,
    Plugin,
    Stage,
    Task,
    analyze_task,
    crop_task,
    deidentify_task,
    embed_task,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """An image as anybody can see it: published, of the gallery, or an attacker's own."""

    label: str
    image: ImageRef
    analyses: tuple[str, ...]
    """Digests of where the hand or face may be; the first that found one counts."""
    made_by: str | None
    """Digest of the de-identify task; None for an original."""
    as_it_is: bool = False
    """The method gave no image of it, so that the original is what is published: there is nothing to restore."""


def _task(stage: Stage, label: str, key: dict[str, Any], **fields: Any) -> Task:
    return Task(stage, digest({"stage": stage.value, "version": STAGE_VERSIONS[stage], **key}), label, **fields)


def restore_task(shown: Shown, restorer: Plugin, method: Plugin, state: str | None = None) -> Task:
    """What an attacker makes of one image; `images[0]` is what he sees, `state` the digest of what he fitted."""
    inputs = (*([] if state is None else [state]), *shown.analyses, shown.made_by)
    key = {"image": shown.image.key, "inputs": inputs, "plugin": restorer.digest, "method": method.digest}
    return _task(
        Stage.RESTORE,
        shown.label,
        key,
        plugin=restorer.ref,
        images=(shown.image,),
        inputs=inputs,
        method=method.ref,
        split=0 if state is None else 1,
    )


def restored(
    shown: Shown, restorer: Plugin | None, method: Plugin, state: str | None = None
) -> tuple[Shown, Task | None]:
    """The image after the attacker has worked on it, and the task that makes it where it is to be kept."""
    if restorer is None or shown.as_it_is:
        return shown, None
    task = restore_task(shown, restorer, method, state)
    if restorer.info.light:
        return Shown(shown.label, ImageRef.made_by(task), shown.analyses, shown.made_by), None
    return Shown(shown.label, ImageRef.stored(task.digest), shown.analyses, shown.made_by), task


def fit_task(pairs: Sequence[tuple[Shown, Shown]], labels: Sequence[int], restorer: Plugin, method: Plugin) -> Task:
    """Fit to images before and after the method.

    Args:
        pairs: original and published image of each.
        labels: number of the person of each pair.
        restorer: what is fitted.
        method: that made the published ones.
    """
    images = tuple(each.image for pair in pairs for each in pair)
    inputs = tuple(digest for _, published in pairs for digest in (published.analyses[-1], published.made_by))
    key = {
        "images": [each.key for each in images],
        "inputs": inputs,
        "labels": list(labels),
        "plugin": restorer.digest,
        "method": method.digest,
    }
    return _task(
        Stage.FIT,
        restorer.resolved.text,
        key,
        plugin=restorer.ref,
        images=images,
        inputs=inputs,
        labels=tuple(labels),
        method=method.ref,
    )


def shown_embed(shown: Shown, recognizer: Plugin) -> Task:
    """Template of an image."""
    return embed_task(shown.label, shown.image, shown.analyses, recognizer)


def shown_layer(shown: Shown, recognizer: Plugin) -> Task:
    """What of an image enters the recogniser's last layer."""
    key = {"image": shown.image.key, "inputs": shown.analyses, "plugin": recognizer.digest}
    return _task(Stage.LAYER, shown.label, key, plugin=recognizer.ref, images=(shown.image,), inputs=shown.analyses)


def shown_encode(shown: Shown, method: Plugin) -> Task:
    """What the method's own encoder sees in an image."""
    key = {"image": shown.image.key, "inputs": shown.analyses, "plugin": method.digest}
    return _task(Stage.ENCODE, shown.label, key, plugin=method.ref, images=(shown.image,), inputs=shown.analyses)


def adapt_task(
    originals: Sequence[str], published: Sequence[str], labels: Sequence[int], adapter: Plugin, recognizer: Plugin
) -> Task:
    """Fit to what a recogniser makes of images (digests of embed or layer tasks).

    Args:
        originals: of the originals.
        published: of the published images.
        labels: number of the person of each, originals first.
        adapter: what is fitted.
        recognizer: whose templates, or whose last layer, they are.
    """
    inputs = (*originals, *published)
    trained = recognizer if adapter.info.reads == "layer" else None
    key = {"inputs": inputs, "split": len(originals), "labels": list(labels), "plugin": adapter.digest}
    if trained is not None:
        key["recognizer"] = trained.digest
    return _task(
        Stage.ADAPT,
        recognizer.resolved.text,
        key,
        plugin=adapter.ref,
        inputs=inputs,
        split=len(originals),
        labels=tuple(labels),
        recognizer=None if trained is None else trained.ref,
    )


def match_tasks(
    label: str,
    state: str | None,
    rows: Sequence[str | None],
    columns: Sequence[str | None],
    adapter: Plugin | None,
) -> list[Task]:
    """Distances rows x columns by a fitted adapter, or by the angle, in blocks of rows.

    Args:
        label: what they are about.
        state: digest of what was fitted.
        rows: digests of embed, layer or encode tasks.
        columns: likewise.
        adapter: what was fitted; None: nothing was, and angles are compared.
    """
    tasks = []
    for start in range(0, len(rows), COMPARE_ROWS):
        block = tuple(rows[start : start + COMPARE_ROWS])
        by = None if adapter is None else adapter.digest
        key = {"rows": block, "columns": tuple(columns), "state": state, "plugin": by}
        inputs = (*block, *columns, state)
        ref = None if adapter is None else adapter.ref
        tasks.append(_task(Stage.MATCH, label, key, plugin=ref, inputs=inputs, split=len(block)))
    return tasks


class AttackTasks:
    """What the attacks of a cell are made of.

    Args:
        cell: with a plan of attacks.
        tasks: of the cell.
        missing: by sample id, why no hand or face was found, or None.
    """

    def __init__(self, cell: Cell, tasks: Tasks, missing: Mapping[str, str | None]) -> None:
        assert cell.attacks is not None
        self._cell, self._tasks, self._missing = cell, tasks, missing
        self._usable = [each for each in cell.samples if missing[each.sample_id] is None]
        self.people = cell.attacks.auxiliary.samples
        self.detections = {
            each.sample_id: analyze_task(each.sample_id, ImageRef.of(each), cell.analyzer) for each in self.people
        }
        """By id of an auxiliary sample: what finds the hand or face."""
        rule = cell.protocol.crop
        self.located = self.detections
        """By id of an auxiliary sample: what has its analysis and, where the protocol cuts, its crop."""
        if rule is not None:
            self.located = {
                each.sample_id: crop_task(
                    each.sample_id, ImageRef.of(each), self.detections[each.sample_id].digest, rule
                )
                for each in self.people
            }

    # -------------------------------------------------------------------------------------------- auxiliary people

    def _where(self, sample: Sample) -> Located:
        image = ImageRef.of(sample)
        if self._cell.protocol.crop is not None:
            image = ImageRef.stored(self.located[sample.sample_id].digest)
        return image, self.located[sample.sample_id].digest

    def original(self, sample: Sample) -> Shown:
        """An auxiliary original."""
        image, analysis = self._where(sample)
        return Shown(sample.sample_id, image, (analysis,), None)

    def published(self, sample: Sample, able: Sequence[Sample]) -> tuple[Shown, Task]:
        """An auxiliary image after the method, and the task that makes it.

        Args:
            sample: of the auxiliary people.
            able: those of their samples whose hand or face was found.
        """
        image, analysis = self._where(sample)
        cell = self._cell
        donor = self._stranger(sample, able) if "donor" in cell.method.info.needs else None
        targets = [self._tasks.located(each) for each in self._targets()]
        seed = seed_from(cell.root_seed, cell.method.digest, sample.sample_id, 0)
        task = deidentify_task(sample.sample_id, image, analysis, cell.method, seed, donor, targets, sample)
        return Shown(sample.sample_id, ImageRef.stored(task.digest), (analysis,), task.digest), task

    def _targets(self) -> list[Sample]:
        return self._tasks.targets(lambda each: self._missing[each.sample_id] is None)

    def _stranger(self, sample: Sample, able: Sequence[Sample]) -> Located | None:
        """An auxiliary image of somebody else, as a donor: the attacker does not know whom the method took."""
        others = [each for each in able if each.subject != sample.subject]
        same = [each for each in others if each.hand == sample.hand] or others
        return self._where(same[seed_from(0, "donor", sample.sample_id, 0) % len(same)]) if same else None

    # -------------------------------------------------------------------------------------------- who is evaluated

    def plain(self, sample: Sample) -> Shown:
        """An original."""
        image, analysis = self._tasks.image(sample), self._tasks.analysis(sample)
        return Shown(sample.sample_id, image, (analysis,), None)

    def unchanged(self, sample: Sample, shown: Shown | None) -> Shown:
        """An original, of anybody, with what is known of the region that the method may change in it."""
        image, analysis = self._where(sample) if sample.sample_id in self.located else self._tasks.located(sample)
        made_by, as_it_is = (None, False) if shown is None else (shown.made_by, shown.as_it_is)
        return Shown(sample.sample_id, image, (analysis,), made_by, as_it_is)

    def probe(self, version: Version, made: bool) -> Shown:
        """What was published of a sample: the method's image or, where the method failed, the original."""
        if not made:
            return replace(self.plain(version.sample), as_it_is=True)
        return self._version(version)

    def _version(self, version: Version) -> Shown:
        original = self._tasks.analysis(version.sample)
        own_first = self._cell.protocol.alignment.probe == "own-else-original"
        analyses = (version.analyze.digest, original) if own_first else (original,)
        return Shown(
            version.analyze.label, ImageRef.stored(version.deidentify.digest), analyses, version.deidentify.digest
        )

    def again(self, sample: Sample, seed: int) -> Version:
        """An image of the gallery, put through the method with the seed of another one."""
        return self._tasks.extra_version(sample, None, self._targets(), seed)

    def parrots(self, versions: Sequence[Version], able: Sequence[Sample]) -> list[tuple[Sample, Version]]:
        """What the attacker gets who puts the gallery through the method: by sample, in the dataset's order.

        Where the cell has the very image, with a seed that no probe of another image shares, it is taken. A method
        that is given other people's images takes them from the auxiliary people, since nobody knows whom it took.
        """
        cell = self._cell
        made = {each.sample.sample_id: each for each in versions if each.repetition == 0}
        donors = "donor" in cell.method.info.needs
        found = []
        for sample in self._usable:
            if cell.roles is not None and sample.sample_id in cell.roles.query_ids:
                continue
            if donors or sample.sample_id not in made:
                donor = self._stranger(sample, able) if donors else None
                if donors and donor is None:
                    continue
                found.append((sample, self._tasks.extra_version(sample, donor, self._targets())))
            else:
                found.append((sample, made[sample.sample_id]))
        return found

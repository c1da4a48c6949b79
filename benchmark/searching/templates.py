"""Templates of a record's images from the store of its run: who is enrolled, and who is searched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...datasets.base import Sample
from ...recognizers.base import Templates
from ...recognizers.matching.gallery_search import SearchError
from ..compute import find_originals
from ..engine.execute import CHUNK, Executor
from ..planning.cell_tasks import Tasks, Version
from ..planning.cells import Cell
from ..planning.loaded_dataset import LoadedDataset
from ..planning.tasks import ImageRef, Plugin, Task, analyze_task, crop_task, embed_task
from ..stages.templates import template

Template = Templates | None
"""Of one image; None where the recogniser gets none out of it."""


class Crashed(SearchError):
    """Something that the search needs crashed; the same command tries it again."""

    exit_code = 1


@dataclass(frozen=True, slots=True, eq=False)
class Probes:
    """Images that are searched, in the order of the versions of the evaluated people."""

    versions: Sequence[Version]
    originals: Sequence[Template]
    """Of the untouched original of each."""
    deidentified: Sequence[Template]
    """Of the de-identified image of each; of the original where the method failed."""
    failed: Sequence[str | None]
    """Why the method could not make one, or None."""


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """Entries of a gallery, one image of each identity."""

    samples: Sequence[Sample]
    templates: Sequence[Templates]
    without: int
    """Identities that are not enrolled because no image of theirs gave a template."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """What a cell has to search, and whom."""

    enrolled: Enrolled
    probes: Probes
    left_out: int
    """Versions that are not searched, because their identity is not enrolled."""
    unseen: Sequence[str]
    """Of originals in which nothing was found: why."""
    made: int
    """Templates that the store did not have, and that were made anew."""


def people_of(cell: Cell, recognizer: Plugin, executor: Executor) -> People:
    """Templates of a cell's images by one of its recognisers; those that the store lacks are made again.

    Enrolled is the first image of each identity that gives a template: of the gallery, where the protocol has one, else
    of all originals. Searched are the versions of the queries, or of all other images of the evaluated people.

    Raises:
        Crashed: an image crashes the analyzer or the recogniser.
        SearchError: nobody is left to be searched.
        StoreError: the store cannot be written.
    """
    tasks = Tasks(cell)
    missing = find_originals(cell, tasks, executor)
    _refuse_crashes(executor, tasks.originals.values())

    def usable(sample: Sample) -> bool:
        return missing[sample.sample_id] is None

    embeds = tasks.original_embeds(recognizer)
    there = [each for each in cell.samples if usable(each)]
    versions = tasks.versions(usable, missing)
    made = _make(executor, "embed: originals", [embeds[each.sample_id] for each in there])
    asked = {each.sample_id for each in cell.queries} if cell.roles is not None else set()
    enrolled = _enrolled(
        [each for each in there if each.sample_id not in asked], lambda each: embeds[each.sample_id], executor
    )
    taken = {each.sample_id for each in enrolled.samples}
    counted = cell.protocol.eval_subjects(sorted({each.subject for each in cell.samples}))
    searched = [each for each in versions if each.sample.sample_id not in taken and each.sample.subject in counted]
    names = {each.identity for each in enrolled.samples}
    known = [each for each in searched if each.sample.identity in names]
    left_out, searched = len(searched) - len(known), known
    if not searched:
        raise SearchError("nobody is left to be searched: it takes a second image of at least one identity")
    failed, new = _versions(tasks, searched, recognizer, executor)
    originals = [template(embeds[each.sample.sample_id].digest, executor.store) for each in searched]
    deidentified = [
        original if lost is not None else template(tasks.version_embed(each, recognizer).digest, executor.store)
        for each, original, lost in zip(searched, originals, failed, strict=True)
    ]
    unseen = [why for why in missing.values() if why is not None]
    return People(enrolled, Probes(searched, originals, deidentified, failed), left_out, unseen, made + new)


def entries_of(dataset: LoadedDataset, cell: Cell, recognizer: Plugin, executor: Executor) -> Enrolled:
    """Another dataset's people as entries, one image of each, found and cut as the cell's protocol does.

    Raises:
        Crashed: an image crashes the analyzer or the recogniser.
        StoreError: the store cannot be written.
    """
    samples, rule = dataset.samples, cell.protocol.crop
    found = {each.sample_id: analyze_task(each.sample_id, ImageRef.of(each), cell.analyzer) for each in samples}
    executor.make(f"gallery: find {cell.protocol.modality}s", found.values())
    if rule is not None:
        seen = [each for each in samples if executor.reason(found[each.sample_id]) is None]
        for each in seen:
            found[each.sample_id] = crop_task(each.sample_id, ImageRef.of(each), found[each.sample_id].digest, rule)
        executor.make("gallery: cut", (found[each.sample_id] for each in seen))
    _refuse_crashes(executor, found.values())
    there = [each for each in samples if executor.reason(found[each.sample_id]) is None]

    def embed(sample: Sample) -> Task:
        where = found[sample.sample_id].digest
        image = ImageRef.of(sample) if rule is None else ImageRef.stored(where)
        return embed_task(sample.sample_id, image, (where,), recognizer)

    _make(executor, "gallery: embed", [embed(each) for each in there])
    entries = _enrolled(there, embed, executor)
    unseen = {each.identity for each in samples} - {each.identity for each in there}
    return Enrolled(entries.samples, entries.templates, entries.without + len(unseen))


def _enrolled(candidates: Sequence[Sample], embed: Callable[[Sample], Task], executor: Executor) -> Enrolled:
    kept: dict[str, tuple[Sample, Templates]] = {}
    for sample in candidates:
        found = template(embed(sample).digest, executor.store) if sample.identity not in kept else None
        if found is not None:
            kept[sample.identity] = sample, found
    without = {each.identity for each in candidates} - kept.keys()
    return Enrolled([each for each, _ in kept.values()], [each for _, each in kept.values()], len(without))


def _versions(
    tasks: Tasks, versions: Sequence[Version], recognizer: Plugin, executor: Executor
) -> tuple[list[str | None], int]:
    """Of each version why the method failed, and how many templates were not there."""
    executor.make("de-identify", [each.deidentify for each in versions], CHUNK)
    failed = [executor.reason(each.deidentify) for each in versions]
    made = [each for each, lost in zip(versions, failed, strict=True) if lost is None]
    executor.make("find again", [each.analyze for each in made])
    return failed, _make(executor, "embed", [tasks.version_embed(each, recognizer) for each in made])


def _make(executor: Executor, title: str, tasks: Sequence[Task]) -> int:
    """Have templates; how many of them were not in the store."""
    lacking = sum(executor.store.read(each.digest) is None for each in tasks)
    executor.make(title, tasks)
    _refuse_crashes(executor, tasks)
    return lacking


def _refuse_crashes(executor: Executor, tasks: Iterable[Task]) -> None:
    crashed = [(each.label, executor.problems[each.digest]) for each in tasks if each.digest in executor.problems]
    if crashed:
        label, why = crashed[0]
        raise Crashed(f"{len(crashed)} images have no template because of crashes, {label} the first ({why})")


def stacked(templates: Sequence[Templates]) -> Templates:
    """One row each."""
    return np.stack(list(templates))

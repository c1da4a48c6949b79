"""A cell carried out, stage by stage: everything but the scores."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from ..datasets.base import Sample
from ..plugins.entries import PluginRef
from .attack_material import Attacked
from .attack_run import attack
from .closer_look import CloserLook, at_hand, look_closely
from .engine.execute import CHUNK, Executor, batch_of
from .planning.attack_plan import AttackPlan
from .planning.cell_tasks import Tasks, Version
from .planning.cells import Cell
from .planning.comparisons import comparisons, is_large
from .planning.tasks import RESTORING, UNRESTORED, Plugin, Stage, Task, metric_task
from .records.counts import METHOD, Counts, counted
from .records.failures import About, Failure
from .results.blocks import BadPairs, join_blocks
from .results.cell import CellResults, Distances, Matrix
from .results.ledger import Ledger
from .results.tiles import Grid, by_image, whole
from .storage.store import Payload


def compute(cell: Cell, executor: Executor, chosen: Callable[[Version], bool] | None = None) -> CellResults:
    """Carry out a cell, stage by stage; everything but the scores.

    Args:
        cell: what to do.
        executor: what makes objects exist.
        chosen: which de-identified images, without attacks on them; None: all of them.
    """
    tasks, ledger = Tasks(cell), Ledger(executor.problems, executor.remarks)
    with _originals_alone(cell, executor):
        missing = find_originals(cell, tasks, executor, ledger)
    versions = tasks.versions(lambda sample: missing[sample.sample_id] is None, missing)
    if chosen is not None:
        versions = [each for each in versions if chosen(each)]
    failed, made, extra, plugged = _images(cell, tasks, versions, executor, ledger)
    usable = [each for each in cell.samples if missing[each.sample_id] is None]
    _embed(cell, tasks, usable, made, executor)
    distances = {
        recognizer.resolved.text: _distances(cell, tasks, usable, made, recognizer, executor, ledger)
        for recognizer in cell.recognizers
    }
    images = {each.deidentify.digest: _coverage_and_hash(each, executor) for each in made}
    attacks = None
    if chosen is None and cell.attacks is not None:
        before = frozenset(executor.asked)
        attacks = attack(Attacked(cell, cell.attacks, tasks, missing, versions, failed, executor))
        _take_down_attacks(cell, cell.attacks, executor, ledger, before)
    return CellResults(
        missing=missing,
        versions=versions,
        failed=failed,
        crashed=frozenset(executor.problems),
        survived={each.deidentify.digest: _survived(each, executor) for each in made},
        measures={each.deidentify.digest: executor.read(each.measure) for each in made},
        looked=extra.looked,
        perceived=extra.perceived,
        coverage={digest: coverage for digest, (coverage, _) in images.items()},
        images={digest: sha256 for digest, (_, sha256) in images.items()},
        usable=usable,
        distances=distances,
        features=extra.features,
        floors=extra.floors,
        seed_lpips=extra.seed_lpips,
        seconds=_mean_seconds(cell, tasks, versions, executor),
        targets=[each.sample_id for each in tasks.targets(lambda sample: missing[sample.sample_id] is None)],
        plugged={name: found for name, found in plugged.items() if found is not None},
        failures=ledger.failures(),
        attacks=attacks,
    )


def stage_titles(cell: Cell) -> list[str]:
    """What `compute` tells of a cell's stages, in order; without attackers and `--quality full`, which come on top."""
    things, crop = _things(cell), cell.protocol.crop is not None
    names = [each.resolved.text for each in cell.recognizers]
    return [
        f"find {things}",
        *(["cut faces", "find faces in the crops"] if crop else []),
        "de-identify",
        f"find {things} again",
        "measure",
        *(_TITLES_OF_LOOKS[name] for name in at_hand("basic")),
        *(f"measure ({each.resolved.text})" for each in cell.metrics if each.info.takes == "images"),
        "embed: originals",
        "embed",
        *(f"compare{which} ({name})" for name in names for which in (" originals", "")),
    ]


_TITLES_OF_LOOKS = {"lpips-alex": "LPIPS", "fid-inception": "features (inception)"}


@dataclass(frozen=True, slots=True)
class Part:
    """What became of some samples of a cell."""

    counts: Counts
    failures: list[Failure]


def compute_images(cell: Cell, tasks: Tasks, only: Collection[str], executor: Executor) -> Part:
    """Carry out what concerns single images, of some samples: the results are in the store, for whoever compares them.

    Of other samples only those are looked at that these need, as donors or as targets.

    Args:
        cell: that they are of.
        tasks: of the cell.
        only: ids of the samples.
        executor: of the cell.
    """
    ledger = Ledger(executor.problems, executor.remarks)
    missing = find_originals(cell, tasks, executor, ledger, only)

    def usable(sample: Sample) -> bool:
        if sample.sample_id not in missing:
            missing.update(find_originals(cell, tasks, executor, ledger, (sample.sample_id,)))
        return missing[sample.sample_id] is None

    versions = tasks.versions(usable, missing, only)
    failed, made, _, _ = _images(cell, tasks, versions, executor, ledger)
    there = [each for each in cell.samples if each.sample_id in only and missing[each.sample_id] is None]
    _embed(cell, tasks, there, made, executor)
    for recognizer in cell.recognizers:
        _templates(tasks, there, made, recognizer, executor, ledger)
    unseen = [why for each in cell.queries if each.sample_id in only and (why := missing[each.sample_id]) is not None]
    skipped = len(unseen) * cell.repetitions
    counts = Counts(
        planned=len(versions) + skipped,
        done=len(made),
        failed=len(versions) - len(made),
        skipped=skipped,
        reasons=counted("original", unseen) + counted(METHOD, failed.values()),
        retry=len(executor.problems),
    )
    return Part(counts, ledger.failures())


def _images(
    cell: Cell, tasks: Tasks, versions: list[Version], executor: Executor, ledger: Ledger
) -> tuple[dict[str, str | None], list[Version], CloserLook, dict[str, dict[str, Payload | None] | None]]:
    """Make versions and look at them.

    Returns:
        Why a version could not be made, or None, by the digest of its task; the versions that were made; the closer
        look at them; what users' metrics say of them.
    """
    failed = _carry_out(
        executor, ledger, Stage.DEIDENTIFY, cell.method, [each.deidentify for each in versions],
        "de-identify", batch_of(cell.method),
    )  # fmt: skip
    made = [each for each in versions if failed[each.deidentify.digest] is None]
    again = f"find {_things(cell)} again"
    _carry_out(executor, ledger, Stage.ANALYZE, cell.analyzer, [each.analyze for each in made], again)
    seen = [each for each in made if executor.read(each.analyze)]
    _carry_out(executor, ledger, Stage.MEASURE, None, [each.measure for each in seen], "measure")
    extra = look_closely(cell, tasks, made, executor, ledger)
    plugged = {each.resolved.text: _measured_by(each, tasks, made, executor, ledger) for each in cell.metrics}
    return failed, made, extra, plugged


def _measured_by(
    metric: Plugin, tasks: Tasks, made: list[Version], executor: Executor, ledger: Ledger
) -> dict[str, Payload | None] | None:
    """What a user's metric of images gives, by the digest of the de-identify task; None for one of distances."""
    if metric.info.takes != "images":
        return None
    todo = {
        each.deidentify.digest: metric_task(
            each.analyze.label, tasks.image(each.sample), each.deidentify.digest, tasks.analysis(each.sample), metric
        )
        for each in made
    }
    _carry_out(executor, ledger, Stage.METRIC, metric, list(todo.values()), f"measure ({metric.resolved.text})")
    return {digest: executor.read(task) for digest, task in todo.items()}


def _carry_out(
    executor: Executor,
    ledger: Ledger,
    stage: Stage,
    plugin: Plugin | None,
    tasks: Sequence[Task],
    title: str,
    batch: int = CHUNK,
    about: About = "de-identified images",
) -> dict[str, str | None]:
    """Make the objects of tasks; what failed goes into the ledger.

    Returns:
        By digest: why there is no usable result, or None.
    """
    executor.make(title, tasks, batch)
    reasons = {each.digest: executor.reason(each) for each in tasks}
    ledger.add(stage.value, "" if plugin is None else plugin.resolved.text, about, tasks, reasons)
    return reasons


def _take_down_attacks(
    cell: Cell, plan: AttackPlan, executor: Executor, ledger: Ledger, before: Container[str]
) -> None:
    """What failed of the tasks that the attacks asked for, and that the cell had not asked for `before`."""
    parts = [each for variant in plan.variants for each in variant.plugins]
    plugins = (cell.analyzer, cell.method, *cell.recognizers, *parts)
    names = {each.ref: each.resolved.text for each in plugins}
    kinds: dict[tuple[Stage, str], list[Task]] = {}
    light: dict[str, dict[str, Task]] = {}
    for digest, task in executor.asked.items():
        if digest in before:
            continue
        recipe = task.images[0].recipe if task.images else None
        if recipe is not None and recipe.plugin is not None:
            asked = light.setdefault(names[recipe.plugin], {})
            if any(each.startswith(RESTORING) for each in executor.remarks.get(digest, ())):
                asked[recipe.digest] = task  # of those that look at one image, the one that something was remarked at
            asked.setdefault(recipe.digest, task)
        if recipe is None or not (executor.reason(task) or "").startswith(UNRESTORED):
            by = "" if task.plugin is None else names[task.plugin]
            kinds.setdefault((task.stage, by), []).append(task)
        if task.stage is Stage.COMPARE:
            _take_down_pairs(task, names, executor, ledger)
    for by, asked in light.items():
        reasons = {each.digest: _unrestored(executor.reason(each)) for each in asked.values()}
        ledger.add(Stage.RESTORE.value, by, "attacks", asked.values(), reasons)
    for (stage, by), made in kinds.items():
        ledger.add(stage.value, by, "attacks", made, {each.digest: executor.reason(each) for each in made})


def _take_down_pairs(task: Task, names: Mapping[PluginRef, str], executor: Executor, ledger: Ledger) -> None:
    """Pairs of an attack that the recogniser gave no proper distance of."""
    made = executor.read(task)
    if made is None or task.plugin is None:
        return
    distances = made.arrays["distances"]
    bad = BadPairs(distances.size)
    if "bad" in made.arrays:
        bad.take(made.arrays["bad"], 0, 0, within=False)
    rows = [f"probe {index} of an attack" for index in range(len(distances))]
    ledger.add_pairs(names[task.plugin], "attacks", bad, (rows, [f"mate {i}" for i in range(distances.shape[1])]))


def _unrestored(reason: str | None) -> str | None:
    """Why an image could not be restored, where that is the reason."""
    return reason.removeprefix(UNRESTORED) if reason and reason.startswith(UNRESTORED) else None


def find_originals(
    cell: Cell, tasks: Tasks, executor: Executor, ledger: Ledger | None = None, only: Collection[str] | None = None
) -> dict[str, str | None]:
    """Find hands or faces in the originals, of all samples or of `only` these, and cut them where the protocol does.

    Returns:
        By sample id: why there is none, or None.
    """
    ledger = Ledger({}) if ledger is None else ledger
    things = f"find {_things(cell)}"
    detections = {name: task for name, task in tasks.detections.items() if only is None or name in only}
    todo = list(detections.values())
    seen = _carry_out(executor, ledger, Stage.ANALYZE, cell.analyzer, todo, things, about="originals")
    missing = {sample_id: seen[task.digest] for sample_id, task in detections.items()}
    if cell.protocol.crop:
        found = [name for name, why in missing.items() if why is None]
        whole = [tasks.originals[name] for name in found]
        cut = _carry_out(executor, ledger, Stage.CROP, None, whole, "cut faces", about="originals")
        missing |= {name: cut[tasks.originals[name].digest] for name in found}
        there = [each for name, each in tasks.references.items() if missing.get(name, "") is None]
        executor.make("find faces in the crops", there)
        reasons = {each.digest: executor.problems.get(each.digest) for each in there}
        ledger.add("analyze crops", cell.analyzer.resolved.text, "originals", there, reasons)
    return missing


def _things(cell: Cell) -> str:
    return "hands" if cell.protocol.modality == "palm" else "faces"


def _coverage_and_hash(version: Version, executor: Executor) -> tuple[float | None, str | None]:
    payload = executor.read(version.deidentify)
    if payload is None:
        return None, None
    return payload.meta.get("roi_coverage"), hashlib.sha256(payload.blobs["image.png"]).hexdigest()


def _survived(version: Version, executor: Executor) -> bool | None:
    """Whether the hand or face is still found; its analysis, mask and all, is too large to be kept of every image."""
    payload = executor.read(version.analyze)
    return None if payload is None else payload.failure is None


def _originals_alone(cell: Cell, executor: Executor) -> AbstractContextManager[None]:
    """Held while work on originals is done, which other methods' runs on the dataset need as well."""
    name = f"originals-{cell.dataset.digest[:16]}-{cell.analyzer.digest[:16]}"
    return executor.alone(name, f"the originals of {cell.dataset.plugin.text}")


def _embed(cell: Cell, tasks: Tasks, there: Sequence[Sample], made: Sequence[Version], executor: Executor) -> None:
    """Make the templates of all recognisers, image by image."""
    by_recognizer = [(each, tasks.original_embeds(each)) for each in cell.recognizers]
    with _originals_alone(cell, executor):
        originals = (embeds[sample.sample_id] for sample in there for _, embeds in by_recognizer)
        executor.make("embed: originals", originals)
    executor.make("embed", (tasks.version_embed(each, recognizer) for each in made for recognizer, _ in by_recognizer))


def _templates(
    tasks: Tasks,
    there: Sequence[Sample],
    made: Sequence[Version],
    recognizer: Plugin,
    executor: Executor,
    ledger: Ledger,
) -> tuple[list[Task], list[Task], dict[str, str | None]]:
    """Tasks of a recogniser's templates of originals and of de-identified images, and why one gives none, or None."""
    name, embeds = recognizer.resolved.text, tasks.original_embeds(recognizer)
    originals = [embeds[each.sample_id] for each in there]
    probes = [tasks.version_embed(each, recognizer) for each in made]
    reasons = {each.digest: executor.reason(each) for each in (*originals, *probes)}
    ledger.add(Stage.EMBED.value, name, "originals", originals, reasons)
    ledger.add(Stage.EMBED.value, name, "de-identified images", probes, reasons)
    return originals, probes, reasons


def _distances(
    cell: Cell,
    tasks: Tasks,
    usable: list[Sample],
    made: list[Version],
    recognizer: Plugin,
    executor: Executor,
    ledger: Ledger,
) -> Distances:
    """Originals x originals and de-identified x originals, NaN where a template could not be had."""
    name = recognizer.resolved.text
    originals, probes, reasons = _templates(tasks, usable, made, recognizer, executor, ledger)
    columns = [None if reasons[each.digest] else each.digest for each in originals]
    rows = [None if reasons[each.digest] else each.digest for each in probes]
    labels = [each.label for each in originals], [f"de-identified {each.label}" for each in probes]
    large = is_large(len(originals), len(probes), len(cell.recognizers))
    sets = comparisons(columns, rows, [(each.sample.sample_id, each.repetition) for each in made], recognizer, large)
    with _originals_alone(cell, executor):
        executor.make(f"compare originals ({name})", sets.originals)
    executor.make(f"compare ({name})", sets.tasks)

    def matrix(about: About, block: Sequence[Task], a: list[str], b: list[str]) -> Grid:
        ledger.add(Stage.COMPARE.value, name, about, block, {each.digest: executor.reason(each) for each in block})
        bad = BadPairs()
        found = join_blocks(block, executor.read, (len(a), len(b)), bad, large)
        ledger.add_pairs(name, about, bad, (a, b))
        return found

    first = None if sets.first is None else np.array(sets.first, dtype=np.intp)
    ones = labels[1] if sets.first is None else [labels[1][index] for index in sets.first]
    among_originals = matrix("originals", sets.originals, labels[0], labels[0])
    to_originals = matrix("de-identified images", sets.deidentified, labels[1], labels[0])
    among = matrix("versions", sets.versions, ones, ones)
    twins: dict[str, Matrix] = {}
    for group, block in sets.twins:
        names = [labels[1][index] for index in group]
        twins |= by_image(whole(matrix("versions", block, names, names)), [made[index] for index in group])
    problems = {each.label: why for each in (*originals, *probes) if (why := reasons[each.digest])}
    return Distances(among_originals, to_originals, among, problems, first, twins)


def _mean_seconds(cell: Cell, tasks: Tasks, versions: list[Version], executor: Executor) -> dict[str, float]:
    timed = executor.seconds()
    groups = {
        Stage.ANALYZE.value: [each.digest for each in tasks.detections.values()],
        Stage.DEIDENTIFY.value: [each.deidentify.digest for each in versions],
        Stage.MEASURE.value: [each.measure.digest for each in versions],
        Stage.EMBED.value: [
            each.digest for recognizer in cell.recognizers for each in tasks.original_embeds(recognizer).values()
        ],
    }
    means = {}
    for name, digests in groups.items():
        known = [timed[each] for each in digests if each in timed]
        if known:
            means[name] = round(float(np.mean(known)), 5)
    return means

"""Stages of a cell that look at images through networks, and the analyzer's noise floor.

Every run takes LPIPS and distances between sets of images; one with `--quality full` also the other networks, regions,
the paper's own evaluation and the noise floor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..datasets.base import Sample
from .engine.execute import Executor
from .metrics.quality.distribution import WEIGHTS, Network
from .metrics.values import Undefined
from .planning.cell_tasks import LOOK_WEIGHTS, Tasks, Version, evaluated_subjects
from .planning.cells import Cell, Quality
from .planning.tasks import ImageRef, Stage, Task, between_task, features_task, floor_task, perceive_task
from .records.failures import About
from .records.record import RunRecord
from .results.cell import SetFeatures
from .results.ledger import Ledger
from .stages.measure import DISTS, LOOKED, drift_metrics, measured, no_weights
from .storage.store import Payload

LPIPS_WEIGHTS = (LOOK_WEIGHTS, "lpips-vgg")
PERCEIVE_WEIGHTS = (*LPIPS_WEIGHTS, DISTS)
WANTED: Mapping[Quality, tuple[str, ...]] = {
    "basic": (LOOK_WEIGHTS, "fid-inception"),
    "full": (LOOK_WEIGHTS, "fid-inception", "lpips-vgg", DISTS),
}
"""Weight files that a run is the better for, and goes on without."""
NOT_IN_BASIC = Undefined("not measured: --quality basic")


@dataclass(frozen=True, slots=True, eq=False)
class CloserLook:
    """What these stages found; see `CellResults`."""

    looked: Mapping[str, Payload | None] | Undefined
    perceived: Mapping[str, Payload | None] | Undefined
    features: Sequence[SetFeatures]
    floors: Mapping[str, Mapping[str, float | Undefined]] = field(default_factory=dict)
    seed_lpips: Mapping[str, Sequence[float | Undefined]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Vectors:
    """Features that came with LPIPS."""

    originals: dict[str, NDArray[np.float64]]
    """By sample id."""
    deidentified: dict[str, NDArray[np.float64]]
    """By digest of the de-identify task."""


def bring_networks(cells: Sequence[Cell], notice: Callable[[str], None] | None = None) -> None:
    """Fetch what `WANTED` names and is not here; what cannot be had is left to the record to say.

    Args:
        cells: that are to be computed.
        notice: is told what is fetched, as it may take minutes.
    """
    from ..weights.files import WeightsError, fetch, find, offline, spec

    if offline():
        return
    for name in dict.fromkeys(name for cell in cells for name in WANTED[cell.quality]):
        if find(name) is None:
            if notice:
                notice(f"fetching {name}: {spec(name).description}")
            try:
                fetch(name)
            except WeightsError:
                if notice:
                    notice(f"{name} cannot be had now; the run goes on without its numbers")


def at_hand(quality: Quality) -> dict[str, str]:
    """Hashes of those of `WANTED` that are here; nothing is fetched."""
    from ..weights.files import digest, status

    return {name: digest(name) for name in WANTED[quality] if status(name).state == "ready"}


def could_see_more(record: RunRecord, quality: Quality) -> bool:
    """Whether a run would now look closer than the record did: at another level, with a network that was not at hand.

    Records of before every run had networks count as such.
    """
    if (quality == "full" and record.quality == "basic") or record.value("fd_alexnet") is None:
        return True
    lacking = {name for name in WANTED[quality] for each in record.values if each.reason == no_weights(name).reason}
    return bool(lacking and lacking & at_hand(quality).keys())


def look_closely(cell: Cell, tasks: Tasks, made: Sequence[Version], executor: Executor, ledger: Ledger) -> CloserLook:
    """Carry out the stages; what lacks its weights is left without a value, with the reason."""
    samples = {each.sample_id: each for each in cell.samples}
    sources = [samples[name] for name in dict.fromkeys(each.sample.sample_id for each in made)]
    evaluated = evaluated_subjects(cell)
    counted = [each for each in sources if each.subject in evaluated]
    versions = [each for each in made if each.sample.subject in evaluated]
    full, here = cell.quality == "full", at_hand(cell.quality)

    def features(network: Network, boxed: bool) -> SetFeatures:
        return _features(network, boxed, here, tasks, counted, versions, executor, ledger)

    looked = _look(here, tasks, made, executor, ledger)
    beyond: list[tuple[Network, bool]] = [("vgg16", False), ("vgg16", True), ("inception", True)]
    return CloserLook(
        looked if isinstance(looked, Undefined) else looked[0],
        _perceive(here, tasks, made, executor, ledger) if full else NOT_IN_BASIC,
        [
            _features_of_look(looked, versions),
            features("inception", False),
            *(features(network, boxed) for network, boxed in beyond if full),
        ],
        _floors(cell, tasks, sources, executor, ledger) if full else {},
        _between(here, made, executor, ledger) if cell.repetitions > 1 else {},
    )


def _look(
    here: Mapping[str, str], tasks: Tasks, made: Sequence[Version], executor: Executor, ledger: Ledger
) -> tuple[dict[str, Payload | None], _Vectors] | Undefined:
    """LPIPS of each pair, and AlexNet's features, which come with it."""
    if LOOK_WEIGHTS not in here:
        return no_weights(LOOK_WEIGHTS)
    todo = {each.deidentify.digest: tasks.look(each) for each in made}
    _make("LPIPS", Stage.LOOK, list(todo.values()), executor, ledger)
    looked: dict[str, Payload | None] = {}
    vectors = _Vectors({}, {})
    for each in made:
        digest = each.deidentify.digest
        payload = executor.read(todo[digest])
        looked[digest] = None if payload is None else Payload(payload.meta)
        if payload is not None and payload.arrays:
            vectors.originals.setdefault(each.sample.sample_id, payload.arrays["original"])
            vectors.deidentified[digest] = payload.arrays["deidentified"]
    return looked, vectors


def _features_of_look(
    found: tuple[Mapping[str, Payload | None], _Vectors] | Undefined, versions: Sequence[Version]
) -> SetFeatures:
    """AlexNet's features: one row for each original and one for each version of it."""
    if isinstance(found, Undefined):
        return SetFeatures("alexnet", False, found, found)
    looked, vectors = found
    digests = [each.deidentify.digest for each in versions]
    lacking = [looked[each] for each in digests if each not in vectors.deidentified]
    if lacking or not digests:
        why = Undefined("no image")
        if lacking:
            first = Undefined("could not be measured") if lacking[0] is None else measured(lacking[0].meta, LOOKED[0])
            why = Undefined(
                f"{len(lacking)} images have no features: {first.reason if isinstance(first, Undefined) else ''}"
            )
        return SetFeatures("alexnet", False, why, why)
    names = dict.fromkeys(each.sample.sample_id for each in versions)
    originals = _filled(len(names), (vectors.originals[each] for each in names))
    deidentified = _filled(len(digests), (vectors.deidentified[each] for each in digests))
    return SetFeatures("alexnet", False, originals, deidentified)


def _perceive(
    here: Mapping[str, str], tasks: Tasks, made: Sequence[Version], executor: Executor, ledger: Ledger
) -> dict[str, Payload | None]:
    """With the networks that are at hand: what lacks its own has no value, and everything else has."""
    weights = {name: here[name] for name in PERCEIVE_WEIGHTS if name in here}
    found = {
        each.deidentify.digest: perceive_task(
            each.analyze.label, tasks.image(each.sample), each.deidentify.digest, weights
        )
        for each in made
    }
    _make("further quality", Stage.PERCEIVE, list(found.values()), executor, ledger)
    return {digest: executor.read(task) for digest, task in found.items()}


def _make(title: str, stage: Stage, tasks: Sequence[Task], executor: Executor, ledger: Ledger, by: str = "") -> None:
    """Make the objects of tasks; crashes go into the ledger."""
    executor.make(title, tasks)
    about: About = "originals" if stage is Stage.FLOOR else "de-identified images"
    ledger.add(stage.value, by, about, tasks, {each.digest: executor.problems.get(each.digest) for each in tasks})


def _features(
    network: Network,
    boxed: bool,
    here: Mapping[str, str],
    tasks: Tasks,
    sources: Sequence[Sample],
    made: Sequence[Version],
    executor: Executor,
    ledger: Ledger,
) -> SetFeatures:
    name = WEIGHTS[network]
    if name not in here:
        return SetFeatures(network, boxed, no_weights(name), no_weights(name))
    weights = {name: here[name]}
    deidentified = [
        features_task(
            each.analyze.label,
            ImageRef.stored(each.deidentify.digest),
            network,
            weights,
            each.deidentify.digest if boxed else None,
        )
        for each in made
    ]
    if boxed:  # the box is that of one method: each original is looked at once per version of it
        originals = [
            features_task(each.analyze.label, tasks.image(each.sample), network, weights, each.deidentify.digest)
            for each in made
        ]
    else:
        originals = [features_task(each.sample_id, tasks.image(each), network, weights) for each in sources]
    title = f"features ({network}{', region' if boxed else ''})"
    _make(title, Stage.FEATURES, [*originals, *deidentified], executor, ledger)
    return SetFeatures(network, boxed, _stacked(originals, executor), _stacked(deidentified, executor))


def _stacked(tasks: Sequence[Task], executor: Executor) -> NDArray[np.float64] | Undefined:
    reasons = [why for why in map(executor.reason, tasks) if why]
    if reasons:
        return Undefined(f"{len(reasons)} images have no features: {reasons[0]}")
    payloads = (payload for task in tasks if (payload := executor.read(task)) is not None)
    rows = _filled(len(tasks), (payload.arrays["features"] for payload in payloads))
    return rows if len(rows) else Undefined("no image")


def _filled(count: int, vectors: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Vectors as rows, at most `count`, put into their places one by one: a list would take as much again."""
    rows = np.empty((0, 0))
    number = 0
    for number, each in enumerate(vectors, 1):
        if number == 1:
            rows = np.empty((count, each.size))
        rows[number - 1] = each
    return rows[:number]


def _floors(
    cell: Cell, tasks: Tasks, sources: Sequence[Sample], executor: Executor, ledger: Ledger
) -> dict[str, dict[str, float | Undefined]]:
    floors = {
        each.sample_id: floor_task(
            each.sample_id, tasks.image(each), tasks.references[each.sample_id].digest, cell.analyzer
        )
        for each in sources
    }
    _make("noise floor", Stage.FLOOR, list(floors.values()), executor, ledger, cell.analyzer.resolved.text)
    found: dict[str, dict[str, float | Undefined]] = {}
    for name, task in floors.items():
        payload = executor.read(task)
        if payload is not None:
            metrics = drift_metrics(cell.protocol.modality).values()
            found[name] = {metric: measured(payload.meta, metric) for metric in metrics}
    return found


def _between(
    here: Mapping[str, str], made: Sequence[Version], executor: Executor, ledger: Ledger
) -> dict[str, list[float | Undefined]]:
    """LPIPS between neighbouring versions of each image: k - 1 pairs of k versions."""
    by_sample: dict[str, list[Version]] = {}
    for each in made:
        by_sample.setdefault(each.sample.sample_id, []).append(each)
    if LOOK_WEIGHTS not in here:
        return {name: [no_weights(LOOK_WEIGHTS)] for name in by_sample}
    weights = {LOOK_WEIGHTS: here[LOOK_WEIGHTS]}
    tasks = {
        name: [
            between_task(name, first.deidentify.digest, second.deidentify.digest, weights)
            for first, second in pairwise(versions)
        ]
        for name, versions in by_sample.items()
    }
    every = [task for pairs in tasks.values() for task in pairs]
    _make("LPIPS between seeds", Stage.BETWEEN, every, executor, ledger)
    found: dict[str, list[float | Undefined]] = {}
    for name, pairs in tasks.items():
        payloads = [executor.read(task) for task in pairs]
        found[name] = [
            measured(payload.meta, "lpips") if payload else Undefined("could not be measured") for payload in payloads
        ]
    return found

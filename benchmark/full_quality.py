"""The stages of `--quality full`: LPIPS, distances between sets of images, the analyzer's noise floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.base import Sample
from .engine.execute import Executor
from .metrics.values import Undefined
from .planning.cell_tasks import Tasks, Version
from .planning.cells import Cell
from .planning.tasks import ImageRef, Stage, Task, between_task, features_task, floor_task, perceive_task
from .records.failures import About
from .results.cell import SetFeatures
from .results.ledger import Ledger
from .stages.measure import DISTS, drift_metrics, measured, no_weights
from .storage.store import Payload

Network = Literal["inception", "vgg16"]
NETWORK_WEIGHTS: dict[Network, str] = {"vgg16": "lpips-vgg", "inception": "fid-inception"}
LPIPS_WEIGHTS = ("lpips-alex", "lpips-vgg")
PERCEIVE_WEIGHTS = (*LPIPS_WEIGHTS, DISTS)


@dataclass(frozen=True, slots=True, eq=False)
class CloserLook:
    """What these stages found; see `CellResults`."""

    perceived: Mapping[str, Payload | None] | Undefined
    features: Sequence[SetFeatures] = ()
    floors: Mapping[str, Mapping[str, float | Undefined]] = field(default_factory=dict)
    seed_lpips: Mapping[str, Sequence[float | Undefined]] = field(default_factory=dict)


NO_CLOSER_LOOK = CloserLook(Undefined("not measured: --quality basic"))


def look_closely(cell: Cell, tasks: Tasks, made: Sequence[Version], executor: Executor, ledger: Ledger) -> CloserLook:
    """Carry out the stages; what lacks its weights is left without a value, with the reason."""
    samples = {each.sample_id: each for each in cell.samples}
    sources = [samples[name] for name in dict.fromkeys(each.sample.sample_id for each in made)]
    everyone = frozenset(each.subject for each in cell.samples)
    evaluated = everyone if cell.dataset.info.no_rates else cell.protocol.eval_subjects(sorted(everyone))
    counted = [each for each in sources if each.subject in evaluated]
    versions = [each for each in made if each.sample.subject in evaluated]
    return CloserLook(
        _perceive(tasks, made, executor, ledger),
        [
            _features(network, boxed, tasks, counted, versions, executor, ledger)
            for network in NETWORK_WEIGHTS
            for boxed in (False, True)
        ],
        _floors(cell, tasks, sources, executor, ledger),
        _between(made, executor, ledger) if cell.repetitions > 1 else {},
    )


def _weights(*names: str) -> dict[str, str] | Undefined:
    """Hashes of weight files that are here or can be fetched, or why not."""
    from ..weights.files import WeightsError, digest, weight

    for name in names:
        try:
            weight(name)
        except WeightsError:
            return no_weights(name)
    return {name: digest(name) for name in names}


def _perceive(tasks: Tasks, made: Sequence[Version], executor: Executor, ledger: Ledger) -> dict[str, Payload | None]:
    """With the networks that are at hand: what lacks its own has no value, and everything else has."""
    at_hand = [_weights(name) for name in PERCEIVE_WEIGHTS]
    weights = {name: sha256 for each in at_hand if not isinstance(each, Undefined) for name, sha256 in each.items()}
    found = {
        each.deidentify.digest: perceive_task(
            each.analyze.label, tasks.image(each.sample), each.deidentify.digest, weights
        )
        for each in made
    }
    _make("LPIPS", Stage.PERCEIVE, list(found.values()), executor, ledger)
    return {digest: executor.read(task) for digest, task in found.items()}


def _make(title: str, stage: Stage, tasks: Sequence[Task], executor: Executor, ledger: Ledger, by: str = "") -> None:
    """Make the objects of tasks; crashes go into the ledger."""
    executor.make(title, tasks)
    about: About = "originals" if stage is Stage.FLOOR else "de-identified images"
    ledger.add(stage.value, by, about, tasks, {each.digest: executor.problems.get(each.digest) for each in tasks})


def _features(
    network: Network,
    boxed: bool,
    tasks: Tasks,
    sources: Sequence[Sample],
    made: Sequence[Version],
    executor: Executor,
    ledger: Ledger,
) -> SetFeatures:
    weights = _weights(NETWORK_WEIGHTS[network])
    if isinstance(weights, Undefined):
        return SetFeatures(network, boxed, weights, weights)
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
    payloads = [executor.read(task) for task in tasks]
    rows = [payload.arrays["features"] for payload in payloads if payload is not None]
    return np.stack(rows).astype(np.float64) if rows else Undefined("no image")


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


def _between(made: Sequence[Version], executor: Executor, ledger: Ledger) -> dict[str, list[float | Undefined]]:
    """LPIPS between neighbouring versions of each image: k - 1 pairs of k versions."""
    weights = _weights("lpips-alex")
    by_sample: dict[str, list[Version]] = {}
    for each in made:
        by_sample.setdefault(each.sample.sample_id, []).append(each)
    if isinstance(weights, Undefined):
        return {name: [weights] for name in by_sample}
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

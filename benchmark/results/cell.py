"""Intermediate results of a cell (distances, measures, failures), before scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...datasets.base import Sample
from ..metrics.plugged import Plugged, plugged
from ..metrics.quality.distribution import Network
from ..metrics.values import Undefined
from ..planning.cell_tasks import Version
from ..planning.cells import SCORE_VERSION, Cell
from ..protocols import Protocol
from ..records.failures import Failure
from ..storage.store import Payload
from ..suites import Suite
from .attacks import AttackResults
from .attacks import Matrix as Matrix
from .tiles import Grid


@dataclass(frozen=True, slots=True, eq=False)
class AttackSetting:
    """Parameters of the attacks that scoring needs."""

    suite: Suite
    digest: str
    """Of what the attacks' numbers depend on."""
    asked: tuple[str, ...]
    """As typed."""
    auxiliary: str
    """Where the people come from on whom attackers learned."""
    names: bool
    """Whether ids of the dataset may be shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """Parameters of a cell that scoring needs."""

    protocol: Protocol
    samples: Sequence[Sample]
    """What takes part."""
    repetitions: int
    queries: frozenset[str] | None = None
    """Ids of what is de-identified and searched in the rest; None: everything is, in everything."""
    targets: frozenset[str] = frozenset()
    """Ids of the samples in the gallery that the method made images look like."""
    metrics: Sequence[Plugged] = ()
    """Metrics that the user brought."""
    attacks: AttackSetting | None = None
    """None: none was asked for."""
    no_rates: str = ""
    """Why the dataset supports no rate of recognition; empty: it does."""
    score_version: int = SCORE_VERSION
    """An older one for records of before."""
    intervals: bool = True
    """Whether intervals are computed, which takes most of the time."""

    @staticmethod
    def of(cell: Cell, targets: Sequence[str] = ()) -> Setting:
        """Of a cell, whose method was given these targets."""
        queries = None if cell.roles is None else cell.roles.query_ids
        there = frozenset(targets) & {each.sample_id for each in cell.samples}
        metrics = [plugged(each.resolved) for each in cell.metrics]
        attacks, plan = None, cell.attacks
        if plan is not None:
            names = cell.dataset.info.redistributable
            attacks = AttackSetting(plan.suite, plan.digest, plan.asked, plan.auxiliary.source, names)
        rates = cell.dataset.info.no_rates
        return Setting(cell.protocol, cell.samples, cell.repetitions, queries, there, metrics, attacks, rates)

    @property
    def planned(self) -> Sequence[Sample]:
        """What is de-identified."""
        return (
            self.samples if self.queries is None else [each for each in self.samples if each.sample_id in self.queries]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """Distances of one recogniser; NaN where a template could not be had."""

    originals: Grid
    """(usable samples, usable samples)."""
    deidentified: Grid
    """(de-identified images, usable samples)."""
    versions: Grid
    """(de-identified images, de-identified images), or those of `first` among each other."""
    problems: Mapping[str, str]
    """Why a template could not be had, by label of the image."""
    first: NDArray[np.intp] | None = None
    """Rows of `deidentified` that `versions` has, one version of each image, where it has not all."""
    twins: Mapping[str, Matrix] = field(default_factory=dict)
    """By sample id, where `versions` has not all: versions of one image among each other."""


@dataclass(frozen=True, slots=True, eq=False)
class SetFeatures:
    """Features of originals and de-identified images by one network."""

    network: Network
    boxed: bool
    """Of the box around the protected region, not of the whole image."""
    originals: NDArray[np.float64] | Undefined
    deidentified: NDArray[np.float64] | Undefined


@dataclass(frozen=True, slots=True, eq=False)
class CellResults:
    """Everything that a cell's stages produced. Mappings of versions go by the digest of the de-identify task."""

    missing: Mapping[str, str | None]
    """By sample id: why no hand or face was found in the original, or None."""
    versions: Sequence[Version]
    failed: Mapping[str, str | None]
    """Why there is no image, or None."""
    crashed: frozenset[str]
    """Digests of tasks that were not stored and are tried again."""
    survived: Mapping[str, bool | None]
    """Whether the analyzer still finds the hand or face in an image that was made; None where it crashed."""
    measures: Mapping[str, Payload | None]
    looked: Mapping[str, Payload | None] | Undefined
    """LPIPS by digest of the de-identify task, or why there is none."""
    perceived: Mapping[str, Payload | None] | Undefined
    """What `--quality full` adds of each pair, or why there is none."""
    coverage: Mapping[str, float | None]
    images: Mapping[str, str | None]
    """SHA-256 of each image's file, or None where it is gone."""
    usable: Sequence[Sample]
    distances: Mapping[str, Distances]
    """By specification of the recogniser."""
    features: Sequence[SetFeatures]
    floors: Mapping[str, Mapping[str, float | Undefined]]
    """By sample id: the analyzer's own noise, by metric of drift."""
    seed_lpips: Mapping[str, Sequence[float | Undefined]]
    """By sample id: LPIPS between its versions."""
    seconds: Mapping[str, float]
    targets: Sequence[str] = ()
    """Ids of the samples that the method was given as targets."""
    plugged: Mapping[str, Mapping[str, Payload | None]] = field(default_factory=dict)
    """What users' metrics of images gave as `value`, by name of the metric."""
    failures: Sequence[Failure] = ()
    """The ledger."""
    attacks: AttackResults | None = None
    """What attackers found; None where none was asked for."""

    @property
    def made(self) -> list[Version]:
        """Versions that exist, in the order of the rows of `Distances.deidentified`."""
        return [each for each in self.versions if self.failed[each.deidentify.digest] is None]

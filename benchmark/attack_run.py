"""Carries out the attacks of a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..attackers.pooling import pooled
from ..datasets.base import Sample
from .engine.execute import CHUNK, Executor
from .planning.attack_plan import AttackPlan, Variant
from .planning.attack_tasks import AttackTasks, Shown, adapt_task, match_tasks, restored, shown_embed
from .planning.cell_tasks import Tasks, Version
from .planning.cells import Cell
from .planning.tasks import Plugin, Task, compare_tasks
from .records.attacks import CRASHED
from .results.attacks import AttackResults, VariantDistances, VariantName
from .results.blocks import join_blocks
from .results.cell import Matrix
from .suites import IDENTITY, STRANGER, Control


@dataclass(slots=True)
class _Material:
    """What the attacks of a cell work on."""

    usable: Sequence[Sample]
    probes: Sequence[Shown]
    """Of each version."""
    images: Sequence[int]
    """Of each probe: which image it is a version of."""
    galleries: Mapping[str, Sequence[Shown]]
    parrots: Sequence[int]
    controls: Sequence[int]
    """Usable samples that the controls' probes stand for."""
    everybody: Sequence[Shown]
    """All originals, with these regions."""
    unchanged: Sequence[Shown]
    """What the control `identity` shows: originals, with the region that the method may change in each."""
    strangers: Sequence[Shown]
    """What the control `stranger` shows."""
    originals: Sequence[Shown] = ()
    """Auxiliary originals."""
    published: Sequence[Shown] = ()
    """The same people's images after the method."""
    people: Mapping[str, int] = field(default_factory=dict)
    """Number of the person of each auxiliary image, by its label."""
    parroted: Sequence[str] = ()
    """Digests of the tasks that put the gallery through the method."""
    prepared: Sequence[str] = ()
    """Digests of the tasks behind the auxiliary people's images."""


def attack(
    cell: Cell,
    plan: AttackPlan,
    tasks: Tasks,
    missing: Mapping[str, str | None],
    versions: Sequence[Version],
    failed: Mapping[str, str | None],
    executor: Executor,
) -> AttackResults:
    """Carry out the attacks.

    Args:
        cell: what is attacked.
        plan: of the cell.
        tasks: of the cell.
        missing: by sample id, why no hand or face was found, or None.
        versions: of the cell.
        failed: by digest of the de-identify task, why there is no image, or None.
        executor: carries tasks out.
    """
    attacks = AttackTasks(cell, tasks, missing)
    material = _material(cell, plan, attacks, missing, versions, failed, executor)
    reasons: dict[str, str] = {each.attack.id: each.reason for each in plan.attacks if each.reason}
    found: dict[str, list[VariantDistances]] = {}
    for recognizer in cell.recognizers:
        name = recognizer.resolved.text
        found[name] = []
        for variant in plan.variants:
            made = _Run(cell, material, recognizer, executor).attempt(variant)
            if isinstance(made, str):
                key = f"{variant.attack.id}/{name}"
                if key not in reasons or made.startswith(CRASHED):
                    reasons[key] = made
            else:
                found[name].append(made)
    return AttackResults(
        material.parrots,
        material.controls,
        found,
        reasons,
        len(set(material.people.values())),
        len(material.originals) + len(material.published),
    )


def _material(
    cell: Cell,
    plan: AttackPlan,
    attacks: AttackTasks,
    missing: Mapping[str, str | None],
    versions: Sequence[Version],
    failed: Mapping[str, str | None],
    executor: Executor,
) -> _Material:
    """Make what all attacks share: the auxiliary people's images, and the gallery after the method."""
    executor.make("attackers: find their own people", attacks.detections.values())
    if cell.protocol.crop:
        executor.make("attackers: cut their own people", attacks.located.values())
    able = [each for each in attacks.people if executor.reason(attacks.located[each.sample_id]) is None]
    batch = getattr(cell.method.info, "batch_size", CHUNK)
    made = [attacks.published(each, able) for each in able]
    executor.make("attackers: run the method on them", [task for _, task in made], batch)
    usable = [each for each in cell.samples if missing[each.sample_id] is None]
    wanted = any(each.gallery == "parrot" for each in plan.variants)
    parrots = attacks.parrots(versions, able) if wanted else []
    own = {each.deidentify.digest for each in versions}
    extra = [version for _, version in parrots if version.deidentify.digest not in own]
    executor.make("attackers: run the method on the gallery", [each.deidentify for each in extra], batch)
    if cell.protocol.alignment.probe == "own-else-original":
        done = [each.analyze for each in extra if executor.reason(each.deidentify) is None]
        executor.make("attackers: find hands in it", done)
    place = {each.sample_id: index for index, each in enumerate(usable)}
    numbers = {name: index for index, name in enumerate(dict.fromkeys(each.identity for each in able))}
    controls = _controls(cell, usable)
    shown = {each.sample.sample_id: attacks.probe(each, True) for each in reversed(versions)}
    published = [shown for shown, task in made if executor.reason(task) is None]
    return _Material(
        controls=controls,
        everybody=[attacks.unchanged(each, shown.get(each.sample_id)) for each in usable],
        unchanged=[attacks.unchanged(usable[index], shown.get(usable[index].sample_id)) for index in controls],
        strangers=_strangers(attacks, able, published, [usable[index] for index in controls], usable),
        usable=usable,
        images=[place[each.sample.sample_id] for each in versions],
        probes=[attacks.probe(each, failed[each.deidentify.digest] is None) for each in versions],
        galleries={
            "originals": [attacks.plain(each) for each in usable],
            "parrot": [attacks.probe(each, executor.reason(each.deidentify) is None) for _, each in parrots],
        },
        parrots=[place[sample.sample_id] for sample, _ in parrots],
        originals=[attacks.original(each) for each in able],
        published=published,
        people={each.sample_id: numbers[each.identity] for each in able},
        parroted=[each.deidentify.digest for _, each in parrots],
        prepared=[
            each.digest
            for each in (*attacks.detections.values(), *attacks.located.values(), *(task for _, task in made))
        ],
    )


def _controls(cell: Cell, usable: Sequence[Sample]) -> list[int]:
    """One usable sample of each identity that is searched for."""
    asked = None if cell.roles is None else cell.roles.query_ids
    first: dict[str, int] = {}
    for index, each in enumerate(usable):
        if asked is None or each.sample_id in asked:
            first.setdefault(each.identity, index)
    return list(first.values())


def _strangers(
    attacks: AttackTasks,
    able: Sequence[Sample],
    published: Sequence[Shown],
    probes: Sequence[Sample],
    usable: Sequence[Sample],
) -> list[Shown]:
    """For each probe of the controls an image of somebody else: an auxiliary person's or, without these, anybody's."""
    first = list({each.identity: each for each in reversed(able)}.values())
    made_by = {each.label: each for each in published}
    if len(first) >= len(probes) / 2 and first:
        chosen = [first[index % len(first)] for index in range(len(probes))]
        return [attacks.unchanged(each, made_by.get(each.sample_id)) for each in chosen]
    others = [probes[(index + len(probes) // 2) % len(probes)] for index in range(len(probes))]
    return [attacks.unchanged(each, None) for each in others]


@dataclass(slots=True)
class _Run:
    """The attacks with one recogniser."""

    cell: Cell
    material: _Material
    recognizer: Plugin
    executor: Executor
    touched: set[str] = field(default_factory=set)
    """Digests of the tasks behind a combination."""

    def attempt(self, variant: Variant) -> VariantDistances | str:
        """Distances of a combination, or why there are none; what crashes gives none, and is tried again."""
        found = self.distances(variant)
        crashed = sorted(self.executor.problems.keys() & self.touched)
        return CRASHED + self.executor.problems[crashed[0]] if crashed else found

    def distances(self, variant: Variant) -> VariantDistances | str:
        """Distances of a combination, or why there are none."""
        gallery = self.material.galleries[variant.gallery]
        if not gallery:
            return "there is no image that the attacker could put through the method"
        if variant.gallery == "parrot":
            self.touched.update(self.material.parroted)
        touched = variant.restorer if variant.gallery == "parrot" else None
        rows = self._templates(self.material.probes, variant.restorer)
        columns = self._templates(gallery, touched)
        state = None
        if variant.adapter is not None:
            fitted = self._fit(variant)
            why = self.executor.reason(fitted)
            if why is not None:
                return why
            state = fitted.digest
        matrix = pooled(self._compare(variant, state, rows, columns), self.material.images, variant.pooling)
        name = VariantName(variant.attack.id, variant.text, variant.gallery, variant.pooling)
        return VariantDistances(name, matrix, self._controls(variant, state, columns, touched))

    def _make(self, title: str, tasks: Sequence[Task]) -> None:
        self.executor.make(title, tasks)
        self.touched.update(each.digest for each in tasks)

    def _controls(
        self, variant: Variant, state: str | None, columns: Sequence[str | None], touched: Plugin | None
    ) -> dict[Control, Matrix]:
        """What the same attack makes of probes whose answer is known."""
        found: dict[Control, Matrix] = {}
        if IDENTITY in variant.attack.controls:
            unchanged = self._templates(self.material.unchanged, variant.restorer)
            originals = columns if variant.gallery == "originals" else self._templates(self.material.everybody, touched)
            found[IDENTITY] = self._compare(variant, state, unchanged, originals)
        if STRANGER in variant.attack.controls:
            strangers = self._templates(self.material.strangers, variant.restorer)
            found[STRANGER] = self._compare(variant, state, strangers, columns)
        return found

    def _templates(self, shown: Sequence[Shown], restorer: Plugin | None) -> list[str | None]:
        """Digests of the templates; None where an image has none."""
        pairs = [restored(each, restorer, self.cell.method) for each in shown]
        self.touched.update(digest for each in shown for digest in each.analyses)
        what = "" if restorer is None else restorer.resolved.text
        self._make(f"attackers: restore ({what})", [task for _, task in pairs if task is not None])
        embeds = [
            shown_embed(each, self.recognizer) if task is None or self.executor.reason(task) is None else None
            for each, task in pairs
        ]
        # What the other recognisers will ask for, too: an image is decoded or restored once for all.
        others = [each for each in self.cell.recognizers if each is not self.recognizer]
        seen = [each for (each, _), task in zip(pairs, embeds, strict=True) if task is not None]
        own = [each for each in embeds if each is not None]
        more = [shown_embed(each, recognizer) for each in seen for recognizer in others]
        self.executor.make("attackers: embed", [*own, *more])
        self.touched.update(each.digest for each in own)
        return [None if each is None or self.executor.reason(each) else each.digest for each in embeds]

    def _fit(self, variant: Variant) -> Task:
        assert variant.adapter is not None
        material = self.material
        self.touched.update(material.prepared)
        sides = []
        labels: list[int] = []
        for shown in (material.originals, material.published):
            made = self._templates(shown, None)
            kept = [(digest, each) for digest, each in zip(made, shown, strict=True) if digest is not None]
            sides.append([digest for digest, _ in kept])
            labels += [material.people[each.label] for _, each in kept]
        task = adapt_task(self.recognizer.resolved.text, sides[0], sides[1], labels, variant.adapter)
        self._make(f"attackers: fit ({variant.adapter.resolved.text})", [task])
        return task

    def _compare(
        self, variant: Variant, state: str | None, rows: Sequence[str | None], columns: Sequence[str | None]
    ) -> Matrix:
        label = self.recognizer.resolved.text
        if variant.adapter is None or state is None:
            blocks = compare_tasks(label, rows, columns, self.recognizer)
        else:
            blocks = match_tasks(label, state, rows, columns, variant.adapter)
        self._make(f"attackers: compare ({label})", blocks)
        if variant.adapter is None or state is None:
            return join_blocks(blocks, map(self.executor.read, blocks), len(columns))
        found = np.full((len(rows), len(columns)), np.nan, np.float32)
        start = 0
        for task in blocks:
            part = self.executor.read(task)
            if part is not None:
                found[start : start + task.split] = part.arrays["distances"]
            start += task.split
        return found

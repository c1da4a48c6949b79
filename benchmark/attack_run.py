"""Carries out the attacks of a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..attackers.pooling import pooled
from ..attackers.shortlist import overlaid
from ..characters import plain
from ..recognizers.last_layer import has_last_layer
from .attack_material import Attacked, Material, prepare, put_through_again
from .engine.execute import Executor
from .planning.attack_plan import Variant
from .planning.attack_tasks import (
    AttackTasks,
    Shown,
    adapt_task,
    fit_task,
    match_tasks,
    restored,
    shown_embed,
    shown_encode,
    shown_layer,
)
from .planning.cells import Cell
from .planning.tasks import Plugin, Task, compare_tasks
from .records.attacks import CRASHED
from .results.attacks import AttackResults, VariantDistances, VariantName
from .results.blocks import join_blocks
from .results.cell import Matrix
from .results.tiles import whole
from .suites import IDENTITY, STRANGER, Control

LONGEST_REASON = 900
"""Characters; a file of distances holds no longer texts."""
Look = Callable[[Shown], Task]
"""The task that makes of an image what is compared."""


def attack(attacked: Attacked) -> AttackResults:
    """Carry out the attacks of a cell."""
    cell, plan, executor = attacked.cell, attacked.plan, attacked.executor
    attacks = AttackTasks(cell, attacked.tasks, attacked.missing)
    material = prepare(attacked, attacks)
    runs = {each.resolved.text: _Run(cell, material, each, executor) for each in cell.recognizers}
    counts = [each.attack.candidates for each in plan.variants if each.gallery == "seeded"]
    if counts and material.parrots:
        likely = {name: [each.parroted(name) for each in runs.values()] for name in ("probes", "strangers")}
        material.shortlisted = sorted(set[str]().union(*(each.touched for each in runs.values())))
        put_through_again(cell, material, attacks, likely, max(counts), executor)
    reasons: dict[str, str] = {each.attack.id: each.reason for each in plan.attacks if each.reason}
    found: dict[str, list[VariantDistances]] = {}
    for name, each in runs.items():
        tried = [(variant, each.attempt(variant)) for variant in plan.variants]
        found[name] = [made for _, made in tried if isinstance(made, VariantDistances)]
        for planned in plan.attacks:
            own = [(variant.text, made) for variant, made in tried if variant.attack.id == planned.attack.id]
            if why := lacking([(text, made) for text, made in own if isinstance(made, str)], len(own)):
                reasons[f"{planned.attack.id}/{name}"] = why
    return AttackResults(
        material.parrots,
        material.controls,
        found,
        reasons,
        len(set(material.people.values())),
        len(material.originals) + len(material.published),
    )


def unfit(variant: Variant, recognizer: str, has_layer: Callable[[], bool]) -> str:
    """Why a combination says nothing with a recogniser; empty where it does.

    Args:
        variant: the combination.
        recognizer: the recogniser's digest.
        has_layer: whether it has a last layer; only asked where one is to be trained.
    """
    if variant.adapter is not None and variant.adapter.info.reads == "layer" and not has_layer():
        return "the recogniser has no last layer that could be trained"
    if variant.encoder is not None and variant.encoder.plugin.digest == recognizer:
        return "what the method looks into is this recogniser: see the attacks before"
    return ""


def name_of(variant: Variant) -> VariantName:
    """What the distances of a combination are kept under."""
    gallery = "originals" if variant.gallery == "originals" else "parrot"
    return VariantName(variant.attack.id, variant.text, gallery, variant.pooling)


def lacking(reasons: Sequence[tuple[str, str]], tried: int) -> str:
    """Why an attack has no distances with a recogniser or, where some of its combinations have, why others have none.

    Args:
        reasons: slots of each combination without distances, and why.
        tried: how many combinations there are.
    """
    crashed = next((why for _, why in reasons if why.startswith(CRASHED)), "")
    if crashed or len(reasons) == tried:
        return plain(crashed or "; ".join(dict.fromkeys(why for _, why in reasons)), LONGEST_REASON)
    by_reason: dict[str, list[str]] = {}
    for slots, why in reasons:
        by_reason.setdefault(why, []).append(slots)
    return plain("; ".join(f"{' | '.join(slots)}: {why}" for why, slots in by_reason.items()), LONGEST_REASON)


@dataclass(slots=True)
class _Run:
    """The attacks with one recogniser."""

    cell: Cell
    material: Material
    recognizer: Plugin
    executor: Executor
    touched: set[str] = field(default_factory=set)
    """Digests of the tasks behind a combination."""

    def attempt(self, variant: Variant) -> VariantDistances | str:
        """Distances of a combination, or why there are none; what crashes gives none, and is tried again."""
        self.touched = set()
        found = self.distances(variant)
        crashed = sorted(self.executor.problems.keys() & self.touched)
        return CRASHED + self.executor.problems[crashed[0]] if crashed else found

    def parroted(self, what: str) -> Matrix:
        """Distances of all probes, or of the strangers of the control, to the gallery after the method."""
        shown = self.material.probes if what == "probes" else self.material.strangers
        rows = self._templates(shown, self._embed)
        columns = self._templates(self.material.galleries["parrot"], self._embed)
        return self._compare(None, None, rows, columns)

    def distances(self, variant: Variant) -> VariantDistances | str:
        """Distances of a combination, or why there are none."""
        cls = self.recognizer.resolved.cls
        why = unfit(variant, self.recognizer.digest, lambda: has_last_layer(cls))
        if why:
            return why
        parrot = variant.gallery != "originals"
        gallery = self.material.galleries["parrot" if parrot else "originals"]
        if not gallery:
            return "there is no image that the attacker could put through the method"
        if parrot:
            self.touched.update(self.material.parroted)
        prepared = self._prepared(variant)
        if isinstance(prepared, str):
            return prepared
        view, state = prepared
        rows = self._templates(self.material.probes, view.look, view.restored)
        columns = self._templates(gallery, view.look, view.restored if parrot else None)
        matrix = self._compare(variant, state, rows, columns)
        matrix = pooled(self._again(variant, "probes", rows, matrix), self.material.images, variant.pooling)
        return VariantDistances(name_of(variant), matrix, self._controls(variant, state, columns, view))

    def _prepared(self, variant: Variant) -> tuple[_View, str | None] | str:
        """What is fitted for a combination: how images are looked at, and the adapter's state; or why nothing is."""
        restored_by: _By | None = None
        if variant.restorer is not None:
            restored_by = variant.restorer, None
            if variant.restorer.info.learns:
                task = self._fit_restorer(variant.restorer)
                if (why := self.executor.reason(task)) is not None:
                    return why
                restored_by = variant.restorer, task.digest
        view = _View(self._look(variant), restored_by)
        if variant.adapter is None:
            return view, None
        task = self._fit_adapter(variant.adapter, view.look)
        why = self.executor.reason(task)
        return (view, task.digest) if why is None else why

    def _look(self, variant: Variant) -> Look:
        encoder = variant.encoder
        if encoder is not None:
            by = encoder.plugin
            return lambda shown: (shown_embed if encoder.surrogate else shown_encode)(shown, by)
        if variant.adapter is not None and variant.adapter.info.reads == "layer":
            return lambda shown: shown_layer(shown, self.recognizer)
        return self._embed

    def _embed(self, shown: Shown) -> Task:
        return shown_embed(shown, self.recognizer)

    def _make(self, title: str, tasks: Sequence[Task]) -> None:
        self.executor.make(title, tasks)
        self.touched.update(each.digest for each in tasks)

    def _controls(
        self, variant: Variant, state: str | None, columns: Sequence[str | None], view: _View
    ) -> dict[Control, Matrix]:
        """What the same attack makes of probes whose answer is known."""
        found: dict[Control, Matrix] = {}
        by = None if variant.gallery == "originals" else view.restored
        if IDENTITY in variant.attack.controls:
            unchanged = self._templates(self.material.unchanged, view.look, view.restored)
            originals = columns
            if variant.gallery != "originals":
                originals = self._templates(self.material.everybody, view.look, by)
            found[IDENTITY] = self._compare(variant, state, unchanged, originals)
        if STRANGER in variant.attack.controls:
            strangers = self._templates(self.material.strangers, view.look, view.restored)
            matrix = self._compare(variant, state, strangers, columns)
            found[STRANGER] = self._again(variant, "strangers", strangers, matrix)
        return found

    def _templates(self, shown: Sequence[Shown], look: Look, by: _By | None = None) -> list[str | None]:
        """Digests of what is compared; None where an image has none."""
        restorer, state = by or (None, None)
        pairs = [restored(each, restorer, self.cell.method, state) for each in shown]
        self.touched.update(digest for each in shown for digest in each.analyses)
        what = "" if restorer is None else restorer.resolved.text
        self._make(f"attackers: restore ({what})", [task for _, task in pairs if task is not None])
        embeds = [look(each) if task is None or self.executor.reason(task) is None else None for each, task in pairs]
        own = [each for each in embeds if each is not None]
        more: list[Task] = []
        if look == self._embed:
            # What the other recognisers will ask for, too: an image is decoded or restored once for all.
            others = [each for each in self.cell.recognizers if each is not self.recognizer]
            seen = [each for (each, _), task in zip(pairs, embeds, strict=True) if task is not None]
            more = [shown_embed(each, recognizer) for each in seen for recognizer in others]
        self.executor.make("attackers: embed", [*own, *more])
        self.touched.update(each.digest for each in own)
        return [None if each is None or self.executor.reason(each) else each.digest for each in embeds]

    def _again(self, variant: Variant, what: str, rows: Sequence[str | None], matrix: Matrix) -> Matrix:
        """The distances after the likeliest people were put through the method with the seed of each image."""
        if variant.gallery != "seeded":
            return matrix
        self.touched.update((*self.material.shortlisted, *self.material.remade))
        lists = self.material.again.get(what, ())
        shown = [each for row in lists for _, each in row]
        made = iter(self._templates(shown, self._embed))
        blocks = [
            compare_tasks(self.recognizer.resolved.text, [row], [next(made) for _ in entries], self.recognizer)
            for row, entries in zip(rows, lists, strict=True)
        ]
        self._make(
            f"attackers: compare ({self.recognizer.resolved.text})", [task for block in blocks for task in block]
        )
        again = []
        for block, entries in zip(blocks, lists, strict=True):
            found = whole(join_blocks(block, self.executor.read, (1, len(entries))))
            again.append([(entry, float(each)) for (entry, _), each in zip(entries, found[0], strict=True)])
        return overlaid(matrix, again)

    def _fit_restorer(self, restorer: Plugin) -> Task:
        material = self.material
        self.touched.update(material.prepared)
        before = {each.label: each for each in material.originals}
        pairs = [(before[each.label], each) for each in material.published]
        task = fit_task(pairs, [material.people[each.label] for _, each in pairs], restorer, self.cell.method)
        self._make(f"attackers: fit ({restorer.resolved.text})", [task])
        return task

    def _fit_adapter(self, adapter: Plugin, look: Look) -> Task:
        material = self.material
        self.touched.update(material.prepared)
        sides = []
        labels: list[int] = []
        for shown in (material.originals, material.published):
            made = self._templates(shown, look)
            kept = [(digest, each) for digest, each in zip(made, shown, strict=True) if digest is not None]
            sides.append([digest for digest, _ in kept])
            labels += [material.people[each.label] for _, each in kept]
        task = adapt_task(sides[0], sides[1], labels, adapter, self.recognizer)
        self._make(f"attackers: fit ({adapter.resolved.text})", [task])
        return task

    def _compare(
        self, variant: Variant | None, state: str | None, rows: Sequence[str | None], columns: Sequence[str | None]
    ) -> Matrix:
        label = self.recognizer.resolved.text
        adapter, encoder = (None, None) if variant is None else (variant.adapter, variant.encoder)
        if adapter is None and (encoder is None or encoder.surrogate):
            by = self.recognizer if encoder is None else encoder.plugin
            blocks = compare_tasks(label, rows, columns, by)
            self._make(f"attackers: compare ({label})", blocks)
            return whole(join_blocks(blocks, self.executor.read, (len(rows), len(columns))))
        blocks = match_tasks(label, state, rows, columns, adapter)
        self._make(f"attackers: compare ({label})", blocks)
        found = np.full((len(rows), len(columns)), np.nan, np.float32)
        start = 0
        for task in blocks:
            part = self.executor.read(task)
            if part is not None:
                found[start : start + task.split] = part.arrays["distances"]
            start += task.split
        return found


_By = tuple[Plugin, str | None]
"""What restores an image, and the digest of what it fitted."""


@dataclass(frozen=True, slots=True)
class _View:
    """How a combination looks at images."""

    look: Look
    restored: _By | None

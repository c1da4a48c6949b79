"""What all attacks of a cell work on: images of the attacker's own people, and the gallery after the method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..attackers.shortlist import shortlist
from ..datasets.base import Sample
from .engine.execute import Executor, batch_of
from .planning.attack_plan import AttackPlan
from .planning.attack_tasks import AttackTasks, Shown
from .planning.cell_tasks import Tasks, Version
from .planning.cells import Cell
from .results.cell import Matrix


@dataclass(slots=True)
class Material:
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
    seeds: Sequence[int] = ()
    """Of each probe: the seed that it was made with."""
    control_seeds: Sequence[int] = ()
    """Of each probe of the control `stranger`: the seed of whom it stands for."""
    again: Mapping[str, Sequence[Sequence[tuple[int, Shown]]]] = field(default_factory=dict)
    """By what is searched for, `probes` or `strangers`: for each image entries of the gallery, put through the method
    once more with its seed."""
    shortlisted: Sequence[str] = ()
    """Digests of the tasks that say who is likely: with one of another recogniser gone, others would be."""
    remade: Sequence[str] = ()
    """Digests of the tasks behind `again`."""


@dataclass(frozen=True, slots=True)
class Attacked:
    """A cell that is attacked, as its own stages left it."""

    cell: Cell
    plan: AttackPlan
    tasks: Tasks
    missing: Mapping[str, str | None]
    """By sample id, why no hand or face was found in the original, or None."""
    versions: Sequence[Version]
    failed: Mapping[str, str | None]
    """By digest of the de-identify task, why there is no image, or None."""
    executor: Executor
    """Carries tasks out."""


def prepare(attacked: Attacked, attacks: AttackTasks) -> Material:
    """Make what all attacks share: the auxiliary people's images, and the gallery after the method."""
    cell, versions, executor = attacked.cell, attacked.versions, attacked.executor
    executor.make("attackers: find their own people", attacks.detections.values())
    if cell.protocol.crop:
        executor.make("attackers: cut their own people", attacks.located.values())
    able = [each for each in attacks.people if executor.reason(attacks.located[each.sample_id]) is None]
    batch = batch_of(cell.method)
    made = [attacks.published(each, able) for each in able]
    executor.make("attackers: run the method on them", [task for _, task in made], batch)
    usable = [each for each in cell.samples if attacked.missing[each.sample_id] is None]
    wanted = any(each.gallery != "originals" for each in attacked.plan.variants)
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
    # What the method made, of whatever it was asked for first: of what is published, else of the attacker's gallery.
    asked = [(each, attacked.failed[each.deidentify.digest]) for each in versions]
    asked += [(each, executor.reason(each.deidentify)) for each in extra]
    shown = {each.sample.sample_id: attacks.probe(each, why is None) for each, why in reversed(asked)}
    published = [shown for shown, task in made if executor.reason(task) is None]
    return Material(
        controls=controls,
        everybody=[attacks.unchanged(each, shown.get(each.sample_id)) for each in usable],
        unchanged=[attacks.unchanged(usable[index], shown.get(usable[index].sample_id)) for index in controls],
        strangers=_strangers(attacks, able, published, [usable[index] for index in controls], shown),
        usable=usable,
        images=[place[each.sample.sample_id] for each in versions],
        probes=[attacks.probe(each, attacked.failed[each.deidentify.digest] is None) for each in versions],
        galleries={
            "originals": [attacks.plain(each) for each in usable],
            "parrot": [attacks.probe(each, executor.reason(each.deidentify) is None) for _, each in parrots],
        },
        parrots=[place[sample.sample_id] for sample, _ in parrots],
        originals=[attacks.original(each) for each in able],
        published=published,
        people={each.sample_id: numbers[each.identity] for each in able},
        parroted=[each.deidentify.digest for _, each in parrots],
        seeds=[each.deidentify.seed or 0 for each in versions],
        control_seeds=[cell.seed(usable[index], 0) for index in controls],
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
    shown: Mapping[str, Shown],
) -> list[Shown]:
    """For each probe of the controls an image of somebody else: an auxiliary person's or, without these, anybody's."""
    first = list({each.identity: each for each in reversed(able)}.values())
    made_by = {each.label: each for each in published}
    if len(first) >= len(probes) / 2 and first:
        chosen = [first[index % len(first)] for index in range(len(probes))]
        return [attacks.unchanged(each, made_by.get(each.sample_id)) for each in chosen]
    others = [probes[(index + len(probes) // 2) % len(probes)] for index in range(len(probes))]
    return [attacks.unchanged(each, shown.get(each.sample_id)) for each in others]


def put_through_again(
    cell: Cell,
    material: Material,
    attacks: AttackTasks,
    distances: Mapping[str, Sequence[Matrix]],
    count: int,
    executor: Executor,
) -> None:
    """Put the likeliest people of each search through the method with the seed of the image that is searched for.

    Args:
        cell: what is attacked.
        material: of its attacks; takes what is made.
        attacks: of the cell.
        distances: by `probes` or `strangers`, of each recogniser: to the gallery after the method, other seeds.
        count: of people.
        executor: carries tasks out.
    """
    people = [material.usable[index].identity for index in material.parrots]
    numbers = {name: index for index, name in enumerate(dict.fromkeys(people))}
    column = {place: index for index, place in enumerate(material.parrots)}
    shown_for = {"probes": material.images, "strangers": material.controls}
    seeds = {"probes": material.seeds, "strangers": material.control_seeds}
    found: dict[str, list[list[tuple[int, Version]]]] = {}
    for name, matrices in distances.items():
        sources = [column.get(place, -1) for place in shown_for[name]]
        lists = shortlist(matrices, [numbers[each] for each in people], sources, count)
        found[name] = [
            [(entry, attacks.again(material.usable[material.parrots[entry]], seed)) for entry in entries]
            for entries, seed in zip(lists, seeds[name], strict=True)
        ]
    versions = [version for rows in found.values() for row in rows for _, version in row]
    batch = batch_of(cell.method)
    executor.make("attackers: run the method with the probes' seeds", [each.deidentify for each in versions], batch)
    if cell.protocol.alignment.probe == "own-else-original":
        done = [each.analyze for each in versions if executor.reason(each.deidentify) is None]
        executor.make("attackers: find hands in it", done)
    material.remade = [each.deidentify.digest for each in versions]
    material.again = {
        name: [
            [(entry, attacks.probe(version, executor.reason(version.deidentify) is None)) for entry, version in row]
            for row in rows
        ]
        for name, rows in found.items()
    }

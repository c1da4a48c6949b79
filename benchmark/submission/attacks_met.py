"""Whether a record met the attackers that a method like its own meets here, planned anew by the planner of a run.

What a method says of itself (whether it draws, blurs, repaints, has an encoder, brings an attacker) is its author's
word. What follows from that is not: attacks are planned for every method that the record's may be, and one of these
plans has to be what was tried, combination by combination and reason by reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...characters import plain
from ...deidentifiers.base import MethodInfo
from ...deidentifiers.encoders import surrogate_of
from ...plugins.entries import Entry, Kind, Resolved, registry
from ...plugins.specs import Binding, Spec
from ...recognizers.last_layer import has_last_layer
from ..attack_run import lacking, name_of, unfit
from ..planning.attack_plan import NO_OWN, AttackPlan, learns, plan_attacks
from ..planning.auxiliary import AuxiliaryPeople
from ..planning.tasks import Plugin
from ..protocols import Protocol
from ..records.record import Method, RunRecord
from ..results.attacks import AttackResults, VariantName
from ..results.distances_file import PairDistances
from ..suites import Suite
from .foreign_choices import foreign_choices
from .pack import known_plugin, part_digest

_DEGRADATIONS = ("", "blur", "mosaic")
"""Kinds that an attacker can take back; any other is none to him."""
_ABILITIES = ("repaints", "encode")
"""Optional abilities of a method that plans ask for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What everybody's method is attacked with."""

    protocol: Protocol
    suite: Suite
    asked: tuple[str, ...]
    """As in `AttackPlan`."""
    people: AuxiliaryPeople
    """To learn on; their pictures are not needed."""
    least: int
    """So many of them have to have been learned on, where anybody was."""
    most: int
    """So many they are."""


def not_met(record: RunRecord, found: PairDistances, asked: Asked) -> str:
    """In what the attackers of a record are not those that its method has to meet, in words; empty where they are.

    Args:
        record: a stranger's, under the protocol that is asked for.
        found: its distances.
        asked: what everybody meets.
    """
    told, tried = record.attacks, found.attacks
    if told is None or tried is None:
        return "nobody attacked"
    if why := _foreign_surrogate(record.method):
        return why
    judged = [(each, _odd(each, record, tried)) for each in possible_plans(record, asked)]
    plan, odd = min(judged, key=lambda pair: len(pair[1]))
    if odd:
        named = [f"{plain(name)} ({plain(why)})" if why else plain(name) for name, why in sorted(odd.items())]
        return f"attacks that were not tried as a run here tries them: {', '.join(named)}"
    if not _brings_own(tried) and told.digest not in {each.digest for each, differing in judged if not differing}:
        return "attackers of another version, or people whom they learned on, that are not the challenge's"
    return _odd_material(found, record, asked, plan)


def possible_plans(record: RunRecord, asked: Asked) -> Iterator[AttackPlan]:
    """The plan of attacks on every method that a record's may be; none has attackers that the method brings."""
    encoders = (False,) if surrogate_of(record.method.knowledge, record.method.params) else (False, True)
    # Where there is somebody to learn on, there is somebody to take for a donor.
    donors = (False,) if asked.people.known or asked.people.samples else (False, True)
    for degradation, repaints, encode, donor in itertools.product(_DEGRADATIONS, (True, False), encoders, donors):
        method = _SaidMethod(record.method, degradation, dict(zip(_ABILITIES, (repaints, encode), strict=True)), donor)
        yield plan_attacks(
            asked.protocol, method, record.repetitions, asked.asked, lambda suite: asked.people, asked.suite
        )


class _SaidMethod(Plugin):
    """A method as a record describes it, and one that it may be as far as the record leaves that open."""

    def __init__(self, said: Method, degradation: str, abilities: Mapping[str, bool], donor: bool) -> None:
        info = MethodInfo(
            said.name, said.version, (), "", said.stochastic, degradation=degradation, needs=("donor",) if donor else ()
        )
        able: dict[str, Any] = {name: _nothing for name, there in abilities.items() if there}
        entry = Entry(Kind.DEIDENTIFIER, said.name, "", "")
        binding = Binding(said.params, said.params, (), ())
        self.resolved = Resolved(entry, type("Said", (), {"info": info, **able}), Spec(said.name), binding)
        self.weights = dict(said.weights)
        self.digest = part_digest(Kind.DEIDENTIFIER, said)
        self._knowledge = said.knowledge

    @property
    def knowledge(self) -> str:
        return self._knowledge


def _nothing() -> None:
    """Stands for an ability, which no plan uses."""


def _foreign_surrogate(method: Method) -> str:
    """Why what a method looks into cannot be planned with; a record may not have this machine import or read files."""
    name = surrogate_of(method.knowledge, method.params)
    if not name:
        return ""
    try:
        known = known_plugin(Kind.RECOGNIZER, name) and not foreign_choices(Kind.RECOGNIZER, name)
    except (ValueError, RuntimeError):
        known = False
    return "" if known else f"the recogniser that the method looks into is not known here: {plain(name)}"


# ------------------------------------------------------------------------------------------------ what was tried


def _brings_own(tried: AttackResults) -> bool:
    """Whether the method says that it brings attackers, of which nothing is known here: they only find more."""
    return NO_OWN not in tried.reasons.values()


def _odd(plan: AttackPlan, record: RunRecord, tried: AttackResults) -> dict[str, str]:
    """By attack that was not tried as planned: the reason that the record gives, if any."""
    reasons = {each.attack.id: each.reason for each in plan.attacks if each.reason}
    names: dict[tuple[str, str], list[VariantName]] = {}
    for planned, recognizer in itertools.product(plan.attacks, record.recognizers):
        digest, layered = part_digest(Kind.RECOGNIZER, recognizer), partial(_has_layer, recognizer.spec)
        why = [(each.text, unfit(each, digest, layered)) for each in planned.variants]
        fit = [each for each, (_, lack) in zip(planned.variants, why, strict=True) if not lack]
        names[planned.attack.id, recognizer.spec] = [name_of(each) for each in fit]
        if remark := lacking([pair for pair in why if pair[1]], len(why)):
            reasons[f"{planned.attack.id}/{recognizer.spec}"] = remark
    said: dict[tuple[str, str], list[VariantName]] = {key: [] for key in names}
    for recognizer_name, some in tried.variants.items():
        for each in some:
            said.setdefault((each.name.attack, recognizer_name), []).append(each.name)
    odd_names = [attack for (attack, by), some in said.items() if some != names.get((attack, by))]
    odd_reasons = [key for key in sorted({*reasons, *tried.reasons}) if reasons.get(key) != tried.reasons.get(key)]
    unknown = {each.attack.id for each in plan.attacks if each.attack.own and _brings_own(tried)}
    odd = {key.partition("/")[0]: tried.reasons.get(key, "") for key in odd_reasons} | {
        attack: tried.reasons.get(attack, "") for attack in odd_names
    }
    odd = {attack: why for attack, why in odd.items() if attack not in unknown or _untried(attack, plan, tried)}
    return odd | _without_number(record, {attack for (attack, _), some in names.items() if some} - odd.keys())


def _untried(attack: str, plan: AttackPlan, tried: AttackResults) -> bool:
    """Whether a method's own attack, of which no plan is known here, was not tried although there are people for it."""
    ran = all(any(each.name.attack == attack for each in some) for some in tried.variants.values())
    return not ran and tried.reasons.get(attack) != (plan.auxiliary.reason or None)


def _has_layer(recognizer: str) -> bool:
    return known_plugin(Kind.RECOGNIZER, recognizer) and has_last_layer(
        registry().resolve(Kind.RECOGNIZER, recognizer).cls
    )


def _without_number(record: RunRecord, attacks: Collection[str]) -> dict[str, str]:
    """Attacks that were tried and say nothing, as their distances are none."""
    rows = [] if record.attacks is None else record.attacks.rows
    found = {}
    for each in rows:
        number = each.value("rank1_without_source")
        if each.attack in attacks and (number is None or number.value is None):
            found[each.attack] = each.reason or (number.reason if number else None) or ""
    return found


def _odd_material(found: PairDistances, record: RunRecord, asked: Asked, plan: AttackPlan) -> str:
    """What attackers worked on that is not what they have to work on, in words; empty where it is."""
    tried, told = found.attacks, record.attacks
    assert tried is not None
    assert told is not None
    queries = None if record.retrieval is None else {row.sample_id for row in record.samples}
    usable = [(found.sample_ids[index], found.identities[index]) for index in found.usable.tolist()]
    gallery = [place for place, (name, _) in enumerate(usable) if queries is None or name not in queries]
    parroted = any(each.gallery != "originals" for each in plan.variants)
    first: dict[str, int] = {}
    for place, (name, identity) in enumerate(usable):
        if queries is None or name in queries:
            first.setdefault(identity, place)
    if list(tried.controls) != list(first.values()) or (parroted and list(tried.parrots) != gallery):
        return "attackers who put other images through the method, or whose controls are others"
    rules = {each.attack.id: set(each.attack.controls) for each in plan.attacks if not each.attack.own}
    variants = [each for some in tried.variants.values() for each in some]
    if any(set(each.controls) != rules.get(each.name.attack, set(each.controls)) for each in variants):
        return "attacks without the controls of their suite"
    parts = [part for each in plan.variants for part in (each.restorer, each.adapter) if part is not None]
    learned = any(learns(each.info) for each in parts)
    if learned and (told.auxiliary != asked.people.source or not asked.least <= tried.people <= asked.most):
        return f"attackers who learned on {tried.people} people ({plain(told.auxiliary) or 'nobody'})"
    return ""

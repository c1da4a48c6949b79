"""Which attacks a cell runs: the suite's, or those that were asked for, each as combinations of its slots' choices."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...attackers.base import AttackerInfo, Target
from ...plugins.entries import Kind, PluginError, registry
from ..protocols import Protocol
from ..storage.digest import digest
from ..suites import (
    AS_PUBLISHED,
    FROZEN,
    NOT_ASKED,
    Attack,
    Gallery,
    Pooling,
    Suite,
    SuiteError,
    get_suite,
)
from .auxiliary import AuxiliaryPeople
from .tasks import Plugin, plugin_of

DEFAULT_SUITE = "attacks/1.0"
NONE, BASIC = "none", "basic"


@dataclass(frozen=True, eq=False)
class Variant:
    """One combination: what fills each slot."""

    attack: Attack
    gallery: Gallery
    restorer: Plugin | None
    """None: the probe as published."""
    adapter: Plugin | None
    """None: the recogniser as it is."""
    pooling: Pooling

    @cached_property
    def text(self) -> str:
        """The slots, for records: `parrot, published, lda, one`."""
        probe = AS_PUBLISHED if self.restorer is None else self.restorer.resolved.text
        recogniser = FROZEN if self.adapter is None else self.adapter.resolved.text
        return ", ".join((self.gallery, probe, recogniser, self.pooling))

    @property
    def key(self) -> dict[str, Any]:
        """For digests."""
        return {
            "attack": self.attack.id,
            "gallery": self.gallery,
            "probe": None if self.restorer is None else self.restorer.digest,
            "recognizer": None if self.adapter is None else self.adapter.digest,
            "pooling": self.pooling,
        }


@dataclass(frozen=True, eq=False)
class PlannedAttack:
    """One attack of the suite."""

    attack: Attack
    variants: tuple[Variant, ...]
    reason: str = ""
    """Why it does not run; empty when it does."""


@dataclass(frozen=True, eq=False)
class AttackPlan:
    """What a cell is attacked with."""

    suite: Suite
    asked: tuple[str, ...]
    """As typed: `basic`, or names of attacks."""
    attacks: tuple[PlannedAttack, ...]
    auxiliary: AuxiliaryPeople

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """Of all attacks that run."""
        return tuple(each for planned in self.attacks for each in planned.variants)

    @cached_property
    def digest(self) -> str:
        """Everything that the numbers of the attacks depend on, beside what the cell's own digest covers."""
        return digest(
            {
                "suite": self.suite.digest,
                "asked": self.asked,
                "variants": [each.key for each in self.variants],
                "auxiliary": self.auxiliary.digest,
            }
        )


def wanted(suite: Suite, asked: Sequence[str]) -> dict[str, str]:
    """By id of every attack of the suite: why it is not wanted; empty when it is.

    Raises:
        SuiteError: a name is no attack.
    """
    if tuple(asked) == (BASIC,):
        return {each.id: "" for each in suite.attack}
    named = {"A0", *(suite.get(each).id for each in asked)}
    return {each.id: "" if each.id in named else NOT_ASKED for each in suite.attack}


def parse_asked(text: str) -> tuple[str, ...]:
    """`--attacks` as typed, in parts.

    Raises:
        SuiteError: a level stands beside other names.
    """
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if len(parts) > 1 and {NONE, BASIC} & set(parts):
        raise SuiteError(f"--attacks takes none, basic or names of attacks, got {text!r}")
    return parts


def plan_attacks(
    protocol: Protocol,
    method: Plugin,
    repetitions: int,
    asked: Sequence[str],
    auxiliary: Callable[[Suite], AuxiliaryPeople],
    suite: Suite | None = None,
) -> AttackPlan:
    """Resolve the attacks.

    Args:
        protocol: of the cell.
        method: that is attacked.
        repetitions: versions of each image.
        asked: `basic` or names.
        auxiliary: finds the people to learn on; only called where an attack needs some.
        suite: None: that of the protocol, else the newest.

    Raises:
        SuiteError, PluginError: an attack or a part of one cannot be used.
    """
    suite = suite or get_suite(protocol.attacks.suite if protocol.attacks else DEFAULT_SUITE)
    unwanted = wanted(suite, asked)
    target = Target(
        name=method.resolved.name,
        params=dict(method.resolved.params),
        modality=protocol.modality,
        degradation=str(getattr(method.info, "degradation", "")),
        repaints=hasattr(method.resolved.cls, "repaints"),
    )
    needed = any(_needs_people(each, method) and not unwanted[each.id] for each in suite.attack)
    people = auxiliary(suite) if needed else AuxiliaryPeople((), "", "no attack needs any")
    attacks = tuple(_planned(each, unwanted[each.id], target, repetitions, people, method) for each in suite.attack)
    return AttackPlan(suite, tuple(asked), attacks, people)


def _needs_people(attack: Attack, method: Plugin) -> bool:
    """Whether somebody is learned on, or gives his image to a method that makes images out of other people's."""
    return any(each != FROZEN for each in attack.recognizer) or ("parrot" in attack.gallery and _takes_donors(method))


def _takes_donors(method: Plugin) -> bool:
    return "donor" in method.info.needs


def _planned(
    attack: Attack, unwanted: str, target: Target, repetitions: int, people: AuxiliaryPeople, method: Plugin
) -> PlannedAttack:
    if unwanted:
        return PlannedAttack(attack, (), unwanted)
    if attack.fuses:
        return PlannedAttack(attack, ())
    if attack.pooling != ("one",) and repetitions == 1:
        return PlannedAttack(attack, (), "one version of each image; --seeds N makes several")
    probes, why_probes = _parts(attack.probe, AS_PUBLISHED, "probe", target, "")
    adapters, why_adapters = _parts(attack.recognizer, FROZEN, "recognizer", target, people.reason)
    galleries, why_gallery = attack.gallery, ""
    if _takes_donors(method) and not people.samples:
        galleries = tuple(each for each in galleries if each != "parrot")
        why_gallery = f"whose images the method took is not known, and there is nobody else to take: {people.reason}"
    if not probes or not adapters or not galleries:
        return PlannedAttack(attack, (), why_probes or why_adapters or why_gallery)
    variants = tuple(
        Variant(attack, gallery, restorer, adapter, pooling)
        for gallery, restorer, adapter, pooling in itertools.product(galleries, probes, adapters, attack.pooling)
    )
    return PlannedAttack(attack, variants)


def _parts(
    texts: Sequence[str], plain: str, slot: str, target: Target, no_people: str
) -> tuple[list[Plugin | None], str]:
    """The choices for a slot that can be tried on this method, and why the others cannot."""
    found: list[Plugin | None] = []
    reasons: list[str] = []
    for text in texts:
        if text == plain:
            found.append(None)
            continue
        resolved = registry().resolve(Kind.ATTACKER, text)
        part = resolved.create()
        info: AttackerInfo = resolved.info
        if info.slot != slot:
            raise PluginError(f"{text} fills the slot {info.slot}, not {slot}")
        why = part.lacks(target) or (no_people if slot == "recognizer" else "")
        if why:
            reasons.append(why)
        else:
            found.append(plugin_of(resolved))
    return found, "; ".join(dict.fromkeys(reasons))

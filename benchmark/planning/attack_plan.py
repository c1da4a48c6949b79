"""Which attacks a cell runs: the suite's, or those that were asked for, each as combinations of its slots' choices."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...attackers.base import AttackerInfo, Target
from ...characters import countable
from ...deidentifiers.base import BringsAttacks, Repaints, SaysDegradation
from ...deidentifiers.encoders import has_encoder, surrogate_of
from ...plugins.entries import Kind, PluginError, Resolved, registry
from ...plugins.specs import Spec
from ..protocols import Protocol
from ..storage.digest import digest
from ..suites import (
    AS_PUBLISHED,
    ENCODER,
    FROZEN,
    NOT_ASKED,
    ONE_VERSION,
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
NONE, BASIC, FULL = "none", "basic", "full"
ALL_ALIKE = "the method draws nothing, so that all versions of an image are alike"
NO_OWN = "the method brings no attack of its own"
LEVELS = (NONE, BASIC, FULL)


@dataclass(frozen=True, eq=False)
class Encoder:
    """What a method looks into images with."""

    plugin: Plugin
    """The method itself, or the recogniser that it calls its surrogate."""
    surrogate: bool


@dataclass(frozen=True, eq=False)
class Variant:
    """One combination: what fills each slot."""

    attack: Attack
    gallery: Gallery
    restorer: Plugin | None
    """None: the probe as published."""
    adapter: Plugin | None
    """None: the recogniser as it is, or the method's encoder."""
    pooling: Pooling
    encoder: Encoder | None = None
    """What takes the place of the recogniser."""

    @cached_property
    def text(self) -> str:
        """The slots, for records: `parrot, published, lda, one`."""
        probe = AS_PUBLISHED if self.restorer is None else self.restorer.resolved.text
        recogniser = FROZEN if self.encoder is None else ENCODER
        recogniser = recogniser if self.adapter is None else self.adapter.resolved.text
        return ", ".join((self.gallery, probe, recogniser, self.pooling))

    @property
    def plugins(self) -> list[Plugin]:
        """What fills them."""
        encoder = None if self.encoder is None else self.encoder.plugin
        return [each for each in (self.restorer, self.adapter, encoder) if each is not None]

    @property
    def key(self) -> dict[str, Any]:
        """For digests."""
        return {
            "attack": self.attack.id,
            "gallery": self.gallery,
            "probe": None if self.restorer is None else self.restorer.digest,
            "recognizer": None if self.adapter is None else self.adapter.digest,
            "pooling": self.pooling,
            **({} if self.encoder is None else {"encoder": self.encoder.plugin.digest}),
        }


@dataclass(frozen=True, eq=False)
class PlannedAttack:
    """One attack of the suite."""

    attack: Attack
    variants: tuple[Variant, ...]
    reason: str = ""
    """Why it does not run or, where it does, why some of its parts are not tried; empty when all are."""


@dataclass(frozen=True, eq=False)
class AttackPlan:
    """What a cell is attacked with."""

    suite: Suite
    asked: tuple[str, ...]
    """As typed: `basic`, `full`, or names of attacks."""
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
    if tuple(asked) in ((BASIC,), (FULL,)):
        levels = (BASIC,) if tuple(asked) == (BASIC,) else (BASIC, FULL)
        return {each.id: "" if each.level in levels else NOT_ASKED for each in suite.attack}
    named = {"A0", *(suite.get(each).id for each in asked)}
    return {each.id: "" if each.id in named else NOT_ASKED for each in suite.attack}


def parse_asked(text: str) -> tuple[str, ...]:
    """`--attacks` as typed, in parts.

    Raises:
        SuiteError: a level stands beside other names.
    """
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if len(parts) > 1 and set(LEVELS) & set(parts):
        raise SuiteError(f"--attacks takes {', '.join(LEVELS)} or names of attacks, got {text!r}")
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
        asked: `basic`, `full` or names.
        auxiliary: finds the people to learn on; only called where an attack needs some.
        suite: None: that of the protocol, else the newest.

    Raises:
        SuiteError, PluginError: an attack or a part of one cannot be used.
    """
    suite = suite or get_suite(protocol.attacks.suite if protocol.attacks else DEFAULT_SUITE)
    unwanted = wanted(suite, asked)
    info: object = method.info
    target = Target(
        name=method.resolved.name,
        params=dict(method.resolved.params),
        modality=protocol.modality,
        degradation=str(info.degradation) if isinstance(info, SaysDegradation) else "",
        repaints=isinstance(method.resolved.cls, Repaints),
    )
    attacks = [(each, _own(each, method), unwanted[each.id]) for each in suite.attack]
    needed = any(_needs_people(each, own, method) and not why for each, own, why in attacks)
    people = auxiliary(suite) if needed else AuxiliaryPeople((), "", "no attack needs any")
    planner = _Planner(target, method, repetitions, people)
    return AttackPlan(suite, tuple(asked), tuple(planner.planned(*each) for each in attacks), people)


def _own(attack: Attack, method: Plugin) -> list[Plugin]:
    """What the method brings against itself; empty for attacks that are not made of that.

    Raises:
        PluginError: it names no attacker.
    """
    if not attack.own:
        return []
    return [plugin_of(each) for each in own_attacks(method.resolved)]


def own_attacks(method: Resolved) -> list[Resolved]:
    """What a method brings against itself.

    Raises:
        PluginError: it names no attacker.
    """
    info: object = method.info
    named: object = info.attacks if isinstance(info, BringsAttacks) else ()
    if not isinstance(named, tuple | list) or not all(isinstance(each, str) for each in named):
        raise PluginError(f"{method.text}: expected info.attacks to be a tuple of names, got {named!r}")
    return [registry().resolve(Kind.ATTACKER, _beside(text, method)) for text in named]


def _beside(text: str, method: Resolved) -> Spec:
    """A name that a method gives: of a class in its own file, or of any attacker."""
    spec, entry = Spec.parse(text), method.entry
    if entry.file is not None and hasattr(sys.modules[method.cls.__module__], spec.target):
        return Spec(f"{entry.file}:{spec.target}", spec.params)
    return spec


def _needs_people(attack: Attack, own: Sequence[Plugin], method: Plugin) -> bool:
    """Whether somebody is learned on, or gives his image to a method that makes images out of other people's."""
    named = [text for text in attack.recognizer if text not in (FROZEN, ENCODER)]
    probes = [registry().resolve(Kind.ATTACKER, text).info for text in attack.probe if text != AS_PUBLISHED]
    infos: list[AttackerInfo] = [*probes, *(each.info for each in own)]
    taught = bool(named) or any(learns(each) for each in infos)
    return taught or (attack.gallery != ("originals",) and _takes_donors(method))


def learns(info: AttackerInfo) -> bool:
    """Whether a part is fitted to auxiliary people."""
    return info.slot == "recognizer" or info.learns


def _takes_donors(method: Plugin) -> bool:
    return "donor" in method.info.needs


Parts = tuple[list[Plugin | None], str]
"""The choices for a slot that can be tried on a method, and why the others cannot."""


@dataclass(frozen=True, slots=True)
class _Planner:
    """What attacks are planned against."""

    target: Target
    method: Plugin
    repetitions: int
    people: AuxiliaryPeople

    def planned(self, attack: Attack, own: Sequence[Plugin], unwanted: str) -> PlannedAttack:
        """The attack's combinations, or why there are none."""
        why = unwanted or self._hopeless(attack, own)
        if why or attack.fuses:
            return PlannedAttack(attack, (), why)
        galleries, no_gallery = self._galleries(attack)
        if not galleries:
            return PlannedAttack(attack, (), no_gallery)
        encoder = self._encoder() if attack.recognizer == (ENCODER,) else None
        if isinstance(encoder, str):
            return PlannedAttack(attack, (), encoder)
        filled, why = self._own_slots(own) if attack.own else self._slots(attack)
        variants = tuple(
            Variant(attack, gallery, restorer, adapter, pooling, encoder)
            for gallery in galleries
            for restorer, adapter in filled
            for pooling in attack.pooling
        )
        return PlannedAttack(attack, variants, "; ".join(dict.fromkeys(filter(None, (no_gallery, why)))))

    def _hopeless(self, attack: Attack, own: Sequence[Plugin]) -> str:
        if attack.own and not own:
            return NO_OWN
        if attack.pooling != ("one",) and self.repetitions == 1:
            return ONE_VERSION if self.method.info.stochastic else ALL_ALIKE
        if "seeded" in attack.gallery and not self.method.info.stochastic:
            return "the method draws nothing, so that knowing its seed is knowing the method: see A1"
        return ""

    def _galleries(self, attack: Attack) -> tuple[tuple[Gallery, ...], str]:
        if not _takes_donors(self.method) or self.people.samples or self.people.known:
            return attack.gallery, ""
        why = f"whose images the method took is not known, and there is nobody else to take: {self.people.reason}"
        return tuple(each for each in attack.gallery if each == "originals"), why

    def _encoder(self) -> Encoder | str:
        name = surrogate_of(self.method.knowledge, self.method.resolved.params)
        if name:
            return Encoder(plugin_of(registry().resolve(Kind.RECOGNIZER, name)), surrogate=True)
        if has_encoder(self.method.resolved.cls):
            return Encoder(self.method, surrogate=False)
        return "the method looks into images with nothing that could recognise"

    def _slots(self, attack: Attack) -> tuple[list[tuple[Plugin | None, Plugin | None]], str]:
        probes, why_probes = self._parts(attack.probe, (AS_PUBLISHED,), "probe")
        adapters, why_adapters = self._parts(attack.recognizer, (FROZEN, ENCODER), "recognizer")
        why = "; ".join(dict.fromkeys(filter(None, (why_probes, why_adapters))))
        return list(itertools.product(probes, adapters)), why

    def _own_slots(self, own: Sequence[Plugin]) -> tuple[list[tuple[Plugin | None, Plugin | None]], str]:
        reasons = [self._lacks(each) for each in own]
        fit = [each for each, why in zip(own, reasons, strict=True) if not why]
        pairs: list[tuple[Plugin | None, Plugin | None]] = [
            (each, None) if each.info.slot == "probe" else (None, each) for each in fit
        ]
        return pairs, "; ".join(dict.fromkeys(filter(None, reasons)))

    def _parts(self, texts: Sequence[str], plain: Sequence[str], slot: str) -> Parts:
        found: list[Plugin | None] = []
        reasons: list[str] = []
        for text in texts:
            if text in plain:
                found.append(None)
                continue
            part = plugin_of(registry().resolve(Kind.ATTACKER, text))
            if part.info.slot != slot:
                raise PluginError(f"{text} fills the slot {part.info.slot}, not {slot}")
            why = self._lacks(part)
            if why:
                reasons.append(why)
            else:
                found.append(part)
        return found, "; ".join(dict.fromkeys(reasons))

    def _lacks(self, part: Plugin) -> str:
        """Why a part cannot be tried; empty when it can."""
        why = countable(part.resolved.create().lacks(self.target))
        return why or (self.people.reason if learns(part.info) else "")

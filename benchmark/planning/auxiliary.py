"""Auxiliary people: whom an attacker may learn on. None of them is ever evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from ...datasets.attacker_palms import AttackerPalms
from ...datasets.base import Sample
from ...datasets.synthetic_palm import SettingName
from ..protocols import Protocol
from ..storage.digest import digest
from ..storage.lock import Notice
from ..suites import AuxiliaryRule
from .preparation import one_at_a_time
from .retrieval_split import Roles

DEV_PEOPLE = "the dev people of the dataset"
"""Source of people who are of the dev part of what is evaluated."""


@dataclass(frozen=True, slots=True)
class AuxiliaryPeople:
    """Images of people who are not evaluated, or why there are none."""

    samples: tuple[Sample, ...]
    source: str
    """Where they come from, for people."""
    reason: str = ""
    """Why nothing can be learned on them; empty when it can."""
    known: str = ""
    """Their digest, where it is not that of the files: of rendered palms, and of people who are not at hand."""

    @property
    def people(self) -> int:
        """How many."""
        return len({each.identity for each in self.samples})

    @property
    def digest(self) -> str:
        """Of ids, identities and files."""
        return self.known or digest([(each.sample_id, each.identity, each.sha256) for each in self.samples])


def rendered_people(
    rule: AuxiliaryRule,
    jobs: int,
    progress: Callable[[int, int], None] | None,
    notice: Notice | None = None,
    before: Callable[[], None] = lambda: None,
) -> AuxiliaryPeople:
    """Palms of reserved seeds, rendered once, as many images of each in every setting.

    An attacker who does not know where a picture comes from has all kinds; and what the method makes of them serves
    every setting that is evaluated.

    Args:
        rule: how many people, and images of each.
        jobs: processes that render.
        progress: called with (done, total) meanwhile.
        notice: is told once where another run renders them, and is waited for.
        before: called before any is rendered, so that what a run lacks is said before minutes of work.
    """
    found: list[Sample] = []
    sets = _sets(rule)
    for palms in sets:
        with one_at_a_time(f"the attackers' palms, {palms.setting}", notice):
            if not palms.is_rendered:
                before()
            palms.prepare(jobs, progress)
        found += palms.samples()
    return replace(unrendered_people(rule), samples=tuple(found))


def unrendered_people(rule: AuxiliaryRule) -> AuxiliaryPeople:
    """Who `rendered_people` are, without a picture of them: for plans that nobody carries out."""
    settings = " and ".join(each.setting for each in _sets(rule))
    source = f"rendered palms of seeds reserved for attackers ({settings})"
    return AuxiliaryPeople((), source, known=rendered_digest(rule))


def rendered_digest(rule: AuxiliaryRule) -> str:
    """What stands for `rendered_people` in digests, which takes no rendering.

    Files differ in their last bits between kinds of processors, and a digest has to be the same on all.
    """
    return digest([each.recipe for each in _sets(rule)])


def _sets(rule: AuxiliaryRule) -> list[AttackerPalms]:
    settings: tuple[SettingName, ...] = get_args(SettingName)
    return [AttackerPalms(rule.people, rule.images // len(settings), each) for each in settings]


def people_of_dataset(
    rule: AuxiliaryRule, protocol: Protocol, samples: Sequence[Sample], roles: Roles | None
) -> AuxiliaryPeople:
    """People of the evaluated dataset who are not evaluated: in no role, or of the dev part."""
    if roles is not None:
        used = {each.subject for each in (*roles.queries, *roles.mates, *roles.others)}
        source = "people of the dataset who are in no role"
        pool = [each for each in samples if each.subject not in used]
    elif protocol.split.dev_share:
        source = DEV_PEOPLE
        dev = protocol.dev_subjects([each.subject for each in samples])
        pool = [each for each in samples if each.subject in dev]
    else:
        return AuxiliaryPeople((), "", f"{protocol.id} evaluates everybody, which leaves nobody to learn on")
    return enough(rule, _first(pool, rule), source)


def enough(rule: AuxiliaryRule, samples: Sequence[Sample], source: str) -> AuxiliaryPeople:
    """The people, where they are as many as the suite asks for."""
    images: dict[str, int] = {}
    for each in samples:
        images[each.identity] = images.get(each.identity, 0) + 1
    able = {name for name, count in images.items() if count >= rule.least_images}
    if len(able) < rule.least_people:
        reason = (
            f"{len(able)} auxiliary people with {rule.least_images} images, where {rule.least_people} are needed: "
            "an attacker who learns on fewer does worse than one who does not learn"
        )
        return AuxiliaryPeople((), source, reason)
    return AuxiliaryPeople(tuple(each for each in samples if each.identity in able), source)


def _first(samples: Sequence[Sample], rule: AuxiliaryRule) -> list[Sample]:
    """The first images of the first people who have enough of them."""
    images: dict[str, list[Sample]] = {}
    for each in samples:
        images.setdefault(each.identity, []).append(each)
    kept = [found[: rule.images] for found in images.values() if len(found) >= rule.least_images]
    return [each for found in kept[: rule.people] for each in found]

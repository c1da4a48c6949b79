"""The distances of attackers in a submission, held against those that the attacks give here."""

from __future__ import annotations

from ...characters import plain
from ..results.attacks import AttackResults, VariantDistances
from .differences import IMAGE_TOLERANCE, near, scale_of


def attack_problems(
    here: AttackResults | None, said: AttackResults | None, tolerance: float = IMAGE_TOLERANCE
) -> list[str]:
    """What the attacks left behind that is not what they leave behind here; empty when nothing is.

    Args:
        here: of the attacks made anew, on every image.
        said: of the submission.
        tolerance: of distances, relative.
    """
    if here is None or said is None:
        return [] if here is said else ["there are attacks in the distances and none here, or the other way round"]
    skipped = _untried(here, said)
    problems = []
    if (list(here.parrots), list(here.controls)) != (list(said.parrots), list(said.controls)):
        problems.append("attackers' images are made from other originals than here")
    if (here.people, here.images) != (said.people, said.images):
        problems.append("attackers learned on another number of people or images than here")
    if {key: why for key, why in here.reasons.items() if key not in skipped} != dict(said.reasons):
        problems.append("attacks did not run for other reasons than here")
    kept = {
        name: [each for each in some if not skipped & {each.name.attack, f"{each.name.attack}/{name}"}]
        for name, some in said.variants.items()
    }
    names = [{name: [each.name for each in some] for name, some in one.items()} for one in (here.variants, kept)]
    if names[0] != names[1]:
        return [*problems, "the attackers are others than here"]
    for name, some in here.variants.items():
        odd = [a.name.attack for a, b in zip(some, kept[name], strict=True) if not _same(a, b, tolerance)]
        if odd:
            which = ", ".join(dict.fromkeys(odd))
            problems.append(f"distances of attackers by {name} that were computed anew are different ({which})")
    return problems


def _untried(here: AttackResults, said: AttackResults) -> frozenset[str]:
    """Keys of reasons of attacks that have distances there and cannot be tried here: of these nothing is compared."""
    keys = set()
    for name, some in said.variants.items():
        mine = {each.name.attack for each in here.variants.get(name, ())}
        for attack in {each.name.attack for each in some} - mine:
            keys |= {attack, f"{attack}/{name}"} & (here.reasons.keys() - said.reasons.keys())
    return frozenset(keys)


def untried(here: AttackResults | None, said: AttackResults | None) -> list[str]:
    """Attacks of a submission that cannot be tried here, so that nothing of theirs is compared; empty where all can.

    Args:
        here: of the attacks made anew.
        said: of the submission.
    """
    if here is None or said is None:
        return []
    return [f"{name}: {plain(here.reasons[name])}" for name in sorted(_untried(here, said))]


def _same(a: VariantDistances, b: VariantDistances, tolerance: float) -> bool:
    if a.controls.keys() != b.controls.keys():
        return False
    pairs = [(a.distances, b.distances), *((a.controls[name], b.controls[name]) for name in a.controls)]
    scale = scale_of(a.distances)
    return all(x.shape == y.shape and bool(near(x, y, scale, tolerance).all()) for x, y in pairs)

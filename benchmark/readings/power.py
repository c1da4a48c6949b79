"""How many people and images it takes: to tell two methods apart, or to claim a bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..metrics.values import Undefined
from ..records.comparable import group_key, side_by_side
from ..records.described import catalogue_of
from ..records.record import RunRecord
from ..records.replicates import Resamples, replicates_of
from ..statistics.comparison import off_target
from ..statistics.sample_size import people_for_bound, people_for_difference, variance_with_images
from ..statistics.sign_flips import Paired
from ..statistics.uncertainty import People, Replicates
from .differences import NotComparable, check_bound, why_lacking

IMAGES = (1, 2, 4, 8, 16)
"""Images of each person that the answer is given for."""


@dataclass(frozen=True, slots=True)
class Needed:
    """What it takes for one number."""

    recognizer: str
    pilot: str
    """The numbers of the pilot; empty where a record lacks it."""
    people: int
    """Of the pilot; 0 where a record lacks the number."""
    images: float
    """Of each person in the pilot; 0 where the number is no mean over images."""
    needed: int | Undefined
    """People with as many images each as in the pilot."""
    by_images: dict[int, int | Undefined]
    """People by images of each; empty where only shares of images can tell."""


def for_difference(
    first: tuple[RunRecord, Path], second: tuple[RunRecord, Path], metric: str, power: float
) -> list[Needed]:
    """For each recogniser: people until two methods are told apart; why not, where one of them lacks the number.

    Args:
        first, second: records of the pilot, and their folders.
        metric: the number.
        power: chance of telling them apart, 0..1.

    Raises:
        NotComparable: the records are not of one table, or lack the number.
    """
    if group_key(first[0]) != group_key(second[0]):
        raise NotComparable(
            "expected two records of one protocol, dataset and analyzer, scored alike; run both with the same options"
        )
    first, second = side_by_side([first, second])
    a, b = (replicates_of(record, folder) for record, folder in (first, second))
    about, theirs = (catalogue_of(record).get(metric) for record, _ in (first, second))
    if about != theirs:
        raise NotComparable(f"the two records mean different things by {metric}")
    keys = [key for key in a if key[0] == metric and key in b]
    lost = _lost({"the first record": (first[0], a), "the second record": (second[0], b)}, metric)
    if about is None or not keys:
        reasons = "".join(f"; {f'{name}: ' * bool(name)}{reason}" for name, reason in lost.items())
        raise NotComparable(
            f"both records need resamples of {metric}{reasons}; `deid-bench compare` shows what they have"
        )
    found = []
    for key in keys:
        one, other = a[key], b[key]
        shown = " and ".join(about.text(each.estimate * about.scale) for each in (one, other))
        if one.people is None or other.people is None or about.aim is not None:
            one, other = (off_target(each, about.unscaled_aim) for each in (one, other))
            joint = Replicates(
                one.estimate - other.estimate,
                one.resampled - other.resampled,
                one.left_out - other.left_out,
                min(one.clusters, other.clusters),
            )
            needed = people_for_difference(joint, power=power)
            found.append(Needed(key[1], shown, joint.clusters, 0.0, needed, {}))
            continue
        pilot = Paired.of(one.people, other.people, one.trials is not None)
        images = float(one.people.count.sum() / np.count_nonzero(one.people.count))
        by_images: dict[int, int | Undefined] = {}
        if pilot.share:
            within = _within(one.people) + _within(other.people)
            for count in IMAGES:
                factor = variance_with_images(pilot, within, images, count)
                by_images[count] = people_for_difference(pilot, factor, power=power)
        needed = people_for_difference(pilot, power=power)
        found.append(Needed(key[1], shown, pilot.difference.size, images, needed, by_images))
    return found + _without(lost)


def _without(lost: Mapping[str, str]) -> list[Needed]:
    return [Needed(name, "", 0, 0.0, Undefined(reason), {}) for name, reason in lost.items()]


def _lost(pilots: Mapping[str, tuple[RunRecord, Resamples]], metric: str) -> dict[str, str]:
    """Recognisers with which a record has no resamples of the number, in words why.

    Args:
        pilots: record and its resamples, by what the record is called.
        metric: the number.
    """
    there = {which: [name for each, name in resamples if each == metric] for which, (_, resamples) in pilots.items()}
    asked = [each.recognizer or "" for record, _ in pilots.values() for each in record.values if each.metric == metric]
    found = {}
    for name in dict.fromkeys((*asked, *(each for names in there.values() for each in names))):
        lacking = [
            f"{which} {_why(record, metric, name)}" for which, (record, _) in pilots.items() if name not in there[which]
        ]
        if lacking:
            found[name] = " and ".join(lacking)
    return found


def _why(record: RunRecord, metric: str, recognizer: str) -> str:
    value = record.value(metric, recognizer or None)
    if value is None or value.value is None:
        return f"lacks it ({why_lacking(record, metric, recognizer)})"
    return f"has no resamples of it{f' ({value.reason})' * bool(value.reason)}"


def for_bound(record: RunRecord, folder: Path, metric: str, bound: float, confidence: float) -> list[Needed]:
    """For each recogniser: people until a bound can be claimed; above or below, by what is better.

    Args:
        record: of the pilot.
        folder: of the record.
        metric: the number.
        bound: in the metric's unit.
        confidence: of the claim, 0..1.

    Raises:
        NotComparable: the record lacks the number, or no number of the metric lies at the bound.
    """
    about = catalogue_of(record).get(metric)
    resamples = replicates_of(record, folder)
    replicates = {key[1]: each for key, each in resamples.items() if key[0] == metric}
    if about is None or not replicates:
        raise NotComparable(f"{folder} has no resamples of {metric}")
    check_bound(about, bound)
    if about.aim is not None:
        raise NotComparable(
            f"{metric} is best at {about.text(about.aim)}, neither above nor below a bound; name another number"
        )
    found = [
        Needed(
            name,
            about.text(each.estimate * about.scale),
            each.clusters,
            0.0,
            people_for_bound(each, bound / about.scale, about.better != "higher", confidence),
            {},
        )
        for name, each in replicates.items()
    ]
    return found + _without(_lost({"the record": (record, resamples)}, metric))


def _within(people: People) -> float:
    """Variance between images of one person, of outcomes 0 or 1."""
    several = people.count > 1
    share = people.total[several] / people.count[several]
    if not several.any():
        return 0.0
    return float(np.mean(share * (1 - share) * people.count[several] / (people.count[several] - 1)))

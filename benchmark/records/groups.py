"""The part of a record that tells its numbers by groups of people."""

from __future__ import annotations

from pydantic import Field

from .layout import Model, Text
from .value import Interval


class Group(Model):
    """One group of people, such as those of one age."""

    kind: Text
    """What is told apart, such as `gender`."""
    group: Text
    """Which group."""
    people: int
    """People of whom images were planned."""
    images: int
    """Images that were planned."""
    skipped: int
    """Of these, those in whose original nothing was found."""
    reason: Text | None = None
    """Why it is named and not rated; null where it is rated."""


class GroupNumber(Model):
    """One number of one group, over its images alone; threshold and gallery are those of everybody."""

    kind: Text
    """What is told apart."""
    group: Text
    """Which group."""
    metric: Text
    """Name in the catalogue of metrics; `skipped`: share of planned images that show nothing to the detector, in %."""
    recognizer: Text | None = None
    """Specification of the recogniser, where there is one."""
    value: float
    """In the metric's unit."""
    interval: Interval | None = None
    """Had other people of the group been taken."""
    people: int
    """People with such an image."""
    n: int
    """Images behind it."""


class GroupTest(Model):
    """Whether the rated groups of a kind differ in a number more than chance has it."""

    kind: Text
    """What is told apart."""
    metric: Text
    """As in the numbers."""
    recognizer: Text | None = None
    """As in the numbers."""
    spread: float
    """Largest less smallest number of the groups."""
    p: float
    """Share of random assignments of the people to groups of these sizes that set them as far apart."""
    p_holm: float
    """The same, corrected by Holm for all tests of this kind."""


class Groups(Model):
    """Numbers by groups of people, where the dataset knows any."""

    groups: list[Group]
    """By kind and name."""
    numbers: list[GroupNumber] = Field(default_factory=list)
    """Of the rated groups."""
    tests: list[GroupTest] = Field(default_factory=list)
    """Where a kind has two rated groups or more."""

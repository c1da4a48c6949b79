"""What went wrong, whatever the stage: the one ledger of a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from .layout import Model, Text

Outcome = Literal["refused", "crashed", "not acquired", "irregular"]
About = Literal["originals", "de-identified images", "versions", "attacks"]

FIRST = 3
"""So many of the images or pairs are named."""
MOST_REASONS = 20
"""So many reasons of one plug-in are told apart."""
OTHERS = "one of many other reasons"


def told_apart(reasons: Iterable[str]) -> dict[str, str]:
    """What each reason is counted as, so that reasons of which each is another one do not fill a record.

    Args:
        reasons: of one kind, one for each image.

    Returns:
        By reason: itself for the most frequent ones, else `OTHERS`.
    """
    counts = Counter(reasons)
    if len(counts) <= MOST_REASONS:
        return {each: each for each in counts}
    order = sorted(counts, key=lambda each: (-counts[each], each))
    return {each: each if place < MOST_REASONS - 1 else OTHERS for place, each in enumerate(order)}


class Failure(Model):
    """One way in which one stage failed.

    A refusal is a fact about an image: it is stored, and counts as the protocol says. What was not acquired (a
    recogniser that gets no template out of an image, or no proper distance of a pair) is one, too, and has a name of
    its own because it counts as rejected. A crash says nothing about the image: it is never stored, the same command
    tries it again, and until then the numbers that depend on it are absent, unless it is the method's (an image that
    a method fails on counts as if the original had been published). What is irregular gave results, which count, in a
    way that its contract rules out (images that do not come from the seed, functions of other libraries replaced):
    whoever reads the record has to know it. It is seen on whatever comes first, so that its `count` and `total` are 1.
    """

    stage: Text
    """`analyze`, `crop`, `deidentify`, `measure`, `embed`, `compare`, or a stage of `--quality full`."""
    by: Text = ""
    """Specification of the plug-in; empty where the stage is the toolkit's own."""
    about: About
    """What was worked on; for `compare` what was compared with the originals, `versions` being the de-identified images
    among each other. `attacks`: whatever attackers work on beyond that."""
    outcome: Outcome
    """Whose failure it is."""
    reason: Text
    """Why."""
    count: int
    """How many images; for `compare` pairs or, where it crashed, blocks of pairs."""
    total: int
    """Of how many."""
    first: list[Text] = Field(default_factory=list)
    """Ids of the first of them, at most three."""

    @property
    def impairs(self) -> bool:
        """Whether somebody has to look into it: a crash, or a recogniser that gives what is no distance."""
        return self.outcome == "crashed" or (self.stage == "compare" and self.outcome != "irregular")

    def __str__(self) -> str:
        where = f", first {self.first[0]}" if self.first else ""
        if self.outcome == "irregular":
            return f"{self.by or 'deid-bench'}: {self.stage} irregular: {self.reason}"
        if self.stage == "compare" and self.outcome != "crashed":
            return f"{self.by}: {self.reason} ({self.count} of {self.total} pairs){where}"
        what = f"{self.stage} {self.outcome} for {self.count} of {self.total} {self._things}"
        return f"{self.by or 'deid-bench'}: {what} ({self.reason}){where}"

    @property
    def _things(self) -> str:
        if self.about == "attacks":
            return "tasks of attackers"
        if self.stage == "compare":
            return "blocks of pairs"
        return "originals" if self.about == "originals" else "de-identified images"

"""The part of a record that says what attackers who try find."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .layout import Model, Text
from .value import Value

CRASHED = "crashed: "
"""Starts the reason of an attack that went wrong, and says nothing about the images."""


Status = Literal["counts", "control failed", "not converged", "not run"]


class AttackAbout(Model):
    """One attack of the suite."""

    id: Text
    """Id in the suite."""
    title: Text
    """Name for people."""
    knows: Text
    """Who the attacker is."""
    reason: Text = ""
    """Why it, or a part of it, did not run; empty where all of it did."""


class Control(Model):
    """What an attack finds where the answer is known."""

    name: Text
    """`identity`: probes are the originals; `stranger`: other people's images."""
    rank1: float | None
    """In %."""
    low: float
    """Least that is allowed, in %."""
    high: float
    """Most that is allowed, in %."""
    passed: bool
    """Whether it lies between the two."""


class AttackRow(Model):
    """What one attack finds with one recogniser."""

    attack: Text
    """Id in the suite."""
    recognizer: Text
    """Specification."""
    label: Text = ""
    """The attacks that it is made of, such as `A1+A2a`; several, parted by ` | `, where the people that it was chosen
    on asked for others."""
    slots: list[Text] = Field(default_factory=list)
    """Gallery, probe, recogniser and pooling of each."""
    status: Status = "counts"
    """Whether it counts in the worst case."""
    reason: Text = ""
    """Why it does not count, or was not run."""
    left_out: list[Text] = Field(default_factory=list)
    """Combinations of its slots that were not tried or do not count, beside those that do, and why."""
    values: list[Value] = Field(default_factory=list)
    """`rank1_without_source`, `eer_effective`, `tpr_at_fmr_1`, `tpr_at_fmr_0_1` and `linkability` of this attacker."""
    controls: list[Control] = Field(default_factory=list)
    """What it finds where the answer is known; empty for A0, which is what it is held against."""

    def value(self, metric: str) -> Value | None:
        """The number of that name."""
        return next((each for each in self.values if each.metric == metric), None)


class Exposed(Model):
    """One person before the worst attack."""

    identity: Text | None
    """None where the dataset's ids may not be shown."""
    found: float
    """Share of the person's images that were found, 0..1."""
    images: int
    """How many images of the person were searched."""


class Worst(Model):
    """The worst attack that can be trusted with one recogniser, or with any."""

    recognizer: Text | None
    """None: the worst of all recognisers."""
    metric: Text
    """`rank1_worst`, `eer_worst` or `tpr_at_fmr_1_worst`."""
    label: Text
    """As in `AttackRow`."""
    exposed: list[Exposed] = Field(default_factory=list)
    """The ten people found most often; of rank-1 alone."""


class Attacks(Model):
    """All attacks."""

    suite: Text
    """Id and version."""
    digest: Text
    """Of what the attacks' numbers depend on."""
    asked: list[Text]
    """As typed."""
    auxiliary: Text
    """Where the people come from on whom attackers learned; empty where they learned on nobody."""
    auxiliary_people: int
    """How many they are."""
    auxiliary_images: int
    """Their images, before and after the method."""
    about: list[AttackAbout]
    """The attacks of the suite, whether they ran or not."""
    rows: list[AttackRow]
    """What each attack found with each recogniser."""
    worst: list[Worst]
    """Which attacks are behind the worst numbers."""

    def row(self, attack: str, recognizer: str) -> AttackRow | None:
        """What that attack found with that recogniser."""
        return next((each for each in self.rows if (each.attack, each.recognizer) == (attack, recognizer)), None)

    def worst_label(self, metric: str, recognizer: str | None) -> str:
        """The attacks behind a worst number; empty where there is none."""
        found = (each.label for each in self.worst if (each.metric, each.recognizer) == (metric, recognizer))
        return next(found, "")

    @property
    def ran(self) -> int:
        """Attacks that ran with at least one recogniser."""
        return len({each.attack for each in self.rows if each.status != "not run"})

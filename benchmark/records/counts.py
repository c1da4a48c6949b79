"""What became of planned work, whether it is complete, and what it lacks: of a run, a part of one, or a search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .failures import Failure, told_apart
from .layout import Model, Text


class Counts(Model):
    """What became of the planned work. Every planned image is in exactly one of done, failed, skipped."""

    planned: int
    """De-identified images that were asked for."""
    done: int
    """De-identified."""
    failed: int
    """The method could not, crashed, or took too long. Scored as if the original had been published."""
    skipped: int
    """Never given to the method, because no hand was found in the original."""
    reasons: dict[Text, int]
    """How often each reason occurred, over all stages."""
    retry: int = 0
    """Work of all stages that the same command tries again (crashes and time-outs, not refusals)."""


def impairing(failures: Iterable[Failure]) -> list[Failure]:
    """What keeps work from being whole, but for the method's own failures, which are counted."""
    return [each for each in failures if each.impairs and each.stage != "deidentify"]


def is_complete(counts: Counts, failures: Iterable[Failure]) -> bool:
    """Whether everything was done: no image failed, nothing crashed, and there is an image at all.

    Args:
        counts: what became of the images.
        failures: of all stages.
    """
    return not (counts.failed or counts.retry or impairing(failures)) and counts.done > 0


def lacking(counts: Counts, failures: Iterable[Failure]) -> list[str]:
    """Why it is not complete, in words; empty where it is.

    Args:
        counts: what became of the images.
        failures: of all stages.
    """
    reasons = [str(each) for each in impairing(failures)]
    if not counts.done:
        reasons.insert(0, f"no image was de-identified: {counts.skipped} skipped, {counts.failed} failed")
    elif counts.failed:
        reasons.append(f"{counts.failed} failed of {counts.planned} images ({_most_frequent_of(counts)})")
    if not reasons and counts.retry:
        reasons.append(f"the same command tries {counts.retry} pieces of work again")
    return reasons


def _most_frequent_of(counts: Counts) -> str:
    own = {reason: count for reason, count in counts.reasons.items() if reason.startswith(f"{METHOD}: ")}
    return max(own, key=lambda reason: own[reason], default="no reason kept")


METHOD = "method"
"""Whose reasons the images that failed have."""


def counted(whose: str, reasons: Iterable[str | None]) -> Counter[str]:
    """How often something could not be done for which reason.

    Args:
        whose: failure it is.
        reasons: one for each image; None where it was done.
    """
    given = [why for why in reasons if why is not None]
    told = told_apart(given)
    return Counter(f"{whose}: {told[why]}" for why in given)

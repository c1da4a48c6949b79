"""The verdict on one record of a submission, or why there is none: a stranger's record costs no other."""

from __future__ import annotations

from dataclasses import dataclass

from ..storage.store import StoreError
from ..storage.strict_zip import Refused
from . import verdict
from .attacks_met import Asked, not_met
from .pack import Packed
from .read import Submission


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Why there is no verdict on a record."""

    reason: str
    broken: bool
    """Whether verifying it failed; else it was refused, as no record of a submission is like that."""


def judged(
    submission: Submission, packed: Packed, request: verdict.RerunRequest | None = None
) -> verdict.Report | Unjudged:
    """Read and check one record.

    Args:
        submission: that holds it.
        packed: the record, as the submission's manifest lists it.
        request: how to make images anew; None: not at all.

    Raises:
        StoreError, MemoryError: this machine fails, whatever the record.
        WeightsError: weights or tools cannot be had here.
    """
    try:
        return verdict.judge(submission.read(packed), request, submission.manifest.submitter.name)
    except Refused as error:
        return Unjudged(str(error), broken=False)
    except Exception as error:  # a stranger's record may trip what a run's never does
        if _of_this_machine(error):
            raise
        return Unjudged(f"{packed.folder}: it cannot be verified: {type(error).__name__}: {error}", broken=True)


def attackers_not_met(report: verdict.Report, asked: Asked | None) -> str:
    """In what the attackers of a judged record are not those that are asked for, in words; empty where they are.

    Args:
        report: the verdict on the record, which agrees.
        asked: what everybody's method is attacked with; None: nobody attacks.

    Raises:
        StoreError, MemoryError: this machine fails, whatever the record.
        WeightsError: weights or tools cannot be had here.
    """
    distances = report.submitted.distances
    if asked is None or distances is None:
        return ""
    try:
        return not_met(report.submitted.record, distances, asked)
    except Exception as error:  # as above
        if _of_this_machine(error):
            raise
        return f"attacks that cannot be planned here: {type(error).__name__}: {error}"


def _of_this_machine(error: Exception) -> bool:
    """Whether it fails, or weights, tools or places to write lack here, whatever the record."""
    return isinstance(error, StoreError | MemoryError) or getattr(error, "exit_code", None) in (3, 4)

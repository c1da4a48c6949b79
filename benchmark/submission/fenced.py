"""The verdict on one record of a submission, or why there is none: a stranger's record costs no other."""

from __future__ import annotations

from dataclasses import dataclass

from ..storage.store import StoreError
from ..storage.strict_zip import Refused
from . import verdict
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
    except (StoreError, MemoryError):
        raise
    except Exception as error:  # a stranger's record may trip what a run's never does
        if getattr(error, "exit_code", None) in (3, 4):  # weights, tools, places to write
            raise
        return Unjudged(f"{packed.folder}: it cannot be verified: {type(error).__name__}: {error}", broken=True)

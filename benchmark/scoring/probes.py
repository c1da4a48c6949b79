"""De-identified images as a recogniser meets them."""

from __future__ import annotations

from dataclasses import dataclass

from ..planning.cell_tasks import Version
from ..results.cell import Matrix


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """One de-identified image before the recogniser."""

    version: Version
    column: int
    """Its original, among the usable samples."""
    row: Matrix | None
    """(usable samples,) its distances; None when it could not be processed."""

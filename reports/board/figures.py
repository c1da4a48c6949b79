"""Figures of one row, drawn from the distances beside its record."""

from __future__ import annotations

from pathlib import Path

from ...benchmark.readings.distributions import DistancesMissing, NoDistances, Shares, shares_of
from ...benchmark.records.curves import CURVES, CurveName
from ...benchmark.records.record import RunRecord
from .svg import BINS, det_svg, distributions_svg, spread

MAX_BYTES = 64 * 2**20
"""A larger file of distances is not read: a board is looked at, and should be made in seconds."""


def row_figures(record: RunRecord, folder: Path) -> tuple[list[tuple[str, list[str]]], str]:
    """Figures by recogniser, and why something is missing (empty when nothing is).

    The DET curves stand in the record itself; the distributions need the file of distances.
    """
    missing: dict[str, list[str]] = {}
    found = []
    for each in record.recognizers:
        curves = [
            (_DET[curve.name], curve.x, curve.y)
            for curve in record.curves
            if curve.recognizer == each.spec and curve.name in _DET
        ]
        shares, why = _shares(record, folder, each.spec)
        for reason in (why, "" if curves else "No error trade-off: the record has no curves."):
            if reason:
                missing.setdefault(reason, []).append(each.spec)
        drawn = [det_svg(curves)] if curves else []
        if shares is not None:
            threshold = record.value("eer_threshold", each.spec)
            drawn.append(distributions_svg(shares, _NAMES, threshold.value if threshold else None))
        found.append((each.spec, [figure for figure in drawn if figure]))
    every = len(record.recognizers)
    said = [reason if len(names) == every else f"{', '.join(names)}: {reason}" for reason, names in missing.items()]
    return found, " ".join(said)


_SIDES: tuple[CurveName, ...] = ("det_own", "det_cross")
_DET: dict[str, str] = {
    "det": CURVES["det"].heading,
    **{name: f"de-identified {CURVES[name].heading}" for name in _SIDES},
}
"""Curves of the record."""
_NAMES = {
    "genuine": "originals of one identity",
    "impostor": "originals of two identities",
    "own": "de-identified, own original",
    "cross": "de-identified, other originals",
}
"""The four distributions of the palm paper's figure 5."""


def _shares(record: RunRecord, folder: Path, recognizer: str) -> tuple[Shares | None, str]:
    """Shares of one recogniser's distances, and why there are none."""
    try:
        shares = shares_of(record, folder, recognizer, tuple(_NAMES), BINS, spread, MAX_BYTES)
        return shares, "" if shares else "No distributions of distances: there is no distance."
    except DistancesMissing as error:
        return None, f"No distributions of distances: there is no {error.path.name} beside this record."
    except NoDistances as error:
        return None, f"No distributions of distances: {str(error)[:200]}"

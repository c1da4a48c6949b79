"""Figures of one row, drawn from the distances beside its record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...benchmark.records.record import RunRecord
from ...benchmark.results.scores_file import SCORES_NAME, read_scores
from .svg import det_svg, distributions_svg

MAX_BYTES = 64 * 2**20
"""A larger file of distances is not read: a board is looked at, and should be made in seconds."""

Array = NDArray[np.float64]


def row_figures(record: RunRecord, folder: Path) -> tuple[list[tuple[str, list[str]]], str]:
    """Figures by recogniser, and why something is missing (empty when nothing is).

    The DET curves stand in the record itself; the distributions need the file of distances.
    """
    missing = ""
    found = []
    for index, each in enumerate(record.recognizers):
        curves = [
            (_DET[curve.name], curve.x, curve.y)
            for curve in record.curves
            if curve.recognizer == each.spec and curve.name in _DET
        ]
        kinds, why = _kinds(folder, index)
        missing = missing or why
        drawn = [det_svg(curves)] if curves else []
        if kinds:
            threshold = record.value("eer_threshold", each.spec)
            named = [(text, kinds[kind]) for kind, text in _NAMES.items()]
            drawn.append(distributions_svg(named, threshold.value if threshold else None))
        found.append((each.spec, [figure for figure in drawn if figure]))
    return found, missing


_DET = {
    "det": "originals",
    "det_own": "de-identified, own original",
    "det_cross": "de-identified, other originals",
}
"""Curves of the record."""
_NAMES = {
    "genuine": "originals of one identity",
    "impostor": "originals of two identities",
    "own": "de-identified, own original",
    "cross": "de-identified, other originals",
}
"""The four distributions of the palm paper's figure 5."""


def _kinds(folder: Path, index: int) -> tuple[dict[str, Array], str]:
    """Distances of one recogniser by kind, and why there are none."""
    try:
        return read_scores(folder / SCORES_NAME, index, MAX_BYTES), ""
    except FileNotFoundError:
        return {}, f"No distributions of distances: there is no {SCORES_NAME} beside this record."
    except (ValueError, OSError) as error:
        return {}, f"No distributions of distances: {' '.join(str(error).split())[:200]}"

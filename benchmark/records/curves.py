"""The curves of a record: what each is of, and the number that is made of the same distances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

CurveName = Literal[
    "det", "det_own", "det_cross", "det_deidentified", "cmc_with_source", "cmc_without_source", "cmc_originals"
]


class CurveKind(NamedTuple):
    """One kind of curve."""

    name: CurveName
    """As records have it."""
    metric: str
    """Number of the same distances: without it there is no curve, and a mark on the curve is this number."""
    heading: str
    """What is compared, as figures and legends say it."""


_KINDS = (
    CurveKind("det", "eer", "originals"),
    CurveKind("det_own", "rr", "against the own original"),
    CurveKind("det_cross", "rr_cross", "against other originals"),
    CurveKind("det_deidentified", "rr_cross", "against the gallery"),
    CurveKind("cmc_with_source", "rank1_with_source", "own original in the gallery"),
    CurveKind("cmc_without_source", "rank1_without_source", "own original not in the gallery"),
    CurveKind("cmc_originals", "rank1_originals", "originals"),
)
CURVES: Mapping[CurveName, CurveKind] = {each.name: each for each in _KINDS}

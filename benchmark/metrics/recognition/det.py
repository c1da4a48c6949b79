"""Detection error trade-off: the curve that record, board and figures have, and its axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..values import Undefined
from .error_rates import ErrorCurve, fmr_fnmr_curve, rejection_rate
from .population import Distances, as_population

DET_FLOOR = 1e-6
"""Rates nearer to 0 or 1 are drawn here: their normal deviate would be infinite."""
_THRESHOLDS = 4096
_GRAIN = 0.02
"""Points nearer to each other than this on both axes (normal deviates) are one."""


def probit(rates: ArrayLike, floor: float = DET_FLOOR) -> NDArray[np.float64]:
    """Normal deviates of error rates; curves of normally distributed scores become straight lines.

    Args:
        rates: any shape, 0..1; those outside [floor, 1 - floor] are clipped to it.
        floor: above 0 and below 0.5; a sensible choice is half the resolution of the data, 1 / (2 comparisons).

    Returns:
        Standard normal quantiles in the shape of `rates`.

    Raises:
        ValueError: a rate is NaN or out of range, or the floor is.
    """
    from scipy.special import ndtri

    values = np.asarray(rates, dtype=np.float64)
    if not 0.0 < floor < 0.5:
        raise ValueError(f"expected a floor above 0 and below 0.5, got {floor!r}")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("expected rates of 0..1; divide percentages by 100 and leave out NaN")
    return np.asarray(ndtri(np.clip(values, floor, 1 - floor)), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class DetLine:
    """FNMR over FMR at some thresholds, from the strictest to the laxest."""

    fmr: NDArray[np.float64]
    """(n,) 0..1."""
    fnmr: NDArray[np.float64]
    """(n,) 0..1; for de-identified images the share that is rejected."""
    at: tuple[float, float] | None
    """Both at the threshold of the EER of originals; None where there is no such threshold."""
    impostors: int
    """Comparisons behind the FMR."""
    mated: int
    """Comparisons behind the FNMR, those that could not be made among them."""


def det_line(
    mated: Distances, impostor: Distances, unprocessed: int = 0, threshold: float | None = None
) -> DetLine | Undefined:
    """The trade-off of mated comparisons against the impostor comparisons of the originals.

    With genuine distances of originals it is the recogniser's own. With de-identified images in their place it is what
    becomes of them at a threshold that was set on originals: at that of the EER its FNMR is the rejection rate.

    Args:
        mated: genuine distances of originals, or those of de-identified images to originals of the same identity.
        impostor: distances between originals of two identities.
        unprocessed: mated comparisons that could not be made; they count as rejected.
        threshold: of the EER of originals.

    Returns:
        At most about 500 points, close enough that no eye can tell, or why there are none.

    Raises:
        ValueError: a distance is not finite.
    """
    curve = fmr_fnmr_curve(mated, impostor, _THRESHOLDS)
    if not isinstance(curve, ErrorCurve):
        return curve
    size, impostors = as_population(mated, "mated").size, as_population(impostor, "impostor")
    total = size + unprocessed
    fnmr = (curve.fnmr * size + unprocessed) / total
    at = None
    if threshold is not None:
        rejected = rejection_rate(mated, threshold, unprocessed)
        assert not isinstance(rejected, Undefined)
        at = (int(impostors.at_most(threshold)) / impostors.size, rejected)
    # Half the resolution; of a single comparison that would be a half, which has no two sides on a probit axis.
    kept = _seen(curve.fmr, fnmr, (0.5 / max(impostors.size, 2), 0.5 / max(total, 2)))
    return DetLine(curve.fmr[kept], fnmr[kept], at, impostors.size, total)


def _seen(fmr: NDArray[np.float64], fnmr: NDArray[np.float64], finest: tuple[float, float]) -> NDArray[np.bool_]:
    """Points that differ from the one before by what shows on probit axes; the ends are kept."""
    cells = np.stack([np.round(probit(fmr, finest[0]) / _GRAIN), np.round(probit(fnmr, finest[1]) / _GRAIN)])
    kept = np.concatenate([[True], np.any(np.diff(cells, axis=1) != 0, axis=0)])
    kept[-1] = True
    return kept

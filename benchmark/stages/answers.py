"""What plug-ins answer, held against their contracts: what is no answer is a crash of the plug-in, never a fact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import Analysis, FaceAnalysis, HandAnalysis, Missing
from ...datasets.types import Failure
from ..storage.store import Payload
from .guard import Crash
from .inputs import analysis_payload

_HAND: Mapping[str, tuple[int, ...]] = {"box": (4,), "keypoints_2d": (21, 2), "keypoints_3d": (21, 3), "roi": (4, 2)}
_FACE: Mapping[str, tuple[int, ...]] = {"box": (4,), "landmarks_5": (5, 2), "landmarks_68": (68, 2)}
_OPTIONAL = ("landmarks_68",)
_WORDS = ("found_by", "handedness_by")


def reason(failure: Failure | Missing) -> str:
    """Why there is nothing, in words."""
    return str(failure.reason or "no reason given")


def analysis(answer: Any, modality: str, shape: tuple[int, int]) -> Payload | Crash:
    """An analyzer's answer for one image as a stored object.

    Args:
        answer: whatever `analyze` returned; looking at it may raise anything.
        modality: of the analyzer.
        shape: (H, W) of the image.
    """
    expected = HandAnalysis if modality == "palm" else FaceAnalysis
    found = answer if isinstance(answer, list | tuple) else [answer]
    if not isinstance(answer, list | tuple) or len(found) != 1 or not isinstance(found[0], expected | Missing):
        return Crash(f"the analyzer returned {answer!r:.80} for one image; expected [{expected.__name__}] or [Missing]")
    (one,) = found
    if isinstance(one, Missing):
        return analysis_payload(Missing(reason(one)), shape)
    problem = _problem(one, shape)
    return Crash(f"the analyzer's {problem}") if problem else analysis_payload(one, shape)


def _problem(found: Analysis, shape: tuple[int, int]) -> str:
    """What of an analysis is not what it has to be, and what that is; empty where all is."""
    hand = isinstance(found, HandAnalysis)
    for name, expected in (_HAND if hand else _FACE).items():
        given = getattr(found, name)
        if given is None and name in _OPTIONAL:
            continue
        array = np.asarray(given)
        if array.shape != expected or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            return f"{name}: expected finite numbers of shape {expected}, got {array.dtype} of shape {array.shape}"
    if not isinstance(found.score, int | float | np.number) or not np.isfinite(found.score):
        return f"score: expected a number of 0..1, got {found.score!r:.40}"
    if found.mask is not None or hand:
        mask = np.asarray(found.mask)
        if mask.shape != shape or mask.dtype.kind not in "biu":
            return f"mask: expected bool of shape {shape}, got {mask.dtype} of shape {mask.shape}"
    if isinstance(found, HandAnalysis) and found.handedness not in ("left", "right"):
        return f"handedness: expected left or right, got {found.handedness!r:.40}"
    odd = next((name for name in _WORDS if not isinstance(getattr(found, name, ""), str)), "")
    return f"{odd}: expected words" if odd else ""


def region(answer: Any, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    """What a method says it may repaint; None where it does not say.

    Raises:
        ValueError: it says something else.
    """
    if answer is None:
        return None
    mask = np.asarray(answer)
    if mask.shape != shape or mask.dtype.kind not in "biu":
        raise ValueError(f"expected bool of shape {shape}, got {mask.dtype} of shape {mask.shape}")
    return mask.astype(np.bool_)


def template(answer: Any) -> NDArray[Any]:
    """The template of one crop.

    Raises:
        ValueError: `embed` returned something else.
    """
    templates = np.asarray(answer)
    if templates.ndim < 1 or len(templates) != 1:
        raise ValueError(f"embed returned {len(templates) if templates.ndim else 'no'} templates for 1 crop")
    if templates.dtype.kind not in "biufc":
        raise ValueError(f"expected a template of numbers, got {templates.dtype}")
    if templates.dtype.kind in "fc" and not np.isfinite(templates).all():
        raise ValueError("the template holds NaN or infinite values")
    found: NDArray[Any] = templates[0]
    return found

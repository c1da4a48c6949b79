"""What plug-ins answer, held against their contracts: what is no answer is a crash of the plug-in, never a fact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import Analysis, FaceAnalysis, HandAnalysis, Missing
from ...characters import countable
from ...datasets.types import Failure
from ..storage.store import NO_REASON, Payload
from .arrays import not_finite, oddity, own_array
from .guard import Crash
from .inputs import analysis_payload

_HAND: Mapping[str, tuple[int, ...]] = {"box": (4,), "keypoints_2d": (21, 2), "keypoints_3d": (21, 3), "roi": (4, 2)}
_FACE: Mapping[str, tuple[int, ...]] = {"box": (4,), "landmarks_5": (5, 2), "landmarks_68": (68, 2)}
_OPTIONAL = ("landmarks_68",)
_WORDS = ("found_by", "handedness_by")
_NAMED = 3
_ROUNDING = 1e-3
"""Beyond 0 and 1 a score may be."""
_NOISE, _FINE = 1e-12, 1e-3
"""Relative to the values: below that they are equal but for rounding; and, to their spread, how far keeping them may
move one."""


def reason(failure: Failure | Missing) -> str:
    """Why there is nothing, in one bounded line of visible characters; the same text for everything that says nothing.

    Raises:
        Exception: whatever a reason that is no text raises when it is asked for its text.
    """
    return countable(failure.reason or "") or NO_REASON


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
        what = type(answer).__name__
        if isinstance(answer, list | tuple):
            what += f" of {', '.join(type(each).__name__ for each in answer[:_NAMED]) or 'nothing'}"
        return Crash(f"the analyzer returned a {what} for one image; expected [{expected.__name__}] or [Missing]")
    (one,) = found
    if isinstance(one, Missing):
        return analysis_payload(Missing(reason(one)), shape)
    problem = _problem(one, shape)
    if problem:
        return Crash(f"the analyzer's {problem}")
    if isinstance(one, HandAnalysis) and not np.any(one.mask):
        return analysis_payload(Missing("none of the hand's pixels lies in the image"), shape)
    return analysis_payload(one, shape)


def _problem(found: Analysis, shape: tuple[int, int]) -> str:
    """What of an analysis is not what it has to be, and what that is; empty where all is."""
    hand = isinstance(found, HandAnalysis)
    for name, expected in (_HAND if hand else _FACE).items():
        given = getattr(found, name)
        if (given is not None or name not in _OPTIONAL) and (problem := _not_numbers(given, expected)):
            return f"{name}: expected finite numbers of shape {expected}, got {problem}"
    if isinstance(found, FaceAnalysis) and not np.ptp(np.asarray(found.landmarks_5), axis=0).any():
        return "landmarks_5: expected five places, got one"
    height, width = shape
    left, top, right, bottom = (float(each) for each in np.asarray(found.box))
    if not (left < right and top < bottom and left < width and top < height and right > 0 and bottom > 0):
        inside = f"x0 < x1 and y0 < y1 that meet the image of {width} x {height} px"
        return f"box: expected {inside}, got {[round(each, 1) for each in (left, top, right, bottom)]}"
    if not isinstance(found.score, int | float | np.number) or not -_ROUNDING <= found.score <= 1 + _ROUNDING:
        return f"score: expected a number of 0..1, got {found.score!r:.40}"
    if found.mask is not None or hand:
        if odd := oddity(found.mask):
            return f"mask: expected bool of shape {shape}, got {odd}"
        mask = np.asarray(found.mask)
        if odd := _no_mask(mask, shape):
            return f"mask: expected bool of shape {shape}, got {odd}"
    if isinstance(found, HandAnalysis) and found.handedness not in ("left", "right"):
        return f"handedness: expected left or right, got {found.handedness!r:.40}"
    odd = next((name for name in _WORDS if not isinstance(getattr(found, name, ""), str)), "")
    return f"{odd}: expected words" if odd else ""


def _not_numbers(given: Any, shape: tuple[int, ...]) -> str:
    """What an answer is where it is no array of finite numbers of a shape; empty where it is."""
    if odd := oddity(given):
        return odd
    array = np.asarray(given)
    if array.shape != shape or array.dtype.kind not in "fiu":
        return f"{array.dtype} of shape {array.shape}"
    with np.errstate(over="ignore"):
        return not_finite(array.astype(np.float32))


def _no_mask(mask: NDArray[Any], shape: tuple[int, int]) -> str:
    """What an array is where it is no mask, of bool or of 0 and one other number; empty where it is one."""
    if mask.shape != shape or mask.dtype.kind not in "biu":
        return f"{mask.dtype} of shape {mask.shape}"
    if mask.dtype.kind == "b" or not mask.size:
        return ""
    low, high = int(mask.min()), int(mask.max())
    two = low >= 0 and bool(((mask == 0) | (mask == high)).all())
    return "" if two else f"{mask.dtype} of {low} to {high}, in which more than two numbers or negative ones stand"


def region(answer: Any, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    """What a method says it may repaint; None where it does not say.

    Raises:
        ValueError: it says something else.
    """
    if answer is None:
        return None
    mask = own_array(answer, f"bool of shape {shape}")
    if odd := _no_mask(mask, shape):
        raise ValueError(f"expected bool of shape {shape}, got {odd}")
    return mask.astype(np.bool_)


def template(answer: Any) -> NDArray[Any]:
    """The template of one crop.

    Raises:
        ValueError: `embed` returned something else.
    """
    templates = own_array(answer, "a template of numbers, one row for each crop")
    if templates.ndim < 1 or len(templates) != 1:
        raise ValueError(f"embed returned {len(templates) if templates.ndim else 'no'} templates for 1 crop")
    if templates.dtype.kind not in "biufc":
        raise ValueError(f"expected a template of numbers, got {templates.dtype}")
    if templates.dtype.kind in "fc" and (bad := not_finite(templates)):
        raise ValueError(f"expected a template of finite numbers, got {bad}")
    found: NDArray[Any] = templates[0]
    return found


def matrix(answer: Any, shape: tuple[int, int]) -> NDArray[np.float32]:
    """A block of distances.

    Raises:
        ValueError: `distances` returned something else.
    """
    expected = f"real numbers of shape {shape}"
    found = own_array(answer, expected)
    if found.shape != shape or found.dtype.kind not in "fiub":
        raise ValueError(f"expected {expected}, got {found.dtype} of shape {found.shape}")
    with np.errstate(over="ignore"):
        kept = found.astype(np.float32)
    if odd := _too_fine(found, kept):
        raise ValueError(f"expected {expected}, got {odd}")
    return kept


def _too_fine(given: NDArray[Any], kept: NDArray[np.float32]) -> str:
    """How distances differ by less than can be kept; empty where what is kept tells them apart as well."""
    finite = np.isfinite(given)
    if given.dtype in (np.float16, np.float32) or finite.sum() < 2:
        return ""
    values = given[finite].astype(np.float64)
    low, high = float(values.min()), float(values.max())
    spread = high - low
    if spread <= (_NOISE * max(abs(low), abs(high)) if given.dtype.kind == "f" else 0):
        return ""  # equal but for rounding
    if np.abs(values - kept[finite]).max() <= _FINE * spread:
        return ""
    return (
        f"{given.dtype} of {low:.9g} to {high:.9g}, which differ by too little to be kept as float32; "
        "subtract what all have in common, or scale them"
    )


def vector(answer: Any) -> NDArray[np.float32]:
    """What an encoder or a layer gives for one image.

    Raises:
        ValueError: it is no vector of finite numbers.
    """
    expected = "a vector of finite numbers"
    found = own_array(answer, expected).astype(np.float32)
    if found.ndim != 1 or not found.size:
        raise ValueError(f"expected {expected}, got shape {found.shape}")
    if bad := not_finite(found):
        raise ValueError(f"expected {expected}, got {bad}")
    return found


def state(answer: Any) -> dict[str, NDArray[Any]]:
    """What an attacker has fitted: arrays by name.

    Raises:
        TypeError, ValueError: it is something else.
    """
    if not isinstance(answer, Mapping) or not all(isinstance(name, str) for name in answer):
        raise TypeError(f"expected arrays by name, got {type(answer).__name__}")
    return {name: own_array(each, f"an array of numbers as {name!r}") for name, each in answer.items()}


def crop(answer: Any) -> Any:
    """What `align` cut for `embed`, or its `Failure`.

    Raises:
        ValueError: it is no (H, W, 3) uint8 array.
    """
    if isinstance(answer, Failure):
        return answer
    expected = "(H, W, 3) uint8 or a Failure"
    if not isinstance(answer, np.ndarray):
        raise ValueError(f"expected {expected}, got {type(answer).__name__}")
    if odd := oddity(answer):
        raise ValueError(f"expected {expected}, got {odd}")
    if answer.dtype != np.uint8 or answer.ndim != 3 or answer.shape[2] != 3 or not answer.size:
        raise ValueError(f"expected {expected}, got {answer.dtype} of shape {answer.shape}")
    return answer

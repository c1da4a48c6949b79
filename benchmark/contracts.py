"""Contract checks: what every de-identifier has to keep, as functions that say what is wrong.

A plug-in author runs them as `deid-bench check METHOD`, or in a test-suite:

    from deid_bench import parametrize_with_checks

    @parametrize_with_checks("my_method", "my_method:strength=0.5")
    def test_contract(check):
        check()
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from ..analyzers.base import HandAnalysis
from ..datasets.base import Failure, Image
from ..deidentifiers.base import Deidentifier, Donor, MethodInfo, Request
from ..plugins import Kind, PluginError, registry
from .stages import image_problem

Check = Callable[[str], str | None]
"""Takes a specification; returns what is wrong, or None."""

_CHECKS: list[Check] = []


def _check(function: Check) -> Check:
    """Register a check; what the method raises becomes the problem it reports."""

    def guarded_check(spec: str) -> str | None:
        try:
            return function(spec)
        except PluginError as error:
            return str(error)
        except Exception as error:
            return f"raised {type(error).__name__}: {error}"

    guarded_check.__name__, guarded_check.__doc__ = function.__name__, function.__doc__
    _CHECKS.append(guarded_check)
    return guarded_check


def method_checks() -> Sequence[Check]:
    """All checks of a de-identifier, in the order in which they make sense."""
    return tuple(_CHECKS)


def parametrize_with_checks(*specs: str) -> Any:
    """A pytest decorator that runs every check on every specification; the test calls its `check` argument."""
    import pytest

    cases = [(spec, check) for spec in specs for check in method_checks()]
    return pytest.mark.parametrize(
        "check",
        [partial(_assert_check, check, spec) for spec, check in cases],
        ids=[f"{spec}-{check.__name__.removeprefix('check_')}" for spec, check in cases],
    )


def _assert_check(check: Check, spec: str) -> None:
    problem = check(spec)
    assert problem is None, f"{spec}: {problem}"


# ------------------------------------------------------------------------------------------------ material


@lru_cache(maxsize=1)
def _hands() -> tuple[tuple[Image, HandAnalysis], ...]:
    """Three rendered hands with what the renderer knows of them."""
    from ..datasets.palm_render import render
    from ..datasets.palm_seeds import CONTRACT_SEEDS

    made = []
    for seed in CONTRACT_SEEDS:
        capture = render(seed, 0, "controlled")
        truth = capture.truth
        made.append((capture.image(), _analysis(truth.keypoints_2d, truth.mask, truth.roi)))
    return tuple(made)


def _analysis(keypoints: Any, mask: Any, roi: Any) -> HandAnalysis:
    points = np.asarray(keypoints, dtype=np.float32)
    box = np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
    depth = np.concatenate([points / 2000, np.zeros((21, 1), np.float32)], axis=1).astype(np.float32)
    return HandAnalysis(box, 0.99, "left", points, depth, np.asarray(roi, dtype=np.float32), np.asarray(mask, bool))


def _requests(seed: int = 7) -> list[Request]:
    hands = _hands()
    made = []
    for index, (image, analysis) in enumerate(hands):
        donor_image, donor_analysis = hands[(index + 1) % len(hands)]
        shown = image.copy()
        shown.flags.writeable = False
        made.append(Request(shown, analysis, seed + index, Donor(donor_image, donor_analysis)))
    return made


def _scaled(request: Request, size: tuple[int, int]) -> Request:
    """The same hand at another size (height, width)."""
    import cv2

    height, width = size
    factor = np.array([width / request.image.shape[1], height / request.image.shape[0]], dtype=np.float32)
    image = cv2.resize(np.asarray(request.image), (width, height), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(request.analysis.mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    analysis = _analysis(request.analysis.keypoints_2d * factor, mask, request.analysis.roi * factor)
    return Request(np.asarray(image, dtype=np.uint8), analysis, request.seed, request.donor)


def _build(spec: str) -> Deidentifier:
    method: Deidentifier = registry().resolve(Kind.DEIDENTIFIER, spec).create()
    return method


def _different(first: Sequence[Any], second: Sequence[Any]) -> int | None:
    """Index of the first pair of results that differ."""
    for index, (a, b) in enumerate(zip(first, second, strict=True)):
        same = a == b if isinstance(a, Failure) or isinstance(b, Failure) else np.array_equal(a, b)
        if not same:
            return index
    return None


# ------------------------------------------------------------------------------------------------ the checks


@_check
def check_describes_itself(spec: str) -> str | None:
    """`info` is a MethodInfo with a name, a version, a modality, a description and a licence."""
    info = registry().resolve(Kind.DEIDENTIFIER, spec).info
    if not isinstance(info, MethodInfo):
        return f"info should be a MethodInfo, got {type(info).__name__}"
    empty = [name for name in ("name", "version", "modality", "description", "licence") if not getattr(info, name)]
    return f"info lacks {', '.join(empty)}" if empty else None


@_check
def check_returns_one_image_per_request(spec: str) -> str | None:
    """Each result is a uint8 image of the request's shape, or a Failure."""
    requests = _requests()
    outputs = _build(spec).deidentify(requests)
    if len(outputs) != len(requests):
        return f"returned {len(outputs)} results for {len(requests)} requests"
    for request, output in zip(requests, outputs, strict=True):
        if not isinstance(output, Failure) and (problem := image_problem(output, request.image.shape)):
            return problem
    return None


@_check
def check_can_do_an_ordinary_hand(spec: str) -> str | None:
    """At least one of three clear hands comes out as an image."""
    outputs = _build(spec).deidentify(_requests())
    reasons = [each.reason for each in outputs if isinstance(each, Failure)]
    return f"refused every hand: {reasons[0]}" if len(reasons) == len(outputs) else None


@_check
def check_takes_an_empty_batch(spec: str) -> str | None:
    """No requests, no results."""
    outputs = _build(spec).deidentify([])
    return None if len(outputs) == 0 else f"returned {len(outputs)} results for no requests"


@_check
def check_leaves_its_input_alone(spec: str) -> str | None:
    """The request's image and analysis are the same afterwards."""
    requests = _requests()
    before = [(each.image.copy(), each.analysis.keypoints_2d.copy(), each.analysis.mask.copy()) for each in requests]
    _build(spec).deidentify(requests)
    for request, (image, points, mask) in zip(requests, before, strict=True):
        if not np.array_equal(request.image, image):
            return "wrote into the request's image"
        if not (np.array_equal(request.analysis.keypoints_2d, points) and np.array_equal(request.analysis.mask, mask)):
            return "wrote into the request's analysis"
    return None


@_check
def check_same_seed_gives_same_bytes(spec: str) -> str | None:
    """Called again, and built anew, it gives the same images."""
    method = _build(spec)
    first = method.deidentify(_requests())
    if _different(first, method.deidentify(_requests())) is not None:
        return "gave another image when called again with the same request and seed"
    if _different(first, _build(spec).deidentify(_requests())) is not None:
        return "gave another image when built anew"
    return None


@_check
def check_batch_does_not_matter(spec: str) -> str | None:
    """One by one, in another order, or together: the same images."""
    method, requests = _build(spec), _requests()
    together = method.deidentify(requests)
    alone = [method.deidentify([each])[0] for each in requests]
    if (index := _different(together, alone)) is not None:
        return f"image {index} depends on the batch it is in"
    backwards = method.deidentify(requests[::-1])[::-1]
    if (index := _different(together, backwards)) is not None:
        return f"image {index} depends on its place in the batch"
    return None


@_check
def check_seed_matters_as_declared(spec: str) -> str | None:
    """Another seed changes the image if `info.stochastic`, and only then."""
    method = _build(spec)
    changed = _different(method.deidentify(_requests(7)), method.deidentify(_requests(1234))) is not None
    if method.info.stochastic and not changed:
        return "info.stochastic is True, but another seed gives the same image"
    if changed and not method.info.stochastic:
        return "info.stochastic is False, but another seed gives another image"
    return None


@_check
def check_leaves_global_random_state_alone(spec: str) -> str | None:
    """All randomness comes from the request's seed."""
    numpy_before, python_before = np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index] # noqa: NPY002
    _build(spec).deidentify(_requests())
    numpy_after = np.random.get_state()[1]  # type: ignore[index] # noqa: NPY002
    if not np.array_equal(numpy_before, numpy_after) or random.getstate() != python_before:
        return "used the global random state; draw from np.random.default_rng(request.seed) instead"
    return None


@_check
def check_takes_other_sizes(spec: str) -> str | None:
    """Small, odd and wide images work, or come back as a Failure."""
    method = _build(spec)
    for size in ((160, 120), (331, 243), (480, 900)):
        request = _scaled(_requests()[0], size)
        output = method.deidentify([request])[0]
        if not isinstance(output, Failure) and (problem := image_problem(output, request.image.shape)):
            return f"{size[1]} x {size[0]} px: {problem}"
    return None


@_check
def check_survives_a_poor_analysis(spec: str) -> str | None:
    """An empty mask, or a hand partly outside the image, gives an image or a Failure, never an exception."""
    method, request = _build(spec), _requests()[0]
    points = request.analysis.keypoints_2d
    empty = _analysis(points, np.zeros_like(request.analysis.mask), request.analysis.roi)
    outside = _analysis(points - 250, request.analysis.mask, request.analysis.roi - 250)
    for name, analysis in (("an empty mask", empty), ("a hand that leaves the image", outside)):
        output = method.deidentify([Request(request.image, analysis, 7, request.donor)])[0]
        if not isinstance(output, Failure) and (problem := image_problem(output, request.image.shape)):
            return f"{name}: {problem}"
    return None

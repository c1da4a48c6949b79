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
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...datasets.types import Failure
from ...deidentifiers.base import Deidentifier, MethodInfo, Request
from ...plugins.entries import Kind, PluginError, registry
from ...plugins.isolation import output_on_stderr, own_folder
from ..stages.inputs import image_problem
from .material import numbers, poor_analyses, requests, scaled

Check = Callable[[str], str | None]
"""Takes a specification; returns what is wrong, or None."""

_CHECKS: list[Check] = []


def _check(function: Check) -> Check:
    """Register a check; what the method raises becomes the problem it reports."""

    def guarded_check(spec: str) -> str | None:
        try:
            with own_folder(), output_on_stderr():
                return function(spec)
        except PluginError as error:
            return str(error)
        except SystemExit as error:
            return f"called sys.exit({error.code!r})"
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


def _requests(spec: str, seed: int = 7) -> list[Request]:
    """Three requests that the method is made for: hands, or faces where it is for these alone."""
    modalities = registry().resolve(Kind.DEIDENTIFIER, spec).info.modality
    return requests("palm" if "palm" in modalities else "face", seed)


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
    batch = _requests(spec)
    outputs = _build(spec).deidentify(batch)
    if len(outputs) != len(batch):
        return f"returned {len(outputs)} results for {len(batch)} requests"
    for request, output in zip(batch, outputs, strict=True):
        if not isinstance(output, Failure) and (problem := image_problem(output, request.image.shape)):
            return problem
    return None


@_check
def check_can_do_an_ordinary_hand(spec: str) -> str | None:
    """At least one of three clear hands or faces comes out as an image."""
    outputs = _build(spec).deidentify(_requests(spec))
    reasons = [each.reason for each in outputs if isinstance(each, Failure)]
    return f"refused every image: {reasons[0]}" if len(reasons) == len(outputs) else None


@_check
def check_takes_an_empty_batch(spec: str) -> str | None:
    """No requests, no results."""
    outputs = _build(spec).deidentify([])
    return None if len(outputs) == 0 else f"returned {len(outputs)} results for no requests"


@_check
def check_leaves_its_input_alone(spec: str) -> str | None:
    """The request's image and analysis are the same afterwards."""
    batch = _requests(spec)
    before = [(each.image.copy(), numbers(each.analysis)) for each in batch]
    _build(spec).deidentify(batch)
    for request, (image, found) in zip(batch, before, strict=True):
        if not np.array_equal(request.image, image):
            return "wrote into the request's image"
        if not all(map(np.array_equal, numbers(request.analysis), found)):
            return "wrote into the request's analysis"
    return None


@_check
def check_same_seed_gives_same_bytes(spec: str) -> str | None:
    """Called again, and built anew, it gives the same images."""
    method = _build(spec)
    first = method.deidentify(_requests(spec))
    if _different(first, method.deidentify(_requests(spec))) is not None:
        return "gave another image when called again with the same request and seed"
    if _different(first, _build(spec).deidentify(_requests(spec))) is not None:
        return "gave another image when built anew"
    return None


@_check
def check_batch_does_not_matter(spec: str) -> str | None:
    """One by one, in another order, or together: the same images."""
    method, batch = _build(spec), _requests(spec)
    together = method.deidentify(batch)
    alone = [method.deidentify([each])[0] for each in batch]
    if (index := _different(together, alone)) is not None:
        return f"image {index} depends on the batch it is in"
    backwards = method.deidentify(batch[::-1])[::-1]
    if (index := _different(together, backwards)) is not None:
        return f"image {index} depends on its place in the batch"
    return None


@_check
def check_seed_matters_as_declared(spec: str) -> str | None:
    """Another seed changes the image if `info.stochastic`, and only then."""
    method = _build(spec)
    changed = _different(method.deidentify(_requests(spec, 7)), method.deidentify(_requests(spec, 1234))) is not None
    if method.info.stochastic and not changed:
        return "info.stochastic is True, but another seed gives the same image"
    if changed and not method.info.stochastic:
        return "info.stochastic is False, but another seed gives another image"
    return None


@_check
def check_leaves_global_random_state_alone(spec: str) -> str | None:
    """All randomness comes from the request's seed."""
    numpy_before, python_before = np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index] # noqa: NPY002
    _build(spec).deidentify(_requests(spec))
    numpy_after = np.random.get_state()[1]  # type: ignore[index] # noqa: NPY002
    if not np.array_equal(numpy_before, numpy_after) or random.getstate() != python_before:
        return "used the global random state; draw from np.random.default_rng(request.seed) instead"
    return None


@_check
def check_takes_other_sizes(spec: str) -> str | None:
    """Small, odd and wide images work, or come back as a Failure."""
    method = _build(spec)
    for size in ((160, 120), (331, 243), (480, 900)):
        request = scaled(_requests(spec)[0], size)
        output = method.deidentify([request])[0]
        if not isinstance(output, Failure) and (problem := image_problem(output, request.image.shape)):
            return f"{size[1]} x {size[0]} px: {problem}"
    return None


@_check
def check_survives_a_poor_analysis(spec: str) -> str | None:
    """An empty mask, or a hand or face partly outside the image, gives an image or a Failure, never an exception."""
    method, request = _build(spec), _requests(spec)[0]
    for name, analysis in poor_analyses(request).items():
        output = method.deidentify([replace(request, analysis=analysis, seed=7)])[0]
        if not isinstance(output, Failure) and (problem := image_problem(output, request.image.shape)):
            return f"{name}: {problem}"
    return None

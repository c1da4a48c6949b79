"""Checks of de-identifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ...datasets.types import Failure
from ...deidentifiers.base import (
    BringsAttacks,
    ChoosesKnowledge,
    Degrades,
    Deidentifier,
    Encodes,
    Repaints,
    Request,
)
from ...plugins.entries import Resolved
from ...plugins.isolation import Generators
from ..planning.attack_plan import own_attacks
from ..stages.inputs import image_problem
from .check import Problem, check, different
from .material import numbers, poor_analyses, requests, scaled


def _requests(resolved: Resolved, seed: int = 7) -> list[Request]:
    """Three requests that the method is made for: hands, or faces where it is for these alone."""
    return requests("palm" if "palm" in resolved.info.modality else "face", seed)


def _build(resolved: Resolved) -> Deidentifier:
    method: Deidentifier = resolved.create()
    return method


def _output_problem(output: object, request: Request) -> Problem:
    if not isinstance(output, Failure):
        return image_problem(output, request.image.shape)
    reason: object = output.reason
    if isinstance(reason, str) and reason.strip():
        return None
    return f"expected Failure to give its reason in words, got Failure({reason!r})"


@check()
def check_returns_one_image_per_request(resolved: Resolved) -> Problem:
    """Each result is a uint8 image of the request's shape, or a Failure."""
    batch = _requests(resolved)
    outputs = _build(resolved).deidentify(batch)
    if len(outputs) != len(batch):
        return f"returned {len(outputs)} results for {len(batch)} requests"
    for request, output in zip(batch, outputs, strict=True):
        if problem := _output_problem(output, request):
            return problem
    return None


@check()
def check_can_do_an_ordinary_hand(resolved: Resolved) -> Problem:
    """At least one of three clear hands or faces comes out as an image."""
    outputs = _build(resolved).deidentify(_requests(resolved))
    reasons = [each.reason for each in outputs if isinstance(each, Failure)]
    return f"refused every image: {reasons[0]}" if len(reasons) == len(outputs) else None


@check()
def check_takes_an_empty_batch(resolved: Resolved) -> Problem:
    """No requests, no results."""
    outputs = _build(resolved).deidentify([])
    return None if len(outputs) == 0 else f"returned {len(outputs)} results for no requests"


@check()
def check_leaves_its_input_alone(resolved: Resolved) -> Problem:
    """The request's image and analysis are the same afterwards."""
    batch = _requests(resolved)
    before = [(each.image.copy(), numbers(each.analysis)) for each in batch]
    _build(resolved).deidentify(batch)
    for request, (image, found) in zip(batch, before, strict=True):
        if not np.array_equal(request.image, image):
            return "wrote into the request's image"
        if not all(map(np.array_equal, numbers(request.analysis), found)):
            return "wrote into the request's analysis"
    return None


@check()
def check_same_seed_gives_same_bytes(resolved: Resolved) -> Problem:
    """Called again, and built anew, it gives the same images."""
    method = _build(resolved)
    first = method.deidentify(_requests(resolved))
    if different(first, method.deidentify(_requests(resolved))) is not None:
        return "gave another image when called again with the same request and seed"
    if different(first, _build(resolved).deidentify(_requests(resolved))) is not None:
        return "gave another image when built anew"
    return None


@check()
def check_batch_does_not_matter(resolved: Resolved) -> Problem:
    """One by one, in another order, or together: the same images."""
    method, batch = _build(resolved), _requests(resolved)
    together = method.deidentify(batch)
    alone = [method.deidentify([each])[0] for each in batch]
    if (index := different(together, alone)) is not None:
        return f"image {index} depends on the batch it is in"
    backwards = method.deidentify(batch[::-1])[::-1]
    if (index := different(together, backwards)) is not None:
        return f"image {index} depends on its place in the batch"
    return None


@check()
def check_seed_matters_as_declared(resolved: Resolved) -> Problem:
    """Another seed changes the image if `info.stochastic`, and only then."""
    method = _build(resolved)
    changed = (
        different(method.deidentify(_requests(resolved, 7)), method.deidentify(_requests(resolved, 1234))) is not None
    )
    if method.info.stochastic and not changed:
        return "info.stochastic is True, but another seed gives the same image"
    if changed and not method.info.stochastic:
        return "info.stochastic is False, but another seed gives another image"
    return None


@check()
def check_leaves_global_random_state_alone(resolved: Resolved) -> Problem:
    """All randomness comes from the request's seed."""
    method, batch, generators = _build(resolved), _requests(resolved), Generators()
    method.deidentify(batch)  # loading weights may draw
    with generators.set_from(0):
        method.deidentify(batch)
    if generators.drawn:
        return "used the global random state; draw from np.random.default_rng(request.seed) instead"
    return None


@check()
def check_takes_other_sizes(resolved: Resolved) -> Problem:
    """Small, odd and wide images work, or come back as a Failure."""
    method = _build(resolved)
    for size in ((160, 120), (331, 243), (480, 900)):
        request = scaled(_requests(resolved)[0], size)
        output = method.deidentify([request])[0]
        if problem := _output_problem(output, request):
            return f"{size[1]} x {size[0]} px: {problem}"
    return None


@check()
def check_survives_a_poor_analysis(resolved: Resolved) -> Problem:
    """An empty mask, or a hand or face partly outside the image, gives an image or a Failure, never an exception."""
    method, request = _build(resolved), _requests(resolved)[0]
    for name, analysis in poor_analyses(request).items():
        output = method.deidentify([replace(request, analysis=analysis, seed=7)])[0]
        if problem := _output_problem(output, request):
            return f"{name}: {problem}"
    return None


@check(when=lambda resolved: issubclass(resolved.cls, Repaints))
def check_repaints_what_it_says(resolved: Resolved) -> Problem:
    """`repaints(request)` is a mask of the image's shape, and pixels outside it stay as they were."""
    method = _build(resolved)
    assert isinstance(method, Repaints)
    batch = _requests(resolved)
    for request, output in zip(batch, method.deidentify(batch), strict=True):
        region, shape = method.repaints(request), request.image.shape[:2]
        if not isinstance(region, np.ndarray) or region.dtype != np.bool_ or region.shape != shape:
            return f"repaints should give (H, W) bool of shape {shape}, got {getattr(region, 'dtype', type(region))}"
        if isinstance(output, np.ndarray) and (output != request.image).any(axis=2)[~region].any():
            return "changed pixels outside of what repaints says"
    return None


@check(when=lambda resolved: issubclass(resolved.cls, ChoosesKnowledge))
def check_says_what_it_knows(resolved: Resolved) -> Problem:
    """`knowledge_of(params)` is text such as `surrogate=NAME`."""
    known = resolved.cls.knowledge_of(resolved.params)
    return None if isinstance(known, str) and known else f"knowledge_of should give text, got {known!r}"


@check(when=lambda resolved: isinstance(resolved.info, BringsAttacks) and bool(resolved.info.attacks))
def check_names_attacks_that_exist(resolved: Resolved) -> Problem:
    """`info.attacks` is a tuple of names of attackers, each of which can be built."""
    for each in own_attacks(resolved):
        each.create()
    return None


@check(when=lambda resolved: issubclass(resolved.cls, Encodes))
def check_encodes_images(resolved: Resolved) -> Problem:
    """`encode(request)` is a vector of finite numbers, or a Failure, and the same when called again."""
    request = _requests(resolved, 0)[0]
    first, second = (resolved.create().encode(request) for _ in range(2))
    if isinstance(first, Failure):
        return None
    vector = np.asarray(first)
    if vector.ndim != 1 or not vector.size or not np.isfinite(vector).all():
        return f"encode should give a vector of finite numbers, got shape {vector.shape}"
    return None if np.array_equal(vector, np.asarray(second)) else "gave another vector when built anew"


@check(when=lambda resolved: issubclass(resolved.cls, Degrades))
def check_says_how_it_spoils(resolved: Resolved) -> Problem:
    """`degradation(request)` is a mapping with a `kind`, or None."""
    said = resolved.create().degradation(_requests(resolved)[0])
    if said is None or (isinstance(said, Mapping) and isinstance(said.get("kind"), str)):
        return None
    return f"degradation should give a mapping with a kind, got {said!r}"


CHECKS = (
    check_returns_one_image_per_request,
    check_can_do_an_ordinary_hand,
    check_takes_an_empty_batch,
    check_leaves_its_input_alone,
    check_same_seed_gives_same_bytes,
    check_batch_does_not_matter,
    check_seed_matters_as_declared,
    check_leaves_global_random_state_alone,
    check_takes_other_sizes,
    check_survives_a_poor_analysis,
    check_repaints_what_it_says,
    check_says_what_it_knows,
    check_names_attacks_that_exist,
    check_encodes_images,
    check_says_how_it_spoils,
)

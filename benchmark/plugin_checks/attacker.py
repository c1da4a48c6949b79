"""Checks of parts of attacks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ...attackers.base import Auxiliary, Pair, Published, Target
from ...datasets.types import Failure, Image
from ...deidentifiers.base import Request
from ...plugins.entries import Resolved
from ..stages.inputs import image_problem
from .check import Problem, check
from .material import requests


def _target(resolved: Resolved) -> Target:
    return Target("contract", {}, resolved.info.modality[0], "", repaints=True)


@check()
def check_says_what_it_lacks(resolved: Resolved) -> Problem:
    """`lacks(target)` is text: empty, or why it cannot be tried."""
    said = resolved.create().lacks(_target(resolved))
    return None if isinstance(said, str) else f"lacks should give text, got {said!r}"


def _shown(request: Request) -> Published:
    return Published(request.image, request.analysis, np.ones(request.image.shape[:2], np.bool_), None)


@check(when=lambda resolved: resolved.info.slot == "probe")
def check_restores_images(resolved: Resolved) -> Problem:
    """`restore`, or `fit` and `redraw`, give an image of the same shape, or a Failure; the same when called again."""
    attacker = resolved.create()
    if attacker.lacks(_target(resolved)):
        return None
    restores = [_restorer(resolved) for _ in range(2)]
    for request in requests(resolved.info.modality[0]):
        first, second = (restore(_shown(request)) for restore in restores)
        if isinstance(first, Failure):
            continue
        if problem := image_problem(first, request.image.shape):
            return problem
        if isinstance(second, Failure) or not np.array_equal(first, second):
            return "gave another image when built anew"
    return None


def _restorer(resolved: Resolved) -> Callable[[Published], Image | Failure]:
    attacker = resolved.create()
    if not resolved.info.learns:
        restore: Callable[[Published], Image | Failure] = attacker.restore
        return restore
    shown = [_shown(each) for each in requests(resolved.info.modality[0])]
    state = attacker.fit(
        Pair(shown[person % len(shown)], shown[person % len(shown)].image, person) for person in range(12)
    )
    redraw: Callable[[Published], Image | Failure] = partial(attacker.redraw, state)
    return redraw


@check(when=lambda resolved: resolved.info.slot == "recognizer")
def check_adapts_templates(resolved: Resolved) -> Problem:
    """`adapt` gives arrays, and `distances` with them is (len(a), len(b)), finite and symmetric."""
    rng = np.random.default_rng(3)
    people = np.repeat(np.arange(12), 4)
    templates = (rng.normal(size=(12, 16))[people] + 0.3 * rng.normal(size=(48, 16))).astype(np.float32)
    layer = None
    if resolved.info.reads == "layer":
        layer = rng.normal(size=(8, 16)).astype(np.float32), np.zeros(8, np.float32)
    auxiliary = Auxiliary(templates, people, np.arange(48) % 2 == 0, layer)
    state = resolved.create().adapt(auxiliary)
    if not all(isinstance(each, np.ndarray) for each in state.values()):
        return "adapt should give arrays by name"
    found = np.asarray(resolved.create().distances(state, templates[:5], templates[:3]))
    if found.shape != (5, 3) or not np.isfinite(found).all():
        return f"distances of 5 and 3 templates should be (5, 3) finite numbers, got {found.shape}"
    back = np.asarray(resolved.create().distances(state, templates[:3], templates[:5]))
    return None if np.allclose(found, back.T, rtol=1e-3, atol=1e-5) else "distances should be symmetric"


CHECKS = (check_says_what_it_lacks, check_restores_images, check_adapts_templates)

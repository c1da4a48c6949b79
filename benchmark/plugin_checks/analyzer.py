"""Checks of analyzers."""

from __future__ import annotations

import numpy as np

from ...analyzers.base import Analysis, Analyzer, FaceAnalysis, HandAnalysis, Missing
from ...datasets.types import Image
from ...plugins.entries import Resolved
from ...plugins.isolation import Generators
from .check import Problem, check
from .material import numbers, requests


def _build(resolved: Resolved) -> Analyzer:
    analyzer: Analyzer = resolved.create()
    return analyzer


def _images(resolved: Resolved) -> list[Image]:
    return [each.image for each in requests(resolved.info.modality)]


def _problem(found: object, image: Image, modality: str) -> Problem:
    if isinstance(found, Missing):
        return None if found.reason else "Missing should say why"
    expected = HandAnalysis if modality == "palm" else FaceAnalysis
    if not isinstance(found, expected):
        return f"expected {expected.__name__} or Missing, got {type(found).__name__}"
    shapes: dict[str, tuple[int, ...]] = {
        "box": (4,),
        "keypoints_2d": (21, 2),
        "keypoints_3d": (21, 3),
        "roi": (4, 2),
        "landmarks_5": (5, 2),
    }
    for name, shape in shapes.items():
        if not hasattr(found, name):
            continue
        array = np.asarray(getattr(found, name), dtype=float)
        if array.shape != shape or not np.isfinite(array).all():
            return f"{name} should be {shape} finite numbers, got shape {array.shape}"
    if found.mask is not None and np.shape(found.mask) != image.shape[:2]:
        return f"mask should be {image.shape[:2]}, got {np.shape(found.mask)}"
    return None


def _same(first: Analysis | Missing, second: Analysis | Missing) -> bool:
    if isinstance(first, Missing) or isinstance(second, Missing):
        return first == second
    return all(map(np.array_equal, numbers(first), numbers(second)))


@check()
def check_gives_one_analysis_per_image(resolved: Resolved) -> Problem:
    """Each result is an analysis of the kind's modality with arrays of the right shapes, or `Missing` with a reason."""
    images = _images(resolved)
    found = list(_build(resolved).analyze(images))
    if len(found) != len(images):
        return f"returned {len(found)} results for {len(images)} images"
    problems = [_problem(each, image, resolved.info.modality) for each, image in zip(found, images, strict=True)]
    return next((each for each in problems if each), None)


@check()
def check_leaves_its_input_alone(resolved: Resolved) -> Problem:
    """The image is the same afterwards."""
    images = _images(resolved)
    before = [each.copy() for each in images]
    _build(resolved).analyze(images)
    return None if all(map(np.array_equal, images, before)) else "wrote into the image"


@check()
def check_an_image_gives_one_answer(resolved: Resolved) -> Problem:
    """Called again, one by one, and built anew, it finds the same."""
    images, analyzer, generators = _images(resolved), _build(resolved), Generators()
    first = list(analyzer.analyze(images))
    with generators.set_from(0):
        alone = [analyzer.analyze([each])[0] for each in images]
    if not all(map(_same, first, alone)):
        return "found something else when called again, image by image"
    if not all(map(_same, first, _build(resolved).analyze(images))):
        return "found something else when built anew"
    return "used the global random state" if generators.drawn else None


@check()
def check_survives_images_that_show_nothing(resolved: Resolved) -> Problem:
    """Black, white and tiny images give an analysis or `Missing`, never an exception."""
    analyzer = _build(resolved)
    for value, shape in ((0, (240, 320, 3)), (255, (240, 320, 3)), (128, (16, 16, 3)), (90, (333, 47, 3))):
        image = np.full(shape, value, np.uint8)
        image.flags.writeable = False
        if problem := _problem(analyzer.analyze([image])[0], image, resolved.info.modality):
            return f"{shape[1]} x {shape[0]} px: {problem}"
    return None


@check()
def check_takes_an_empty_batch(resolved: Resolved) -> Problem:
    """No images, no results."""
    found = _build(resolved).analyze([])
    return None if len(found) == 0 else f"returned {len(found)} results for no images"


CHECKS = (
    check_gives_one_analysis_per_image,
    check_leaves_its_input_alone,
    check_an_image_gives_one_answer,
    check_survives_images_that_show_nothing,
    check_takes_an_empty_batch,
)

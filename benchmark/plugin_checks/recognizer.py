"""Checks of recognisers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...datasets.types import Failure, Image
from ...plugins.entries import Resolved
from ...plugins.isolation import Generators
from ...recognizers.base import Differentiable, Recognizer
from .check import Problem, check, different
from .material import numbers, poor_analyses, requests


def _build(resolved: Resolved) -> Recognizer:
    recognizer: Recognizer = resolved.create()
    return recognizer


def _crops(recognizer: Recognizer) -> list[Image]:
    """Aligned crops of three people.

    Raises:
        ValueError: one of the clear images cannot be aligned.
    """
    crops = []
    for each in requests(recognizer.info.modality):
        crop = recognizer.align(each.image, each.analysis)
        if isinstance(crop, Failure):
            raise ValueError(f"align refused a clear image: {crop.reason}")
        crops.append(crop)
    return crops


def _templates(recognizer: Recognizer) -> NDArray[Any]:
    return np.asarray(recognizer.embed(_crops(recognizer)))


@check()
def check_aligns_clear_images(resolved: Resolved) -> Problem:
    """`align` gives an (H, W, 3) uint8 crop of each of three clear images, and writes into none of them."""
    recognizer = _build(resolved)
    batch = requests(recognizer.info.modality)
    before = [(each.image.copy(), numbers(each.analysis)) for each in batch]
    for crop in _crops(recognizer):
        if not isinstance(crop, np.ndarray) or crop.dtype != np.uint8 or crop.ndim != 3 or crop.shape[2] != 3:
            return f"align should give (H, W, 3) uint8, got {getattr(crop, 'dtype', type(crop).__name__)}"
    for request, (image, found) in zip(batch, before, strict=True):
        if not np.array_equal(request.image, image) or not all(map(np.array_equal, numbers(request.analysis), found)):
            return "align wrote into its input"
    return None


@check()
def check_embeds_one_row_per_crop(resolved: Resolved) -> Problem:
    """`embed` gives one finite row for each crop."""
    templates = _templates(_build(resolved))
    if len(templates) != 3:
        return f"embed gave {len(templates)} rows for 3 crops"
    if templates.dtype.kind == "f" and not np.isfinite(templates).all():
        return "embed gave NaN or infinite values"
    return f"embed gave an array of objects ({templates.dtype})" if templates.dtype == object else None


@check()
def check_rows_depend_on_their_crop_alone(resolved: Resolved) -> Problem:
    """Embedded one by one, together, or by a recogniser built anew: rows that are as near as the same ones."""
    recognizer = _build(resolved)
    crops, together = _crops(recognizer), _templates(recognizer)
    alone = np.concatenate([np.asarray(recognizer.embed([each])) for each in crops])
    anew = _templates(_build(resolved))
    for other, words in ((alone, "in a batch of its own"), (anew, "by a recogniser built anew")):
        if together.dtype.kind == "f":
            same = np.allclose(together, other, rtol=1e-3, atol=1e-4)
        else:
            same = np.array_equal(together, other)
        if not same:
            return f"a crop's row is another one {words}"
    return None


@check()
def check_distances_are_finite_and_symmetric(resolved: Resolved) -> Problem:
    """`distances(a, b)` is (len(a), len(b)), finite, the same as of (b, a), whatever else is compared."""
    recognizer = _build(resolved)
    a = _templates(recognizer)
    found = np.asarray(recognizer.distances(a, a[:2]))
    if found.shape != (3, 2):
        return f"distances of 3 and 2 templates should be (3, 2), got {found.shape}"
    if found.dtype.kind != "f" or not np.isfinite(found).all():
        return f"distances should be finite floats, got {found.dtype}"
    if not np.allclose(found, np.asarray(recognizer.distances(a[:2], a)).T, rtol=1e-3, atol=1e-5):
        return "distances of (a, b) and (b, a) should be the same"
    alone = np.asarray(recognizer.distances(a[:1], a[1:2]))
    if not np.allclose(alone, found[:1, 1:2], rtol=1e-3, atol=1e-5):
        return "a distance depends on what else is compared"
    return None


@check()
def check_smaller_is_more_alike(resolved: Resolved) -> Problem:
    """An image is nearer to itself than to other people's."""
    recognizer = _build(resolved)
    found = np.asarray(recognizer.distances(*(templates := _templates(recognizer),) * 2))
    nearest = found.argmin(axis=1)
    if len(templates) and not (np.diag(found) <= found.min(axis=1) + 1e-6).all():
        return f"images 0, 1, 2 are nearest to images {nearest.tolist()}: a distance is smaller for what is more alike"
    return None


@check()
def check_leaves_global_random_state_alone(resolved: Resolved) -> Problem:
    """Templates need no global random generator."""
    recognizer, generators = _build(resolved), Generators()
    first = _templates(recognizer)  # loading weights may draw
    with generators.set_from(0):
        second = _templates(recognizer)
    if generators.drawn:
        return "used the global random state"
    return "gave other templates when called again" if different(list(first), list(second)) is not None else None


@check()
def check_survives_a_poor_analysis(resolved: Resolved) -> Problem:
    """A hand or face partly outside the image gives a crop or a Failure with a reason, never an exception."""
    recognizer = _build(resolved)
    request = requests(recognizer.info.modality)[0]
    for name, analysis in poor_analyses(request).items():
        crop = recognizer.align(request.image, analysis)
        if isinstance(crop, Failure) and not crop.reason:
            return f"{name}: a Failure without a reason"
        if not isinstance(crop, Failure):
            recognizer.embed([crop])
    return None


@check(when=lambda resolved: issubclass(resolved.cls, Differentiable))
def check_network_is_differentiable(resolved: Resolved) -> Problem:
    """`network()` gives rows of unit length, with gradients to the image, for (n, 3, 112, 112) RGB in 0..1."""
    import torch

    recognizer = _build(resolved)
    assert isinstance(recognizer, Differentiable)
    network, images = recognizer.network(), torch.full((2, 3, 112, 112), 0.5, requires_grad=True)
    rows = network(images)
    if rows.ndim != 2 or len(rows) != 2:
        return f"network gave {tuple(rows.shape)} for 2 images; expected (2, d)"
    if not torch.allclose(rows.norm(dim=1), torch.ones(2), atol=1e-3):
        return "the network's rows should have unit length"
    rows[:, 0].sum().backward()
    return None if images.grad is not None else "the network passes no gradients to the image"


CHECKS = (
    check_aligns_clear_images,
    check_embeds_one_row_per_crop,
    check_rows_depend_on_their_crop_alone,
    check_distances_are_finite_and_symmetric,
    check_smaller_is_more_alike,
    check_leaves_global_random_state_alone,
    check_survives_a_poor_analysis,
    check_network_is_differentiable,
)

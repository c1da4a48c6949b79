"""Checks of datasets."""

from __future__ import annotations

import numpy as np

from ...datasets.base import Dataset, Sample
from ...datasets.manifest import check_samples, manifest_digest
from ...files import sha256_of
from ...plugins.entries import Resolved
from .check import Problem, check

LOOKED_AT = 5
"""Images that are decoded: the first, the last and some between."""


def _ready(resolved: Resolved) -> tuple[Dataset, list[Sample]]:
    dataset: Dataset = resolved.create()
    dataset.prepare()
    return dataset, list(dataset.samples())


@check()
def check_samples_are_told_apart(resolved: Resolved) -> Problem:
    """Ids are unique and stable text, and there is at least one sample."""
    _, samples = _ready(resolved)
    check_samples(samples)
    return None if samples else "there are no samples"


@check()
def check_prepared_again_it_is_the_same(resolved: Resolved) -> Problem:
    """A second `prepare` returns at once, and a dataset built anew has the same samples in the same order."""
    dataset, samples = _ready(resolved)
    dataset.prepare()
    if list(dataset.samples()) != samples:
        return "other samples after a second prepare"
    return None if manifest_digest(_ready(resolved)[1]) == manifest_digest(samples) else "other samples when built anew"


@check()
def check_images_are_what_the_samples_say(resolved: Resolved) -> Problem:
    """The file's hash is the sample's, and it decodes to (H, W, 3) uint8."""
    _, samples = _ready(resolved)
    for index in sorted({round(each) for each in np.linspace(0, len(samples) - 1, LOOKED_AT)} if samples else ()):
        sample = samples[index]
        if sha256_of(sample.path) != sample.sha256:
            return f"{sample.sample_id}: sha256 is not that of {sample.path.name}"
        image = sample.image()
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            return f"{sample.sample_id}: expected (H, W, 3) uint8, got {image.dtype} {image.shape}"
    return None


@check()
def check_there_is_something_to_compare(resolved: Resolved) -> Problem:
    """At least two identities, and one with two images."""
    _, samples = _ready(resolved)
    identities = {each.identity for each in samples}
    if len(identities) < 2:
        return f"{len(identities)} identities: recognition needs impostors"
    return "one image of each identity: recognition needs genuine pairs" if len(identities) == len(samples) else None


CHECKS = (
    check_samples_are_told_apart,
    check_prepared_again_it_is_the_same,
    check_images_are_what_the_samples_say,
    check_there_is_something_to_compare,
)

"""Stages that look at images: quality, drift, features, noise floor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import Analyzer, Missing
from ...datasets.types import Image
from ..metrics.base import ImageMetric
from ..metrics.plugged import THE_METRIC, number
from ..metrics.values import Undefined
from ..planning.tasks import Stage, Task
from ..storage.store import Payload
from . import answers
from .guard import Crash, guarded
from .inputs import Context, Made, load_analysis, load_image, load_plugin, load_region
from .twice import alike, made_twice

FLOOR_JPEG_QUALITY = 95
NETWORK_SECONDS = 600.0
"""Limit for a network of ours on one image, its loading included."""


def _measure(tasks: Sequence[Task], context: Context) -> list[Made]:
    return [_measure_one(task, context) for task in tasks]


def _measure_one(task: Task, context: Context) -> Made:
    from .measure import measure

    original, deidentified = load_image(task, 0, context), load_image(task, 1, context)
    before, after = (load_analysis(item, context) for item in task.inputs[:2])
    located = load_analysis(task.inputs[3], context) if len(task.inputs) > 3 else before
    if not isinstance(original, np.ndarray) or not isinstance(deidentified, np.ndarray):
        return Crash("an image to measure is gone; run the same command again")
    if before is None or after is None or located is None or isinstance(located, Missing):
        return Crash("an analysis to measure is gone; run the same command again")
    region = load_region(task.inputs[2], original, context)
    made = guarded(lambda: measure(original, deidentified, before, after, region, located), context.seconds_per_image)
    return made if isinstance(made, Crash) else Payload(made)


def _look(tasks: Sequence[Task], context: Context) -> list[Made]:
    from ..metrics.quality.perceptual import look
    from .measure import LOOKED, plain

    def compute(original: Image, deidentified: Image, _: NDArray[np.bool_] | None) -> Made:
        found = look(original, deidentified)
        if not isinstance(found, Undefined):
            return Payload(plain({LOOKED[0]: found.value}), {"original": found.original, "deidentified": found.changed})
        # Weights may come later, so that this is not a fact about the image.
        return Crash(found.reason) if found.reason.startswith("unavailable") else Payload(plain({LOOKED[0]: found}))

    return [_pair(task, context, compute) for task in tasks]


def _perceive(tasks: Sequence[Task], context: Context) -> list[Made]:
    from .measure import perceive

    def look(task: Task) -> Made:
        nets = task.network.split("+")
        return _pair(task, context, lambda a, b, region: Payload(perceive(a, b, region, nets)))

    return [look(task) for task in tasks]


def _between(tasks: Sequence[Task], context: Context) -> list[Made]:
    from ..metrics.quality.perceptual import Perceptual, lpips
    from .measure import plain

    def compare(first: Image, second: Image, region: NDArray[np.bool_] | None) -> Payload:
        seen = lpips([first], [second], "alex")[0]
        return Payload(plain({"lpips": seen.value if isinstance(seen, Perceptual) else seen}))

    return [_pair(task, context, compare) for task in tasks]


def _pair(task: Task, context: Context, compute: Callable[[Image, Image, NDArray[np.bool_] | None], Made]) -> Made:
    first, second = load_image(task, 0, context), load_image(task, 1, context)
    if not isinstance(first, np.ndarray) or not isinstance(second, np.ndarray):
        return Crash("an image to measure is gone; run the same command again")
    region = load_region(task.inputs[0], first, context) if task.inputs else None
    return guarded(lambda: compute(first, second, region), NETWORK_SECONDS)


def _features(tasks: Sequence[Task], context: Context) -> list[Made]:
    return [_features_one(task, context) for task in tasks]


def _features_one(task: Task, context: Context) -> Made:
    from ..metrics.quality.distribution import set_features
    from .measure import region_box

    image = load_image(task, 0, context)
    if not isinstance(image, np.ndarray):
        return image
    if task.inputs:
        box = region_box(load_region(task.inputs[0], image, context))
        if box is None:
            return Payload({"failure": "the method does not say what it may repaint"})
        image = np.ascontiguousarray(image[box])
    network: Literal["inception", "vgg16"] = "inception" if task.network == "inception" else "vgg16"
    found = guarded(lambda: set_features([image], network), NETWORK_SECONDS)
    if isinstance(found, Crash):
        return found
    if isinstance(found, Undefined):
        # Weights may come later, so that this is not a fact about the image.
        return Crash(found.reason) if found.reason.startswith("unavailable") else Payload({"failure": found.reason})
    return Payload({}, {"features": found[0]})


def _floor(tasks: Sequence[Task], context: Context) -> list[Made]:
    analyzer = load_plugin(tasks[0].plugin)
    if isinstance(analyzer, Crash):
        return [analyzer for _ in tasks]
    return [_floor_one(task, cast(Analyzer, analyzer), context) for task in tasks]


def _floor_one(task: Task, analyzer: Analyzer, context: Context) -> Made:
    import cv2

    from .measure import drifts, plain

    image, before = load_image(task, 0, context), load_analysis(task.inputs[0], context)
    if not isinstance(image, np.ndarray) or before is None:
        return Crash("the image or its analysis is gone; run the same command again")

    def again() -> Payload | Crash:
        _, jpeg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, FLOOR_JPEG_QUALITY])
        saved = cast(Image, np.ascontiguousarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1]))  # type: ignore[index]
        answer = analyzer.analyze([saved])
        checked = answers.analysis(answer, analyzer.info.modality, image.shape[:2])
        if isinstance(checked, Crash):
            return checked
        after = answer[0] if checked.failure is None else Missing(checked.failure)
        return Payload(plain(drifts(before, after, image.shape)))

    return guarded(again, context.seconds_per_image, of=task.plugin)


TWO_NUMBERS = "gave two numbers for one pair of images: they depend on more than the images and the analysis"


def measured_by(tasks: Sequence[Task], context: Context) -> list[Made]:
    """What a user's metric of images gives, or how it failed; nothing is stored."""
    if not tasks:
        return []
    metric = load_plugin(tasks[0].plugin)
    if isinstance(metric, Crash):
        return [metric for _ in tasks]
    return [_metric_one(task, cast(ImageMetric, metric), context) for task in tasks]


def _metric_one(task: Task, metric: ImageMetric, context: Context) -> Made:
    from .measure import plain

    original, deidentified = load_image(task, 0, context), load_image(task, 1, context)
    analysis = load_analysis(task.inputs[0], context)
    if not isinstance(original, np.ndarray) or not isinstance(deidentified, np.ndarray):
        return Crash("an image to measure is gone; run the same command again")
    if analysis is None or isinstance(analysis, Missing):
        return Crash("the analysis of the original is gone; run the same command again")

    def measure() -> Payload | Crash:
        ask = partial(metric.measure, original, deidentified, analysis)
        found = guarded(ask, context.seconds_per_image, of=task.plugin)
        if isinstance(found, Crash):
            return found
        value = number(lambda: found, low=metric.info.low, high=metric.info.high)
        if isinstance(value, Undefined) and not isinstance(found, Undefined):
            return Crash(value.reason.removeprefix(THE_METRIC))  # what is no answer says nothing about the images
        return Payload(plain({"value": value}))

    return made_twice(measure, lambda a, b: "" if alike(a, b) else TWO_NUMBERS, task.plugin, "measure")


IMAGE_STAGES: Mapping[Stage, Callable[[Sequence[Task], Context], list[Made]]] = {
    Stage.MEASURE: _measure,
    Stage.LOOK: _look,
    Stage.PERCEIVE: _perceive,
    Stage.BETWEEN: _between,
    Stage.FEATURES: _features,
    Stage.FLOOR: _floor,
    Stage.METRIC: measured_by,
}

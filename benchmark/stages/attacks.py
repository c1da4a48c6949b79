"""Stages of attackers: restoring an image, fitting to auxiliary people, comparing with what was fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import FaceAnalysis, HandAnalysis
from ...attackers.base import Adapter, Auxiliary, Published, Restorer
from ...datasets.types import Failure, Image
from ...deidentifiers.base import Request
from ..planning.tasks import Stage, Task
from ..storage.store import Payload
from .guard import Crash, guarded
from .inputs import Context, Made, image_problem, load_analysis, load_image, load_plugin, load_region
from .templates import template

FIT_SECONDS = 3600.0
"""Limit for fitting, and for a block of distances."""


def _restore(tasks: Sequence[Task], context: Context) -> list[Made]:
    from ...datasets.images import write_png

    made = [restored(task, context) for task in tasks]
    return [Payload({}, {}, {"image.png": write_png(each)}) if isinstance(each, np.ndarray) else each for each in made]


def restored(task: Task, context: Context) -> Image | Made:
    """What an attacker makes of an image, or why there is nothing."""
    restorer, method = load_plugin(task.plugin), load_plugin(task.method)
    broken = next((each for each in (restorer, method) if isinstance(each, Crash)), None)
    return broken or _restore_one(task, cast(Restorer, restorer), method, context)


def _restore_one(task: Task, restorer: Restorer, method: Any, context: Context) -> Image | Made:
    image = load_image(task, 0, context)
    if not isinstance(image, np.ndarray):
        return image
    *analyses, made_by = task.inputs
    loaded = [load_analysis(item, context) for item in analyses]
    found = [each for each in loaded if isinstance(each, HandAnalysis | FaceAnalysis)]
    if not found:
        return Payload({"failure": "nothing to align by"})
    # Where the method worked is known from the original's analysis, which stands last.
    request = Request(image, found[-1], 0)
    region = load_region(made_by, image, context)

    def restore() -> Image | Made:
        degradation = dict(method.degradation(request)) if hasattr(method, "degradation") else None
        output = restorer.restore(Published(image, found[-1], region, degradation))
        if isinstance(output, Failure):
            return Payload({"failure": output.reason})
        problem = image_problem(output, image.shape)
        return Crash(problem) if problem else output

    return guarded(restore, context.seconds_per_image)


def _adapt(tasks: Sequence[Task], context: Context) -> list[Made]:
    adapter = load_plugin(tasks[0].plugin)
    if isinstance(adapter, Crash):
        return [adapter for _ in tasks]
    return [_adapt_one(task, cast(Adapter, adapter), context) for task in tasks]


def _adapt_one(task: Task, adapter: Adapter, context: Context) -> Made:
    templates = [template(item, context.store) for item in task.inputs]
    kept = [index for index, each in enumerate(templates) if each is not None]
    if not kept:
        return Payload({"failure": "no auxiliary image has a template"})
    auxiliary = Auxiliary(
        np.stack([cast(NDArray[Any], templates[index]) for index in kept]),
        np.array([task.labels[index] for index in kept], dtype=np.intp),
        np.array([index >= task.split for index in kept], dtype=np.bool_),
    )

    def adapt() -> Payload:
        try:
            return Payload({"images": len(kept)}, dict(adapter.adapt(auxiliary)))
        except ValueError as error:  # too few people: a fact about them
            return Payload({"failure": str(error)})

    return guarded(adapt, FIT_SECONDS)


def _match(tasks: Sequence[Task], context: Context) -> list[Made]:
    adapter = load_plugin(tasks[0].plugin)
    if isinstance(adapter, Crash):
        return [adapter for _ in tasks]
    return [_match_one(task, cast(Adapter, adapter), context) for task in tasks]


def _match_one(task: Task, adapter: Adapter, context: Context) -> Made:
    """A block of distances; rows and columns without a template are NaN."""
    *items, fitted = task.inputs
    state = context.store.read(fitted) if fitted else None
    if state is None:
        return Crash("what was fitted is gone; run the same command again")
    templates = [template(item, context.store) for item in items]
    rows = [index for index, each in enumerate(templates[: task.split]) if each is not None]
    columns = [index for index, each in enumerate(templates[task.split :]) if each is not None]
    matrix = np.full((task.split, len(templates) - task.split), np.nan, dtype=np.float32)
    if rows and columns:
        a = np.stack([cast(NDArray[Any], templates[index]) for index in rows])
        b = np.stack([cast(NDArray[Any], templates[task.split + index]) for index in columns])
        found = guarded(lambda: np.asarray(adapter.distances(state.arrays, a, b)), FIT_SECONDS)
        if isinstance(found, Crash):
            return found
        if found.shape != (len(a), len(b)) or not np.isfinite(found).all():
            return Crash(f"distances: expected finite numbers of shape {(len(a), len(b))}, got shape {found.shape}")
        matrix[np.ix_(rows, columns)] = found.astype(np.float32)
    return Payload({}, {"distances": matrix})


ATTACK_STAGES: Mapping[Stage, Any] = {Stage.RESTORE: _restore, Stage.ADAPT: _adapt, Stage.MATCH: _match}

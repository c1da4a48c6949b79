"""Stages of attackers: fitting to auxiliary people, restoring images, comparing by what was fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import Analysis, FaceAnalysis, HandAnalysis
from ...attackers.base import (
    Adapter,
    Auxiliary,
    Degradation,
    Layer,
    LearnedRestorer,
    Pair,
    Published,
    Restorer,
    State,
    TooFewPeople,
)
from ...characters import countable
from ...datasets.types import Failure, Image
from ...deidentifiers.base import Degrades, Request
from ...recognizers.last_layer import layered
from ..planning.tasks import Stage, Task
from ..storage.store import NO_REASON, Payload
from ..suites import TOO_FEW
from .answers import reason
from .answers import state as fitted_arrays
from .arrays import not_finite, own_image
from .distances import ask_distances
from .guard import Crash, guarded
from .inputs import Context, Made, image_problem, load_analysis, load_image, load_plugin, load_region
from .templates import template
from .twice import alike, made_twice

FIT_SECONDS = 3600.0
"""Limit for fitting."""
TWO_IMAGES = "gave two images for one published image: they depend on more than what is published"
TWO_DISTANCES = "gave two distances for one pair of templates: they depend on more than these and what was fitted"
_GONE = Crash("what was fitted is gone; run the same command again")


# ------------------------------------------------------------------------------------------------ restoring


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
    fitted = task.inputs[: task.split]
    *analyses, made_by = task.inputs[task.split :]
    found = located(analyses, context)
    if not found:
        return Payload({"failure": "nothing to align by"})
    state: State | None = None
    if fitted:
        payload = context.store.read(fitted[0]) if fitted[0] else None
        if payload is None:
            return _GONE
        state = payload.arrays
    # Where the method worked is known from the original's analysis, which stands last.
    region = load_region(made_by, image, context)

    def restore() -> Image | Made:
        published = Published(image, found[-1], region, _degradation(method, image, found[-1]))
        if state is not None:
            output = cast(LearnedRestorer, restorer).redraw(state, published)
        else:
            output = restorer.restore(published)
        if isinstance(output, Failure):
            return Payload({"failure": reason(output)})
        problem = image_problem(output, image.shape)
        return Crash(problem) if problem else own_image(output)

    return made_twice(
        lambda: guarded(restore, context.seconds_per_image, of=task.plugin),
        lambda a, b: "" if alike(a, b) else TWO_IMAGES,
        task.plugin,
        "restore",
    )


def located(analyses: Sequence[str | None], context: Context) -> list[Analysis]:
    """The analyses of those digests that found a hand or face."""
    loaded = [load_analysis(item, context) for item in analyses]
    return [each for each in loaded if isinstance(each, HandAnalysis | FaceAnalysis)]


def _degradation(method: Any, image: Image, analysis: Analysis) -> Degradation | None:
    said = method.degradation(Request(image, analysis, 0)) if isinstance(method, Degrades) else None
    return None if said is None else dict(said)


def _fit(tasks: Sequence[Task], context: Context) -> list[Made]:
    restorer, method = load_plugin(tasks[0].plugin), load_plugin(tasks[0].method)
    broken = next((each for each in (restorer, method) if isinstance(each, Crash)), None)
    if broken is not None:
        return [broken for _ in tasks]
    return [_fit_one(task, cast(LearnedRestorer, restorer), method, context) for task in tasks]


def _too_few(reason: str) -> Payload:
    """What an attacker could not learn from: a fact about the people; whatever else he raises is a crash."""
    return Payload({"failure": TOO_FEW + (countable(reason) or NO_REASON)})


def _fit_one(task: Task, restorer: LearnedRestorer, method: Any, context: Context) -> Made:
    def fit() -> Payload:
        try:
            return Payload({"pairs": len(task.labels)}, fitted_arrays(restorer.fit(_pairs(task, method, context))))
        except TooFewPeople as error:
            return _too_few(str(error))

    return guarded(fit, FIT_SECONDS, of=task.plugin)


def _pairs(task: Task, method: Any, context: Context) -> Iterator[Pair]:
    """One at a time: all of them at once would take a gigabyte."""
    for number, person in enumerate(task.labels):
        original, image = load_image(task, 2 * number, context), load_image(task, 2 * number + 1, context)
        where, made_by = task.inputs[2 * number : 2 * number + 2]
        found = located([where], context)
        if not isinstance(original, np.ndarray) or not isinstance(image, np.ndarray) or not found:
            raise LookupError("an image that is learned on is gone; run the same command again")
        region = load_region(made_by, image, context)
        published = Published(image, found[0], region, _degradation(method, image, found[0]))
        yield Pair(published, original, person)


# ------------------------------------------------------------------------------------------------ recognising


def _adapt(tasks: Sequence[Task], context: Context) -> list[Made]:
    adapter = load_plugin(tasks[0].plugin)
    if isinstance(adapter, Crash):
        return [adapter for _ in tasks]
    return [_adapt_one(task, cast(Adapter, adapter), context) for task in tasks]


def _adapt_one(task: Task, adapter: Adapter, context: Context) -> Made:
    templates = [template(item, context.store) for item in task.inputs]
    kept = [index for index, each in enumerate(templates) if each is not None]
    if not kept:
        return _too_few("no auxiliary image has a template")
    layer = _last_layer(task)
    if isinstance(layer, Crash):
        return layer
    auxiliary = Auxiliary(
        np.stack([cast(NDArray[Any], templates[index]) for index in kept]),
        np.array([task.labels[index] for index in kept], dtype=np.intp),
        np.array([index >= task.split for index in kept], dtype=np.bool_),
        layer,
    )

    def adapt() -> Payload:
        try:
            return Payload({"images": len(kept)}, fitted_arrays(adapter.adapt(auxiliary)))
        except TooFewPeople as error:
            return _too_few(str(error))

    return guarded(adapt, FIT_SECONDS, of=task.plugin)


def _last_layer(task: Task) -> Layer | Crash | None:
    if task.recognizer is None:
        return None
    recognizer = load_plugin(task.recognizer)
    if isinstance(recognizer, Crash):
        return recognizer

    def last() -> Layer | None:
        opened = layered(recognizer)
        return None if opened is None else opened.last()

    return guarded(last, FIT_SECONDS, of=task.recognizer)


# ------------------------------------------------------------------------------------------------ comparing


def _match(tasks: Sequence[Task], context: Context) -> list[Made]:
    adapter = None if tasks[0].plugin is None else load_plugin(tasks[0].plugin)
    if isinstance(adapter, Crash):
        return [adapter for _ in tasks]
    return [_match_one(task, cast(Adapter | None, adapter), context) for task in tasks]


def _match_one(task: Task, adapter: Adapter | None, context: Context) -> Made:
    """A block of distances; rows and columns without a template are NaN."""
    *items, fitted = task.inputs
    state: State = {}
    if adapter is not None:
        payload = context.store.read(fitted) if fitted else None
        if payload is None:
            return _GONE
        state = payload.arrays
    templates = [template(item, context.store) for item in items]
    rows = [index for index, each in enumerate(templates[: task.split]) if each is not None]
    columns = [index for index, each in enumerate(templates[task.split :]) if each is not None]
    matrix = np.full((task.split, len(templates) - task.split), np.nan, dtype=np.float32)
    if rows and columns:
        a = np.stack([cast(NDArray[Any], templates[index]) for index in rows])
        b = np.stack([cast(NDArray[Any], templates[task.split + index]) for index in columns])
        found = made_twice(
            lambda: ask_distances(
                # It may write into its own.
                lambda: _angles(a, b) if adapter is None else adapter.distances(state, a.copy(), b.copy()),
                (len(a), len(b)),
                task.plugin,
            ),
            lambda first, second: "" if alike(first, second) else TWO_DISTANCES,
            task.plugin,
            "match",
        )
        if isinstance(found, Crash):
            return found
        if bad := not_finite(found):
            return Crash(f"distances: expected finite numbers of shape {found.shape}, got {bad}")
        matrix[np.ix_(rows, columns)] = found
    return Payload({}, {"distances": matrix})


def _angles(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """1 - cosine."""
    left, right = (
        each.astype(np.float64) / np.maximum(np.linalg.norm(each.astype(np.float64), axis=1, keepdims=True), 1e-12)
        for each in (a, b)
    )
    return np.asarray(1.0 - left @ right.T)


ATTACK_STAGES: Mapping[Stage, Any] = {
    Stage.RESTORE: _restore,
    Stage.FIT: _fit,
    Stage.ADAPT: _adapt,
    Stage.MATCH: _match,
}

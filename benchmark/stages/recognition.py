"""How a task is carried out, inside whatever process a back-end runs it in."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import Analyzer, FaceAnalysis, HandAnalysis, Missing
from ...datasets.types import Failure, Image
from ...deidentifiers.base import Deidentifier, Donor, Request
from ...recognizers.base import Recognizer
from ..planning.tasks import Stage, Task, TaskResult
from ..storage.host import peak_memory_mb
from ..storage.store import Payload, Store, StoreError
from .attacks import ATTACK_STAGES
from .crop import crop
from .distances import compare
from .guard import Crash, guarded
from .images import IMAGE_STAGES
from .inputs import (
    LOST,
    Context,
    Made,
    WatchedStore,
    analysis_payload,
    image_problem,
    load_analysis,
    load_image,
    load_plugin,
)
from .threads import single_threaded


def run_tasks(tasks: Sequence[Task], context: Context) -> list[TaskResult]:
    """Carry out tasks of one stage and one plug-in, and put their objects into the store."""
    with single_threaded():
        return _run_tasks(tasks, context)


def _run_tasks(tasks: Sequence[Task], context: Context) -> list[TaskResult]:
    start = time.perf_counter()
    results = [_found(task, context.store) for task in tasks]
    todo = [task for task, result in zip(tasks, results, strict=True) if result is None]
    if todo:
        watched = WatchedStore(context.store.root)
        made = _STAGES[todo[0].stage](todo, replace(context, store=watched))
        seconds = (time.perf_counter() - start) / len(todo)
        put = iter([_put(task, each, seconds, watched) for task, each in zip(todo, made, strict=True)])
        results = [next(put) if result is None else result for result in results]
    return [result for result in results if result is not None]


def _found(task: Task, store: Store) -> TaskResult | None:
    """The result of a task that another process has carried out since the chunk was put together."""
    payload = store.read(task.digest) if store.has(task.digest) else None
    return None if payload is None else TaskResult(task.digest, None, 0.0, failure=payload.failure, found=True)


def _put(task: Task, made: Made, seconds: float, store: WatchedStore) -> TaskResult:
    lost = task.reads & store.lost
    if lost:  # whatever was made of the rest is not the result
        return TaskResult(task.digest, LOST, seconds, lost=tuple(sorted(lost)))
    if isinstance(made, Crash):
        return TaskResult(task.digest, made.reason, seconds)
    try:
        store.write(task.digest, made)
    except StoreError as error:
        return TaskResult(task.digest, str(error), seconds, fatal=str(error))
    return TaskResult(task.digest, None, seconds, peak_mb=peak_memory_mb(), failure=made.failure)


# ------------------------------------------------------------------------------------------------ analyze


def _analyze(tasks: Sequence[Task], context: Context) -> list[Made]:
    analyzer = load_plugin(tasks[0].plugin)
    if isinstance(analyzer, Crash):
        return [analyzer for _ in tasks]
    return [_analyze_one(task, cast(Analyzer, analyzer), context) for task in tasks]


def _analyze_one(task: Task, analyzer: Analyzer, context: Context) -> Made:
    image = load_image(task, 0, context)
    if not isinstance(image, np.ndarray):
        return image
    found = guarded(lambda: analyzer.analyze([image]), context.seconds_per_image)
    if isinstance(found, Crash):
        return found
    expected = HandAnalysis if analyzer.info.modality == "palm" else FaceAnalysis
    if len(found) != 1 or not isinstance(found[0], expected | Missing):
        return Crash(f"the analyzer returned {found!r:.80} for one image; expected [{expected.__name__}] or [Missing]")
    return analysis_payload(found[0], image.shape[:2])


# ------------------------------------------------------------------------------------------------ de-identify


def _deidentify(tasks: Sequence[Task], context: Context) -> list[Made]:
    method = load_plugin(tasks[0].plugin)
    if isinstance(method, Crash):
        return [method for _ in tasks]
    requests = [_request(task, context) for task in tasks]
    ready = [each for each in requests if isinstance(each, Request)]
    outputs = iter(_call_method(cast(Deidentifier, method), ready, context.seconds_per_image))
    made: list[Made] = []
    for request in requests:
        output = next(outputs) if isinstance(request, Request) else request
        made.append(_image_payload(method, request, output) if isinstance(request, Request) else output)
    return made


def _call_method(method: Deidentifier, requests: list[Request], seconds: float) -> list[Any]:
    """All outputs; when the batch as a whole fails, each image is tried alone, so that one bad image costs itself."""
    if not requests:
        return []
    outputs = guarded(lambda: list(method.deidentify(requests)), seconds * len(requests))
    if isinstance(outputs, Crash) or len(outputs) != len(requests):
        if len(requests) > 1:
            return [_call_method(method, [request], seconds)[0] for request in requests]
        if isinstance(outputs, Crash):
            return [outputs]
        return [Crash(f"the method returned {len(outputs)} results for 1 image")]
    return outputs


def _request(task: Task, context: Context) -> Request | Made:
    image = load_image(task, 0, context)
    if not isinstance(image, np.ndarray):
        return image
    analysis = load_analysis(task.inputs[0], context)
    if analysis is None or isinstance(analysis, Missing):
        return Crash("the image's analysis is gone; run the same command again")
    others = [_donor(task, index, context) for index in range(1, len(task.images))]
    kept = [each for each in others if isinstance(each, Donor)]
    if len(kept) < len(others):
        return next(each for each in others if not isinstance(each, Donor))
    split = len(kept) - task.targets
    return Request(image, analysis, task.seed or 0, kept[0] if split else None, tuple(kept[split:]))


def _donor(task: Task, index: int, context: Context) -> Donor | Made:
    image, analysis = load_image(task, index, context), load_analysis(task.inputs[index], context)
    if not isinstance(image, np.ndarray) or analysis is None or isinstance(analysis, Missing):
        return Crash("the donor's image or analysis is gone; run the same command again")
    return Donor(image, analysis)


def _image_payload(method: Any, request: Request, output: object) -> Made:
    """Check what a method returned; what is not an image of the same shape is the method's failure."""
    from ...datasets.images import write_png
    from ..metrics.usability.coverage import recognised_square, roi_coverage

    if isinstance(output, Crash):
        return output
    if isinstance(output, Failure):
        return Payload({"failure": str(output.reason or "no reason given")})
    problem = image_problem(output, request.image.shape)
    if problem:
        return Crash(problem)
    image = cast(Image, output)
    meta: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {}
    region = guarded(lambda: method.repaints(request), 60.0) if hasattr(method, "repaints") else None
    if isinstance(region, np.ndarray) and region.shape == request.image.shape[:2]:
        arrays["region"] = np.packbits(region.astype(np.bool_))
        share = roi_coverage(recognised_square(request.analysis), region.astype(np.bool_))
        if isinstance(share, float):
            meta["roi_coverage"] = share
    return Payload(meta, arrays, {"image.png": write_png(image)})


# ------------------------------------------------------------------------------------------------ embed


def _embed(tasks: Sequence[Task], context: Context) -> list[Made]:
    recognizer = load_plugin(tasks[0].plugin)
    if isinstance(recognizer, Crash):
        return [recognizer for _ in tasks]
    return [_embed_one(task, cast(Recognizer, recognizer), context) for task in tasks]


def _embed_one(task: Task, recognizer: Recognizer, context: Context) -> Made:
    image = load_image(task, 0, context)
    if not isinstance(image, np.ndarray):
        return image
    loaded = [load_analysis(item, context) for item in task.inputs]
    found = [each for each in loaded if isinstance(each, HandAnalysis | FaceAnalysis)]
    if not found:
        what = "hand" if recognizer.info.modality == "palm" else "face"
        return Payload({"failure": f"no {what} to align by"})

    def embed() -> Payload:
        crop = recognizer.align(image, found[0])
        if isinstance(crop, Failure):
            return Payload({"failure": crop.reason})
        templates = np.asarray(recognizer.embed([crop]))
        if len(templates) != 1:
            raise ValueError(f"embed returned {len(templates)} templates for 1 crop")
        if templates.dtype.kind == "f" and not np.isfinite(templates).all():
            raise ValueError("the template holds NaN or infinite values")
        return Payload({}, {"template": templates[0]})

    return guarded(embed, context.seconds_per_image)


_STAGES: Mapping[Stage, Callable[[Sequence[Task], Context], list[Made]]] = {
    Stage.ANALYZE: _analyze,
    Stage.CROP: crop,
    Stage.DEIDENTIFY: _deidentify,
    Stage.EMBED: _embed,
    Stage.COMPARE: compare,
    **IMAGE_STAGES,
    **ATTACK_STAGES,
}

"""How a task is carried out, inside whatever process a back-end runs it in."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import Analyzer, HandAnalysis, Missing
from ..datasets.base import Failure, Hand, Image
from ..deidentifiers.base import Deidentifier, Donor, Request
from ..plugins import PluginRef, load_ref
from ..recognizers.base import Recognizer
from .guard import Crash, guarded
from .host import peak_memory_mb
from .scoring.values import Undefined
from .store import Payload, Store, StoreError
from .tasks import Stage, Task, TaskResult

Made = Payload | Crash

_load_plugin = lru_cache(maxsize=4)(load_ref)

FLOOR_JPEG_QUALITY = 95
NETWORK_SECONDS = 600.0
"""Limit for a network of ours on one image, its loading included."""


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """What a stage needs besides its tasks."""

    store: Store
    seconds_per_image: float


def run_tasks(tasks: Sequence[Task], context: Context) -> list[TaskResult]:
    """Carry out tasks of one stage and one plug-in, and put their objects into the store."""
    _single_thread()
    start = time.perf_counter()
    made = _STAGES[tasks[0].stage](tasks, context)
    seconds = (time.perf_counter() - start) / len(tasks)
    return [_put(task, each, seconds, context.store) for task, each in zip(tasks, made, strict=True)]


def _put(task: Task, made: Made, seconds: float, store: Store) -> TaskResult:
    if isinstance(made, Crash):
        return TaskResult(task.digest, made.reason, seconds)
    try:
        store.write(task.digest, made)
    except StoreError as error:
        return TaskResult(task.digest, str(error), seconds, fatal=str(error))
    return TaskResult(task.digest, None, seconds, peak_mb=peak_memory_mb())


@lru_cache(maxsize=1)
def _single_thread() -> None:
    """One thread a process: sums then come out the same on every back-end, and workers do not fight for cores."""
    import cv2
    from threadpoolctl import threadpool_limits

    cv2.setNumThreads(1)
    threadpool_limits(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # torch reads it when it is imported
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


# ------------------------------------------------------------------------------------------------ analyze


def _analyze(tasks: Sequence[Task], context: Context) -> list[Made]:
    analyzer = _plugin(tasks[0].plugin)
    if isinstance(analyzer, Crash):
        return [analyzer for _ in tasks]
    return [_analyze_one(task, cast(Analyzer, analyzer), context) for task in tasks]


def _analyze_one(task: Task, analyzer: Analyzer, context: Context) -> Made:
    image = _image(task, 0, context)
    if not isinstance(image, np.ndarray):
        return image
    found = guarded(lambda: analyzer.analyze([image]), context.seconds_per_image)
    if isinstance(found, Crash):
        return found
    if len(found) != 1 or not isinstance(found[0], HandAnalysis | Missing):
        return Crash(f"the analyzer returned {found!r:.80} for one image; expected [HandAnalysis] or [Missing]")
    return analysis_payload(found[0], image.shape[:2])


def analysis_payload(analysis: HandAnalysis | Missing, shape: tuple[int, int]) -> Payload:
    """An analysis as a stored object."""
    if isinstance(analysis, Missing):
        return Payload({"failure": analysis.reason, "shape": list(shape)})
    meta = {"score": float(analysis.score), "handedness": analysis.handedness, "shape": list(shape)}
    arrays: dict[str, NDArray[Any]] = {
        name: np.asarray(getattr(analysis, name), dtype=np.float32)
        for name in ("box", "keypoints_2d", "keypoints_3d", "roi")
    }
    return Payload(meta, {**arrays, "mask": np.packbits(analysis.mask)})


def analysis_of(payload: Payload) -> HandAnalysis | Missing:
    """The analysis that a stored object holds."""
    if payload.failure is not None:
        return Missing(payload.failure)
    height, width = payload.meta["shape"]
    mask = np.unpackbits(payload.arrays["mask"], count=height * width).astype(np.bool_).reshape(height, width)
    arrays = {name: payload.arrays[name] for name in ("box", "keypoints_2d", "keypoints_3d", "roi")}
    return HandAnalysis(
        score=payload.meta["score"], handedness=cast(Hand, payload.meta["handedness"]), mask=mask, **arrays
    )


# ------------------------------------------------------------------------------------------------ de-identify


def _deidentify(tasks: Sequence[Task], context: Context) -> list[Made]:
    method = _plugin(tasks[0].plugin)
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
    image = _image(task, 0, context)
    if not isinstance(image, np.ndarray):
        return image
    analysis = _analysis(task.inputs[0], context)
    donor = None
    if len(task.images) > 1:
        donor_image, donor_analysis = _image(task, 1, context), _analysis(task.inputs[1], context)
        if not isinstance(donor_image, np.ndarray) or not isinstance(donor_analysis, HandAnalysis):
            return Crash("the donor's image or analysis is gone; run the same command again")
        donor = Donor(donor_image, donor_analysis)
    if not isinstance(analysis, HandAnalysis):
        return Crash("the image's analysis is gone; run the same command again")
    return Request(image, analysis, task.seed or 0, donor)


def _image_payload(method: Any, request: Request, output: object) -> Made:
    """Check what a method returned; what is not an image of the same shape is the method's failure."""
    from ..datasets.images import write_png
    from .scoring.coverage import roi_coverage

    if isinstance(output, Crash):
        return output
    if isinstance(output, Failure):
        return Payload({"failure": output.reason})
    problem = image_problem(output, request.image.shape)
    if problem:
        return Crash(problem)
    image = cast(Image, output)
    meta: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {}
    region = guarded(lambda: method.repaints(request), 60.0) if hasattr(method, "repaints") else None
    if isinstance(region, np.ndarray) and region.shape == request.image.shape[:2]:
        arrays["region"] = np.packbits(region.astype(np.bool_))
        share = roi_coverage(request.analysis.roi, region.astype(np.bool_))
        if isinstance(share, float):
            meta["roi_coverage"] = share
    return Payload(meta, arrays, {"image.png": write_png(image)})


def image_problem(output: object, shape: tuple[int, ...]) -> str | None:
    """Why this is not an image of that shape, or None."""
    expected = f"expected uint8 of shape {tuple(shape)}"
    if not isinstance(output, np.ndarray):
        return f"the method returned {type(output).__name__}; {expected} or a Failure"
    if output.dtype.kind == "f" and not np.isfinite(output).all():
        return f"the method returned NaN or infinite values ({output.dtype}); {expected}"
    if output.dtype != np.uint8:
        return f"the method returned dtype {output.dtype}; {expected}"
    if output.shape != tuple(shape):
        return f"the method returned shape {output.shape}; {expected}"
    return None


# ------------------------------------------------------------------------------------------------ embed, compare


def _embed(tasks: Sequence[Task], context: Context) -> list[Made]:
    recognizer = _plugin(tasks[0].plugin)
    if isinstance(recognizer, Crash):
        return [recognizer for _ in tasks]
    return [_embed_one(task, cast(Recognizer, recognizer), context) for task in tasks]


def _embed_one(task: Task, recognizer: Recognizer, context: Context) -> Made:
    image = _image(task, 0, context)
    if not isinstance(image, np.ndarray):
        return image
    found = [each for each in (_analysis(item, context) for item in task.inputs) if isinstance(each, HandAnalysis)]
    if not found:
        return Payload({"failure": "no hand to align by"})

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


def _compare(tasks: Sequence[Task], context: Context) -> list[Made]:
    recognizer = _plugin(tasks[0].plugin)
    if isinstance(recognizer, Crash):
        return [recognizer for _ in tasks]
    return [_compare_one(task, cast(Recognizer, recognizer), context) for task in tasks]


def _compare_one(task: Task, recognizer: Recognizer, context: Context) -> Made:
    """A block of distances; rows and columns without a template are NaN."""
    templates = [_template(item, context) for item in task.inputs]
    rows = [index for index, each in enumerate(templates[: task.split]) if each is not None]
    columns = [index for index, each in enumerate(templates[task.split :]) if each is not None]
    matrix = np.full((task.split, len(templates) - task.split), np.nan, dtype=np.float32)
    if rows and columns:
        a = np.stack([cast(NDArray[Any], templates[index]) for index in rows])
        b = np.stack([cast(NDArray[Any], templates[task.split + index]) for index in columns])
        found = guarded(lambda: np.asarray(recognizer.distances(a, b)), 3600.0)
        if isinstance(found, Crash):
            return found
        if found.shape != (len(a), len(b)) or not np.isfinite(found).all():
            return Crash(f"distances: expected finite numbers of shape {(len(a), len(b))}, got shape {found.shape}")
        matrix[np.ix_(rows, columns)] = found.astype(np.float32)
    return Payload({}, {"distances": matrix})


def _template(item: str | None, context: Context) -> NDArray[Any] | None:
    payload = context.store.read(item) if item else None
    return payload.arrays.get("template") if payload else None


# ------------------------------------------------------------------------------------------------ measure


def _measure(tasks: Sequence[Task], context: Context) -> list[Made]:
    return [_measure_one(task, context) for task in tasks]


def _measure_one(task: Task, context: Context) -> Made:
    from .measure import measure

    original, deidentified = _image(task, 0, context), _image(task, 1, context)
    before, after = (_analysis(item, context) for item in task.inputs[:2])
    if not isinstance(original, np.ndarray) or not isinstance(deidentified, np.ndarray):
        return Crash("an image to measure is gone; run the same command again")
    if not isinstance(before, HandAnalysis) or after is None:
        return Crash("an analysis to measure is gone; run the same command again")
    region = _region(task.inputs[2], original, context)
    made = guarded(lambda: measure(original, deidentified, before, after, region), context.seconds_per_image)
    return made if isinstance(made, Crash) else Payload(made)


def _perceive(tasks: Sequence[Task], context: Context) -> list[Made]:
    from .measure import perceive

    return [_pair(task, context, lambda a, b, region: Payload(perceive(a, b, region))) for task in tasks]


def _between(tasks: Sequence[Task], context: Context) -> list[Made]:
    from .measure import plain
    from .scoring.perceptual import Perceptual, lpips

    def compare(first: Image, second: Image, region: NDArray[np.bool_] | None) -> Payload:
        seen = lpips([first], [second], "alex")[0]
        return Payload(plain({"lpips": seen.value if isinstance(seen, Perceptual) else seen}))

    return [_pair(task, context, compare) for task in tasks]


def _pair(task: Task, context: Context, compute: Callable[[Image, Image, NDArray[np.bool_] | None], Payload]) -> Made:
    first, second = _image(task, 0, context), _image(task, 1, context)
    if not isinstance(first, np.ndarray) or not isinstance(second, np.ndarray):
        return Crash("an image to measure is gone; run the same command again")
    region = _region(task.inputs[0], first, context) if task.inputs else None
    return guarded(lambda: compute(first, second, region), NETWORK_SECONDS)


def _features(tasks: Sequence[Task], context: Context) -> list[Made]:
    return [_features_one(task, context) for task in tasks]


def _features_one(task: Task, context: Context) -> Made:
    from .scoring.distribution import set_features

    image = _image(task, 0, context)
    if not isinstance(image, np.ndarray):
        return image
    network: Literal["inception", "vgg16"] = "inception" if task.network == "inception" else "vgg16"
    found = guarded(lambda: set_features([image], network), NETWORK_SECONDS)
    if isinstance(found, Crash):
        return found
    if isinstance(found, Undefined):
        # Weights may come later, so that this is not a fact about the image.
        return Crash(found.reason) if found.reason.startswith("unavailable") else Payload({"failure": found.reason})
    return Payload({}, {"features": found[0]})


def _floor(tasks: Sequence[Task], context: Context) -> list[Made]:
    analyzer = _plugin(tasks[0].plugin)
    if isinstance(analyzer, Crash):
        return [analyzer for _ in tasks]
    return [_floor_one(task, cast(Analyzer, analyzer), context) for task in tasks]


def _floor_one(task: Task, analyzer: Analyzer, context: Context) -> Made:
    import cv2

    from .measure import drifts, plain

    image, before = _image(task, 0, context), _analysis(task.inputs[0], context)
    if not isinstance(image, np.ndarray) or not isinstance(before, HandAnalysis):
        return Crash("the image or its analysis is gone; run the same command again")

    def again() -> Payload:
        _, jpeg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, FLOOR_JPEG_QUALITY])
        saved = cast(Image, np.ascontiguousarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1]))  # type: ignore[index]
        (after,) = analyzer.analyze([saved])
        return Payload(plain(drifts(before, after, image.shape)))

    return guarded(again, context.seconds_per_image)


# ------------------------------------------------------------------------------------------------ helpers


def _plugin(ref: PluginRef | None) -> Any:
    if ref is None:
        return Crash("the task names no plug-in")
    return guarded(lambda: _load_plugin(ref), 600.0)


def _image(task: Task, index: int, context: Context) -> Image | Made:
    """The image, read-only; a file that is no image is a fact about the dataset and is stored as such."""
    from ..datasets.images import ImageError

    try:
        image = task.images[index].load(context.store)
    except ImageError as error:
        # Without the file's name, so that reasons can be counted.
        return Payload({"failure": f"unreadable image: {str(error).partition(': ')[2]}"})
    except OSError as error:
        return Crash(f"cannot read the image: {error.strerror or error}")
    except LookupError as error:
        return Crash(str(error))
    image.flags.writeable = False
    return image


def _region(item: str | None, image: Image, context: Context) -> NDArray[np.bool_] | None:
    """What the method may repaint, where it says so."""
    payload = context.store.read(item) if item else None
    if payload is None or "region" not in payload.arrays:
        return None
    height, width = image.shape[:2]
    return np.unpackbits(payload.arrays["region"], count=height * width).astype(np.bool_).reshape(height, width)


def _analysis(item: str | None, context: Context) -> HandAnalysis | Missing | None:
    payload = context.store.read(item) if item else None
    return analysis_of(payload) if payload else None


_STAGES: Mapping[Stage, Callable[[Sequence[Task], Context], list[Made]]] = {
    Stage.ANALYZE: _analyze,
    Stage.DEIDENTIFY: _deidentify,
    Stage.EMBED: _embed,
    Stage.MEASURE: _measure,
    Stage.PERCEIVE: _perceive,
    Stage.BETWEEN: _between,
    Stage.FEATURES: _features,
    Stage.FLOOR: _floor,
    Stage.COMPARE: _compare,
}

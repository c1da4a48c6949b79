"""How a task is carried out, inside whatever process a back-end runs it in."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from ...analyzers.base import Analyzer, FaceAnalysis, HandAnalysis
from ...datasets.types import Failure, Image
from ...plugins.process_state import own_process, told
from ..planning.tasks import Stage, Task, TaskResult
from ..storage.host import peak_memory_mb
from ..storage.store import Payload, Store, StoreError
from .answers import analysis, reason, template
from .answers import crop as cropped
from .arrays import own_image
from .attacks import ATTACK_STAGES
from .crop import crop
from .deidentify import deidentify
from .distances import compare
from .guard import Crash, guarded, step
from .images import IMAGE_STAGES
from .inputs import (
    LOST,
    Context,
    Made,
    WatchedStore,
    load_analysis,
    load_image,
    load_plugin,
)
from .looking import LOOKING_STAGES
from .remarks import by_task, listening, remark, with_remarks
from .seen import Seen
from .threads import single_threaded
from .twice import alike, made_twice
from .witness import fingerprint


def run_tasks(tasks: Sequence[Task], context: Context) -> list[TaskResult]:
    """Carry out tasks of one stage, and one plug-in unless they embed, and put their objects into the store."""
    with single_threaded():
        return _run_tasks(tasks, context)


def run_again(tasks: Sequence[Task], context: Context) -> dict[str, str]:
    """Carry out tasks that another process has, and keep nothing but the fingerprints of what comes of them.

    Returns:
        By digest of the task; without those that fail here, of which their first process has its own word.
    """
    output = context.output.of(tasks) if context.output else contextlib.nullcontext()
    with single_threaded(), output, own_process(package=True):
        made = {task.digest: _STAGES[task.stage]([task], context)[0] for task in tasks}
    return {digest: fingerprint(each) for digest, each in made.items() if isinstance(each, Payload)}


def _run_tasks(tasks: Sequence[Task], context: Context) -> list[TaskResult]:
    start = time.perf_counter()
    results = [_found(task, context.store) for task in tasks]
    todo = [task for task, result in zip(tasks, results, strict=True) if result is None]
    if todo:
        watched = WatchedStore(context.store.root)
        with context.output.of(todo) if context.output else contextlib.nullcontext(), listening() as heard:
            with own_process(package=True) as changed:
                made = _STAGES[todo[0].stage](todo, replace(context, store=watched))
            if replaced := told(changed):
                remark(todo[0].plugin, replaced)
        remarks = by_task(heard, todo)
        seconds = (time.perf_counter() - start) / len(todo)
        put = iter(
            [
                _put(task, with_remarks(each, remarks.get(task.digest, ())), seconds, watched)
                for task, each in zip(todo, made, strict=True)
            ]
        )
        results = [next(put) if result is None else result for result in results]
    return [result for result in results if result is not None]


def _found(task: Task, store: Store) -> TaskResult | None:
    """The result of a task that another process has carried out since the chunk was put together."""
    payload = store.read(task.digest) if store.has(task.digest) else None
    if payload is None:
        return None
    return TaskResult(task.digest, None, 0.0, failure=payload.failure, found=True, remarks=payload.remarks)


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
    return TaskResult(task.digest, None, seconds, peak_mb=peak_memory_mb(), failure=made.failure, remarks=made.remarks)


# ------------------------------------------------------------------------------------------------ analyze


TWO_ANALYSES = "gave two analyses of one image: they depend on more than the image"


def _analyze(tasks: Sequence[Task], context: Context) -> list[Made]:
    analyzer = load_plugin(tasks[0].plugin)
    if isinstance(analyzer, Crash):
        return [analyzer for _ in tasks]
    return [_analyze_one(task, cast(Analyzer, analyzer), context) for task in tasks]


def _analyze_one(task: Task, analyzer: Analyzer, context: Context) -> Made:
    image = load_image(task, 0, context)
    if not isinstance(image, np.ndarray):
        return image

    def analyze() -> Made:
        return guarded(
            lambda: analysis(analyzer.analyze([image]), analyzer.info.modality, image.shape[:2]),
            context.seconds_per_image,
            of=task.plugin,
        )

    return made_twice(analyze, lambda a, b: "" if alike(a, b) else TWO_ANALYSES, task.plugin, "analyze")


# ------------------------------------------------------------------------------------------------ embed


TWO_CROPS = "align gave two crops of one image: they depend on more than the image and its analysis"
TWO_TEMPLATES = "embed gave two templates of one crop: they depend on more than the crop"


def _embed(tasks: Sequence[Task], context: Context) -> list[Made]:
    """Of one image after the other, by one recogniser or several."""
    seen = Seen(context)
    return [_embed_one(task, seen, context) for task in tasks]


def _embed_one(task: Task, seen: Seen, context: Context) -> Made:
    recognizer = load_plugin(task.plugin)
    if isinstance(recognizer, Crash):
        return recognizer
    image = seen.image(task)
    if not isinstance(image, np.ndarray):
        return image
    loaded = [load_analysis(item, context) for item in task.inputs]
    found = [each for each in loaded if isinstance(each, HandAnalysis | FaceAnalysis)]
    if not found:
        what = "hand" if recognizer.info.modality == "palm" else "face"
        return Payload({"failure": f"no {what} to align by"})

    def embed() -> tuple[Image | None, Payload]:
        with step("align"):
            cut = cropped(recognizer.align(image, found[0]))
        if isinstance(cut, Failure):
            return None, Payload({"failure": reason(cut)})
        cut = own_image(cut)  # what is compared with a second one, which may be cut into the same memory
        with step("embed"):
            return cut, Payload({}, {"template": template(recognizer.embed([cut]))})

    made = made_twice(
        lambda: guarded(embed, context.seconds_per_image, of=task.plugin), _two_templates, task.plugin, "embed"
    )
    return made if isinstance(made, Crash) else made[1]


def _two_templates(first: tuple[Image | None, Payload], second: tuple[Image | None, Payload]) -> str:
    if not alike(first[0], second[0]):
        return TWO_CROPS
    return "" if alike(first[1], second[1]) else TWO_TEMPLATES


_STAGES: Mapping[Stage, Callable[[Sequence[Task], Context], list[Made]]] = {
    Stage.ANALYZE: _analyze,
    Stage.CROP: crop,
    Stage.DEIDENTIFY: deidentify,
    Stage.EMBED: _embed,
    Stage.COMPARE: compare,
    **IMAGE_STAGES,
    **ATTACK_STAGES,
    **LOOKING_STAGES,
}

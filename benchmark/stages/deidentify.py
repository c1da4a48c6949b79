"""The de-identify stage: a method is asked so that an image depends on its request alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import Missing
from ...datasets.types import Failure, Image
from ...deidentifiers.base import Deidentifier, Donor, Repaints, Request
from ...plugins.entries import PluginRef
from ...plugins.isolation import Generators
from ..planning.tasks import Task
from ..storage.store import Payload
from .answers import reason, region
from .arrays import own_image, sharing
from .guard import Crash, guarded
from .inputs import (
    Context,
    Made,
    habits,
    image_problem,
    load_analysis,
    load_image,
    load_plugin,
)
from .remarks import remark
from .twice import known_fault, looked_at


def deidentify(tasks: Sequence[Task], context: Context) -> list[Made]:
    """Carry out de-identify tasks of one method."""
    method = load_plugin(tasks[0].plugin)
    if isinstance(method, Crash):
        return [method for _ in tasks]
    ref = tasks[0].plugin
    assert ref is not None
    caller = _Caller(cast(Deidentifier, method), ref, context)
    answered = caller.outputs(tasks)
    made: list[Made] = []
    for task in tasks:
        if task.digest in answered:
            request, output = answered[task.digest]
            made.append(guarded(partial(_image_payload, method, ref, request, output), context.seconds_per_image))
        else:
            unready = _request(task, context)
            assert not isinstance(unready, Request)
            made.append(unready)
    return made


STRAYS = "gave two images for one request, though stochastic=False: they depend on more than the request"
STRAYS_STOCHASTIC = "gave two images for one request and seed: they depend on more than these"
BATCHED = "gave an image that depends on the others of its batch; made one by one instead"
_TOGETHER = "deidentify together"
SHARED = "gave one piece of memory for several images of a batch, so that each became the last; made one by one instead"

Answered = dict[str, tuple[Request, Any]]
"""What a method was asked and what it gave, or why it gave nothing, by the task's digest."""


class _Caller:
    """Calls a method on batches so that what it gives for an image depends on that image's request alone.

    When a batch as a whole fails, each image is tried alone, so that one bad image costs itself. A method that draws
    from a global random generator is called image by image, with that generator set from the image's seed. Drawing
    while it loads its weights, which networks do, does not count.

    Some images are made twice, by which one that does not come from its seed is seen; the last of some batches is made
    alone as well, by which one that depends on its batch is seen, and then all are made alone. Where results of a
    batch lie in the same memory, each image is made alone, and copied before the next one is.
    """

    def __init__(self, method: Deidentifier, ref: PluginRef, context: Context) -> None:
        self._method, self._ref, self._habits, self._context = method, ref, habits(ref), context
        self._generators = Generators()
        self._shared = False
        """Whether results of the last call lay in the same memory."""

    def outputs(self, tasks: Sequence[Task]) -> Answered:
        """Of those tasks whose inputs are there."""
        todo = list(tasks)
        found: Answered = {}
        if not self._habits.called and todo:
            found, strays = self._first(todo[0])
            looked_at(self._ref, "deidentify", lambda: strays)
            todo = todo[1:]
        else:
            known_fault(self._ref, "deidentify")
        batched = known_fault(self._ref, _TOGETHER)
        if len(todo) > 1 and not self._habits.draws and not batched:
            together = self._call(todo)
            if self._generators.drawn:
                self._habits.draws = True
            elif together is not None and self._shared:
                return found | self._unshared(todo, together)
            elif together is not None and not looked_at(
                self._ref, _TOGETHER, partial(self._depends, todo[-1], together)
            ):
                return found | together
        for task in todo:
            alone = self._alone(task)
            looked_at(self._ref, "deidentify", partial(self._strays, task, alone))
            found |= alone
        return found

    def _first(self, task: Task) -> tuple[Answered, str | None]:
        """Made twice, and how the two differ; later calls count on what is learnt of it."""
        found = self._alone(task)
        if not found:
            return {}, None
        drew = self._generators.drawn
        again = self._alone(task)
        self._habits.called, self._habits.draws = True, drew and self._generators.drawn
        return again if drew and again else found, self._differs(task, found, again) or ""

    def _differs(self, task: Task, first: Answered, second: Answered) -> str | None:
        return _difference(task, first, second, STRAYS_STOCHASTIC if self._method.info.stochastic else STRAYS)

    def _strays(self, task: Task, alone: Answered) -> str | None:
        """What is wrong where an image is another one when it is made again."""
        return self._differs(task, alone, self._alone(task))

    def _depends(self, task: Task, together: Answered) -> str | None:
        """What is wrong where an image is another one by itself, though it is always the same one by itself."""
        alone = self._alone(task)
        odd = _difference(task, together, alone, BATCHED)
        return (self._strays(task, alone) or odd) if odd else odd

    def _unshared(self, tasks: Sequence[Task], together: Answered) -> Answered:
        """Image by image; one buffer may also hold what all of them have in common."""
        alone: Answered = {}
        for task in tasks:
            alone |= self._alone(task)
        pairs = [(together[task.digest][1], alone[task.digest][1]) for task in tasks if task.digest in alone]
        if any(not np.array_equal(a, b) for a, b in pairs if isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
            remark(self._ref, SHARED)
        return alone

    def _alone(self, task: Task) -> Answered:
        return self._call([task]) or {}

    def _call(self, tasks: Sequence[Task]) -> Answered | None:
        """None when several tasks failed together. Inputs are read anew: a failed call may have spoilt its own."""
        asked = [(task, request) for task in tasks if isinstance(request := _request(task, self._context), Request)]
        if not asked:
            return {}
        requests = [request for _, request in asked]
        seconds = self._context.seconds_per_image * len(requests)
        outputs = guarded(
            lambda: self._answers(requests),
            seconds,
            seed=requests[0].seed,
            generators=self._generators,
            of=self._ref,
        )
        if isinstance(outputs, Crash) or len(outputs) != len(requests):
            if len(tasks) > 1:
                return None
            if not isinstance(outputs, Crash):
                many = "2 or more" if outputs else "no"
                outputs = Crash(f"the method returned {many} results for 1 image")
            return {tasks[0].digest: (requests[0], outputs)}
        return {task.digest: (request, output) for (task, request), output in zip(asked, outputs, strict=True)}

    def _answers(self, requests: Sequence[Request]) -> list[Any]:
        """What the method gives, copied before anybody writes into it again: of a generator, one after the other."""
        given: Any = self._method.deidentify(requests)
        self._shared = isinstance(given, list | tuple) and sharing(given)
        # One more than asked for shows that there are too many, also where they have no end.
        return [own_image(each) for each in islice(iter(given), len(requests) + 1)]


def _difference(task: Task, first: Answered, second: Answered, fault: str) -> str | None:
    """The fault where a task's two images differ, empty where they are equal, None where there are no two."""
    a, b = (each[task.digest][1] if each else None for each in (first, second))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return "" if np.array_equal(a, b) else fault
    return None


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
    donor, targets = kept[0] if split else None, tuple(kept[split:])
    return Request(image, analysis, task.seed or 0, donor, targets, task.aspect)


def _donor(task: Task, index: int, context: Context) -> Donor | Made:
    image, analysis = load_image(task, index, context), load_analysis(task.inputs[index], context)
    if not isinstance(image, np.ndarray) or analysis is None or isinstance(analysis, Missing):
        return Crash("the donor's image or analysis is gone; run the same command again")
    return Donor(image, analysis)


def _image_payload(method: Any, ref: PluginRef, request: Request, output: object) -> Made:
    """Check what a method returned; what is not an image of the same shape is the method's failure."""
    from ...datasets.images import write_png
    from ..metrics.usability.coverage import recognised_square, roi_coverage

    if isinstance(output, Crash):
        return output
    if isinstance(output, Failure):
        return Payload({"failure": reason(output)})
    problem = image_problem(output, request.image.shape)
    if problem:
        return Crash(problem)
    image = cast(Image, output)
    meta: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {}
    mask = (
        guarded(lambda: region(method.repaints(request), image.shape[:2]), 60.0, of=ref)
        if isinstance(method, Repaints)
        else None
    )
    if isinstance(mask, Crash):
        return Crash(f"repaints: {mask.reason}")
    if mask is not None:
        arrays["region"] = np.packbits(mask)
        share = roi_coverage(recognised_square(request.analysis), mask)
        if isinstance(share, float):
            meta["roi_coverage"] = share
    return Payload(meta, arrays, {"image.png": write_png(image)})

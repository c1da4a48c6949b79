"""Stages of attackers who look closer: at what enters a recogniser's last layer, or with the method's own encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from ...datasets.types import Failure
from ...deidentifiers.base import Encodes, Request
from ...deidentifiers.encoders import encoder_of
from ...recognizers.base import Layered, Recognizer
from ...recognizers.last_layer import layered
from ..planning.tasks import Stage, Task
from ..storage.store import Payload
from .answers import crop, reason, template, vector
from .attacks import located
from .guard import Crash, guarded, step
from .inputs import Context, Made, load_plugin
from .seen import Seen

LOAD_SECONDS = 600.0
"""Limit for opening a network."""


def _layer(tasks: Sequence[Task], context: Context) -> list[Made]:
    recognizer = load_plugin(tasks[0].plugin)
    found = (
        recognizer
        if isinstance(recognizer, Crash)
        else guarded(lambda: layered(recognizer), LOAD_SECONDS, of=tasks[0].plugin)
    )
    if isinstance(found, Crash) or found is None:
        return [found or Crash("the recogniser has no last layer to train") for _ in tasks]
    return [_layer_one(task, cast(Recognizer, recognizer), found, context) for task in tasks]


def _layer_one(task: Task, recognizer: Recognizer, opened: Layered, context: Context) -> Made:
    image, found = Seen(context).image(task), located(task.inputs, context)
    if not isinstance(image, np.ndarray):
        return image
    if not found:
        return Payload({"failure": "nothing to align by"})

    def look() -> Payload:
        with step("align"):
            cut = crop(recognizer.align(image, found[0]))
        if isinstance(cut, Failure):
            return Payload({"failure": reason(cut)})
        with step("before_last"):
            return Payload({}, {"template": vector(template(opened.before_last([cut])))})

    return guarded(look, context.seconds_per_image, of=task.plugin)


def _encode(tasks: Sequence[Task], context: Context) -> list[Made]:
    method = load_plugin(tasks[0].plugin)
    found = (
        method if isinstance(method, Crash) else guarded(lambda: encoder_of(method), LOAD_SECONDS, of=tasks[0].plugin)
    )
    if isinstance(found, Crash) or found is None:
        return [found or Crash("the method has no encoder of its own") for _ in tasks]
    return [_encode_one(task, found, context) for task in tasks]


def _encode_one(task: Task, encoder: Encodes, context: Context) -> Made:
    image, found = Seen(context).image(task), located(task.inputs, context)
    if not isinstance(image, np.ndarray):
        return image
    if not found:
        return Payload({"failure": "nothing to align by"})

    def look() -> Payload:
        with step("encode"):
            output = encoder.encode(Request(image, found[0], 0))
            if isinstance(output, Failure):
                return Payload({"failure": reason(output)})
            return Payload({}, {"template": vector(output)})

    return guarded(look, context.seconds_per_image, of=task.plugin)


LOOKING_STAGES: Mapping[Stage, Any] = {Stage.LAYER: _layer, Stage.ENCODE: _encode}

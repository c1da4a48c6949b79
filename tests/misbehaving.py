"""Methods that do everything wrong; each counts on what the harness does about it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_bench.datasets.base import Failure
from deid_bench.datasets.types import Image
from deid_bench.deidentifiers.base import MethodInfo, Request
from deid_bench.recognizers.base import RecognizerInfo


def _info(name: str) -> MethodInfo:
    return MethodInfo(name=name, version="1", modality=("palm",), description="Misbehaves", licence="CC0-1.0")


def _is_bad_one(request: Request) -> bool:
    """True for some images of the toy set: those with a dark spot near the corner."""
    return int(request.image[28:32, 20:24].mean()) < 120


class WrongShape:
    info = _info("wrong_shape")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [request.image[:-1] for request in batch]


class WrongDtype:
    info = _info("wrong_dtype")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [request.image.astype(np.float32) / 255 for request in batch]


class NotANumber:
    info = _info("not_a_number")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [np.full(request.image.shape, np.nan) for request in batch]


class WrongCount:
    info = _info("wrong_count")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [batch[0].image.copy()] * (len(batch) + 1)


class NotAnImage:
    info = _info("not_an_image")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return ["hello" for _ in batch]


class RaisesOnSome:
    info = _info("raises_on_some")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        if any(_is_bad_one(request) for request in batch):
            raise RuntimeError("no luck with this one")
        return [255 - request.image for request in batch]


class HangsOnSome:
    info = _info("hangs_on_some")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        for request in batch:
            if _is_bad_one(request):
                try:
                    time.sleep(3600)
                except Exception:  # a careless method swallows everything
                    time.sleep(3600)
        return [255 - request.image for request in batch]


class DiesOnSome:
    info = _info("dies_on_some")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        if any(_is_bad_one(request) for request in batch):
            os.kill(os.getpid(), signal.SIGKILL)
        return [255 - request.image for request in batch]


class RefusesSome:
    info = _info("refuses_some")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [Failure("too dark") if _is_bad_one(request) else 255 - request.image for request in batch]


class WritesIntoInput:
    info = _info("writes_into_input")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        for request in batch:
            request.image.flags.writeable = True
            request.image[:] = 0
        return [request.image for request in batch]


class DependsOnBatch:
    info = _info("depends_on_batch")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [np.clip(request.image + len(batch), 0, 255).astype(np.uint8) for request in batch]


class SecretlyRandom:
    info = _info("secretly_random")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [np.random.randint(0, 255, request.image.shape).astype(np.uint8) for request in batch]  # noqa: NPY002


class Lopsided:
    """A recognizer whose distance of a and b is not that of b and a."""

    info = RecognizerInfo(name="lopsided", version="1", modality="palm", description="", licence="", citation="")

    def align(self, image: Image, analysis: Any) -> Any:
        return image

    def embed(self, crops: Sequence[Any]) -> NDArray[Any]:
        return np.array([[float(each.mean()), float(each.std())] for each in crops], np.float32)

    def distances(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.abs(a[:, :1] - 2 * b[None, :, 0]).astype(np.float32))

"""What stages share: their context, and loading what a task refers to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import Analysis, FaceAnalysis, HandAnalysis, Missing
from ...datasets.types import Hand, Image
from ...plugins.entries import PluginRef, load_ref
from ..planning.tasks import Task
from ..storage.store import Payload, Store
from .arrays import oddity
from .guard import Crash, guarded
from .output import Output

Made = Payload | Crash
"""What a task gives: an object for the store, or why there is none."""

T = TypeVar("T", bound=np.generic)

_build = lru_cache(maxsize=8)(load_ref)


@dataclass(slots=True)
class Habits:
    """What a process has learnt about a method while it called it."""

    called: bool = False
    draws: bool = False
    """It draws from global generators, so that its images have to be made one by one."""


@lru_cache(maxsize=16)
def habits(ref: PluginRef) -> Habits:
    """Of the plug-in that a process builds from this reference."""
    return Habits()


@dataclass(frozen=True, slots=True)
class Context:
    """What a stage needs besides its tasks."""

    store: Store
    seconds_per_image: float
    output: Output | None = None
    """Takes what plug-ins print; None leaves it where it goes."""


LOST = "what it is made of is gone from the store; run the same command again"


class WatchedStore(Store):
    """A store that keeps in mind what it was asked for in vain."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.lost: set[str] = set()

    def read(self, digest: str) -> Payload | None:
        """The object, or None; see `Store.read`."""
        payload = super().read(digest)
        if payload is None:
            self.lost.add(digest)
        return payload


_REASONS = ("found_by", "handedness_by")
"""What an analysis of a hand says of itself in words."""


def analysis_payload(analysis: Analysis | Missing, shape: tuple[int, int]) -> Payload:
    """An analysis as a stored object."""
    if isinstance(analysis, Missing):
        return Payload({"failure": analysis.reason, "shape": list(shape)})
    if isinstance(analysis, FaceAnalysis):
        return _face_payload(analysis, shape)
    meta: dict[str, Any] = {"score": float(analysis.score), "handedness": analysis.handedness, "shape": list(shape)}
    # Only where there is something to say: what is in the store stays as it is.
    meta.update({name: said for name in _REASONS if (said := getattr(analysis, name))})
    arrays: dict[str, NDArray[Any]] = {
        name: np.array(getattr(analysis, name), dtype=np.float32)  # its owner may write into its own again
        for name in ("box", "keypoints_2d", "keypoints_3d", "roi")
    }
    return Payload(meta, {**arrays, "mask": np.packbits(analysis.mask)})


def _face_payload(analysis: FaceAnalysis, shape: tuple[int, int]) -> Payload:
    """What the analyzer does not give has no array."""
    found = {name: getattr(analysis, name) for name in ("box", "landmarks_5", "landmarks_68")}
    arrays: dict[str, NDArray[Any]] = {
        name: np.array(each, dtype=np.float32) for name, each in found.items() if each is not None
    }
    if analysis.mask is not None:
        arrays["mask"] = np.packbits(analysis.mask)
    return Payload({"kind": "face", "score": float(analysis.score), "shape": list(shape)}, arrays)


def analysis_of(payload: Payload) -> Analysis | Missing:
    """The analysis that a stored object holds."""
    if payload.failure is not None:
        return Missing(payload.failure)
    found, mask = {name: locked(np.array(each)) for name, each in payload.arrays.items()}, None
    if "mask" in found:
        height, width = payload.meta["shape"]
        mask = locked(np.unpackbits(found["mask"], count=height * width).astype(np.bool_).reshape(height, width))
    if payload.meta.get("kind") == "face":
        score = payload.meta["score"]
        return FaceAnalysis(found["box"], score, found["landmarks_5"], found.get("landmarks_68"), mask)
    arrays: dict[str, Any] = {name: found[name] for name in ("box", "keypoints_2d", "keypoints_3d", "roi")}
    hand = cast(Hand, payload.meta["handedness"])
    made = HandAnalysis(score=payload.meta["score"], handedness=hand, mask=cast(NDArray[np.bool_], mask), **arrays)
    said: dict[str, Any] = {name: str(payload.meta.get(name, "")) for name in _REASONS}
    return replace(made, **said)


def load_plugin(ref: PluginRef | None) -> Any:
    """The plug-in, built once per process, or a Crash."""
    if ref is None:
        return Crash("the task names no plug-in")
    return guarded(lambda: _build(ref), 600.0)


def load_image(task: Task, index: int, context: Context) -> Image | Made:
    """The image, read-only; a file that is no image is a fact about the dataset and is stored as such."""
    from ...datasets.images import ImageError

    try:
        image = task.images[index].load(context.store)
    except ImageError as error:
        # Without the file's name, so that reasons can be counted.
        return Payload({"failure": f"unreadable image: {str(error).partition(': ')[2]}"})
    except OSError as error:
        return Crash(f"cannot read the image: {error.strerror or error}")
    except LookupError as error:
        return Crash(str(error))
    return locked(image)


def locked(array: NDArray[T]) -> NDArray[T]:
    """The same numbers, which nobody can write into or unlock."""
    array.flags.writeable = False
    return array.view()


def load_region(item: str | None, image: Image, context: Context) -> NDArray[np.bool_] | None:
    """What the method may repaint, where it says so."""
    payload = context.store.read(item) if item else None
    if payload is None or "region" not in payload.arrays:
        return None
    height, width = image.shape[:2]
    return np.unpackbits(payload.arrays["region"], count=height * width).astype(np.bool_).reshape(height, width)


def load_analysis(item: str | None, context: Context) -> Analysis | Missing | None:
    """The analysis of that digest; None when its object is gone."""
    payload = context.store.read(item) if item else None
    return analysis_of(payload) if payload else None


def image_problem(output: object, shape: tuple[int, ...]) -> str | None:
    """Why this is not an image of that shape, or None."""
    expected = f"expected uint8 of shape {tuple(shape)}"
    if odd := oddity(output):
        return f"the method returned {odd}; {expected}"
    if not isinstance(output, np.ndarray):
        return f"the method returned {type(output).__name__}; {expected} or a Failure"
    if output.dtype.kind == "f" and not np.isfinite(output).all():
        return f"the method returned NaN or infinite values ({output.dtype}); {expected}"
    if output.dtype != np.uint8:
        return f"the method returned dtype {output.dtype}; {expected}"
    if output.shape != tuple(shape):
        return f"the method returned shape {output.shape}; {expected}"
    return None

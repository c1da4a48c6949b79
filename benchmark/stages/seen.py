"""The image that several recognisers look at one after the other, decoded or restored once."""

from __future__ import annotations

import numpy as np

from ...datasets.types import Image
from ..planning.tasks import UNRESTORED, Task
from ..storage.store import Payload
from .attacks import restored
from .guard import Crash
from .inputs import Context, Made, load_image, locked


class Seen:
    """Holds the image of the last task, or why there is none."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._key: tuple[str, str] | None = None
        self._image: Image | Made | None = None

    def image(self, task: Task) -> Image | Made:
        """The image of a task that looks at one, read-only, and nobody else's: a recogniser may have spoilt its own."""
        ref = task.images[0]
        if self._image is None or self._key != ref.key:
            self._image = load_image(task, 0, self._context) if ref.recipe is None else self._restored(ref.recipe)
            self._key = ref.key
        return locked(self._image.copy()) if isinstance(self._image, np.ndarray) else self._image

    def _restored(self, recipe: Task) -> Image | Made:
        made = restored(recipe, self._context)
        if isinstance(made, Crash):
            return Crash(UNRESTORED + made.reason)
        return made if isinstance(made, np.ndarray) else Payload({"failure": f"{UNRESTORED}{made.failure}"})

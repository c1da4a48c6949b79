"""Which recognisers' templates are plain vectors, and how searches compare the templates of any.

It stands beside the recognisers and not in them, so that saying it changes neither their digests nor the seeds of
methods that look into them.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from .base import Recognizer, Templates, VectorTemplates
from .face.dlib_resnet import DlibResnet
from .face.face_crop import FaceRecognizer
from .matching.gallery_search import Compared, SearchError, Vectors
from .matching.vector_matching import VectorDistance, vector_distances
from .palm.palm_vectors import LearnedPalm

_LOOKED_AT = 4
"""Templates of which a recogniser's distances are held against what it says they are."""
_ROUNDING = 1e-3


@singledispatch
def vector_distance(recognizer: Any) -> VectorDistance | None:
    """The distance of the recogniser's templates as vectors: what it says itself, or a built-in one's; else None."""
    return recognizer.vector_distance if isinstance(recognizer, VectorTemplates) else None


@vector_distance.register
def _(recognizer: FaceRecognizer) -> VectorDistance | None:
    return "cosine"


@vector_distance.register
def _(recognizer: DlibResnet) -> VectorDistance | None:
    return "euclidean"


@vector_distance.register
def _(recognizer: LearnedPalm) -> VectorDistance | None:
    return "angular"


def space_of(recognizer: Recognizer, probes: Templates) -> Vectors | Compared:
    """How a search compares templates with these probes: as vectors where they are, else by the recogniser itself.

    Raises:
        SearchError: the recogniser's distances are not those that it says.
    """
    kind = vector_distance(recognizer)
    if kind is None:
        return Compared(probes, recognizer.distances)
    some = probes[:_LOOKED_AT]
    told, found = recognizer.distances(some.copy(), some.copy()), vector_distances(some, some, kind)
    if not np.allclose(told, found, rtol=0, atol=_ROUNDING * max(1.0, float(found.max(initial=0.0)))):
        raise SearchError(
            f"{recognizer.info.name} says that its templates are vectors at {kind} distances, but its distances are "
            "others; take vector_distance away, or correct it"
        )
    return Vectors(probes, kind)

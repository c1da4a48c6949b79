"""A frozen recogniser's templates, whitened and reduced by a linear discriminant analysis on auxiliary people."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .base import AttackerInfo, Auxiliary, State, Target, as_vectors, fits

SEED = 20251129
"""Of the randomised singular value decomposition."""


class Lda:
    """Learns which directions of the templates tell people apart, and which only tell originals from published images.

    Templates of the originals and of the de-identified images of one person are one class, so that what the method does
    to everybody counts as difference within people and is suppressed. First come principal components, then in these a
    linear discriminant analysis (scikit-learn, with Ledoit-Wolf shrinkage of the covariance within people). The
    distance is the angle between the results over pi.

    Args:
        components: principal components that are kept, at most a third of the images.

    Raises:
        ValueError: a parameter is out of range.
    """

    info: ClassVar[AttackerInfo] = AttackerInfo(
        name="lda",
        version="1",
        modality=("palm", "face"),
        slot="recognizer",
        description="Whitening and linear discriminant analysis on frozen templates of auxiliary people",
        knowledge="the method, to run it on images of people of his own",
        citation="Belhumeur, Hespanha, Kriegman, Eigenfaces vs. Fisherfaces, IEEE TPAMI 19(7), 1997",
    )

    def __init__(self, components: int = 200) -> None:
        if components < 2:
            raise ValueError(f"expected components to be 2 or more, got {components}")
        self.components = components

    def lacks(self, target: Target) -> str:
        """Any recogniser of either modality will do."""
        return fits(self.info, target)

    def adapt(self, auxiliary: Auxiliary) -> State:
        """Fit on the auxiliary people.

        Raises:
            ValueError: fewer than three people, or fewer than two images of each.
        """
        from sklearn.decomposition import PCA
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        people = np.unique(auxiliary.people)
        if len(people) < 3 or len(auxiliary.people) < 2 * len(people):
            raise ValueError(f"{len(auxiliary.people)} images of {len(people)} auxiliary people are too few")
        rows = as_vectors(auxiliary.templates)
        mean = rows.mean(axis=0)
        centred = rows - mean
        count = min(self.components, rows.shape[1], len(rows) // 3)
        components = PCA(count, svd_solver="randomized", random_state=SEED).fit(centred)
        reduced = components.transform(centred)
        discriminant = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(reduced, auxiliary.people)
        scalings = discriminant.scalings_[:, : min(len(people) - 1, count)]
        projection = (components.components_.T @ scalings).astype(np.float32)
        return {"projection": projection, "mean": mean.astype(np.float32)}

    def distances(self, state: State, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
        """Angles over pi between the projections."""
        left, right = (_directions(state, each) for each in (a, b))
        cosine = np.clip(left @ right.T, -1.0, 1.0)
        return np.asarray(np.arccos(cosine) / np.pi, np.float32)


def _directions(state: State, templates: NDArray[Any]) -> NDArray[np.float64]:
    rows = (as_vectors(templates) - state["mean"]).astype(np.float64) @ state["projection"].astype(np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-12))

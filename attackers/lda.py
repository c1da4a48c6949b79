"""A frozen recogniser's templates, whitened and reduced by a linear discriminant analysis on auxiliary people."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .base import AttackerInfo, Auxiliary, State, Target, TooFewPeople, as_vectors, fits

SEED = 20251129
"""Of the randomised singular value decomposition."""


class Lda:
    """Learns which directions of the templates tell people apart, and how far each is to be believed.

    Templates of the originals and of the de-identified images of one person are one class, so that what the method does
    to everybody counts as difference within people and is suppressed. First come principal components, then in these a
    linear discriminant analysis (scikit-learn, with Ledoit-Wolf shrinkage of the covariance within people). The
    distance is minus the log ratio of the chances that two templates are of one person and of two, each direction
    being normal between and within people (two-covariance model); it has no zero.

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
        citation="Belhumeur et al., IEEE TPAMI 19(7), 1997; Brummer & de Villiers, Odyssey 2010 (two-covariance)",
    )

    def __init__(self, components: int = 300) -> None:
        if components < 2:
            raise ValueError(f"expected components to be 2 or more, got {components}")
        self.components = components

    def lacks(self, target: Target) -> str:
        """Any recogniser of either modality will do."""
        return fits(self.info, target)

    def adapt(self, auxiliary: Auxiliary) -> State:
        """Fit on the auxiliary people.

        Raises:
            TooFewPeople: fewer than three people, or fewer than two images of each.
        """
        from sklearn.decomposition import PCA
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        people = np.unique(auxiliary.people)
        if len(people) < 3 or len(auxiliary.people) < 2 * len(people):
            raise TooFewPeople(f"{len(auxiliary.people)} images of {len(people)} auxiliary people are too few")
        rows = as_vectors(auxiliary.templates)
        mean = rows.mean(axis=0)
        centred = rows - mean
        count = min(self.components, rows.shape[1], len(rows) // 3)
        components = PCA(count, svd_solver="randomized", random_state=SEED).fit(centred)
        reduced = components.transform(centred)
        discriminant = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(reduced, auxiliary.people)
        scalings = discriminant.scalings_[:, : min(len(people) - 1, count)]
        projection = components.components_.T @ scalings
        ratio, spread = _two_covariances(centred @ projection, auxiliary.people)
        return {
            "projection": (projection / spread).astype(np.float32),
            "mean": mean.astype(np.float32),
            "ratio": ratio.astype(np.float32),
        }

    def distances(self, state: State, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
        """Minus the log likelihood ratios, up to a constant."""
        ratio = state["ratio"].astype(np.float64)
        cross, own = ratio / (1 - ratio**2), ratio**2 / (1 - ratio**2) / 2
        left, right = (_projected(state, each) for each in (a, b))
        root = np.sqrt(cross)
        found = (left**2 @ own)[:, None] + (right**2 @ own)[None] - (left * root) @ (right * root).T
        return np.asarray(found, np.float32)


MOST_CERTAIN = 0.999
"""Largest share of a direction's variance that is believed to lie between people."""


def _two_covariances(
    rows: NDArray[np.floating], people: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each direction: the share of its variance that lies between people, and its standard deviation."""
    numbers = np.unique(people)
    groups = [rows[people == number].astype(np.float64) for number in numbers]
    kept = [each for each in groups if len(each) > 1]
    within = np.mean([each.var(axis=0, ddof=1) for each in kept], axis=0)
    count = float(np.mean([len(each) for each in groups]))
    between = np.maximum(np.stack([each.mean(axis=0) for each in groups]).var(axis=0) - within / count, 0.0)
    total = np.maximum(between + within, 1e-12)
    return np.minimum(between / total, MOST_CERTAIN), np.sqrt(total)


def _projected(state: State, templates: NDArray[Any]) -> NDArray[np.float64]:
    rows = as_vectors(templates) - state["mean"]
    return np.asarray(rows.astype(np.float64) @ state["projection"].astype(np.float64))

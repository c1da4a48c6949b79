"""Fréchet distance between two sets of features, each taken for a Gaussian (Heusel et al., NeurIPS 2017)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..citations import FID, HOUSE
from ..metric import Metric
from ..values import Undefined
from .wording import BOX, NETWORK, WEIGHTS

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Mean and scatter of feature vectors; states of separate portions can be merged in any order."""

    count: int
    mean: Matrix
    """(d,)"""
    scatter: Matrix
    """(d, d) sum of outer products of the deviations from the mean."""

    @classmethod
    def of(cls, features: ArrayLike) -> Moments:
        """State of one portion.

        Args:
            features: (n, d), n >= 1.

        Raises:
            ValueError: another shape, no row, or values that are not finite.
        """
        rows = np.asarray(features, dtype=np.float64)
        if rows.ndim != 2 or 0 in rows.shape:
            raise ValueError(f"expected (n, d) features with at least one row, got shape {rows.shape}")
        if not np.isfinite(rows).all():
            raise ValueError("expected finite features, got NaN or infinity; leave those images out")
        mean = rows.mean(axis=0)
        deviations = rows - mean
        return cls(len(rows), mean, deviations.T @ deviations)

    def merged(self, other: Moments) -> Moments:
        """State of both portions together (Chan, Golub & LeVeque 1983).

        Raises:
            ValueError: features of different length.
        """
        if self.mean.shape != other.mean.shape:
            raise ValueError(f"expected features of length {self.mean.size}, got {other.mean.size}")
        count = self.count + other.count
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / count)
        between = np.outer(step, step) * (self.count * other.count / count)
        return Moments(count, mean, self.scatter + other.scatter + between)

    @property
    def covariance(self) -> Matrix:
        """(d, d) with n - 1 in the denominator.

        Raises:
            ValueError: fewer than two vectors.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 feature vectors, got {self.count}")
        return self.scatter / (self.count - 1)


def gaussian_distance(mean_a: ArrayLike, covariance_a: ArrayLike, mean_b: ArrayLike, covariance_b: ArrayLike) -> float:
    """Squared Fréchet (2-Wasserstein) distance of two Gaussians.

    |m_a - m_b|² + Tr S_a + Tr S_b - 2 Tr (S_a^½ S_b S_a^½)^½. The product in the last term is symmetric, so that its
    root comes from eigenvalues: real whatever the rank, where a root of S_a S_b may turn out complex or fail.

    Args:
        mean_a, mean_b: (d,).
        covariance_a, covariance_b: (d, d), symmetric, positive semi-definite.

    Returns:
        >= 0.
    """
    m_a, m_b = np.atleast_1d(np.asarray(mean_a, np.float64)), np.atleast_1d(np.asarray(mean_b, np.float64))
    s_a, s_b = np.atleast_2d(np.asarray(covariance_a, np.float64)), np.atleast_2d(np.asarray(covariance_b, np.float64))
    if not (m_a.shape == m_b.shape and s_a.shape == s_b.shape == (m_a.size, m_a.size)):
        raise ValueError(
            f"expected means (d,) and covariances (d, d), got {m_a.shape}, {s_a.shape}, {m_b.shape}, {s_b.shape}"
        )
    values, vectors = np.linalg.eigh(s_a)
    root = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    inner = root @ s_b @ root
    overlap = float(np.sqrt(np.clip(np.linalg.eigvalsh((inner + inner.T) / 2), 0.0, None)).sum())
    difference = m_a - m_b
    return max(0.0, float(difference @ difference + np.trace(s_a) + np.trace(s_b)) - 2.0 * overlap)


@dataclass(frozen=True, slots=True)
class SetDistance:
    """Distance between two sets of images, with what limits its worth."""

    value: float
    spread: float | None = None
    """Standard deviation over subsets, where there are several."""
    caveat: str = ""
    """Why the value is not comparable to others; empty when nothing is wrong."""


def frechet_distance(a: Moments, b: Moments, *, samples: int | None = None) -> SetDistance | Undefined:
    """Fréchet distance of two sets of features.

    Args:
        a, b: states of the two sets.
        samples: images a side below which the caveat says that there are too few; default: the features' length,
            which is 2048 for FID.

    Returns:
        The distance (>= 0), with a caveat while a covariance is rank-deficient or the sets are small; or why there is
        none (fewer than two images).

    >>> features = np.random.default_rng(0).normal(size=(50, 3))
    >>> round(frechet_distance(Moments.of(features), Moments.of(features + 2)).value, 6)  # 3 features moved by 2
    12.0
    """
    least = min(a.count, b.count)
    if least < 2:
        return Undefined(f"a covariance needs at least 2 images a side, got {least}")
    length = a.mean.size
    wanted = length if samples is None else samples
    said = []
    if least < wanted:
        said.append(f"{least} images a side, {wanted} or more are needed: the value is biased upwards")
    if least <= length:
        said.append(f"the covariance of {least} images in {length} dimensions is rank-deficient")
    value = gaussian_distance(a.mean, a.covariance, b.mean, b.covariance)
    return SetDistance(value, caveat="; ".join(said))


_FORMULA = "|m_a - m_b|^2 + Tr(S_a + S_b - 2 (S_a^1/2 S_b S_a^1/2)^1/2)"
INCEPTION = "Inception (2048 features, 299 x 299 px)"
VGG = "VGG16 (relu5_3 averaged over positions, 512 features)"
ALEXNET = "AlexNet (relu5 averaged over positions, 256 features)"
SETS = "One number for all images that were made and the set of their originals."


def _frechet(name: str, title: str, network: str, order: int) -> Metric:
    inception = name == "fid"
    return Metric(
        name=name,
        title=title,
        group="quality",
        unit="",
        better="lower",
        low=0.0,
        high=None,
        definition=(
            f"Fréchet distance between the sets of originals and of de-identified images, by features of {network}"
            f"{'' if inception else '; not comparable with FID'}. With fewer images than features it is biased upwards "
            "and flagged."
        ),
        formula=_FORMULA,
        citation=FID if inception else f"{HOUSE}; {FID}",
        function=frechet_distance,
        source="images",
        decimals=1 if inception else 3,
        order=order,
        blocks=frozenset({"quality"} if name == "fd_vgg16" else {"quality", "overview"}),
        protocol=("images",),
        how=SETS,
        caveat=(
            "Compare only numbers of as many images, sized by the same code. The sets hold the same scenes, so that it "
            f"comes out far below those of image generators. {WEIGHTS if name == 'fd_vgg16' else NETWORK}"
        ),
    )


def boxed(whole: Metric) -> Metric:
    """The same over the box around the protected region."""
    return replace(
        whole,
        name=f"{whole.name}_region",
        title=f"{whole.title} (region)",
        short="",
        definition=f"{whole.title} over the bounding box of the protected region.",
        formula=f"{whole.name} of the boxes cut out of both images",
        citation=whole.citation if whole.citation.startswith(HOUSE) else f"{HOUSE}; {whole.citation}",
        order=whole.order + 100,
        blocks=frozenset(),
        how=BOX,
        caveat=f"The box holds pixels beside the region, too. {whole.caveat.replace(NETWORK, WEIGHTS)}",
    )


_WHOLE = (_frechet("fid", "FID", INCEPTION, 200), _frechet("fd_vgg16", "FD-VGG16", VGG, 220))
METRICS = (*_WHOLE, _frechet("fd_alexnet", "FD-AlexNet", ALEXNET, 240), *map(boxed, _WHOLE))

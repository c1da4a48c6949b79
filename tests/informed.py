"""Methods that fall to an attacker who knows something, and what they bring against themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deid_bench.attackers.base import AttackerInfo
from deid_bench.deidentifiers.base import MethodInfo, Request


def _order(rows: Any) -> Any:
    """Another one for every height, so that what is not the toy world's size can be had, too."""
    return np.random.default_rng(1).permutation(rows)


def _inside(request: Any) -> Any:
    ys, xs = np.nonzero(request.analysis.mask)
    return slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1)


class Drowns:
    """Puts the hand under noise that hangs on the seed alone."""

    info = MethodInfo(
        name="drowns", version="1", modality=("palm",), description="Noise by seed", stochastic=True, licence="CC0-1.0"
    )

    def deidentify(self, batch: Sequence[Request]) -> Any:
        results = []
        for request in batch:
            noise = np.random.default_rng(request.seed).uniform(40, 240, request.image.shape)
            mask = request.analysis.mask
            assert mask is not None
            mixed = 0.95 * noise + 0.05 * request.image
            results.append(np.where(mask[..., None], mixed, request.image).astype(np.uint8))
        return results


class Cards:
    """Puts the rows of the hand into another order, and says how that is undone."""

    info = MethodInfo(
        name="cards", version="1", modality=("palm",), description="Rows", licence="CC0-1.0", attacks=("SortsCards",)
    )

    def deidentify(self, batch: Sequence[Request]) -> Any:
        results = []
        for request in batch:
            image = request.image.copy()
            rows = image[_inside(request)]
            image[_inside(request)] = rows[_order(len(rows))]
            results.append(image)
        return results

    def encode(self, request: Any) -> Any:
        rows = request.image[_inside(request)].mean(axis=2)
        return np.sort(rows, axis=0)[::4].ravel().astype(np.float32)


class SortsCards:
    """Puts the rows back."""

    info = AttackerInfo(
        name="sorts_cards",
        version="1",
        modality=("palm",),
        slot="probe",
        description="Undoes the order of rows",
        knowledge="the order",
        licence="CC0-1.0",
    )

    def lacks(self, target: Any) -> Any:
        return "" if target.name == "cards" else "only cards can be sorted"

    def restore(self, published: Any) -> Any:
        image = published.image.copy()
        ys, xs = np.nonzero(published.analysis.mask)
        inside = slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1)
        sorted_rows = image[inside].copy()
        sorted_rows[_order(len(sorted_rows))] = image[inside]
        if float(np.abs(np.diff(sorted_rows.astype(int), axis=0)).mean()) < float(
            np.abs(np.diff(image[inside].astype(int), axis=0)).mean()
        ):
            image[inside] = sorted_rows
        return image


class MissesItsAttack(Cards):
    """Names an attack that nobody has."""

    info = MethodInfo(
        name="misses", version="1", modality=("palm",), description="Rows", licence="CC0-1.0", attacks=("nobody",)
    )

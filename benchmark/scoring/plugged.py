"""Numbers of the metrics that users bring, with their intervals, by the same draws of identities as all others."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...plugins.isolation import own_folder
from ...plugins.process_state import own_process, told
from ..metrics.base import Comparisons, Identities
from ..metrics.plugged import Plugged, number
from ..metrics.values import Undefined
from ..records.failures import Failure
from ..results.cell import Matrix
from ..statistics.pairing import Columns
from ..statistics.uncertainty import Draws, Replicates, split_rows
from .numbers import Values

MOST_COMPARISONS = 3_000_000_000
"""Comparisons times resamples beyond which no interval is made: about a minute."""

NOT_AT_HAND = "its metric plug-in is not at hand"


def sort_comparisons(
    originals: Matrix,
    pairs: tuple[Columns, Columns],
    searched: tuple[Matrix, Columns, Columns],
    own: NDArray[np.float64],
    identity: Columns,
    threshold: float,
    unprocessed: int,
) -> Comparisons:
    """What a metric of distances is given.

    Args:
        originals: (usable, usable) distances of originals.
        pairs: both sides of the comparisons of originals, as numbers of usable samples.
        searched: (n, m) distances of de-identified images to originals, (n,) and (m,) the originals that the images
            were made from, and the others, as numbers of usable samples.
        own: (n,) distance of each de-identified image to its original.
        identity: (usable,) number of each sample's identity.
        threshold: of the protocol.
        unprocessed: de-identified images that are not among them.
    """
    first, second = identity[pairs[0]], identity[pairs[1]]
    distances, alike = originals[pairs].astype(np.float64), first == second
    table, sources, gallery = searched
    row, column = np.nonzero(sources[:, None] != gallery[None])  # never with its own original
    image, original = identity[sources[row]], identity[gallery[column]]
    found, same = table[row, column].astype(np.float64), image == original
    return Comparisons(
        genuine=distances[alike],
        impostor=distances[~alike],
        own=own,
        mated=found[same],
        non_mated=found[~same],
        genuine_identity=first[alike],
        impostor_identities=np.stack([first, second], axis=1)[~alike],
        own_identity=identity[sources],
        mated_identity=image[same],
        non_mated_identities=np.stack([image, original], axis=1)[~same],
        threshold=threshold,
        unprocessed=unprocessed,
    )


def report_comparisons(values: Values, plugged: Plugged, comparisons: Comparisons | Undefined, recognizer: str) -> None:
    """Add the number of one metric of distances for one recogniser."""
    name = plugged.metric.name
    if plugged.measure is None:
        return
    if isinstance(comparisons, Undefined):
        values.add(name, comparisons, 0, recognizer)
        return
    count = comparisons.own.size + comparisons.mated.size + comparisons.non_mated.size
    with own_process() as changed, own_folder():
        value, within = _measured(plugged, comparisons, values.draws)
    if replaced := told(changed):
        fault = Failure(
            stage="metric",
            by=name,
            about="de-identified images",
            outcome="irregular",
            reason=replaced,
            count=1,
            total=1,
        )
        values.irregular += [fault] * (fault not in values.irregular)  # one line, for however many recognisers
    lost = comparisons.unprocessed
    notes = [f"{lost} could not be processed by the recogniser and are left out"] if lost else []
    notes += [f"no interval: {within.reason}"] if isinstance(within, Undefined) else []
    values.add(name, value, count, recognizer, reason="; ".join(notes) or None, within=within)


def _measured(
    plugged: Plugged, comparisons: Comparisons, draws: Draws | Undefined
) -> tuple[float | Undefined, Replicates | Undefined | None]:
    value = _number(plugged, comparisons)
    if isinstance(value, Undefined):
        return value, None
    again = _number(plugged, comparisons)
    if value != again:
        shown = f"none ({again.reason})" if isinstance(again, Undefined) else f"{again:g}"
        return Undefined(f"the metric gave two numbers for the same distances: {value:g} and {shown}"), None
    if isinstance(draws, Undefined):
        return value, None
    return value, _replicates(plugged, comparisons, draws)


def _number(plugged: Plugged, comparisons: Comparisons) -> float | Undefined:
    assert plugged.measure is not None
    return number(partial(plugged.measure, comparisons), low=plugged.metric.low, high=plugged.metric.high)


def _replicates(plugged: Plugged, comparisons: Comparisons, draws: Draws) -> Replicates | Undefined:
    size = sum(each.size for each in (comparisons.genuine, comparisons.impostor, comparisons.mated))
    size += comparisons.own.size + comparisons.non_mated.size
    if size * len(draws.weights) > MOST_COMPARISONS:
        return Undefined(f"{size} comparisons are too many to resample {draws.resamples} times")
    rows = np.empty(len(draws.weights))
    for index, weights in enumerate(draws.weights):
        found = _number(plugged, resampled(comparisons, weights.astype(np.intp)))
        rows[index] = math.nan if isinstance(found, Undefined) else found
    return split_rows(rows, draws, np.unique(comparisons.own_identity).size)


def resampled(comparisons: Comparisons, weights: NDArray[np.intp]) -> Comparisons:
    """The comparisons of a sample that holds identity k `weights[k]` times.

    A comparison within an identity comes as often as the identity, one of two identities as often as the product;
    copies of one identity are never each other's impostors.
    """

    def take(scores: NDArray[np.float64], identities: Identities) -> tuple[NDArray[np.float64], Identities]:
        counts = weights[identities] if identities.ndim == 1 else weights[identities].prod(axis=1)
        return np.repeat(scores, counts), np.repeat(identities, counts, axis=0)

    genuine, genuine_identity = take(comparisons.genuine, comparisons.genuine_identity)
    impostor, impostor_identities = take(comparisons.impostor, comparisons.impostor_identities)
    own, own_identity = take(comparisons.own, comparisons.own_identity)
    mated, mated_identity = take(comparisons.mated, comparisons.mated_identity)
    non_mated, non_mated_identities = take(comparisons.non_mated, comparisons.non_mated_identities)
    return Comparisons(
        genuine=genuine,
        impostor=impostor,
        own=own,
        mated=mated,
        non_mated=non_mated,
        genuine_identity=genuine_identity,
        impostor_identities=impostor_identities,
        own_identity=own_identity,
        mated_identity=mated_identity,
        non_mated_identities=non_mated_identities,
        threshold=comparisons.threshold,
        unprocessed=comparisons.unprocessed,
    )

"""Numbers of the metrics that users bring, with their intervals, by the same draws of identities as all others."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...plugins.isolation import Generators, no_end, output_on_stderr, way_out
from ..metrics.base import Comparisons, Identities
from ..metrics.plugged import THE_METRIC, Plugged, number
from ..metrics.values import Undefined
from ..planning.tasks import Stage
from ..records.failures import Failure, Outcome
from ..results.cell import Matrix
from ..stages.guard import Crash, Misstep, TimeLimitExceeded, guarded
from ..stages.inputs import locked
from ..stages.remarks import listening
from ..statistics.pairing import Columns
from ..statistics.uncertainty import Draws, Replicates, split_rows
from .numbers import Values

MOST_COMPARISONS = 3_000_000_000
"""Comparisons times resamples beyond which no interval is made: about a minute."""

SECONDS = 3600.0
"""Limit for one metric on the distances of one recogniser, all resamples included."""
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
    return _comparisons(
        genuine=distances[alike],
        impostor=distances[~alike],
        own=own.copy(),
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


def _comparisons(threshold: float, unprocessed: int, **arrays: NDArray[Any]) -> Comparisons:
    """Of arrays that nobody else has; locked, because sorting one of two that belong together spoils what follows."""
    return Comparisons(
        **{name: locked(each) for name, each in arrays.items()}, threshold=threshold, unprocessed=unprocessed
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
    with output_on_stderr(), listening() as heard:
        found = guarded(
            partial(_measured, plugged, comparisons, values.draws), SECONDS, of=plugged.ref, unit="one recogniser"
        )
    about = comparisons.own.size
    told = [_failure(name, "irregular", text, 1) for _, text in heard.faults]
    if isinstance(found, Crash):
        told.append(_failure(name, "crashed", found.reason, about))
        found = Undefined(f"the metric failed: {found.reason}"), None
    value, within = found
    # One line, for however many recognisers.
    values.failures += [each for each in told if each not in values.failures]
    lost = comparisons.unprocessed
    notes = [f"{lost} could not be processed by the recogniser and are left out"] if lost else []
    notes += [f"no interval: {within.reason}"] if isinstance(within, Undefined) else []
    values.add(name, value, count, recognizer, reason="; ".join(notes) or None, within=within)


def _failure(name: str, outcome: Outcome, reason: str, count: int) -> Failure:
    return Failure(
        stage=Stage.METRIC.value,
        by=name,
        about="de-identified images",
        outcome=outcome,
        reason=reason,
        count=count,
        total=count,
    )


def _measured(
    plugged: Plugged, comparisons: Comparisons, draws: Draws | Undefined
) -> tuple[float | Undefined, Replicates | Undefined | None]:
    value = _asked(plugged, comparisons)
    if isinstance(value, Undefined):
        return value, None
    again = _asked(plugged, comparisons)
    if value != again:
        shown = f"none ({again.reason})" if isinstance(again, Undefined) else f"{again:g}"
        return Undefined(f"the metric gave two numbers for the same distances: {value:g} and {shown}"), None
    if isinstance(draws, Undefined):
        return value, None
    return value, _replicates(plugged, comparisons, draws)


def _asked(plugged: Plugged, comparisons: Comparisons) -> float | Undefined:
    """The number of what was measured; whatever the metric raises says nothing about it."""
    assert plugged.measure is not None
    try:
        with Generators().set_from(0), no_end():
            found = plugged.measure(comparisons)
    except SystemExit as error:
        raise Misstep(way_out(error)) from error
    value = _number(plugged, lambda: found)
    if isinstance(value, Undefined) and not isinstance(found, Undefined):
        raise Misstep(value.reason.removeprefix(THE_METRIC))  # what is no answer says nothing about what was measured
    return value


def _number(plugged: Plugged, call: Callable[[], object]) -> float | Undefined:
    return number(call, low=plugged.metric.low, high=plugged.metric.high, through=(TimeLimitExceeded, MemoryError))


def _replicates(plugged: Plugged, comparisons: Comparisons, draws: Draws) -> Replicates | Undefined:
    size = sum(each.size for each in (comparisons.genuine, comparisons.impostor, comparisons.mated))
    size += comparisons.own.size + comparisons.non_mated.size
    if size * len(draws.weights) > MOST_COMPARISONS:
        return Undefined(f"{size} comparisons are too many to resample {draws.resamples} times")
    assert plugged.measure is not None
    rows = np.empty(len(draws.weights))
    for index, weights in enumerate(draws.weights):
        # One that fails on a resample, which may lack what the data have, gives no number for it.
        found = _number(plugged, partial(plugged.measure, resampled(comparisons, weights.astype(np.intp))))
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
    return _comparisons(
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

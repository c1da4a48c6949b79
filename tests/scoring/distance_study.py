"""False alarms from distances, by simulation: `python tests/scoring/distance_study.py [--rounds 1000]`.

The worlds of `coverage_study.py`, made difficult: originals that separate wholly, so that every threshold of a gap has
an EER of 0; distances that tie; samples with heavy tails. Two methods do the same to everybody (each image is pulled
towards a stranger), so that whoever tells them apart raises a false alarm. Numbers are those of a record: RR at both
ends of the range of thresholds, DIR, rank-1 without the source.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deid_bench.benchmark.metrics.privacy.singling_out import linkability, nearest_by_identity
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.statistics.bootstrap_replicates import recognition_replicates, share_replicates
from deid_bench.benchmark.statistics.bootstrap_scores import Clustered, dir_rows
from deid_bench.benchmark.statistics.comparison import Difference, difference
from deid_bench.benchmark.statistics.pairing import pair_up
from deid_bench.benchmark.statistics.uncertainty import Draws, Interval, Replicates, draw_clusters, split_rows

SAMPLES, DIMENSIONS = 4, 8
Values = NDArray[np.float64]
Noise = Callable[[np.random.Generator, tuple[int, ...]], Values]


@dataclass(frozen=True)
class World:
    """How people and images are drawn."""

    name: str
    spread: float
    """Of a person's images around the person."""
    noise: Noise
    strength: float = 0.5
    """How far images are pulled towards a stranger, on average."""
    step: float = 0.0
    """Distances are rounded to multiples of it; 0: they are not."""


def _normal(rng: np.random.Generator, size: tuple[int, ...]) -> Values:
    return rng.normal(size=size)


def _heavy(rng: np.random.Generator, size: tuple[int, ...]) -> Values:
    """The whole image is further off, not one coordinate."""
    return rng.normal(size=size) / np.sqrt(rng.chisquare(2.5, (*size[:-1], 1)) / 2.5)


WORLDS = (
    World("separated", 0.15, _normal),
    World("overlapping", 0.45, _normal, 0.6),
    World("tied", 0.45, _normal, 0.6, step=0.5),
    World("heavy tails", 0.3, _heavy, 0.6),
)


@dataclass(frozen=True)
class Drawn:
    """Distances of one data set."""

    identity: NDArray[np.intp]
    originals: Values
    methods: tuple[Values, Values]
    """(images, originals) of each method."""


def draw(world: World, people: int, rng: np.random.Generator) -> Drawn:
    """One data set, and two methods that do the same."""
    identity = np.repeat(np.arange(people), SAMPLES)
    centres = rng.normal(size=(people, DIMENSIONS))
    x = centres[identity] + world.spread * world.noise(rng, (identity.size, DIMENSIONS))
    pull = np.clip(world.strength + 0.2 * rng.normal(size=people), 0, 1)[identity][:, None]
    changed = [(1 - pull) * x + pull * rng.normal(size=x.shape) for _ in range(2)]
    tables = [_distances(each, x, world.step) for each in (x, *changed)]
    return Drawn(identity, tables[0], (tables[1], tables[2]))


def _distances(a: Values, b: Values, step: float) -> Values:
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    found = np.sqrt(np.maximum(squares, 0))
    return np.asarray(np.round(found / step) * step if step else found)


def dir_of(drawn: Drawn, method: int, draws: Draws) -> Replicates | Undefined:
    """Replicates of a method's DIR."""
    identity = drawn.identity
    own = Clustered(np.diagonal(drawn.methods[method]).copy(), identity)
    rows = dir_rows(pair_up(drawn.originals, identity), own, draws.weights)
    return split_rows(rows, draws, draws.clusters)


def shares_of(drawn: Drawn, method: int, draws: Draws) -> dict[str, Replicates | Undefined]:
    """Of a method's RR at both ends of the range, and of its rank-1."""
    identity, table = drawn.identity, drawn.methods[method]
    own, pairs = Clustered(np.diagonal(table).copy(), identity), pair_up(drawn.originals, identity)
    ends = {"RR, laxest": True, "RR, lowest": False}
    found = {
        name: recognition_replicates(pairs, {"": own}, draws, laxest=laxest)["rr"] for name, laxest in ends.items()
    }
    names = [f"{each:04d}" for each in identity]
    near = nearest_by_identity(table, names, names, np.eye(len(names), dtype=bool))
    assert not isinstance(near, Undefined)
    hits = linkability(near, [near.others.shape[1] + 1]).by_probe[0]
    return found | {"rank-1": share_replicates(Clustered(hits, identity[near.probe]), draws)}


def study(
    world: World, people: int, rounds: int, *, shares: bool, resamples: int = 400, seed: int = 1
) -> dict[str, float]:
    """Share of the rounds in which p is at most 0.05 although both methods do the same, by number.

    Args:
        world: that data sets are drawn from.
        people: of each.
        rounds: data sets.
        shares: RR and rank-1, whose differences need no resamples; else DIR.
        resamples: for DIR.
        seed: of the data sets.
    """
    rng = np.random.default_rng([seed, people])
    apart: dict[str, int] = defaultdict(int)
    for turn in range(rounds):
        drawn = draw(world, people, rng)
        draws = draw_clusters(people, 2 if shares else resamples, seed=turn)
        assert isinstance(draws, Draws)
        first, second = (
            shares_of(drawn, method, draws) if shares else {"DIR": dir_of(drawn, method, draws)} for method in (0, 1)
        )
        for name in first:
            found = difference(first[name], second[name])
            assert isinstance(found, Difference)
            if isinstance(found.interval, Interval):
                assert (found.p <= 0.05) == (not found.interval.low <= 0 <= found.interval.high)
            apart[name] += found.p <= 0.05
    return {name: count / rounds for name, count in apart.items()}


def main() -> None:
    """Print the table of docs/validation.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--people", type=int, nargs="+", default=[10, 24, 60])
    options = parser.parse_args()
    from rich.console import Console

    console = Console(width=120)
    console.print("| originals | people | DIR | RR, laxest | RR, lowest | rank-1 |\n|---|---|---|---|---|---|")
    for world in WORLDS:
        for people in options.people:
            found = study(world, people, options.rounds, shares=False)
            found |= study(world, people, options.rounds, shares=True)
            cells = " | ".join(f"{100 * each:.1f} %" for each in found.values())
            console.print(f"| {world.name} | {people} | {cells} |")


if __name__ == "__main__":
    main()

"""How often intervals hold the true value, by simulation: `python tests/scoring/coverage_study.py [--rounds 400]`.

A population of identities is known without end: a centre in a small space for each, samples around it, de-identified
samples pulled towards a stranger by an amount that differs between identities. Distances of one sample with all
others are thus dependent, as real ones are. The true numbers come from a large draw of the same population.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deid_bench.benchmark.metrics.privacy.deidentification_ratio import dir_ratio
from deid_bench.benchmark.metrics.recognition.decidability import d_prime
from deid_bench.benchmark.metrics.recognition.error_rates import EerPoint, eer, fnmr_at_fmr, rejection_rate
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.statistics.bootstrap_replicates import (
    draw_repetitions,
    mean_replicates,
    recognition_replicates,
    share_replicates,
)
from deid_bench.benchmark.statistics.bootstrap_scores import Clustered, mean_rows
from deid_bench.benchmark.statistics.pairing import pair_up
from deid_bench.benchmark.statistics.uncertainty import (
    Draws,
    Interval,
    Replicates,
    draw_clusters,
    interval,
    percentile,
    split_rows,
)

SAMPLES = 4
DIMENSIONS = 8
SPREAD = 0.45
STRENGTH = 0.6
"""How far de-identified samples are pulled towards a stranger, on average: 0 not at all, 1 all the way."""
TARGETS = {"fnmr_at_fmr_1": 0.01}


@dataclass(frozen=True)
class World:
    """One data set drawn from the population."""

    originals: NDArray[np.float64]
    identity: NDArray[np.intp]
    own: NDArray[np.float64]
    cross: NDArray[np.float64]
    cross_identity: NDArray[np.intp]
    similarity: NDArray[np.float64]
    found: NDArray[np.float64]
    """1 or 0, mostly 1, much alike within an identity."""
    failed: NDArray[np.float64]
    """1 or 0, hardly ever 1, much alike within an identity."""


def draw_world(identities: int, rng: np.random.Generator, strength: float = STRENGTH) -> World:
    identity = np.repeat(np.arange(identities), SAMPLES)
    n = identity.size
    centres = rng.normal(size=(identities, DIMENSIONS))
    x = centres[identity] + SPREAD * rng.normal(size=(n, DIMENSIONS))
    pull = np.clip(strength + 0.2 * rng.normal(size=identities), 0, 1)[identity][:, None]
    y = (1 - pull) * x + pull * rng.normal(size=(n, DIMENSIONS))
    originals = distance_table(x, x)
    crossed = distance_table(y, x)
    rows, columns = np.nonzero((identity[:, None] == identity[None]) & ~np.eye(n, dtype=bool))
    return World(
        originals,
        identity,
        np.diagonal(crossed).copy(),
        crossed[rows, columns],
        identity[rows],
        0.8 + 0.05 * rng.normal(size=identities)[identity] - 0.1 * rng.exponential(size=n),
        (rng.random(n) < rng.beta(0.9 * 1.5, 0.1 * 1.5, size=identities)[identity]).astype(float),
        (rng.random(n) < rng.beta(0.02 * 1.5, 0.98 * 1.5, size=identities)[identity]).astype(float),
    )


def distance_table(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def true_values(
    seed: int = 99, batches: int = 60, identities: int = 200, strength: float = STRENGTH
) -> dict[str, float]:
    """Numbers of the pooled batches; closed forms where there are any."""
    rng = np.random.default_rng(seed)
    parts: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for _ in range(batches):
        world = draw_world(identities, rng, strength)
        pairs = pair_up(world.originals, world.identity)
        for name, values in (
            ("g", pairs.genuine),
            ("i", np.concatenate([*pairs.impostor.rising()])[:: 1 + pairs.impostor.size // 40_000]),
            ("own", world.own),
            ("cross", world.cross),
        ):
            parts[name].append(np.asarray(values, np.float64))
    g, i, own, cross = (np.concatenate(parts[name]) for name in ("g", "i", "own", "cross"))
    point = eer(g, i)
    assert isinstance(point, EerPoint)
    at = fnmr_at_fmr(g, i, tuple(TARGETS.values()))[0].fnmr
    found = {"eer": point.eer, "eer_threshold": point.threshold, "fnmr_at_fmr_1": at, "d_prime": d_prime(g, i)}
    for suffix, values in (("", own), ("_cross", cross)):
        found[f"rr{suffix}"] = rejection_rate(values, point.threshold)
        found[f"dir{suffix}"] = dir_ratio(g, i, values)
    numbers = {name: float(value) for name, value in found.items() if isinstance(value, float)}
    return numbers | {"mean": 0.7, "survival": 0.9, "failure_rate": 0.02}


def world_replicates(world: World, draws: Draws) -> dict[str, Replicates | Undefined]:
    own, cross = Clustered(world.own, world.identity), Clustered(world.cross, world.cross_identity)
    pairs = pair_up(world.originals, world.identity)
    found = recognition_replicates(pairs, {"": own, "_cross": cross}, draws, TARGETS)
    found["mean"] = mean_replicates(Clustered(world.similarity, world.identity), draws)
    found["survival"] = share_replicates(Clustered(world.found, world.identity), draws)
    found["failure_rate"] = share_replicates(Clustered(world.failed, world.identity), draws)
    return found


Method = Callable[[Replicates], Interval | Undefined]


def study(
    identities: int,
    rounds: int,
    resamples: int,
    truth: dict[str, float],
    methods: dict[str, Method],
    strength: float = STRENGTH,
    seed: int = 1,
) -> dict[tuple[str, str], tuple[float, float, float, float, int]]:
    """By (number, method): share of intervals below, share holding, share above the truth; mean width; how many."""
    outcomes: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    rng = np.random.default_rng(seed)
    for turn in range(rounds):
        world = draw_world(identities, rng, strength)
        draws = draw_clusters(identities, resamples, seed=turn)
        assert isinstance(draws, Draws)
        for name, replicates in world_replicates(world, draws).items():
            if isinstance(replicates, Undefined):
                continue
            for label, method in methods.items():
                got = method(replicates)
                if isinstance(got, Interval):
                    outcomes[name, label].append((got.low, got.high))
    table = {}
    for (name, label), bounds in outcomes.items():
        low, high = np.array(bounds).T
        below, above = float(np.mean(high < truth[name])), float(np.mean(low > truth[name]))
        table[name, label] = (below, 1 - below - above, above, float(np.mean(high - low)), len(bounds))
    return table


def repetition_study(
    identities: int, rounds: int, resamples: int, spreads: tuple[float, float, float], repetitions: int = 3
) -> tuple[float, float]:
    """Coverage of the mean over repetitions, drawing identities only and drawing repetitions within samples too.

    Args:
        identities: of each data set.
        rounds: data sets.
        resamples: of each.
        spreads: standard deviations between identities, between samples and between repetitions.
        repetitions: of each sample.
    """
    identity = np.repeat(np.arange(identities), SAMPLES * repetitions)
    sample = np.repeat(np.arange(identities * SAMPLES), repetitions)
    units = np.arange(sample.size)
    held = np.zeros(2)
    for turn in range(rounds):
        rng = np.random.default_rng([5, turn])
        values = spreads[0] * rng.normal(size=identities)[identity] + spreads[2] * rng.normal(size=sample.size)
        values += spreads[1] * rng.normal(size=identities * SAMPLES)[sample]
        draws = draw_clusters(identities, resamples, seed=turn)
        assert isinstance(draws, Draws)
        below = draw_repetitions(draws, identity, sample)
        rows = mean_rows(Clustered(values, identity), draws.weights), mean_rows(Clustered(values, units), below)
        for level, row in enumerate(rows):
            got = interval(split_rows(row, draws, identities))
            held[level] += isinstance(got, Interval) and got.low <= 0 <= got.high
    return float(held[0] / rounds), float(held[1] / rounds)


METHODS: dict[str, Method] = {"percentile": percentile, "chosen": interval}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=500)
    parser.add_argument("--identities", type=int, nargs="+", default=[20, 60])
    parser.add_argument("--strength", type=float, default=STRENGTH)
    options = parser.parse_args()
    from rich.console import Console
    from rich.table import Table

    console = Console(width=120)
    truth = true_values(strength=options.strength)
    for identities in options.identities:
        start = time.perf_counter()
        found = study(identities, options.rounds, options.resamples, truth, METHODS, options.strength)
        title = f"{identities} identities x {SAMPLES} samples, {options.rounds} rounds, {options.resamples} resamples"
        table = Table("number", "truth", "method", "covers", "too low", "too high", "width", "rounds", title=title)
        for (name, label), (below, covers, above, width, count) in found.items():
            cells = (f"{covers:.1%}", f"{below:.1%}", f"{above:.1%}", f"{width:.4g}", str(count))
            table.add_row(name, f"{truth[name]:.4g}", label, *cells)
        console.print(table)
        console.print(f"{time.perf_counter() - start:.0f} s")
    for spreads in ((1.0, 0.5, 0.5), (0.0, 0.0, 1.0)):
        one, two = repetition_study(60, options.rounds, options.resamples, spreads)
        console.print(f"repetitions, spreads {spreads}: one level {one:.1%}, two levels {two:.1%}")


if __name__ == "__main__":
    main()

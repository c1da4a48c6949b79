"""How often intervals of differences hold the truth, and how often equal methods are told apart, by simulation.

`python tests/scoring/difference_study.py [--rounds 1000]` prints the table of docs/validation.md. People
differ: each has a rate or a level of its own, and several images that are alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deid_bench.benchmark.statistics.bootstrap_replicates import mean_replicates, share_replicates
from deid_bench.benchmark.statistics.bootstrap_scores import Clustered
from deid_bench.benchmark.statistics.comparison import Difference, difference
from deid_bench.benchmark.statistics.uncertainty import Draws, Interval, Replicates, draw_clusters, split_rows

IMAGES = 4
Values = NDArray[np.float64]
Drawn = Callable[[np.random.Generator, int], tuple[Values, Values]]
"""Numbers of two methods, (people * IMAGES,) each."""


@dataclass(frozen=True)
class Case:
    """Two methods, and by how much they differ."""

    name: str
    kind: str
    """`share`, `mean`, or `ratio`: a number that is no mean (mean / standard deviation)."""
    truth: float
    draw: Drawn


def shares(first: float, second: float) -> Drawn:
    """Rates of people between 0 and 1, many near the ends."""

    def draw(rng: np.random.Generator, people: int) -> tuple[Values, Values]:
        found = []
        for rate in (first, second):
            own = rng.beta(rate, 1 - rate, people) if 0 < rate < 1 else np.full(people, rate)
            found.append((rng.random((people, IMAGES)) < own[:, None]).astype(float).ravel())
        return found[0], found[1]

    return draw


def levels(shift: float, noise: Callable[[np.random.Generator, tuple[int, ...]], Values]) -> Drawn:
    """Levels that people have in common for both methods, and noise."""

    def draw(rng: np.random.Generator, people: int) -> tuple[Values, Values]:
        common = rng.normal(size=(people, 1))
        found = [common + move + noise(rng, (people, 1)) + 0.5 * noise(rng, (people, IMAGES)) for move in (shift, 0.0)]
        return found[0].ravel(), found[1].ravel()

    return draw


def tied(rng: np.random.Generator, size: tuple[int, ...]) -> Values:
    return rng.integers(-1, 2, size).astype(float)


CASES = (
    Case("share, 50 and 50 %", "share", 0.0, shares(0.5, 0.5)),
    Case("share, 5 and 5 %", "share", 0.0, shares(0.05, 0.05)),
    Case("share, 90 and 50 %", "share", 0.4, shares(0.9, 0.5)),
    Case("share, 100 and 70 %", "share", 0.3, shares(1.0, 0.7)),
    Case("share, 99 and 95 %", "share", 0.04, shares(0.99, 0.95)),
    Case("share, separated: 99 and 2 %", "share", 0.97, shares(0.99, 0.02)),
    Case("mean, normal", "mean", 0.5, levels(0.5, lambda rng, size: rng.normal(size=size))),
    Case("mean, heavy tails (t, 2.5 degrees)", "mean", 0.5, levels(0.5, lambda rng, size: rng.standard_t(2.5, size))),
    Case("mean, skewed (log-normal)", "mean", 0.0, levels(0.0, lambda rng, size: rng.lognormal(size=size))),
    Case("mean, tied", "mean", 0.0, levels(0.0, tied)),
    Case("ratio, heavy tails", "ratio", 0.0, levels(0.0, lambda rng, size: rng.standard_t(4, size))),
    Case("ratio, tied", "ratio", 0.0, levels(0.0, tied)),
)


def replicates(values: Values, kind: str, draws: Draws) -> Replicates:
    scores = Clustered(values, np.repeat(np.arange(draws.clusters), IMAGES))
    if kind == "ratio":
        person = values.reshape(draws.clusters, IMAGES).mean(axis=1) + 3.0
        count = draws.weights.sum(axis=1)
        mean = draws.weights @ person / count
        spread = np.sqrt(np.maximum(draws.weights @ person**2 / count - mean**2, 1e-6))
        found = split_rows(mean / spread, draws, draws.clusters)
    else:
        found = share_replicates(scores, draws) if kind == "share" else mean_replicates(scores, draws)
    assert isinstance(found, Replicates)
    return found


@dataclass(frozen=True)
class Outcome:
    """Shares of the rounds."""

    holds: float
    apart: float
    """p at most 0.05."""
    contradictions: int
    """Rounds in which p and interval disagree about 0."""
    width: float


def study(case: Case, people: int, rounds: int, resamples: int = 500, seed: int = 1) -> Outcome:
    """Rounds of one case."""
    rng = np.random.default_rng([seed, people])
    holds, apart, odd, widths = 0, 0, 0, 0.0
    for turn in range(rounds):
        draws = draw_clusters(people, resamples if case.kind == "ratio" else 2, seed=turn)
        assert isinstance(draws, Draws)
        first, second = case.draw(rng, people)
        found = difference(replicates(first, case.kind, draws), replicates(second, case.kind, draws))
        assert isinstance(found, Difference)
        assert isinstance(found.interval, Interval)
        within = found.interval
        holds += within.low - 1e-9 <= case.truth <= within.high + 1e-9
        apart += found.p <= 0.05
        odd += (found.p <= 0.05) == (within.low <= 0 <= within.high)
        widths += within.high - within.low
    return Outcome(holds / rounds, apart / rounds, odd, widths / rounds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--people", type=int, nargs="+", default=[10, 12, 24, 60])
    options = parser.parse_args()
    from rich.console import Console

    console = Console(width=140)
    console.print("| case | " + " | ".join(f"{people} people" for people in options.people) + " |")
    console.print("|---|" + "---|" * len(options.people))
    for case in CASES:
        cells = []
        for people in options.people:
            found = study(case, people, options.rounds)
            assert not found.contradictions, (case.name, people)
            alarms = f", {100 * found.apart:.1f} %" if case.truth == 0 else ""
            cells.append(f"{100 * found.holds:.1f} %{alarms}")
        console.print(f"| {case.name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
